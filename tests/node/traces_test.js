'use strict';

// Traces: what a collector is told of a message on its way, and what becomes of messages where
// the collector is no good.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const {test} = require('node:test');
const grpc = require('@grpc/grpc-js');
const {Collector} = require('./collector.js');
const {Processor, connect, eventually, within} = require('./processor.js');

const SERVER = 2, INTERNAL = 1, ERROR = 2;
const PARTS = ['queue', 'handler', 'commit', 'write'];

const hex = bytes => crypto.randomBytes(bytes).toString('hex');

// What a client begins with: a trace, and its own span of it.
class Trace {
  constructor({sampled = true} = {}) {
    this.id = hex(16);
    this.span = hex(8);
    this.traceparent = `00-${this.id}-${this.span}-0${sampled ? 1 : 0}`;
  }

  headers(more = {}) {
    return Object.entries({traceparent: this.traceparent, ...more})
        .map(([key, value]) => ({key, value: Buffer.from(value)}));
  }
}

// Sends messages in a session of their own; resolves with their results, once the stream is over.
async function exchange(address, messages, open = {}) {
  const stub = connect(address);
  const stream = stub.Process();
  const results = [];
  const ended = new Promise((resolve, reject) => {
    stream.on('data', response => {
      results.push(...response.results);
      if (results.length < messages.length || response.results.length === 0) return;
      stream.write({receivedThrough: messages.length});
      stream.end();
    });
    stream.on('error', reject);
    stream.on('end', resolve);
  });
  stream.write({
    open,
    messages: messages.map(({payload = 'hi', headers = []}, i) =>
        ({sequence: i + 1, payload: Buffer.from(payload), headers})),
  });
  await within(ended, 'the messages are answered');
  stub.close();
  return results;
}

async function processor(t, collector, flags = []) {
  const server = await Processor.start({
    flags: ['--server_id=p1', `--otlp_endpoint=${collector.address}`, ...flags],
  });
  t.after(() => server.kill());
  return server;
}

async function start(t, {answer, flags} = {}) {
  const collector = await Collector.start({answer});
  t.after(() => collector.stop());
  return {collector, server: await processor(t, collector, flags)};
}

function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'msgproc-traces-'));
  t.after(() => fs.rmSync(made, {recursive: true}));
  return made;
}

// That the spans are those of one message, and a tree under the client's span. By name.
function checkTree(spans, trace, parts) {
  const byName = new Map(spans.map(span => [span.name, span]));
  const process = spans.find(span => span.name.startsWith('process '));
  assert.deepEqual(spans.map(span => span.name).sort(), [process.name, ...parts].sort());
  assert.equal(new Set(spans.map(span => span.id)).size, spans.length);
  assert.equal(process.parent, trace.span);
  assert.equal(process.kind, SERVER);
  let at = process.begin;
  for (const name of parts) {
    const part = byName.get(name);
    assert.equal(part.parent, process.id, name);
    assert.equal(part.kind, INTERNAL, name);
    assert.equal(part.begin, at, `${name} begins where the part before it ends`);
    assert.ok(part.end >= part.begin, name);
    at = part.end;
  }
  assert.equal(at, process.end);
  return {process, handler: byName.get('handler')};
}

function isAlive(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('msgproc-w');
  } catch {
    return false;
  }
}

test('from the client through processor, worker and commit a message is one tree', async t => {
  const {collector, server} = await start(t, {
    flags: [
      '--workers=2',
      `--session_store=sqlite:${folder(t)}/sessions.db`,
      '--otlp_service_name=shop',
    ],
  });
  const trace = new Trace();
  const before = BigInt(Date.now()) * 1_000_000n;
  await exchange(
      server.grpc, [{headers: trace.headers({tracestate: 'shop=t7'})}, {}],
      {sessionId: 'till-7', sessionToken: Buffer.alloc(16, 7), handler: 'echo'});
  const after = BigInt(Date.now() + 1) * 1_000_000n;
  await eventually(() => collector.of(trace.id).length === 5, 'five spans');
  const {process, handler} = checkTree(collector.of(trace.id), trace, PARTS);
  assert.equal(process.name, 'process echo');
  assert.deepEqual(process.attributes, {
    'msgproc.session': 'till-7',
    'msgproc.sequence': 1,
    'msgproc.handler': 'echo',
  });
  assert.equal(process.state, 'shop=t7');
  assert.equal(process.resource['service.name'], 'shop');
  assert.equal(process.resource['service.instance.id'], 'p1');
  assert.ok(process.begin >= before && process.end <= after, 'by the wall clock');
  assert.equal(handler.attributes['msgproc.attempt'], 1);
  const pid = handler.attributes['process.pid'];
  assert.notEqual(pid, server.child.pid);
  assert.ok(isAlive(pid), `${pid} is a worker`);
  assert.equal(collector.spans.length, 5, 'the other message has no trace');
});

test('without workers and store there is no worker and no commit in it', async t => {
  const {collector, server} = await start(t);
  const trace = new Trace();
  await exchange(server.grpc, [{headers: trace.headers()}]);
  await eventually(() => collector.of(trace.id).length === 4, 'four spans');
  const {handler} = checkTree(collector.of(trace.id), trace, ['queue', 'handler', 'write']);
  assert.deepEqual(handler.attributes, {'msgproc.attempt': 1});
});

