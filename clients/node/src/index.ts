export {connect, MessageStream} from './stream.js';
export type {Result} from './stream.js';
export type {StreamEvents} from './actions.js';
export {Code, MessageError, StreamError} from './errors.js';
export type {ConnectOptions, Headers} from './options.js';
export type {Tls} from './rpc.js';
export type {Header, Message, SessionState} from './window.js';
