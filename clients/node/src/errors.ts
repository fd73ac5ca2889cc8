// gRPC's status codes.
export enum Code {
  OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS,
  PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED,
  INTERNAL, UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED,
}

const ADVICE: Partial<Record<Code, string>> = {
  [Code.CANCELLED]: 'the program itself ended the stream; connect again to go on',
  [Code.INVALID_ARGUMENT]: 'mend what was sent, or the options',
  [Code.NOT_FOUND]: 'name a handler that the server has',
  [Code.PERMISSION_DENIED]: "use the session's own token, and a handler that this client may use",
  [Code.RESOURCE_EXHAUSTED]: 'send less at a time, or ask the operator for a higher limit',
  [Code.FAILED_PRECONDITION]:
      'the session cannot go on: decide which unanswered messages to send again in a new one',
  [Code.ABORTED]: 'another client uses this session id and token: give each client its own',
  [Code.UNIMPLEMENTED]: 'connect to a msgproc processor; this server is none',
  [Code.INTERNAL]: 'the server broke the protocol: report it',
  [Code.UNAVAILABLE]: 'no server could be reached: see that one runs, then connect again',
  [Code.DATA_LOSS]:
      'the store has lost the session: decide which unanswered messages to send again in a new one',
  [Code.UNAUTHENTICATED]: 'have tokenProvider give a token that the server takes',
};

// How grpc-js, and other gRPCs through a proxy, word HTTP/2's ENHANCE_YOUR_CALM.
const WANT_OF_MEMORY = /Bandwidth exhausted or memory limit exceeded|RST_STREAM/;

// Why a stream ended, or refused a call.
export class StreamError extends Error {
  override readonly name = 'StreamError';
  // What to do about it.
  readonly advice: string;

  constructor(readonly code: Code, details: string, options?: ErrorOptions) {
    const advice = ADVICE[code] ?? 'see the message';
    super(`${Code[code] ?? code}: ${details} (${advice})`, options);
    this.advice = advice;
  }

  static from(error: unknown, code = Code.UNKNOWN): StreamError {
    if (error instanceof StreamError) return error;
    return new StreamError(code, error instanceof Error ? error.message : String(error),
                           {cause: error});
  }

  // Whether a stream that ended so is opened again (rule 8 of processor.proto). HTTP/2
  // resets streams of a server that is short of memory: that is no status of the server's.
  get passes(): boolean {
    return this.code === Code.UNAVAILABLE || this.code === Code.INTERNAL ||
        this.code === Code.UNKNOWN || this.code === Code.CANCELLED ||
        (this.code === Code.RESOURCE_EXHAUSTED && WANT_OF_MEMORY.test(this.message));
  }
}

// A message failed, its stream did not: what `request` rejects with.
export class MessageError extends Error {
  override readonly name = 'MessageError';

  // `retryable`: the same message, sent as a new one, may succeed.
  constructor(readonly code: Code, message: string, readonly retryable: boolean,
              readonly sequence: number) {
    super(`${Code[code] ?? code}: ${message}`);
  }
}
