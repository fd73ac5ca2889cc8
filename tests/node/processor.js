'use strict';

const {spawn} = require('node:child_process');
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

// A processor process of its own. `grpc` and `http` are its addresses.
class Processor {
  static async start({listenAddress = '127.0.0.1:0', flags = []} = {}) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'msgproc-node-'));
    const addressFile = path.join(folder, 'address');
    const processor = new Processor(spawn(process.env.MSGPROC_PROCESSOR, [
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
function connect(address) {
  const definition = protoLoader.loadSync('msgproc/v1/processor.proto', {
    includeDirs: [process.env.MSGPROC_PROTO_ROOT],
    longs: Number,
    enums: String,
    defaults: true,
  });
  const {msgproc} = grpc.loadPackageDefinition(definition);
  return new msgproc.v1.Processor(
      address, grpc.credentials.createInsecure(), {'grpc.use_local_subchannel_pool': 1});
}

// A TCP proxy whose connections can be cut, or made deaf.
class Wire {
  static async to(address) {
    const wire = new Wire();
    const [host, port] = address.split(':');
    wire.server = net.createServer(near => {
      const far = net.connect(Number(port), host);
      for (const [from, to] of [[near, far], [far, near]]) {
        wire.sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => to.destroy());
      }
      near.on('data', data => far.write(data));
      far.on('data', data => { if (!wire.deaf) near.write(data); });
    });
    await new Promise(resolve => wire.server.listen(0, '127.0.0.1', resolve));
    wire.address = `127.0.0.1:${wire.server.address().port}`;
    return wire;
  }

  constructor() {
    this.sockets = new Set();
    this.deaf = false;  // Nothing from the server reaches the client.
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
