// Follows a fleet through its balancers until Ctrl-C, and tells what happens on the way:
// node fleet.mjs BALANCER[,BALANCER...]
import {connect, StreamError} from 'msgproc';

const [balancers = '127.0.0.1:50050'] = process.argv.slice(2);
const stream = connect({balancers: balancers.split(','), clientName: 'fleet example'});

stream.on('welcome', ({serverId, state}) => console.log(`on ${serverId}: ${state}`));
stream.on('moved', ({serverId, reason}) => console.log(`left ${serverId}: ${reason}`));
stream.on('lost', ({unanswered}) => console.log(`${unanswered} messages are sent again`));
stream.on('disconnect', ({error}) => console.log(`reconnecting: ${error.message}`));

let stopping = false;
process.once('SIGINT', () => { stopping = true; });

const sending = (async () => {
  while (!stopping) {
    await stream.send(`${Math.round(performance.now())}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  await stream.close();
})();

let results = 0;
try {
  for await (const _ of stream) ++results;
  await sending;
} catch (error) {
  if (!(error instanceof StreamError)) throw error;
  console.error(`${error.message}; without a result: ${stream.unanswered().length}`);
  process.exitCode = 1;
}
console.log(`${results} results`);
