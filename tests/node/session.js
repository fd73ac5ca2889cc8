'use strict';

const crypto = require('node:crypto');

const BATCH = 50;

// A resumable session, written from processor.proto alone: what the author of a
// client in another language has to do, and no more. It keeps every message until
// its result is here and drops results that it has seen.
class Session {
  constructor({handler = '', sessionId = crypto.randomUUID(), token = crypto.randomBytes(16)} = {}) {
    this.open = {sessionId, sessionToken: token, clientName: 'node', handler};
    this.unanswered = new Map();  // Sequence -> payload, in order.
    this.lastSequence = 0;
    this.receivedThrough = 0;
    this.results = [];
    this.drain = null;
    this.stream = null;
  }

  // Opens a stream, resumes, and sends again what the server does not have.
  // Resolves with Welcome; rejects with the stream's status.
  async connect(stub) {
    const stream = stub.Process();
    this.stream = stream;
    this.drain = null;
    this.status = new Promise(resolve => stream.on('status', resolve));
    stream.on('error', () => {});  // `status` says it.
    const welcome = await new Promise((resolve, reject) => {
      stream.on('data', response => {
        if (response.welcome) resolve(response.welcome);
        this.#receive(response);
      });
      this.status.then(reject);
      stream.write({open: this.open, receivedThrough: this.receivedThrough});
    });
    const next = {
      STATE_NEW: 1,
      STATE_RESUMED: welcome.acceptedThrough + 1,
      STATE_LOST: this.receivedThrough + 1,
    }[welcome.state];
    this.#write([...this.unanswered].filter(([sequence]) => sequence >= next));
    return welcome;
  }

  send(payloads) {
    const messages = payloads.map(payload => [++this.lastSequence, payload]);
    for (const [sequence, payload] of messages) this.unanswered.set(sequence, payload);
    if (this.stream) this.#write(messages);
  }

  // Says what was received, then half-closes. Resolves with the stream's status.
  close() {
    this.stream.write({receivedThrough: this.receivedThrough});
    this.stream.end();
    return this.status;
  }

  #write(messages) {
    for (let i = 0; i < messages.length; i += BATCH) {
      this.stream.write({
        messages: messages.slice(i, i + BATCH).map(([sequence, payload]) => ({sequence, payload})),
        receivedThrough: this.receivedThrough,
      });
    }
  }

  #receive(response) {
    for (const result of response.results) {
      if (result.sequence <= this.receivedThrough) continue;
      if (result.sequence !== this.receivedThrough + 1) {
        throw new Error(`result ${result.sequence} follows ${this.receivedThrough}`);
      }
      this.receivedThrough = result.sequence;
      this.unanswered.delete(result.sequence);
      this.results.push(result);
    }
    if (response.drain) this.drain = response.drain;
  }
}

module.exports = {Session};
