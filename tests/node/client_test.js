'use strict';

const assert = require('node:assert/strict');
const {test} = require('node:test');
const {promisify} = require('node:util');
const grpc = require('@grpc/grpc-js');
const {Processor, Wire, connect, eventually, within} = require('./processor.js');
const {Session} = require('./session.js');

async function startProcessor(t, options) {
  const processor = await Processor.start(options);
  t.after(() => processor.kill());
  return processor;
}

function stubFor(t, address) {
  const stub = connect(address);
  t.after(() => stub.close());
  return stub;
}

function payloads(from, through) {
  const result = [];
  for (let i = from; i <= through; ++i) result.push(Buffer.from(`message ${i}`));
  return result;
}

function assertEchoed(session, count) {
  assert.equal(session.results.length, count);
  session.results.forEach((result, i) => {
    assert.equal(result.sequence, i + 1);
    assert.equal(result.payload.toString(), `message ${i + 1}`);
    assert.equal(result.error, null);
  });
}

const received = (session, through) =>
    eventually(() => session.receivedThrough >= through, `results through ${through}`);

// Collects a raw stream's responses; resolves with {responses, status} at its end.
function collect(stream) {
  const responses = [];
  stream.on('data', response => responses.push(response));
  stream.on('error', () => {});
  return within(new Promise(resolve => stream.on('status', status => resolve({responses, status}))),
                'the stream ends');
}

test('without Open, messages come back in order of arrival under their own sequences', async t => {
  const processor = await startProcessor(t);
  const stream = stubFor(t, processor.grpc).Process();
  const ended = collect(stream);
  stream.write({messages: [7, 7, 3].map(sequence => ({sequence, payload: Buffer.from('hi')}))});
  stream.end();
  const {responses, status} = await ended;
  assert.equal(status.code, grpc.status.OK);
  const results = responses.flatMap(response => response.results);
  assert.deepEqual(results.map(result => result.sequence), [7, 7, 3]);
  for (const result of results) assert.equal(result.payload.toString(), 'hi');
});

test('initial metadata comes before any message is sent', async t => {
  const processor = await startProcessor(t);
  const stream = stubFor(t, processor.grpc).Process();
  const ended = collect(stream);
  await within(new Promise(resolve => stream.on('metadata', resolve)), 'initial metadata');
  stream.end();
  assert.equal((await ended).status.code, grpc.status.OK);
});

test('an opened session answers each message once, in order, and half-closes OK', async t => {
  const processor = await startProcessor(t);
  const session = new Session();
  const welcome = await within(session.connect(stubFor(t, processor.grpc)), 'Welcome');
  assert.equal(welcome.state, 'STATE_NEW');
  assert.equal(welcome.sessionId, session.open.sessionId);
  assert.deepEqual(welcome.sessionToken, session.open.sessionToken);
  assert.notEqual(welcome.serverId, '');
  assert.ok(welcome.maxBatchMessages >= 64);
  assert.ok(Number(welcome.heartbeatInterval.seconds) > 0 || welcome.heartbeatInterval.nanos > 0);
  session.send(payloads(1, 1000));
  await received(session, 1000);
  assert.equal((await within(session.close(), 'OK')).code, grpc.status.OK);
  assertEchoed(session, 1000);
});

test('an empty request is answered', async t => {
  const processor = await startProcessor(t);
  const session = new Session();
  await within(session.connect(stubFor(t, processor.grpc)), 'Welcome');
  const answer = new Promise(resolve => session.stream.once('data', resolve));
  session.stream.write({});
  const response = await within(answer, 'the answer to a heartbeat');
  assert.deepEqual([response.welcome, response.results, response.drain], [null, [], null]);
});

test('an idle session outlives three heartbeats', async t => {
  const processor = await startProcessor(t, {flags: ['--heartbeat_interval=200ms']});
  const session = new Session();
  await within(session.connect(stubFor(t, processor.grpc)), 'Welcome');
  let ended = false;
  session.status.then(() => { ended = true; });
  // Written every half heartbeat: five heartbeats of nothing else.
  let answers = 0;
  session.stream.on('data', () => ++answers);
  await eventually(() => ended || answers >= 10, 'ten answers to heartbeats');
  assert.equal(ended, false);
  session.send(payloads(1, 1));
  await received(session, 1);
  assert.equal((await within(session.close(), 'OK')).code, grpc.status.OK);
});

