'use strict';

const assert = require('node:assert/strict');
const {execFile} = require('node:child_process');
const path = require('node:path');
const {promisify} = require('node:util');
const {after, before, test} = require('node:test');
const {Processor} = require('./processor.js');

let processor;
before(async () => { processor = await Processor.start(); });
after(() => processor.kill());

// Runs `buf curl` as docs and README show it. It learns the messages from the
// server, by reflection.
async function bufCurl(method, ...flags) {
  const {stdout} = await promisify(execFile)(
      path.join(__dirname, 'buf'),
      ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...flags,
       `http://${processor.grpc}/${method}`],
      {timeout: 60_000, env: {...process.env, HOME: process.env.TEST_TMPDIR}});
  return stdout;
}

test('one message, one result, from the command line', async () => {
  const stdout = await bufCurl(
      'msgproc.v1.Processor/Process', '--data', '{"messages":[{"sequence":1,"payload":"aGk="}]}');
  const {results} = JSON.parse(stdout);
  assert.deepEqual(results, [{sequence: '1', payload: 'aGk='}]);
});

test('reflection lists the services and describes each of them', async () => {
  const services = (await bufCurl('', '--list-services')).trim().split('\n');
  const methods = (await bufCurl('', '--list-methods')).trim().split('\n');
  for (const service of ['msgproc.v1.Processor', 'grpc.health.v1.Health']) {
    assert.ok(services.includes(service), `${service} among ${services}`);
  }
  for (const service of services) {
    assert.ok(methods.some(method => method.startsWith(`${service}/`)), `a method of ${service}`);
  }
});

test('health answers for the server and for the service', async () => {
  for (const service of ['', 'msgproc.v1.Processor']) {
    const stdout = await bufCurl(
        'grpc.health.v1.Health/Check', '--data', JSON.stringify({service}));
    assert.equal(JSON.parse(stdout).status, 'SERVING');
  }
});
