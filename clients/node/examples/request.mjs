// Asks a server, a question and an answer at a time: node request.mjs HOST:PORT TEXT...
import {connect, MessageError} from 'msgproc';

const [target = '127.0.0.1:50051', ...texts] = process.argv.slice(2);
const stream = connect({target, handler: 'uppercase', signal: AbortSignal.timeout(30_000)});

for (const text of texts) {
  try {
    const {payload} = await stream.request(text, {headers: {source: 'example'}});
    console.log(`${text} → ${payload}`);
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;  // The stream's end.
    console.error(`${text}: ${error.message}${error.retryable ? ' (try again)' : ''}`);
  }
}
await stream.close();
