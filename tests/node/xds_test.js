'use strict';

// gRPC's own client for Node finds the fleet over xDS.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const {after, test} = require('node:test');
const {Processor, connect, eventually, within} = require('./processor.js');

// Opens a stream, has one message processed; resolves with the server's name.
function oneMessage(stub) {
  const stream = stub.Process();
  let server = null;
  let results = 0;
  const ended = new Promise((resolve, reject) => {
    stream.on('data', response => {
      if (response.welcome) server = response.welcome.serverId;
      results += response.results.length;
    });
    stream.on('error', reject);
    stream.on('end', () => resolve(results === 1 ? server : `${results} results`));
  });
  stream.write({open: {}, messages: [{sequence: 1, payload: Buffer.from('hi')}]});
  stream.end();
  return within(ended, 'one message is answered');
}

// The library's control plane connection has no end, and would keep this process.
after(() => setTimeout(() => process.exit(), 100).unref());

test('xds:///processors leads to a server, and to another when that drains or is killed', async t => {
  const balancer = await Processor.start({
    program: process.env.MSGPROC_BALANCER,
    flags: ['--xds_address=127.0.0.1:0', '--lease=2s'],
  });
  t.after(() => balancer.kill());
  const servers = new Map();
  for (const name of ['p1', 'p2', 'p3']) {
    const server = await Processor.start(
        {flags: [`--balancer=${balancer.grpc}`, `--server_id=${name}`]});
    t.after(() => server.kill());
    servers.set(name, server);
  }
  await eventually(
      async () => await balancer.metric('msgproc_balancer_servers', 'state="serving"') === 3,
      'three servers are handed out');

  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'msgproc-xds-'));
  t.after(() => fs.rmSync(folder, {recursive: true}));
  const bootstrap = JSON.parse(fs.readFileSync('deploy/xds/bootstrap.json', 'utf8'));
  bootstrap.xds_servers[0].server_uri = balancer.xds;
  process.env.GRPC_XDS_BOOTSTRAP = path.join(folder, 'bootstrap.json');
  fs.writeFileSync(process.env.GRPC_XDS_BOOTSTRAP, JSON.stringify(bootstrap));
  require('@grpc/grpc-js-xds').register();

  const stub = connect('xds:///processors');
  t.after(() => stub.close());
  const first = await oneMessage(stub);
  assert.ok(servers.has(first), first);
  assert.equal(await oneMessage(stub), first);
  assert.equal(await balancer.metric('msgproc_balancer_xds_refused_total'), 0);

  assert.equal(await servers.get(first).stop(), 0);
  servers.delete(first);
  const second = await oneMessage(stub);
  assert.ok(servers.has(second), second);

  await servers.get(second).kill();
  servers.delete(second);
  // Until the broken connection is noticed a stream may still be begun on it.
  const third = await eventually(() => oneMessage(stub).catch(() => null), 'the last one answers');
  assert.ok(servers.has(third), third);
});
