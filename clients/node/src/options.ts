import type {ChannelOptions} from '@grpc/grpc-js';
import {randomBytes} from 'node:crypto';

import {Code, StreamError} from './errors.js';
import type {MachineOptions} from './machine.js';
import type {Tls} from './rpc.js';
import type {Header} from './window.js';

// Keys may repeat where headers are given as a list.
export type Headers = Record<string, string | Uint8Array> |
    readonly {key: string, value: string | Uint8Array}[];

export interface ConnectOptions {
  // Where to connect: host:port, or any gRPC target. Either this or `balancers`.
  target?: string;
  // Balancers to ask for a server, as host:port, tried in order.
  balancers?: readonly string[];
  // Equal keys go to the same server, where the balancer's policy is consistent_hash.
  affinityKey?: string;
  // Default: plaintext.
  tls?: Tls;
  channelOptions?: ChannelOptions;
  // Gives the token that each call carries as `authorization: Bearer`, and a fresh one before the
  // last one expires. A StreamError whose code is not a passing one ends the stream; anything
  // else that is thrown is tried again.
  tokenProvider?: () => string | Promise<string>;
  handler?: string;
  clientName?: string;
  // The session's name, and its secret of 16 to 64 bytes. Default: random.
  sessionId?: string;
  sessionToken?: Uint8Array;
  // The stream ends FAILED_PRECONDITION where the server does not keep the session in a store.
  requireDurable?: boolean;
  // The window: what is sent and not yet read. What the server allows bounds it too.
  maxOutstandingMessages?: number;
  maxOutstandingBytes?: number;
  maxBatchMessages?: number;
  initialBackoffMs?: number;  // 50
  maxBackoffMs?: number;  // 5,000
  connectTimeoutMs?: number;  // For one attempt: 10,000
  giveUpAfterMs?: number;  // How long to go on without any server: for ever
  // Ends the stream, CANCELLED.
  signal?: AbortSignal;
}

const MAX_HEADERS = 128, MAX_HEADER_BYTES = 64 << 10;

export function checkOptions({target, balancers, sessionId, sessionToken}: ConnectOptions): void {
  const wrong = (what: string) => { throw new StreamError(Code.INVALID_ARGUMENT, what); };
  if ((target === undefined) === (balancers === undefined)) {
    wrong('connect takes either target or balancers');
  }
  if (balancers?.length === 0) wrong('balancers is empty');
  if (sessionToken && (sessionToken.length < 16 || sessionToken.length > 64)) {
    wrong(`sessionToken has ${sessionToken.length} bytes, and not 16 to 64`);
  }
  if (sessionId !== undefined && (sessionId === '' || Buffer.byteLength(sessionId) > 128)) {
    wrong('sessionId is not 1 to 128 bytes long');
  }
}

// What the server would end the whole stream for is refused here.
export function checkedHeaders(headers: Headers): Header[] {
  const list = Array.isArray(headers) ? headers as readonly {key: string, value: string}[] :
      Object.entries(headers).map(([key, value]) => ({key, value}));
  let bytes = 0;
  const checked = list.map(({key, value}) => {
    if (/\p{Surrogate}/u.test(key)) {
      throw new StreamError(Code.INVALID_ARGUMENT, `the header key ${JSON.stringify(key)} is not UTF-8`);
    }
    const content = typeof value === 'string' ? Buffer.from(value) : value;
    bytes += Buffer.byteLength(key) + content.length;
    return {key, value: content};
  });
  if (checked.length > MAX_HEADERS || bytes > MAX_HEADER_BYTES) {
    throw new StreamError(Code.INVALID_ARGUMENT, `the message has ${checked.length} headers of ${
        bytes} bytes; at most ${MAX_HEADERS} and ${MAX_HEADER_BYTES} are allowed`);
  }
  return checked;
}

export function machineOptions(options: ConnectOptions, sessionId: string): MachineOptions {
  return {
    open: {
      sessionId,
      sessionToken: Buffer.from(options.sessionToken ?? randomBytes(32)),
      clientName: options.clientName ?? '',
      handler: options.handler ?? '',
      instance: randomBytes(6).readUIntBE(0, 6) + 1,
    },
    limits: {
      messages: options.maxOutstandingMessages ?? Infinity,
      bytes: options.maxOutstandingBytes ?? Infinity,
      batchMessages: options.maxBatchMessages ?? Infinity,
    },
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    initialBackoffMs: options.initialBackoffMs ?? 50,
    maxBackoffMs: options.maxBackoffMs ?? 5000,
    giveUpAfterMs: options.giveUpAfterMs ?? Infinity,
    requireDurable: options.requireDurable ?? false,
    ownToken: options.sessionToken === undefined,
    followsDrain: options.balancers !== undefined,
    needsToken: options.tokenProvider !== undefined,
  };
}