test('a server that falls silent is given up', async t => {
  const processor = await startProcessor(t, {flags: ['--heartbeat_interval=100ms']});
  const wire = await Wire.to(processor.grpc);
  t.after(() => wire.close());
  const session = new Session();
  await within(session.connect(stubFor(t, wire.address)), 'Welcome');
  wire.deaf = true;
  assert.equal((await within(session.status, 'the end')).code, grpc.status.CANCELLED);
});

for (const [what, flag, bytes, count] of [
  ['messages', '--max_outstanding_messages=64', 10, 500],
  ['bytes', '--max_outstanding_bytes=65536', 1000, 500],
  ['bytes less than one message has', '--max_outstanding_bytes=65536', 100_000, 20],
]) {
  test(`what does not fit the window of ${what} waits for its turn`, async t => {
    const processor = await startProcessor(t, {flags: [flag]});
    const session = new Session();
    await within(session.connect(stubFor(t, processor.grpc)), 'Welcome');
    session.send(Array.from({length: count}, (_, i) => Buffer.alloc(bytes, i)));
    await received(session, count);
    assert.equal((await within(session.close(), 'OK')).code, grpc.status.OK);
    session.results.forEach((result, i) => assert.deepEqual(result.payload, Buffer.alloc(bytes, i)));
  });
}

test('cut connections cost nothing: each message is processed and answered once', async t => {
  const processor = await startProcessor(t);
  const wire = await Wire.to(processor.grpc);
  t.after(() => wire.close());
  const session = new Session();
  const rounds = 5, each = 1000;
  for (let round = 0; round < rounds; ++round) {
    const welcome = await within(session.connect(stubFor(t, wire.address)), 'Welcome');
    assert.equal(welcome.state, round === 0 ? 'STATE_NEW' : 'STATE_RESUMED');
    session.send(payloads(round * each + 1, (round + 1) * each));
    // Cut in the middle: some results are here, some messages are not there.
    await received(session, round * each + 1);
    wire.cut();
    const status = await within(session.status, 'the stream breaks');
    assert.equal(status.code, grpc.status.UNAVAILABLE);
  }
  await within(session.connect(stubFor(t, wire.address)), 'Welcome');
  await received(session, rounds * each);
  assert.equal((await within(session.close(), 'OK')).code, grpc.status.OK);
  assertEchoed(session, rounds * each);
  assert.equal(
      await processor.metric('msgproc_processor_messages_total', 'outcome="ok"'), rounds * each);
});

test('a lost Welcome does not lock the client out, nor process its messages twice', async t => {
  const processor = await startProcessor(t);
  const wire = await Wire.to(processor.grpc);
  t.after(() => wire.close());
  const session = new Session();
  const first = {
    open: session.open,
    messages: payloads(1, 3).map((payload, i) => ({sequence: i + 1, payload})),
  };
  const stub = stubFor(t, wire.address);
  await promisify(stub.waitForReady).call(stub, Date.now() + 20_000);
  wire.deaf = true;
  const lost = stub.Process();
  lost.on('error', () => {});
  lost.write(first);
  await eventually(
      async () => await processor.metric('msgproc_processor_messages_total', 'outcome="ok"') === 3,
      'the server accepts the first request');
  wire.cut();
  wire.deaf = false;

  const stream = stubFor(t, wire.address).Process();
  const ended = collect(stream);
  stream.write(first);
  stream.write({receivedThrough: 0});
  stream.end();
  const {responses, status} = await ended;
  assert.equal(status.code, grpc.status.OK);
  assert.equal(responses[0].welcome.state, 'STATE_RESUMED');
  assert.equal(responses[0].welcome.acceptedThrough, 3);
  const results = responses.flatMap(response => response.results);
  assert.deepEqual(results.map(result => result.sequence), [1, 2, 3]);
  assert.equal(await processor.metric('msgproc_processor_messages_total', 'outcome="ok"'), 3);
});

