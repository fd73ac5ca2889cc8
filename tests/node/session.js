'use strict';

const crypto = require('node:crypto');

const BATCH_MESSAGES = 50;
const FRAME_BYTES = 1 << 20;
const ACKNOWLEDGE_MS = 1000;

// A resumable session, written from processor.proto alone: what the author of a
// client in another language has to do. It keeps every message until its result is
// here, drops results that it has seen, stays within the server's window, is heard
// from while it is idle, and gives up a server that is not. When to reconnect is the
// caller's affair.
class Session {
  constructor({handler = '', sessionId = crypto.randomUUID(), token = crypto.randomBytes(16)} = {}) {
    this.open = {sessionId, sessionToken: token, clientName: 'node', handler};
    this.unanswered = new Map();  // Sequence -> payload, in order.
    this.lastSequence = 0;
    this.receivedThrough = 0;
    this.results = [];
    this.drain = null;
    this.stream = null;
    this.welcome = null;  // Of `stream`; null: it may not be written to.
  }

  // Opens a stream, resumes, and sends again what the server does not have.
  // Resolves with Welcome; rejects with the stream's status.
  async connect(stub) {
    const stream = stub.Process();
    this.stream = stream;
    this.drain = null;
    this.status = new Promise(resolve => stream.on('status', resolve));
    this.status.then(() => this.#stop(stream));
    stream.on('error', () => {});  // `status` says it.
    const welcome = await new Promise((resolve, reject) => {
      stream.on('data', response => {
        this.heardAt = performance.now();
        if (response.welcome) resolve(response.welcome);
        this.#receive(response);
      });
      this.status.then(reject);
      this.acknowledged = this.receivedThrough;
      stream.write({open: this.open, receivedThrough: this.receivedThrough});
    });
    this.#begin(welcome);
    return welcome;
  }

  send(payloads) {
    for (const payload of payloads) this.unanswered.set(++this.lastSequence, payload);
    this.#write();
  }

  // Says what was received, then half-closes. Resolves with the stream's status.
  close() {
    this.#acknowledge();
    this.#stop(this.stream);
    this.stream.end();
    return this.status;
  }

  #begin(welcome) {
    const next = {
      STATE_NEW: 1,
      STATE_RESUMED: welcome.acceptedThrough + 1,
      STATE_LOST: this.receivedThrough + 1,
    }[welcome.state];
    this.sentThrough = next - 1;
    // Beyond `acknowledged`: what the server counts against the window.
    this.outstanding = new Map();  // Sequence -> bytes, in order.
    this.outstandingBytes = 0;
    this.resultBytes = 0;
    // Results that came along with Welcome are not counted below.
    if (this.receivedThrough > this.acknowledged) this.#acknowledge();
    for (const [sequence, payload] of this.unanswered) {
      if (sequence < next) this.#count(sequence, payload);
    }
    this.welcome = welcome;
    const {seconds, nanos} = welcome.heartbeatInterval;
    const heartbeat = Number(seconds) * 1e3 + nanos / 1e6;
    this.timer = setInterval(() => {
      if (performance.now() - this.heardAt > 3 * heartbeat) {
        this.stream.cancel();
      } else {
        this.#acknowledge();
      }
    }, Math.min(ACKNOWLEDGE_MS, heartbeat / 2));
    this.#write();
  }

  #stop(stream) {
    if (stream !== this.stream) return;
    this.welcome = null;
    clearInterval(this.timer);
  }

  #count(sequence, payload) {
    this.outstanding.set(sequence, payload.length);
    this.outstandingBytes += payload.length;
  }

  // Also the heartbeat.
  #acknowledge() {
    this.stream.write({receivedThrough: this.receivedThrough});
    this.acknowledged = this.receivedThrough;
    this.resultBytes = 0;
    for (const [sequence, bytes] of this.outstanding) {
      if (sequence > this.acknowledged) break;
      this.outstanding.delete(sequence);
      this.outstandingBytes -= bytes;
    }
    this.#write();
  }

  #fits(payload) {
    if (this.outstanding.size === 0) return true;  // One message always does.
    return this.outstanding.size < this.welcome.maxOutstandingMessages &&
        this.outstandingBytes + payload.length <= this.welcome.maxOutstandingBytes;
  }

  // Writes what the window has room for.
  #write() {
    let messages = [], bytes = 0;
    const flush = () => {
      if (messages.length > 0) this.stream.write({messages});
      messages = [];
      bytes = 0;
    };
    while (this.welcome && !this.drain && this.sentThrough < this.lastSequence) {
      const sequence = this.sentThrough + 1;
      const payload = this.unanswered.get(sequence);
      if (!this.#fits(payload)) break;
      // A message's own fields take a few bytes beside its payload.
      if (messages.length === BATCH_MESSAGES || bytes + payload.length + 32 > FRAME_BYTES) flush();
      messages.push({sequence, payload});
      bytes += payload.length + 32;
      this.#count(sequence, payload);
      this.sentThrough = sequence;
    }
    flush();
  }

  #receive(response) {
    for (const result of response.results) {
      if (result.sequence <= this.receivedThrough) continue;
      if (result.sequence !== this.receivedThrough + 1) {
        throw new Error(`result ${result.sequence} follows ${this.receivedThrough}`);
      }
      this.receivedThrough = result.sequence;
      this.resultBytes += result.payload.length;
      this.unanswered.delete(result.sequence);
      this.results.push(result);
    }
    if (response.drain) this.drain = response.drain;
    if (this.welcome && this.#halfAWindow()) this.#acknowledge();
  }

  #halfAWindow() {
    const {maxOutstandingMessages, maxOutstandingBytes} = this.welcome;
    return this.receivedThrough - this.acknowledged >= maxOutstandingMessages / 2 ||
        this.resultBytes >= maxOutstandingBytes / 2;
  }
}

module.exports = {Session};
