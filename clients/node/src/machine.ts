import type {Action} from './actions.js';
import {Destination, type ReconnectOptions} from './destination.js';
import {Code, StreamError} from './errors.js';
import type {Duration__Output as Duration} from './generated/google/protobuf/Duration.js';
import type {Open} from './generated/msgproc/v1/Open.js';
import type {ProcessRequest} from './generated/msgproc/v1/ProcessRequest.js';
import type {ProcessResponse__Output as ProcessResponse}
    from './generated/msgproc/v1/ProcessResponse.js';
import type {Result__Output as Result} from './generated/msgproc/v1/Result.js';
import type {Welcome__Output as Welcome} from './generated/msgproc/v1/Welcome.js';
import {contentBytes, SendWindow, UNLIMITED, type Header, type Limits}
    from './window.js';

export interface MachineOptions extends ReconnectOptions {
  // But for what changes from one Open to the next.
  open: Open;
  limits: Limits;
  connectTimeoutMs: number;
  // The session is to be kept in a store, or the stream ends.
  requireDurable: boolean;
  // Nobody else has the session's token: who took it over can only be an older stream of our own.
  ownToken: boolean;
  // Whether to go where Drain says; others open their own target again.
  followsDrain: boolean;
  // Whether each call needs a token, and a fresh one before that expires.
  needsToken: boolean;
}

type Phase = 'waiting' | 'authorizing' | 'locating' | 'opening' | 'open' | 'draining' |
    'halfClosed' | 'ended';

const SILENT_INTERVALS = 3;
const TOKEN_RETRY_MIN_MS = 100, TOKEN_RETRY_MAX_MS = 30_000;

const milliseconds = ({seconds, nanos}: Duration): number => seconds * 1e3 + nanos / 1e6;

// Decides what a stream does next, over one call after another: where and when to connect, what to
// write, when a call is given up and when the stream ends.
//
//   waiting ──time──▶ locating ──address──▶ opening ──Welcome──▶ open ──Drain──▶ draining
//    ▲ │ ▲──token── authorizing                │ (Drain, Welcome) │ ▲ closing     │ all here
//    │ └─────────────────▲                     └──────────────────┘─┴▶ halfClosed ◀┘
//    └───────────────── the call ended (from each of the last four) ──────┘      ended
//
// Its shell tells it what has happened, does what `next` says until that says nothing, and comes
// again at `alarm`. Pure: no gRPC, no timers; times in ms and random numbers are handed in.
export class Machine {
  readonly window: SendWindow;
  // Messages that wait for room in the window.
  wanting = 0;

  readonly #options: MachineOptions;
  readonly #random: () => number;
  readonly #destination: Destination;
  #phase: Phase = 'waiting';
  #closing = false;
  #tried = false;  // To connect: a stream that is closed unused is opened, too, if that works.
  #cancelled: StreamError | undefined;
  #pending: Action[] = [];

  #attempts = 0;
  #welcomed = false;
  #storeGeneration = '';
  #movedFor: Open['movedFor'] = 'REASON_UNSPECIFIED';
  #maxPayloadBytes = Infinity;
  #token = '';  // For the next call.
  #fetchingToken = false;

  // Of the present call.
  #writing = false;
  #paused = false;
  #broken: StreamError | undefined;
  #serverId = '';
  #heartbeatMs = Infinity;
  #opened = 0;
  #lastWritten = 0;
  #lastRead = 0;
  #endBy = Infinity;  // Drained, or half-closed.
  #drain: {address: string, reason: NonNullable<Open['movedFor']>} | undefined;
  #tokenExpires = Infinity;
  #refreshAt = Infinity;
  #refreshToken = '';  // To be sent.

  constructor(options: MachineOptions, now: number, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
    this.#destination = new Destination(options, now);
    this.window = new SendWindow(options.limits);
  }