test('a stopping server sends Drain, finishes, exits 0; the session goes on elsewhere', async t => {
  const first = await startProcessor(t);
  const session = new Session();
  await within(session.connect(stubFor(t, first.grpc)), 'Welcome');
  session.send(payloads(1, 500));
  await received(session, 1);
  const exited = first.stop();
  const drain = await eventually(() => session.drain, 'Drain');
  assert.equal(drain.reason, 'REASON_SHUTDOWN');
  await received(session, 500);
  assert.equal((await within(session.close(), 'OK')).code, grpc.status.OK);
  assert.equal(await exited, 0);

  const second = await startProcessor(t);
  const welcome = await within(session.connect(stubFor(t, second.grpc)), 'Welcome');
  assert.equal(welcome.state, 'STATE_LOST');
  session.send(payloads(501, 1000));
  await received(session, 1000);
  await within(session.close(), 'OK');
  assertEchoed(session, 1000);
});

test('a message that fails has an Error in its own Result, and its neighbours are well', async t => {
  const processor = await startProcessor(t, {flags: ['--spin_handler', '--handler=spin']});
  const stream = stubFor(t, processor.grpc).Process();
  const ended = collect(stream);
  const wrong = [{key: 'spin-us', value: Buffer.from('soon')}];
  const messages = [{sequence: 1}, {sequence: 2, headers: wrong}, {sequence: 3}];
  stream.write({messages});
  stream.end();
  const {responses, status} = await ended;
  assert.equal(status.code, grpc.status.OK);
  const results = responses.flatMap(response => response.results);
  assert.deepEqual(results.map(result => [result.sequence, result.error?.code]),
                   [[1, undefined], [2, grpc.status.INVALID_ARGUMENT], [3, undefined]]);
  assert.match(results[1].error.message, /spin-us is 'soon'/);
});

test('a newer Open with the right token takes the session over', async t => {
  const processor = await startProcessor(t);
  const older = new Session();
  await within(older.connect(stubFor(t, processor.grpc)), 'Welcome');
  const newer = new Session(
      {sessionId: older.open.sessionId, token: older.open.sessionToken});
  const welcome = await within(newer.connect(stubFor(t, processor.grpc)), 'Welcome');
  assert.equal(welcome.state, 'STATE_RESUMED');
  assert.equal((await within(older.status, 'the older stream ends')).code, grpc.status.ABORTED);
});

test('refusals carry the status of the contract and say what was wrong', async t => {
  const processor = await startProcessor(t);
  const session = new Session();
  await within(session.connect(stubFor(t, processor.grpc)), 'Welcome');
  const open = {sessionId: 'refused', sessionToken: Buffer.alloc(16, 1)};
  const cases = [
    ['a wrong token', grpc.status.PERMISSION_DENIED,
     [{open: {...session.open, sessionToken: Buffer.alloc(16)}}]],
    ['an unknown handler', grpc.status.NOT_FOUND, [{open: {...open, handler: 'nobody'}}]],
    ['a gap in the sequences', grpc.status.INVALID_ARGUMENT,
     [{open, messages: [{sequence: 1}, {sequence: 3}]}]],
    ['an Open that comes late', grpc.status.INVALID_ARGUMENT,
     [{messages: [{sequence: 1}]}, {open}]],
    ['a token that is too short', grpc.status.INVALID_ARGUMENT,
     [{open: {...open, sessionToken: Buffer.alloc(15)}}]],
  ];
  for (const [name, code, requests] of cases) {
    await t.test(name, async t => {
      const stream = stubFor(t, processor.grpc).Process();
      const ended = collect(stream);
      for (const request of requests) stream.write(request);
      const {status} = await ended;
      assert.equal(grpc.status[status.code], grpc.status[code], status.details);
      assert.notEqual(status.details, '');
    });
  }
  // Nobody else is hurt.
  session.send(payloads(1, 1));
  await received(session, 1);
});
