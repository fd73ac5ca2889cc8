// Lets tools/conformance drive this client; docs/conformance.md says how they talk.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {createInterface} from 'node:readline';
import {Code, connect, StreamError} from 'msgproc';

const say = event => process.stdout.write(`${JSON.stringify(event)}\n`);
const sayEnd = error => {
  say({event: 'ended', code: error ? Code[error.code] : 'OK', message: error?.message ?? ''});
  process.stdout.write('', () => process.exit(0));
};
const encodedHeaders = headers => Object.fromEntries(
    headers.map(({key, value}) => [key, value.toString('base64')]));

const abort = new AbortController();
let stream;
let goOn = null;  // Resolves when results are to be read again; null: they are.
let resume;
let work = Promise.resolve();  // `send` and `finish`, one after another.
let finished;

function open({target, options = {}}) {
  const {balancers, session_id, session_token, handler, client_name, token, tokens = token && [token],
         max_outstanding_messages, max_outstanding_bytes, connect_timeout_ms} = options;
  let given = 0;
  const set = Object.entries({
    sessionId: session_id, sessionToken: session_token && Buffer.from(session_token, 'base64'),
    handler, clientName: client_name, maxOutstandingMessages: max_outstanding_messages,
    maxOutstandingBytes: max_outstanding_bytes, connectTimeoutMs: connect_timeout_ms,
    tokenProvider: tokens && (() => tokens[Math.min(given++, tokens.length - 1)]),
  }).filter(([, value]) => value !== undefined);
  try {
    stream = connect({...(balancers ? {balancers} : {target}), signal: abort.signal,
                      ...Object.fromEntries(set)});
  } catch (error) {
    return sayEnd(error);
  }
  stream.on('lost', () => say({event: 'lost'}));
  read();
}

async function read() {
  try {
    for await (const {sequence, payload, headers, error} of stream) {
      say(error ? {event: 'result', sequence, error: {code: Code[error.code], message: error.message}} :
          {event: 'result', sequence, payload: payload.toString('base64'), headers: encodedHeaders(headers)});
      await goOn;
    }
    await finished;
    sayEnd();
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    sayEnd(error);
  }
}

// In order, without waiting for one before the next is handed over: that is what batches them.
async function send(messages) {
  const sends = messages.map(({payload, headers = {}}) => stream.send(
      Buffer.from(payload, 'base64'),
      {headers: Object.entries(headers).map(([key, value]) => ({key, value: Buffer.from(value, 'base64')}))}));
  let count = 0;
  for (const sent of sends) {
    try {
      await sent;
      ++count;
    } catch (error) {
      if (error.code !== Code.INVALID_ARGUMENT) return;  // The stream's end, which `read` tells.
      say({event: 'refused', code: Code[error.code], message: error.message});
    }
  }
  say({event: 'sent', count});
}

const {version} = JSON.parse(readFileSync(
    new URL('../package.json', `file://${createRequire(import.meta.url).resolve('msgproc')}`)));
say({event: 'ready', client: `msgproc-node ${version}`, capabilities: [
  'balancers', 'session_id', 'session_token', 'handler', 'client_name', 'token', 'tokens',
  'max_outstanding_messages', 'max_outstanding_bytes', 'connect_timeout_ms', 'headers',
  'pause_reading', 'lost',
]});
for await (const line of createInterface({input: process.stdin})) {
  const command = JSON.parse(line);
  switch (command.command) {
    case 'connect':
      open(command);
      break;
    case 'send':
      work = work.then(() => send(command.messages));
      break;
    case 'finish':
      work = work.then(() => {
        finished = stream.close();
        finished.catch(() => {});  // `read` tells it.
      });
      break;
    case 'cancel':
      abort.abort(new Error('cancel'));
      break;
    case 'pause_reading':
      goOn ??= new Promise(resolve => { resume = resolve; });
      break;
    case 'resume_reading':
      resume?.();
      goOn = null;
      break;
  }
}
abort.abort(new Error('the suite has gone'));
