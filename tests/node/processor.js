'use strict';

const {execFileSync, spawn} = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const {setTimeout: sleep} = require('node:timers/promises');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const DEADLINE_MS = process.env.MSGPROC_SANITIZER ? 100_000 : 20_000;

// Resolves with the first truthy value of `condition()`.
async function eventually(condition, what) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await sleep(5);
  }
}

// Resolves as `promise` does; rejects once the deadline has passed.
async function within(promise, what) {
  const abort = new AbortController();
  const tooLate = sleep(DEADLINE_MS, undefined, {signal: abort.signal}).then(
      () => { throw new Error(`waited in vain: ${what}`); });
  tooLate.catch(() => {});
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    abort.abort();
  }
}

// A port of 127.0.0.1 that was free just now.
async function freeAddress() {
  const listener = net.createServer();
  await new Promise(resolve => listener.listen(0, '127.0.0.1', resolve));
  const {port} = listener.address();
  await new Promise(resolve => listener.close(resolve));
  return `127.0.0.1:${port}`;
}

function accepts(address) {
  const [host, port] = address.split(':');
  return new Promise(resolve => {
    const socket = net.connect(Number(port), host);
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

// An NGINX of its own in front of one processor, as deploy/nginx configures it.
class Front {
  // `listener`: 'grpc' or 'stream'.
  static async before(address, listener) {
    const front = new Front();
    front.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'msgproc-front-'));
    const listeners = {grpc: await freeAddress(), stream: await freeAddress()};
    front.address = listeners[listener];
    execFileSync('deploy/nginx/render', [
      `--folder=${front.folder}`,
      `--grpc=${listeners.grpc}`,
      `--stream=${listeners.stream}`,
      `--${listener === 'grpc' ? 'processors' : 'proxied_processors'}=${address}`,
      // The sandbox knows no other user to give the workers to.
      ...(process.getuid() === 0 ? ['--user=root'] : []),
    ]);
    front.child = spawn(
        process.env.MSGPROC_NGINX || '/usr/sbin/nginx',
        ['-e', 'stderr', '-c', `${front.folder}/nginx.conf`, '-g', 'daemon off;'],
        {stdio: ['ignore', 'inherit', 'inherit']});
    front.exit = new Promise(resolve => front.child.on('exit', resolve));
    await eventually(() => accepts(front.address), 'NGINX listens');
    return front;
  }

  async stop() {
    this.child.kill('SIGTERM');  // Its workers go with it.
    await this.exit;
    fs.rmSync(this.folder, {recursive: true});
  }
}

// A processor process of its own. `grpc` and `http` are its addresses; with
// MSGPROC_FRONT=grpc|stream, `grpc` is that listener of an NGINX in front of it;
// with MSGPROC_WORKERS=N it has so many worker processes. `program`: another server
// with these flags.
class Processor {
  static async start(
      {listenAddress = '127.0.0.1:0', flags = [], program = process.env.MSGPROC_PROCESSOR} = {}) {
    const listener = process.env.MSGPROC_FRONT;
    if (listener === 'stream') flags = [...flags, '--proxy_protocol'];
    const workers = process.env.MSGPROC_WORKERS;
    if (workers) flags = [...flags, `--workers=${workers}`];
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'msgproc-node-'));
    const addressFile = path.join(folder, 'address');
    const processor = new Processor(spawn(program, [
      `--listen_address=${listenAddress}`,
      '--http_address=127.0.0.1:0',
      `--address_file=${addressFile}`,
      ...flags,
    ], {stdio: ['ignore', 'inherit', 'inherit']}));
    await eventually(() => {
      if (processor.exited) throw new Error('the processor ended before it served');
      return fs.existsSync(addressFile);
    }, 'the processor writes its address file');
    for (const line of fs.readFileSync(addressFile, 'utf8').trim().split('\n')) {
      const [name, address] = line.split('=');
      processor[name] = address;
    }
    fs.rmSync(folder, {recursive: true});
    if (listener) {
      processor.front = await Front.before(processor.grpc, listener);
      processor.grpc = processor.front.address;
    }
    return processor;
  }

  constructor(child) {
    this.child = child;
    this.exited = false;
    this.exitCode = new Promise(resolve => child.on('exit', code => {
      this.exited = true;
      resolve(code);
    }));
  }

  // Asks it to stop. Resolves with the exit code.
  stop() {
    this.child.kill('SIGTERM');
    return within(this.exitCode, 'the processor exits');
  }

  // Ends it at once; for the end of a test.
  async kill() {
    this.child.kill('SIGKILL');
    await this.exitCode;
    await this.front?.stop();
  }

  // The sum of a metric's samples that carry `label`, like 'outcome="ok"'.
  async metric(name, label = '') {
    const page = await (await fetch(`http://${this.http}/metrics`)).text();
    return page.split('\n')
        .filter(line => /^[^#]/.test(line) && line.split(/[{ ]/)[0] === name && line.includes(label))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }
}

// The generated client of msgproc.v1.Processor, on a connection of its own.
function connect(address, credentials = grpc.credentials.createInsecure()) {
  const definition = protoLoader.loadSync('msgproc/v1/processor.proto', {
    includeDirs: [process.env.MSGPROC_PROTO_ROOT],
    longs: Number,
    enums: String,
    defaults: true,
  });
  const {msgproc} = grpc.loadPackageDefinition(definition);
  return new msgproc.v1.Processor(
      address, credentials, {'grpc.use_local_subchannel_pool': 1});
}

// A TCP proxy whose connections can be cut, or made deaf. New ones go to `target`.
class Wire {
  static async to(address) {
    const wire = new Wire();
    wire.target = address;
    wire.server = net.createServer(near => {
      const [host, port] = wire.target.split(':');
      const far = net.connect(Number(port), host);
      for (const [from, to] of [[near, far], [far, near]]) {
        wire.sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => to.destroy());
      }
      near.on('data', data => far.write(data));
      far.on('data', data => {
        wire.heard += data.length;
        if (wire.heard > wire.deafAfter) wire.deaf = true;
        if (!wire.deaf) near.write(data);
      });
    });
    await new Promise(resolve => wire.server.listen(0, '127.0.0.1', resolve));
    wire.address = `127.0.0.1:${wire.server.address().port}`;
    return wire;
  }

  constructor() {
    this.sockets = new Set();
    this.deaf = false;  // Nothing from the server reaches the client.
    this.heard = 0;  // Bytes from the server.
    this.deafAfter = Infinity;  // So many of them.
  }

  // Closes every connection at both ends, in the middle of whatever it carried.
  cut() {
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
  }

  close() {
    this.cut();
    this.server.close();
  }
}

module.exports = {Processor, Wire, connect, eventually, within};
