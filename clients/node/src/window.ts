import {Code, StreamError} from './errors.js';
import {Fifo} from './fifo.js';

export interface Header {
  key: string;
  value: Uint8Array;
}

export interface Message {
  sequence: number;
  // Not copied: to be left as it is until the result has come.
  payload: Uint8Array;
  headers: Header[];
}

// What may be outstanding (rule 6 of processor.proto), and what one frame may hold.
export interface Limits {
  messages: number;
  bytes: number;
  batchMessages: number;
}

export type SessionState = 'STATE_NEW' | 'STATE_RESUMED' | 'STATE_LOST';

export const UNLIMITED: Limits = {messages: Infinity, bytes: Infinity, batchMessages: Infinity};
export const MAX_MESSAGES_WITH_OPEN = 64;
export const MAX_BYTES_WITH_OPEN = 64 << 10;
export const MAX_FRAME_BYTES = 1 << 20;
export const MAX_UNREAD_BYTES = 32 << 20;
export const ACKNOWLEDGE_AFTER_MS = 1000;

// The most that encoding adds to a frame, a message and a header.
const FRAME_OVERHEAD = 16, MESSAGE_OVERHEAD = 32, HEADER_OVERHEAD = 24;
// A window travels in a few frames where they are large enough, so that the server works on one
// while the other's results are received.
const FRAMES_PER_WINDOW = 4, SMALL_FRAME_MESSAGES = 256;

const NOTHING = new Uint8Array(0);

interface Held extends Message {
  bytes: number;
  encodedBytes: number;
  resultBytes: number;
}

export function contentBytes(payload: Uint8Array, headers: readonly Header[]): number {
  let bytes = payload.length;
  for (const {key, value} of headers) bytes += Buffer.byteLength(key) + value.length;
  return bytes;
}

// The messages of a session from send until the application has read their results, over one
// connection after another.
//
//   read      unread results    sent, unanswered    not yet sent
//   --------|-----------------|-------------------|--------------|
//           readThrough       receivedThrough     cursor         nextSequence
//
// Results that nobody has read count against the window, and the server is not told of them: so a
// slow reader slows the sender and the server down, and all that is held is bounded. A new
// connection moves the cursor back, never `receivedThrough`.
//
// Pure: no gRPC, no timers; times (ms) are handed in.
export class SendWindow {
  readonly #own: Limits;
  #server: Limits = {...UNLIMITED, messages: MAX_MESSAGES_WITH_OPEN};
  #limits: Limits = UNLIMITED;
  #welcomed = false;
  #connected = false;
  #readsAll = false;

  #held = new Fifo<Held>();  // Beyond #readThrough.
  #heldBytes = 0;
  #unreadBytes = 0;  // Of results.
  #encodedBytes = 0;  // Of what goes along with the first Open.
  #readThrough = 0;
  #receivedThrough = 0;
  #cursor = 1;  // The next to be sent on the present connection.
  #givenThrough = 0;  // The most that any connection was given.
  #openedWith: number | undefined;  // Messages along with the first Open.

  // Of the present connection: what its Open said is received, and the last of these that came
  // again all the same.
  #receivedAtOpen = 0;
  #repeatedThrough = 0;
  #toldThrough = 0;
  #untoldBytes = 0;
  #acknowledgeBy = Infinity;

  constructor(own: Limits) {
    this.#own = own;
    this.#updateLimits();
  }