test('a message that fails says so in its spans', async t => {
  const {collector, server} = await start(t, {flags: ['--spin_handler']});
  const trace = new Trace();
  const [result] = await exchange(
      server.grpc, [{headers: trace.headers({'spin-us': 'nonsense'})}],
      {sessionId: 'till-7', sessionToken: Buffer.alloc(16, 7), handler: 'spin'});
  assert.ok(result.error.code > 0);
  await eventually(() => collector.of(trace.id).length === 4, 'four spans');
  const {process, handler} = checkTree(collector.of(trace.id), trace, ['queue', 'handler', 'write']);
  for (const span of [process, handler]) {
    assert.equal(span.status, ERROR);
    assert.equal(span.error, result.error.message);
  }
  assert.equal(process.attributes['rpc.grpc.status_code'], result.error.code);
});

test('the result says under which span, where that is asked for', async t => {
  const {collector, server} = await start(t, {flags: ['--workers=1']});
  const [asked, silent, unsampled] = [new Trace(), new Trace(), new Trace({sampled: false})];
  const results = await exchange(server.grpc, [
    {headers: asked.headers({traceresponse: ''})},
    {headers: silent.headers()},
    {headers: unsampled.headers({traceresponse: ''})},
  ], {sessionId: 'till-7', sessionToken: Buffer.alloc(16, 7), handler: 'sha256'});
  await eventually(() => collector.spans.length === 8, 'eight spans');
  const {process} =
      checkTree(collector.of(asked.id), asked, ['queue', 'handler', 'write']);
  assert.deepEqual(
      results.map(({headers}) => headers.map(({key, value}) => `${key}: ${value}`)),
      [[`traceresponse: 00-${asked.id}-${process.id}-01`], [], []]);
});

test('a message that is not sampled, or whose traceparent is malformed, makes no spans', async t => {
  const {collector, server} = await start(t);
  await exchange(server.grpc, [
    {headers: new Trace({sampled: false}).headers()},
    {headers: [{key: 'traceparent', value: Buffer.from('00-nonsense')}]},
    {},
  ]);
  const last = new Trace();
  await exchange(server.grpc, [{headers: last.headers()}]);
  await eventually(() => collector.of(last.id).length === 4, 'four spans');
  assert.equal(collector.spans.length, 4);
  assert.equal(await server.metric('msgproc_trace_spans_recorded_total'), 4);
});

// So many traced messages in one session.
const traced = count => Array.from({length: count}, () => ({headers: new Trace().headers()}));

test('a collector that is down is in nobody\'s way, and what is dropped is counted', async t => {
  const collector = await Collector.start();
  collector.stop();
  const server = await processor(t, collector);
  for (let i = 0; i < 40; ++i) {
    assert.equal((await exchange(server.grpc, traced(60))).length, 60);
  }
  const recorded = await server.metric('msgproc_trace_spans_recorded_total');
  assert.equal(recorded, 40 * 60 * 4);
  assert.equal(
      await server.metric('msgproc_trace_spans_dropped_total') +
          await server.metric('msgproc_trace_spans_queued'),
      recorded);
  assert.ok(await server.metric('msgproc_trace_spans_dropped_total', 'reason="queue"') > 0);
  await eventually(
      async () => await server.metric('msgproc_trace_batches_total', 'outcome="retried"') > 0,
      'it is tried again');
  assert.equal(await server.stop(), 0);
});

test('spans wait for a collector that comes back', async t => {
  const collector = await Collector.start();
  const {address} = collector;
  collector.stop();
  const server = await processor(t, collector);
  const trace = new Trace();
  await exchange(server.grpc, [{headers: trace.headers()}]);
  await eventually(
      async () => await server.metric('msgproc_trace_batches_total', 'outcome="retried"') > 0,
      'it was tried');
  const back = await Collector.start({address});
  t.after(() => back.stop());
  await eventually(() => back.of(trace.id).length === 4, 'four spans');
});

test('a collector that does not answer is in nobody\'s way, nor in that of a stop', async t => {
  const {collector, server} = await start(t, {answer: () => new Promise(() => {})});
  for (let i = 0; i < 40; ++i) {
    assert.equal((await exchange(server.grpc, traced(60))).length, 60);
  }
  await eventually(() => collector.calls > 0, 'the collector was asked');
  assert.ok(await server.metric('msgproc_trace_spans_dropped_total', 'reason="queue"') > 0);
  assert.equal(await server.stop(), 0);
});

test('what a collector refuses is dropped and counted', async t => {
  const {server} = await start(t, {answer: () => ({code: grpc.status.INVALID_ARGUMENT})});
  await exchange(server.grpc, traced(1));
  await eventually(
      async () => await server.metric('msgproc_trace_spans_dropped_total', 'reason="refused"') === 4,
      'the refusal is counted');
});

test('spans that wait leave before the server does', async t => {
  const {collector, server} = await start(t);
  const trace = new Trace();
  await exchange(server.grpc, [{headers: trace.headers()}]);
  assert.equal(await server.stop(), 0);
  assert.equal(collector.of(trace.id).length, 4);
});
