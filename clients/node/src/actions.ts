import type {StreamError} from './errors.js';
import type {ProcessRequest} from './generated/msgproc/v1/ProcessRequest.js';
import type {SessionState} from './window.js';

// What a stream tells beside its results.
export interface StreamEvents {
  // A server has taken the session.
  welcome: {serverId: string, address: string, state: SessionState, sessionId: string,
            principal: string, storeGeneration: string};
  // The server did not know the session: so many messages without a result are sent again.
  lost: {serverId: string, unanswered: number};
  // The connection is gone, and will be made again.
  disconnect: {serverId: string, address: string, error: StreamError};
  // The server asked to go elsewhere (`address`, or '': anywhere), and the stream has left it.
  moved: {serverId: string, address: string, reason: string};
}

// What a Machine has its shell do.
export type Action =
  | {kind: 'token'}  // Ask for a token. onToken follows.
  | {kind: 'locate', failed: string[], token: string}  // Ask where to connect. onLocated follows.
  | {kind: 'connect', address: string, token: string, request: ProcessRequest}
  | {kind: 'write', request: ProcessRequest, halfClose: boolean}  // onWritten follows.
  | {kind: 'cancel'}  // Cancel the call. onCallEnded follows, as after any end of a call.
  | {[K in keyof StreamEvents]: {kind: 'event', name: K, event: StreamEvents[K]}}[keyof StreamEvents]
  | {kind: 'end', error: StreamError | undefined};
