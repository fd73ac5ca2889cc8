// Messages a second with 1,024 in flight on one stream: this client beside what one writes with
// @grpc/grpc-js alone, a frame for each message. In turn, and the medians count: ratios within one
// run compare, machines do not.
//
//   node benchmark.mjs HOST:PORT [ROUNDS]
import {createRequire} from 'node:module';
import {connect} from 'msgproc';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import {dirname} from 'node:path';
import {fileURLToPath} from 'node:url';

const IN_FLIGHT = 1024;
const payload = Buffer.alloc(64, 'x');
const [target, rounds = '5'] = process.argv.slice(2);

// Of two seconds, after one to warm up: messages a second, and the microseconds of CPU that each
// takes here. `results`: how many have come by now.
async function rate(results) {
  await new Promise(resolve => setTimeout(resolve, 1000));
  const [count, time, cpu] = [results(), performance.now(), process.cpuUsage()];
  await new Promise(resolve => setTimeout(resolve, 2000));
  const messages = results() - count, {user, system} = process.cpuUsage(cpu);
  return {perSecond: messages / ((performance.now() - time) / 1000), cpu: (user + system) / messages};
}

async function withMsgproc() {
  const stream = connect({target});
  let results = 0;
  let stopped = false;
  for (let i = 0; i < IN_FLIGHT; ++i) await stream.send(payload);
  const echo = (async () => {
    for await (const result of stream) {
      if (result.sequence !== ++results) throw new Error(`result ${result.sequence} came as ${results}`);
      if (!stopped) await stream.send(payload);
    }
  })();
  const measured = await rate(() => results);
  stopped = true;
  await stream.close();
  await echo;
  return measured;
}

async function withGrpcJs() {
  const package_ = dirname(createRequire(import.meta.url).resolve('msgproc'));
  const definition = protoLoader.loadSync('msgproc/v1/processor.proto', {
    includeDirs: [`${package_}/../proto`], longs: Number, defaults: true,
  });
  const {msgproc} = grpc.loadPackageDefinition(definition);
  const stub = new msgproc.v1.Processor(target, grpc.credentials.createInsecure());
  const call = stub.Process();
  let results = 0, sent = 0, stopped = false;
  const send = () => call.write({messages: [{sequence: ++sent, payload}]});
  call.on('data', response => {
    for (const result of response.results) {
      if (result.sequence !== ++results) throw new Error(`result ${result.sequence} came as ${results}`);
      if (!stopped) send();
    }
  });
  for (let i = 0; i < IN_FLIGHT; ++i) send();
  const measured = await rate(() => results);
  stopped = true;
  call.end();
  await new Promise(resolve => call.on('end', resolve));
  stub.close();
  return measured;
}

const plain = [], ours = [];
for (let i = 0; i < Number(rounds); ++i) {
  plain.push(await withGrpcJs());
  ours.push(await withMsgproc());
}
const median = values => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const rounded = value => Number(value.toPrecision(3));
const figures = rates => ({
  messages_per_second: rounded(median(rates.map(({perSecond}) => perSecond))),
  cpu_microseconds_per_message: rounded(median(rates.map(({cpu}) => cpu))),
});
console.log(JSON.stringify({
  grpc_js: figures(plain),
  msgproc: figures(ours),
  ratio: rounded(median(ours.map(({perSecond}, i) => perSecond / plain[i].perSecond))),
  cpu_ratio: rounded(median(ours.map(({cpu}, i) => plain[i].cpu / cpu))),
}, null, 2));
