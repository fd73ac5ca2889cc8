// Sends n messages to a server and prints what became of them: node url.mjs HOST:PORT [N]
import {connect} from 'msgproc';

const [target = '127.0.0.1:50051', n = '10000'] = process.argv.slice(2);
const stream = connect({target});
stream.on('disconnect', ({address, error}) => console.error(`lost ${address}: ${error.message}`));

const sending = (async () => {
  for (let i = 1; i <= Number(n); ++i) await stream.send(`message ${i}`);
  await stream.close();
})();

let results = 0, failed = 0;
for await (const {sequence, error} of stream) {
  if (sequence !== ++results) throw new Error(`${sequence} is not the next one`);
  if (error) ++failed;
}
await sending;
console.log(`${n} messages, ${results} results, ${failed} failed`);
