import {Code, StreamError} from './errors.js';

// Which balancer to ask for a server, and what to make of the answers: one round over the
// balancers for each question, beginning with the one that answered last. When none of them has a
// server, those of the last answer are tried in turn, so that balancers may be down while servers
// are not. Pure.
export class Locator {
  readonly #balancers: readonly string[];
  #asked = 0;
  #preferred = 0;
  #failed: readonly string[] = [];
  #errors: StreamError[] = [];
  #remembered: string[] = [];
  #turn = 0;

  // At least one balancer.
  constructor(balancers: readonly string[]) { this.#balancers = balancers; }

  get balancer(): string { return this.#balancers[this.#asked]!; }

  // Begins a round; `failed` are addresses to avoid. Ask `balancer`.
  begin(failed: readonly string[]): void {
    this.#failed = failed;
    this.#errors = [];
    this.#asked = this.#preferred;
  }

  // `balancer` answered with these addresses, best first: the one to use.
  onAnswer(addresses: readonly string[]): string {
    this.#preferred = this.#asked;
    this.#remembered = [...addresses];
    return this.#remembered[0]!;
  }

  // `balancer` failed so. undefined: ask `balancer`, which is the next one now. Otherwise the end
  // of the round: an address of the last answer, or why there is none.
  onError(error: StreamError): string | StreamError | undefined {
    this.#errors.push(new StreamError(error.code, `${this.balancer}: ${error.message}`));
    this.#asked = (this.#asked + 1) % this.#balancers.length;
    if (this.#errors.length < this.#balancers.length) return undefined;
    if (this.#remembered.length > 0) {
      return this.#remembered.find(address => !this.#failed.includes(address)) ??
          this.#remembered[this.#turn++ % this.#remembered.length];
    }
    const passes = this.#errors.some(
        e => e.passes || e.code === Code.DEADLINE_EXCEEDED || e.code === Code.RESOURCE_EXHAUSTED);
    return new StreamError(
        passes ? Code.UNAVAILABLE : error.code,
        `no balancer gave a server; ${this.#errors.map(e => e.message).join('; ')}`);
  }
}
