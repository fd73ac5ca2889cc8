// What the tests run against: real servers, a TCP relay, and a server that says what it is told to.
import {createRequire} from 'node:module';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import fs from 'node:fs';
import os from 'node:os';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import {connect} from 'msgproc';
import processors from './processor.cjs';

export const {Processor, Wire, eventually, within} = processors;

const packageFolder = path.join(
    path.dirname(createRequire(import.meta.url).resolve('msgproc')), '..');

// A file of the package that it does not export.
export const internal = name => import(path.join(packageFolder, 'dist', `${name}.js`));

export const folderOf = path.dirname(fileURLToPath(import.meta.url));

export async function startProcessor(t, options) {
  const processor = await Processor.start(options);
  t.after(() => processor.kill());
  return processor;
}

export async function startBalancer(t, {flags = [], ...options} = {}) {
  const balancer = await Processor.start({program: process.env.MSGPROC_BALANCER, flags, ...options});
  t.after(() => balancer.kill());
  return balancer;
}

export async function startWire(t, address) {
  const wire = await Wire.to(address);
  t.after(() => wire.close());
  return wire;
}

export function temporaryFolder(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'msgproc-node-'));
  t.after(() => fs.rmSync(folder, {recursive: true}));
  return folder;
}

// A stream that is over when the test is; `events` has what it told, as [name, event].
export function open(t, options) {
  const abort = new AbortController();
  t.after(() => abort.abort());
  const stream = connect({maxBackoffMs: 200, signal: abort.signal, ...options});
  stream.events = [];
  for (const name of ['welcome', 'lost', 'disconnect', 'moved']) {
    stream.on(name, event => stream.events.push([name, event]));
  }
  stream.heard = name => stream.events.filter(([n]) => n === name).map(([, event]) => event);
  return stream;
}

// Reads `count` results and checks that they are the echoes of `payload(sequence)`.
export async function readEchoes(stream, first, last, payload = sequence => `m${sequence}`) {
  const results = stream[Symbol.asyncIterator]();
  for (let sequence = first; sequence <= last; ++sequence) {
    const {value, done} = await within(results.next(), `the result of message ${sequence}`);
    if (done || value.sequence !== sequence || String(value.payload) !== payload(sequence)) {
      throw new Error(`the result of message ${sequence} was due, and ${
          done ? 'the end' : `${value.sequence}: ${value.payload.subarray(0, 20)}`} came`);
    }
  }
}

export async function sendAll(stream, first, last, payload = sequence => `m${sequence}`) {
  for (let sequence = first; sequence <= last; ++sequence) await stream.send(payload(sequence));
}

async function serve(t, service, methods) {
  const server = new grpc.Server();
  server.addService(service, methods);
  const port = await new Promise((resolve, reject) => server.bindAsync(
      '127.0.0.1:0', grpc.ServerCredentials.createInsecure(),
      (error, port) => error ? reject(error) : resolve(port)));
  t.after(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

const {msgproc: {v1}} = grpc.loadPackageDefinition(protoLoader.loadSync(
    ['msgproc/v1/processor.proto', 'msgproc/v1/balancer.proto'], {
      includeDirs: [path.join(packageFolder, 'proto')], longs: Number, enums: String, defaults: true,
    }));

// A server whose `onStream(call, index)` does as the test says. Resolves with its address.
export function startScripted(t, onStream) {
  let streams = 0;
  return serve(t, v1.Processor.service, {process(call) {
    call.on('error', () => {});
    onStream(call, streams++);
  }});
}

// A balancer whose `onGetServer(request)` gives addresses.
export function startScriptedBalancer(t, onGetServer) {
  return serve(t, v1.Balancer.service, {
    getServer({request}, callback) {
      const [server, ...alternatives] =
          onGetServer(request).map(address => ({serverId: address, address}));
      callback(null, {server, alternatives});
    },
    listServers(call, callback) { callback(null, {}); },
  });
}

export const WELCOME = {
  serverId: 'scripted', state: 'STATE_NEW', maxBatchMessages: 4096, maxPayloadBytes: 1 << 20,
  maxOutstandingMessages: 65536, maxOutstandingBytes: 32 << 20, heartbeatInterval: {seconds: 20},
};

export function fail(call, code, details = 'scripted') {
  call.emit('error', {code, details});
}