  get receivedThrough(): number { return this.#receivedThrough; }
  get nextSequence(): number { return this.#readThrough + 1 + this.#held.length; }
  get unanswered(): number { return this.nextSequence - 1 - this.#receivedThrough; }
  get connected(): boolean { return this.#connected; }
  // When the server must be told what was read, if not before with something else.
  get acknowledgeBy(): number { return this.#acknowledgeBy; }
  // Whether everything that the present connection was given is answered.
  get collected(): boolean { return this.#cursor === this.#receivedThrough + 1; }
  // Whether as much is unread as may be.
  get overfull(): boolean {
    const most = Math.min(MAX_UNREAD_BYTES, this.#limits.bytes);
    return !this.#readsAll && this.#unreadBytes > 0 && this.#unreadBytes >= most;
  }
  get canSend(): boolean {
    return this.#connected && this.#cursor < this.nextSequence && this.#budget() > 0;
  }

  // Takes a message and returns its sequence; 0: no room now.
  append(payload: Uint8Array, headers: Header[]): number {
    const bytes = contentBytes(payload, headers);
    const encodedBytes = bytes + MESSAGE_OVERHEAD + HEADER_OVERHEAD * headers.length;
    const count = this.#held.length;
    if (count > 0 && (count >= this.#limits.messages ||
                      this.#heldBytes + bytes > this.#limits.bytes)) {
      return 0;
    }
    // What goes along with Open is bound without exception.
    if (!this.#welcomed && this.#encodedBytes + encodedBytes > MAX_BYTES_WITH_OPEN) return 0;
    const sequence = this.nextSequence;
    this.#held.push({sequence, payload, headers, bytes, encodedBytes, resultBytes: 0});
    this.#heldBytes += bytes;
    this.#encodedBytes += encodedBytes;
    return sequence;
  }

  // A connection begins: what goes along with its Open. The same messages again as long as no
  // server has answered, so that one that did read them recognizes them; none after that.
  open(): {messages: Message[], receivedThrough: number} {
    if (!this.#welcomed) {
      this.#openedWith ??= this.#held.length;
      this.#cursor = this.#openedWith + 1;
      this.#givenThrough = this.#openedWith;
    }
    this.#receivedAtOpen = this.#receivedThrough;
    this.#repeatedThrough = 0;
    return {messages: this.#welcomed ? [] : this.#messages(1, this.#cursor),
            receivedThrough: this.#tell(this.#receivedThrough)};
  }

  // The server answered Open. Returns what is wrong with that, if anything.
  welcome(state: SessionState, acceptedThrough: number, server: Limits): StreamError | undefined {
    if (state === 'STATE_RESUMED') {
      if (acceptedThrough < this.#receivedThrough) {
        return new StreamError(Code.INTERNAL, `the server says it accepted messages up to ${
            acceptedThrough}, but results are received up to ${this.#receivedThrough}`);
      }
      // Trying again would not help: the session is not this stream's alone.
      if (acceptedThrough > this.#givenThrough) {
        return new StreamError(
            Code.FAILED_PRECONDITION, `the server has accepted messages up to ${
                acceptedThrough}, but this stream has sent them up to ${this.#givenThrough
                }: another stream uses the session, or one did before this one`);
      }
      this.#cursor = Math.max(this.#cursor, acceptedThrough + 1);
    } else if (state === 'STATE_NEW' && this.#receivedThrough > 0) {
      return new StreamError(Code.INTERNAL, `the server began the session anew, though results up to ${
          this.#receivedThrough} are received`);
    }
    this.#welcomed = this.#connected = true;
    this.#server = {...server, messages: Math.max(1, server.messages)};
    this.#updateLimits();
    return undefined;
  }

  // The next messages, at most a frame's, and what to say is received. It must be written.
  nextFrame(): {messages: Message[], receivedThrough: number} {
    const most = Math.min(this.#limits.batchMessages, this.#budget());
    const first = this.#cursor;
    let bytes = FRAME_OVERHEAD;
    for (; this.#cursor < this.nextSequence && this.#cursor - first < most; ++this.#cursor) {
      bytes += this.#heldAt(this.#cursor).encodedBytes;
      if (bytes > MAX_FRAME_BYTES && this.#cursor > first) break;
    }
    this.#givenThrough = Math.max(this.#givenThrough, this.#cursor - 1);
    return {messages: this.#messages(first, this.#cursor), receivedThrough: this.acknowledge()};
  }

  // What to say is received, in a frame without messages: what was read, or all. It must be written.
  acknowledge(all = false): number {
    return this.#tell(all ? this.#receivedThrough : this.#readThrough);
  }

  // A frame's results, given by sequence and size: `count` of them from index `first` on are new.
  // Only those that Open said are received may come again, in front of the first new one.
  results(results: readonly {sequence: number, bytes: number}[]):
      {first: number, count: number, error?: StreamError} {
    let first = 0, count = 0;
    for (const {sequence, bytes} of results) {
      const due = this.#receivedThrough + 1;
      if (sequence === due && sequence < this.#cursor) {
        const held = this.#heldAt(sequence);
        held.payload = NOTHING;
        held.headers = [];
        held.resultBytes = bytes;
        this.#unreadBytes += bytes;
        this.#receivedThrough = sequence;
        ++count;
      } else if (this.#receivedThrough === this.#receivedAtOpen && sequence < due &&
                 sequence > this.#repeatedThrough) {
        this.#repeatedThrough = sequence;
        ++first;
      } else {
        const what = sequence > 0 && sequence < due ?
            `the result of message ${sequence} twice; that of ${due} was due` :
            `a result of message ${sequence} where that of ${due} was due; messages are sent up to ${
                this.#cursor - 1}`;
        return {first, count, error: new StreamError(Code.INTERNAL, `the server sent ${what}`)};
      }
    }
    return {first, count};
  }

  // The application has read the results up to here.
  read(through: number, now: number): void {
    if (this.#readsAll) through = this.#receivedThrough;
    if (through <= this.#readThrough) return;
    for (; this.#readThrough < through; ++this.#readThrough) {
      const held = this.#held.shift()!;
      this.#heldBytes -= held.bytes;
      this.#unreadBytes -= held.resultBytes;
      if (held.sequence > this.#toldThrough) this.#untoldBytes += held.resultBytes;
    }
    const untold = this.#readThrough - this.#toldThrough;
    if (untold <= 0) return;
    const due = untold >= this.#server.messages / 2 || this.#untoldBytes >= this.#server.bytes / 2;
    this.#acknowledgeBy = due ? -Infinity : Math.min(this.#acknowledgeBy, now + ACKNOWLEDGE_AFTER_MS);
  }

  // From now on a result is taken as read when it comes.
  readAll(now: number): void {
    this.#readsAll = true;
    this.read(this.#receivedThrough, now);
  }

  disconnected(): void {
    this.#connected = false;
    this.#acknowledgeBy = Infinity;
    this.#cursor = this.#receivedThrough + 1;
  }

  unansweredMessages(): Message[] {
    return this.#messages(this.#receivedThrough + 1, this.nextSequence);
  }

  #heldAt(sequence: number): Held { return this.#held.at(sequence - this.#readThrough - 1)!; }

  #messages(from: number, to: number): Message[] {
    const base = this.#readThrough + 1;
    return this.#held.slice(from - base, to - base);
  }

  // What is told never falls: an Open tells what is received, also unread.
  #tell(through: number): number {
    this.#untoldBytes = 0;
    this.#acknowledgeBy = Infinity;
    return this.#toldThrough = Math.max(this.#toldThrough, through);
  }

  // How many more messages the server's window allows. It binds only after a change to a server
  // with a smaller window than the last one's: `append` kept that one.
  #budget(): number {
    const {messages, bytes} = this.#server;
    if (this.#held.length <= messages && this.#heldBytes <= bytes) return Infinity;
    let fitting = 0, sum = 0;
    for (; fitting < Math.min(messages, this.#held.length); ++fitting) {
      sum += this.#held.at(fitting)!.bytes;
      if (sum > bytes && fitting > 0) break;
    }
    return Math.max(0, fitting - (this.#cursor - 1 - this.#readThrough));
  }

  #updateLimits(): void {
    const messages = Math.min(this.#own.messages, this.#server.messages);
    const frame = Math.max(messages / FRAMES_PER_WINDOW, SMALL_FRAME_MESSAGES);
    this.#limits = {
      messages,
      bytes: Math.min(this.#own.bytes, this.#server.bytes),
      batchMessages: Math.max(
          1, Math.floor(Math.min(this.#own.batchMessages, this.#server.batchMessages, frame))),
    };
  }
}
