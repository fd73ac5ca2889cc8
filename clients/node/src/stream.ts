import {randomBytes} from 'node:crypto';
import {EventEmitter} from 'node:events';

import type {Action, StreamEvents} from './actions.js';
import {Code, MessageError, StreamError} from './errors.js';
import {Fifo} from './fifo.js';
import type {Result__Output} from './generated/msgproc/v1/Result.js';
import {Locator} from './locator.js';
import {Machine} from './machine.js';
import {checkedHeaders, checkOptions, machineOptions, type ConnectOptions, type Headers}
    from './options.js';
import {Rpc} from './rpc.js';
import type {Header, Message} from './window.js';

export interface Result {
  sequence: number;
  payload: Buffer;
  headers: {key: string, value: Buffer}[];
  // Why the message failed.
  error: {code: Code, message: string, retryable: boolean} | null;
}

interface Waiter {
  payload: Uint8Array;
  headers: Header[];
  taken: (sequence: number) => void;
  refused: (error: unknown) => void;
}

interface Deferred<T> {
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

// Connects in the background. Throws a StreamError, INVALID_ARGUMENT, where options make no sense.
export function connect(options: ConnectOptions): MessageStream { return new MessageStream(options); }

// A permanent socket: exactly one result for each message, in order, whatever becomes of
// connections and servers in between. Memory is bounded by the window: who does not read results
// is kept from sending. Iterating may be stopped and begun again; results that `request` waits for
// are not iterated over.
export class MessageStream extends EventEmitter<{[K in keyof StreamEvents]: [StreamEvents[K]]}>
    implements AsyncIterable<Result> {
  readonly sessionId: string;

  readonly #options: ConnectOptions;
  readonly #machine: Machine;
  readonly #rpc: Rpc;
  readonly #locator: Locator | undefined;
  readonly #abort = new AbortController();

  #call: ReturnType<Rpc['process']> | undefined;
  #scheduled = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;

  #waiters = new Fifo<Waiter>();
  #unread = new Fifo<Result>();
  #readers = new Fifo<Deferred<IteratorResult<Result, undefined>>>();
  #requests = new Map<number, Deferred<Result>>();
  #closers: Deferred<void>[] = [];
  #closing = false;
  #ended = false;
  #error: StreamError | undefined;

  constructor(options: ConnectOptions) {
    super();
    checkOptions(options);
    this.#options = options;
    this.sessionId = options.sessionId ?? randomBytes(16).toString('hex');
    this.#rpc = new Rpc(options.tls ?? false, options.channelOptions ?? {});
    if (options.balancers) this.#locator = new Locator(options.balancers);
    this.#machine = new Machine(machineOptions(options, this.sessionId), performance.now());
    options.signal?.addEventListener('abort', this.#onAbort);
    if (options.signal?.aborted) this.#onAbort();
    this.#schedule();
  }

  // Sends a message and resolves with its sequence once there is room for it in the window. What
  // is sent in one turn of the event loop travels together. The payload is not copied: leave it as
  // it is until its result has come. Rejects with a StreamError: INVALID_ARGUMENT, the message is
  // not one that may be sent; FAILED_PRECONDITION, after `close`; otherwise the stream's own.
  async send(payload: string | Uint8Array, options: {headers?: Headers} = {}): Promise<number> {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const headers = options.headers ? checkedHeaders(options.headers) : [];
    this.#checkOpen();
    if (this.#waiters.length === 0) {
      const sequence = this.#machine.append(bytes, headers);
      if (sequence > 0) {
        this.#schedule();
        return sequence;
      }
    }
    this.#machine.wanting = this.#waiters.length + 1;
    return new Promise((taken, refused) => {
      this.#waiters.push({payload: bytes, headers, taken, refused});
    });
  }

  // Sends a message and resolves with its result. Rejects as `send` does, and with a MessageError
  // where the message failed.
  async request(payload: string | Uint8Array, options: {headers?: Headers} = {}): Promise<Result> {
    const sequence = await this.send(payload, options);
    if (this.#ended) throw this.#error;
    const result = await new Promise<Result>((resolve, reject) => {
      this.#requests.set(sequence, {resolve, reject});
    });
    if (!result.error) return result;
    const {code, message, retryable} = result.error;
    throw new MessageError(code, message, retryable, sequence);
  }

  // Takes no more messages, waits until all are answered and half-closes. Results that were not
  // read can be read behind that. Rejects with why the stream ended, if it did before.
  close(): Promise<void> {
    this.#closing = true;
    if (!this.#ended) {
      this.#machine.close(performance.now());
      this.#schedule();
    }
    return new Promise((resolve, reject) => {
      if (!this.#ended) this.#closers.push({resolve, reject});
      else if (this.#error) reject(this.#error);
      else resolve();
    });
  }

  // Messages without a result, for who has to decide about them where the stream has ended.
  unanswered(): Message[] { return this.#machine.window.unansweredMessages(); }

  // Results in order of sequence, then the end: the iteration throws why, unless it was `close`.
  [Symbol.asyncIterator](): AsyncIterator<Result, undefined> { return {next: () => this.#next()}; }

  #next(): Promise<IteratorResult<Result, undefined>> {
    const value = this.#unread.shift();
    if (value) {
      this.#schedule();
      return Promise.resolve({value, done: false});
    }
    if (this.#error) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve({value: undefined, done: true});
    return new Promise((resolve, reject) => this.#readers.push({resolve, reject}));
  }

  readonly #onAbort = (): void => {
    const {reason} = this.#options.signal as AbortSignal;
    const text = reason instanceof Error ? reason.message : String(reason);
    this.#error = new StreamError(Code.CANCELLED, text, {cause: reason});
    this.#machine.cancel(this.#error);
    this.#schedule();
  };

  #checkOpen(): void {
    if (this.#error) throw this.#error;
    if (this.#closing) throw new StreamError(Code.FAILED_PRECONDITION, 'send after close');
  }

  // What happens in this turn of the event loop is acted on together, at its end.
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #run(): void {
    const {window} = this.#machine;
    const read = (this.#unread.at(0)?.sequence ?? window.receivedThrough + 1) - 1;
    window.read(read, performance.now());
    this.#takeWaiters();
    for (let action; (action = this.#machine.next(performance.now()));) this.#do(action);
    this.#pauseOrResume();
    this.#setTimer();
  }

  #takeWaiters(): void {
    for (let waiter; (waiter = this.#waiters.at(0));) {
      try {
        const sequence = this.#machine.append(waiter.payload, waiter.headers);
        if (sequence === 0) break;
        waiter.taken(sequence);
      } catch (error) {
        waiter.refused(error);
      }
      this.#waiters.shift();
    }
    this.#machine.wanting = this.#waiters.length;
  }

  #do(action: Action): void {
    switch (action.kind) {
      case 'token':
        void this.#fetchToken();
        break;
      case 'locate':
        void this.#locate(action.failed, action.token);
        break;
      case 'connect':
        this.#connect(action);
        break;
      case 'write': {
        const call = this.#call!;
        call.write(action.request, () => this.#onWritten(call));
        if (action.halfClose) call.end();
        break;
      }
      case 'cancel':
        this.#call!.cancel();
        this.#call!.resume();
        break;
      case 'event':
        (this.emit as (name: string, event: unknown) => void).call(this, action.name, action.event);
        break;
      case 'end':
        this.#end(action.error);
    }
  }

  async #fetchToken(): Promise<void> {
    let token: string | StreamError;
    try {
      token = await this.#options.tokenProvider!() ||
          new StreamError(Code.UNKNOWN, 'tokenProvider gave an empty token');
    } catch (error) {
      token = StreamError.from(error);
    }
    this.#machine.onToken(token, performance.now());
    this.#schedule();
  }

  async #locate(failed: string[], token: string): Promise<void> {
    const address = this.#locator ?
        await this.#rpc.locate(this.#locator, failed, this.#options.affinityKey ?? '', token,
                               this.#abort.signal) :
        this.#options.target!;
    this.#machine.onLocated(address, performance.now());
    this.#schedule();
  }

  #connect({address, token, request}: Extract<Action, {kind: 'connect'}>): void {
    const call = this.#rpc.process(address, token);
    this.#call = call;
    let status: {code: number, details: string} | undefined;
    // What was read is delivered before the status counts.
    const finish = () => {
      if (!status || !call.readableEnded) return;
      this.#machine.onCallEnded(status.code, status.details, performance.now());
      this.#schedule();
    };
    call.on('status', value => {
      status = value;
      finish();
    });
    call.on('end', finish);
    call.on('data', frame => {
      const results = this.#machine.onFrame(frame, performance.now());
      for (let event; (event = this.#machine.nextEvent());) this.#do(event);
      this.#deliver(results);
      this.#pauseOrResume();
      this.#schedule();
    });
    call.write(request, () => this.#onWritten(call));
  }

  #onWritten(call: unknown): void {
    if (call !== this.#call) return;
    this.#machine.onWritten();
    this.#schedule();
  }

  #deliver(results: readonly Result__Output[]): void {
    for (const result of results) {
      const request = this.#requests.get(result.sequence);
      if (request) {
        this.#requests.delete(result.sequence);
        request.resolve(result);
        continue;
      }
      const reader = this.#unread.length === 0 ? this.#readers.shift() : undefined;
      if (reader) reader.resolve({value: result, done: false});
      else this.#unread.push(result);
    }
  }

  #pauseOrResume(): void {
    const {overfull} = this.#machine;
    if (!this.#call || this.#call.isPaused() === overfull) return;
    this.#machine.onPaused(overfull, performance.now());
    if (overfull) this.#call.pause();
    else this.#call.resume();
  }

  #setTimer(): void {
    const due = this.#machine.alarm;
    if (due >= this.#timerAt) return;  // The timer finds out.
    clearTimeout(this.#timer);
    this.#timerAt = due;
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.#machine.onTime(due, performance.now());
      this.#run();
    }, Math.min(MAX_TIMEOUT_MS, Math.max(0, due - performance.now())));
  }

  #end(error: StreamError | undefined): void {
    this.#ended = true;
    this.#error = error;
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    const why = error ?? new StreamError(Code.CANCELLED, 'the stream was closed');
    for (let waiter; (waiter = this.#waiters.shift());) waiter.refused(why);
    for (const request of this.#requests.values()) request.reject(why);
    this.#requests.clear();
    for (let reader; (reader = this.#readers.shift());) {
      if (error) reader.reject(error);
      else reader.resolve({value: undefined, done: true});
    }
    for (const {resolve, reject} of this.#closers) error ? reject(error) : resolve();
  }
}