  get phase(): Phase { return this.#phase; }
  // Whether so much is unread that reading from the server should pause. What a call that was
  // given up still brings is not kept, and its end must be heard.
  get overfull(): boolean { return !this.#broken && this.window.overfull; }
  get #calling(): boolean {
    return this.#phase === 'opening' || this.#phase === 'open' || this.#phase === 'draining' ||
        this.#phase === 'halfClosed';
  }

  // Takes a message and returns its sequence; 0: no room now. Throws what is wrong with it.
  append(payload: Uint8Array, headers: Header[]): number {
    if (payload.length > this.#maxPayloadBytes) {
      throw new StreamError(Code.INVALID_ARGUMENT, `a payload of ${payload.length
          } bytes is over the server's max_payload_bytes of ${this.#maxPayloadBytes}`);
    }
    return this.window.append(payload, headers);
  }

  // No more messages but those that are `wanting`: half-close once all have their results.
  close(now: number): void {
    this.#closing = true;
    this.window.readAll(now);
  }

  cancel(why: StreamError): void {
    if (this.#cancelled || this.#phase === 'ended') return;
    this.#cancelled = why;
    if (this.#calling) this.#break(why);
    else this.#end(why);
  }

  onLocated(address: string | StreamError, now: number): void {
    if (this.#phase !== 'locating') return;
    this.#phase = 'waiting';
    if (address instanceof StreamError) this.#retry(address, now);
    else this.#destination.onLocated(address);
  }

  onToken(token: string | StreamError, now: number): void {
    this.#fetchingToken = false;
    const failed = token instanceof StreamError;
    if (this.#phase === 'authorizing') {
      this.#phase = 'waiting';
      if (failed) this.#retry(token, now);
      else this.#token = token;
    } else if (this.#calling && failed) {
      const left = this.#tokenExpires - now;
      this.#refreshAt =
          now + Math.min(TOKEN_RETRY_MAX_MS, Math.max(TOKEN_RETRY_MIN_MS, left / 4));
    } else if (this.#calling) {
      this.#refreshToken = token as string;
      this.#refreshAt = Infinity;  // Until the server has said how long this one holds.
    }
  }

  onWritten(): void { this.#writing = false; }

  // Reading is held up by the application: the server's silence is ours.
  onPaused(paused: boolean, now: number): void {
    this.#paused = paused;
    this.#lastRead = now;
  }

  // The alarm of `due` rings only now. A program that was busy for long has not read meanwhile.
  onTime(due: number, now: number): void {
    if (now - due > this.#heartbeatMs / 2) this.#lastRead = now;
  }

  // Returns the frame's new results.
  onFrame(frame: ProcessResponse, now: number): Result[] {
    if (this.#broken || !this.#calling) return [];
    this.#lastRead = now;
    if (frame.welcome) {
      const wrong = this.#onWelcome(frame.welcome, now);
      if (wrong) this.#break(wrong);
    } else if (this.#phase === 'opening' && (!frame.drain || frame.results.length > 0)) {
      this.#break(new StreamError(Code.INTERNAL, "the server's first response has no Welcome"));
    }
    if (this.#broken) return [];
    if (frame.tokenExpiresIn) this.#onTokenExpiresIn(milliseconds(frame.tokenExpiresIn), now);
    if (frame.drain && !this.#drain) {
      const {serverAddress: address, reason, grace} = frame.drain;
      this.#drain = {address, reason};
      if (grace) this.#endBy = now + milliseconds(grace);
    }
    const {first, count, error} = this.window.results(frame.results.map(
        result => ({sequence: result.sequence, bytes: contentBytes(result.payload, result.headers) +
                        (result.error?.message.length ?? 0)})));
    if (count > 0) this.#destination.onResult();
    if (this.#closing) this.window.readAll(now);
    if (error) this.#break(error);
    else if (this.#drain && this.#phase === 'open') this.#phase = 'draining';
    return frame.results.slice(first, first + count);
  }

  onCallEnded(code: Code, details: string, now: number): void {
    const wasOpen = this.#phase !== 'opening';
    const inOrder = this.#phase === 'halfClosed' || (this.#drain !== undefined && !wasOpen);
    let error = this.#broken ?? (code === Code.OK ? undefined : new StreamError(code, details));
    const moved = inOrder && !error;
    if (!moved) error ??= new StreamError(Code.UNAVAILABLE, 'the server ended the stream early');
    // One that was good a moment ago: the next call has a fresh one.
    if (error?.code === Code.UNAUTHENTICATED && wasOpen && this.#options.needsToken) {
      error = new StreamError(Code.UNAVAILABLE, error.message);
    }
    // Of a Drain's connection only; one that never got a Welcome changes nothing.
    if (this.#drain && (inOrder || this.window.collected)) this.#movedFor = this.#drain.reason;
    this.window.disconnected();
    this.#broken = undefined;
    this.#phase = 'waiting';
    const address = this.#destination.address, serverId = this.#serverId;
    if (this.#cancelled) {
      this.#end(this.#cancelled);
    } else if (this.#finished() && (!error || this.#mayRetry(error))) {
      this.#end(undefined);
    } else if (moved) {
      const to = this.#options.followsDrain ? this.#drain?.address ?? '' : '';
      const reason = String(this.#drain?.reason ?? '');
      this.#pending.push({kind: 'event', name: 'moved', event: {serverId, address: to, reason}});
      this.#token = '';
      this.#destination.onMoved(to, now, this.#random());
    } else {
      if (wasOpen && this.#mayRetry(error!)) {
        this.#pending.push(
            {kind: 'event', name: 'disconnect', event: {serverId, address, error: error!}});
      }
      this.#retry(error!, now);
    }
  }

  // What is to be told before a frame's results are.
  nextEvent(): Action | undefined {
    return this.#pending[0]?.kind === 'event' ? this.#pending.shift() : undefined;
  }

  // What to do now, one thing at a time.
  next(now: number): Action | undefined {
    if (this.#pending.length > 0) return this.#pending.shift();
    if (this.#phase === 'ended') return undefined;
    if (this.#tried && !this.#calling && this.#finished()) {
      this.#end(undefined);
    } else if (now >= this.#destination.giveUpAt && !this.#broken) {
      const last = this.#destination.lastFailure;
      const error = new StreamError(Code.UNAVAILABLE, `no server answered within ${
          this.#options.giveUpAfterMs} ms${last ? `; the last attempt: ${last.message}` : ''}`);
      this.#cancelled = error;
      if (this.#calling) this.#break(error);
      else this.#end(error);
    } else if (this.#calling) {
      return this.#nextOfCall(now);
    } else if (this.#phase === 'waiting' && now >= this.#destination.when) {
      return this.#connect(now);
    }
    return this.#pending.shift();
  }

  // When to ask `next` again if nothing happens before.
  get alarm(): number {
    if (this.#phase === 'ended' || this.#broken) return Infinity;
    const {when, giveUpAt} = this.#destination;
    if (this.#phase === 'waiting') return Math.min(when, giveUpAt);
    if (!this.#calling) return giveUpAt;
    const refresh = this.#fetchingToken ? Infinity : this.#refreshAt;
    const speak = this.#writing || this.#phase === 'halfClosed' ?
        Infinity : Math.min(this.window.acknowledgeBy, this.#heartbeatAt);
    return Math.min(giveUpAt, this.#breakAt, refresh, speak);
  }

  get #heartbeatAt(): number { return this.#lastWritten + this.#heartbeatMs * 7 / 8; }
  get #silentAt(): number {
    return this.#paused ? Infinity : this.#lastRead + SILENT_INTERVALS * this.#heartbeatMs;
  }
  get #breakAt(): number {
    const welcomeBy = this.#phase === 'opening' ?
        this.#opened + this.#options.connectTimeoutMs : Infinity;
    return Math.min(welcomeBy, this.#silentAt, this.#endBy);
  }

  #connect(now: number): Action {
    if (this.#options.needsToken && this.#token === '') {
      this.#phase = 'authorizing';
      return this.#fetchToken();
    }
    const token = this.#token;
    const {address, located, failed} = this.#destination;
    if (!located) {
      this.#phase = 'locating';
      return {kind: 'locate', failed, token};
    }
    this.#phase = 'opening';
    this.#tried = this.#writing = true;
    this.#drain = undefined;
    this.#opened = this.#lastWritten = this.#lastRead = now;
    this.#heartbeatMs = this.#endBy = this.#tokenExpires = this.#refreshAt = Infinity;
    this.#serverId = this.#refreshToken = '';
    this.#paused = false;
    const open: Open = {
      ...this.#options.open, attempt: ++this.#attempts, movedFor: this.#movedFor!,
      resumes: this.#welcomed, storeGeneration: this.#storeGeneration,
    };
    return {kind: 'connect', address, token, request: {open, ...this.window.open()}};
  }

  #nextOfCall(now: number): Action | undefined {
    if (this.#broken) return undefined;
    if (now >= this.#breakAt) {
      this.#break(new StreamError(Code.UNAVAILABLE,
          this.#phase === 'opening' ? 'no server answered in time' :
          now >= this.#silentAt ? 'nothing was heard from the server' :
          'the server did not end the stream in time'));
      return this.#pending.shift();
    }
    if (now >= this.#refreshAt && !this.#fetchingToken) return this.#fetchToken();
    if (this.#writing || (this.#phase !== 'open' && this.#phase !== 'draining')) return undefined;
    const send = this.#phase === 'open' && this.window.canSend;
    const halfClose = this.#phase === 'draining' ? this.window.collected : this.#finished();
    const due = now >= this.window.acknowledgeBy || now >= this.#heartbeatAt;
    if (!send && !due && !this.#refreshToken && !halfClose) return undefined;
    const request: ProcessRequest =
        send ? this.window.nextFrame() : {receivedThrough: this.window.acknowledge(halfClose)};
    if (this.#refreshToken) request.refreshToken = this.#refreshToken;
    this.#refreshToken = '';
    this.#lastWritten = now;
    this.#writing = true;
    if (halfClose) {
      this.#phase = 'halfClosed';
      this.#endBy = Math.min(this.#endBy, now + this.#options.connectTimeoutMs);
    }
    return {kind: 'write', request, halfClose};
  }

  #onWelcome(welcome: Welcome, now: number): StreamError | undefined {
    if (this.#phase !== 'opening') return new StreamError(Code.INTERNAL, 'a second Welcome came');
    const {state, storeGeneration, serverId, sessionId, principal} = welcome;
    if (state !== 'STATE_NEW' && state !== 'STATE_RESUMED' && state !== 'STATE_LOST') {
      return new StreamError(Code.INTERNAL, `Welcome has the unknown state ${String(state)}`);
    }
    // What was sent may have been done, and a server that cannot know must not be given it again.
    if (this.#storeGeneration !== '' && storeGeneration !== this.#storeGeneration) {
      return new StreamError(Code.DATA_LOSS, `the session is kept in store '${
          this.#storeGeneration}', and the server has '${storeGeneration}'`);
    }
    if (this.#options.requireDurable && welcome.durability !== 'DURABILITY_STORE') {
      return new StreamError(Code.FAILED_PRECONDITION,
          'the server keeps sessions in memory, and this one must be kept in a store');
    }
    const wrong = this.window.welcome(state, welcome.acceptedThrough, {
      messages: welcome.maxOutstandingMessages || UNLIMITED.messages,
      bytes: welcome.maxOutstandingBytes || UNLIMITED.bytes,
      batchMessages: welcome.maxBatchMessages || UNLIMITED.batchMessages,
    });
    if (wrong) return wrong;
    this.#maxPayloadBytes = welcome.maxPayloadBytes || Infinity;
    this.#heartbeatMs =
        (welcome.heartbeatInterval && milliseconds(welcome.heartbeatInterval)) || Infinity;
    if (welcome.tokenExpiresIn) this.#onTokenExpiresIn(milliseconds(welcome.tokenExpiresIn), now);
    this.#welcomed = true;
    this.#storeGeneration = storeGeneration;
    this.#serverId = serverId;
    this.#movedFor = 'REASON_UNSPECIFIED';
    this.#phase = 'open';
    this.#destination.onConnected(now);
    const address = this.#destination.address;
    this.#pending.push({kind: 'event', name: 'welcome',
                        event: {serverId, address, state, sessionId, principal, storeGeneration}});
    if (state === 'STATE_LOST') {
      const {unanswered} = this.window;
      this.#pending.push({kind: 'event', name: 'lost', event: {serverId, unanswered}});
    }
    return undefined;
  }

  #onTokenExpiresIn(left: number, now: number): void {
    this.#tokenExpires = now + left;
    // A provider that gives the same token again does not make this hurry.
    this.#refreshAt = now + Math.max(left * 3 / 4, TOKEN_RETRY_MIN_MS);
  }

  #fetchToken(): Action {
    this.#fetchingToken = true;
    return {kind: 'token'};
  }

  #finished(): boolean {
    return this.#closing && this.wanting === 0 && this.window.unanswered === 0;
  }

  #mayRetry(error: StreamError): boolean {
    return error.passes || (error.code === Code.ABORTED && this.#options.ownToken);
  }

  #retry(error: StreamError, now: number): void {
    this.#tried = true;
    this.#token = '';  // It might expire while this waits.
    if (this.#mayRetry(error)) this.#destination.onFailed(error, now, this.#random());
    else this.#end(error);
  }

  #break(why: StreamError): void {
    if (this.#broken) return;
    this.#broken = why;
    this.#pending.push({kind: 'cancel'});
  }

  #end(error: StreamError | undefined): void {
    this.#phase = 'ended';
    this.#pending.push({kind: 'end', error});
  }
}
