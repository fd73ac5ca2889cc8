import type {StreamError} from './errors.js';

export interface ReconnectOptions {
  initialBackoffMs: number;
  maxBackoffMs: number;
  giveUpAfterMs: number;
}

// A balancer takes 64; the last few are those worth avoiding.
const MOST_FAILED = 8;

// Where and when to connect next: after a break the same address once, at once; then with
// full-jitter exponential backoff ("Exponential Backoff And Jitter", M. Brooker, 2015), wherever
// the balancers say. A connection that broke before it was of any use counts as a failed attempt,
// so a server that welcomes and fails is not asked without pause.
//
// Pure; times in ms and random numbers of [0, 1) are handed in.
export class Destination {
  address = '';
  // Whether `address` is where to connect next.
  located = false;
  when: number;
  // Addresses that just failed, or asked the stream to leave.
  failed: string[] = [];
  lastFailure: StreamError | undefined;

  readonly #options: ReconnectOptions;
  #failures = 0;
  #connectedSince: number | undefined;
  #withoutServerSince: number;
  #useful = false;

  constructor(options: ReconnectOptions, now: number) {
    this.#options = options;
    this.when = this.#withoutServerSince = now;
  }

  // When the stream ends unless a server answers.
  get giveUpAt(): number {
    return this.#connectedSince === undefined ?
        this.#withoutServerSince + this.#options.giveUpAfterMs : Infinity;
  }

  onLocated(address: string): void {
    this.address = address;
    this.located = true;
  }

  onConnected(now: number): void {
    this.#connectedSince = now;
    this.#useful = false;
    this.failed = [];
  }

  onResult(): void { this.#useful = true; }

  // The connection, or the attempt at one, failed.
  onFailed(why: StreamError, now: number, random: number): void {
    this.lastFailure = why;
    this.located = this.#next(now, random);
    if (!this.located) this.#avoid();
  }

  // The server asked to move: to `address`, or anywhere else where that is empty.
  onMoved(address: string, now: number, random: number): void {
    this.#next(now, random);
    this.located = address !== '';
    if (this.located) this.address = address;
    else this.#avoid();
  }

  // Ends the connection and sets `when`. Whether it was of any use.
  #next(now: number, random: number): boolean {
    const {initialBackoffMs, maxBackoffMs} = this.#options;
    const since = this.#connectedSince;
    const useful = since !== undefined && (this.#useful || now - since >= maxBackoffMs);
    if (since !== undefined) this.#withoutServerSince = now;
    this.#connectedSince = undefined;
    if (useful) this.#failures = 0;
    this.when = useful ?
        now : now + random * Math.min(maxBackoffMs, initialBackoffMs * 2 ** this.#failures++);
    return useful;
  }

  #avoid(): void {
    if (this.address !== '') this.failed = [...this.failed, this.address].slice(-MOST_FAILED);
  }
}
