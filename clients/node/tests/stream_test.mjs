import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {execFileSync} from 'node:child_process';
import {test} from 'node:test';
import {Code, connect, MessageError, StreamError} from 'msgproc';
import {eventually, fail, open, readEchoes, sendAll, startBalancer, startProcessor, startScripted,
        startScriptedBalancer, startWire, temporaryFolder, WELCOME, within} from './servers.mjs';

const rejects = (promise, code, text = /./) => assert.rejects(
    within(promise, 'it is refused'), error => error instanceof StreamError &&
        error.code === code && text.test(error.message) && error.advice !== '');

test('results come in order, one for each message, and close ends the iteration', async t => {
  const processor = await startProcessor(t);
  const stream = open(t, {target: processor.grpc});
  const echoes = readEchoes(stream, 1, 5000);
  await sendAll(stream, 1, 5000);
  await echoes;
  await within(stream.close(), 'the end');
  assert.deepEqual(await stream[Symbol.asyncIterator]().next(), {value: undefined, done: true});
  assert.deepEqual(stream.events.map(([name]) => name), ['welcome']);
  assert.equal(stream.heard('welcome')[0].state, 'STATE_NEW');
  assert.equal(await processor.metric('msgproc_processor_messages_total', 'outcome="ok"'), 5000);
});

test('headers arrive as they were sent, and come back', async t => {
  const processor = await startProcessor(t);
  const stream = open(t, {target: processor.grpc});
  const headers = [{key: 'a', value: 'x'}, {key: 'ä', value: Buffer.from([0, 255])}, {key: 'a', value: ''}];
  const [listed, named] = await within(Promise.all(
      [stream.request('m', {headers}), stream.request('m', {headers: {b: 'y'}})]), 'results');
  assert.deepEqual(listed.headers.map(({key, value}) => [key, [...value]]),
                   [['a', [120]], ['ä', [0, 255]], ['a', []]]);
  assert.deepEqual(named.headers.map(({key, value}) => [key, String(value)]), [['b', 'y']]);
});

test('requests get their own results, beside those that are iterated over', async t => {
  const processor = await startProcessor(t, {flags: ['--spin_handler', '--handler=spin']});
  const stream = open(t, {target: processor.grpc});
  await stream.send('m1');
  const requests = ['m2', 'm3'].map(payload => stream.request(payload));
  const wrong = stream.request('m4', {headers: {'spin-us': 'soon'}});
  await stream.send('m5');
  await assert.rejects(wrong, error => error instanceof MessageError &&
      error.code === Code.INVALID_ARGUMENT && error.sequence === 4 && /spin-us/.test(error.message));
  assert.deepEqual((await Promise.all(requests)).map(({sequence}) => sequence), [2, 3]);
  await within(stream.close(), 'the end');
  const rest = [];
  for await (const {sequence} of stream) rest.push(sequence);
  assert.deepEqual(rest, [1, 5]);
});

test('what is sent in one turn of the event loop is one frame', async t => {
  const frames = [];
  const target = await startScripted(t, call => call.on('data', request => {
    if (request.open) call.write({welcome: WELCOME});
    frames.push(request.messages.map(({sequence}) => sequence));
  }));
  const stream = open(t, {target});
  for (let i = 0; i < 3; ++i) stream.send('');
  await eventually(() => stream.heard('welcome').length, 'Welcome');
  for (let i = 0; i < 100; ++i) await stream.send('');
  await eventually(() => frames.length >= 2, 'two frames');
  assert.deepEqual(frames, [[1, 2, 3], Array.from({length: 100}, (_, i) => 4 + i)]);
});

test('send waits while the window is full, also of results that nobody has read', async t => {
  let session;
  const target = await startScripted(t, call => {
    session = call;
    call.on('data', request => {
      if (request.open) call.write({welcome: {...WELCOME, maxOutstandingMessages: 2}});
    });
    call.on('end', () => call.end());
  });
  const stream = open(t, {target});
  await eventually(() => stream.heard('welcome').length, 'Welcome');
  const taken = [];
  const sends = [1, 2, 3].map(async payload => taken.push(await stream.send(String(payload))));
  await eventually(() => taken.length === 2, 'two messages are taken');
  session.write({results: [{sequence: 1}]});
  await eventually(() => stream.unanswered().length === 1, 'a result');
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  assert.deepEqual(taken, [1, 2]);
  await stream[Symbol.asyncIterator]().next();
  await within(Promise.all(sends), 'a third');
  assert.deepEqual(taken, [1, 2, 3]);
  session.write({results: [{sequence: 2}, {sequence: 3}]});
  await within(stream.close(), 'the end');
});

test('a message that may not be sent is refused, and its stream lives on', async t => {
  const processor = await startProcessor(t);
  const stream = open(t, {target: processor.grpc});
  await stream.request('first');
  const many = Array.from({length: 129}, () => ({key: 'k', value: ''}));
  await rejects(stream.send(Buffer.alloc((1 << 20) + 1)), Code.INVALID_ARGUMENT, /max_payload_bytes/);
  await rejects(stream.send('', {headers: many}), Code.INVALID_ARGUMENT, /129 headers/);
  await rejects(stream.send('', {headers: {k: Buffer.alloc(65536)}}), Code.INVALID_ARGUMENT, /65537 bytes/);
  await rejects(stream.send('', {headers: {'\ud800': ''}}), Code.INVALID_ARGUMENT, /UTF-8/);
  assert.equal((await stream.request('last')).sequence, 2);
  await stream.close();
  await rejects(stream.send('late'), Code.FAILED_PRECONDITION, /after close/);
});

test('a payload as large as the server takes travels, also before Welcome', async t => {
  const processor = await startProcessor(t);
  const stream = open(t, {target: processor.grpc});
  const payload = crypto.randomBytes(1 << 20);
  const results = await within(
      Promise.all([1, 2, 3].map(() => stream.request(payload))), 'three large results');
  for (const result of results) assert.ok(payload.equals(result.payload));
});

test('options that make no sense are refused', () => {
  const target = '127.0.0.1:1';
  for (const [options, text] of [
    [{}, /either target or balancers/], [{target, balancers: [target]}, /either/],
    [{balancers: []}, /empty/], [{target, sessionToken: Buffer.alloc(15)}, /15 bytes/],
    [{target, sessionToken: Buffer.alloc(65)}, /65 bytes/], [{target, sessionId: ''}, /sessionId/],
    [{target, sessionId: 'x'.repeat(129)}, /sessionId/],
  ]) {
    assert.throws(() => connect(options), error => error.code === Code.INVALID_ARGUMENT && text.test(error.message));
  }
});

test('without a server the stream ends UNAVAILABLE after giveUpAfterMs', async t => {
  const stream = open(t, {target: '127.0.0.1:1', giveUpAfterMs: 100});
  const sent = stream.request('m');
  await rejects(stream.close(), Code.UNAVAILABLE, /within 100 ms/);
  await rejects(sent, Code.UNAVAILABLE);
  assert.equal(stream.unanswered().length, 1);
});

test('a server that answers nothing is left after connectTimeoutMs', async t => {
  let streams = 0;
  const target = await startScripted(t, (call, index) => {
    streams = index + 1;
    if (index > 0) call.on('data', request => request.open && call.write({welcome: WELCOME}));
    else call.on('data', () => {});
  });
  const stream = open(t, {target, connectTimeoutMs: 100});
  await eventually(() => stream.heard('welcome').length, 'Welcome');
  assert.equal(streams, 2);
});

test('an unknown handler ends the stream NOT_FOUND', async t => {
  const processor = await startProcessor(t);
  const stream = open(t, {target: processor.grpc, handler: 'nobody'});
  const error = await within(stream.request('m').catch(e => e), 'the end');
  assert.equal(error.code, Code.NOT_FOUND);
  assert.match(error.advice, /handler/);
  await rejects(stream.send('m'), Code.NOT_FOUND);
  await rejects(stream[Symbol.asyncIterator]().next(), Code.NOT_FOUND);
});

test('an AbortSignal ends the stream, and with it whatever waits', async t => {
  const target = await startScripted(t, call => call.on('data', request => {
    if (request.open) call.write({welcome: {...WELCOME, maxOutstandingMessages: 1}});
  }));
  const abort = new AbortController();
  const stream = open(t, {target, signal: abort.signal});
  await eventually(() => stream.heard('welcome').length, 'Welcome');
  const waiting = [stream.request('m'), stream.send('m'), stream[Symbol.asyncIterator]().next(), stream.close()];
  abort.abort(new Error('enough'));
  for (const promise of waiting) await rejects(promise, Code.CANCELLED, /enough/);
  assert.equal((await stream.send('m').catch(e => e)).cause.message, 'enough');

  const never = open(t, {target, signal: AbortSignal.abort()});
  await rejects(never.send('m'), Code.CANCELLED);
});

test('an AbortSignal ends a stream that has stopped reading', async t => {
  const target = await startScripted(t, call => call.on('data', request => {
    if (request.open) call.write({welcome: WELCOME});
    if (request.messages.length === 0) return;
    call.write({results: [{sequence: 1, payload: Buffer.alloc(100)}]});
    for (let i = 0; i < 5; ++i) call.write({});
  }));
  const abort = new AbortController();
  const stream = open(t, {target, signal: abort.signal, maxOutstandingBytes: 10});
  await stream.send('m');
  await eventually(() => stream.unanswered().length === 0, 'the result');
  await new Promise(setImmediate);
  abort.abort(new Error('enough'));
  await rejects(stream.close(), Code.CANCELLED, /enough/);
});

test('a session that another client takes over ends ABORTED', async t => {
  const processor = await startProcessor(t);
  const session = {target: processor.grpc, sessionId: 'till-7', sessionToken: crypto.randomBytes(16)};
  const older = open(t, session);
  await eventually(() => older.heard('welcome').length, 'Welcome');
  const newer = open(t, session);
  await eventually(() => newer.heard('welcome').length, 'Welcome');
  assert.equal(newer.heard('welcome')[0].state, 'STATE_RESUMED');
  await rejects(older.close(), Code.ABORTED, /another client/);
  assert.equal(older.heard('disconnect').length, 0);
  assert.equal(String((await within(newer.request('m'), 'a result')).payload), 'm');
});

test('a wrong token is PERMISSION_DENIED', async t => {
  const processor = await startProcessor(t);
  const first = open(t, {target: processor.grpc, sessionId: 'till-7'});
  await first.request('m');
  const second = open(t, {target: processor.grpc, sessionId: 'till-7'});
  await rejects(second.request('m'), Code.PERMISSION_DENIED);
});

for (const [what, results] of [
  ['is idle', undefined], ['waits for a result', []], ['has results that nobody reads', [{sequence: 1}]],
]) {
  test(`a stream that ${what} is heard from, and hears of the server`, async t => {
    let heartbeats = 0;
    const target = await startScripted(t, call => call.on('data', request => {
      if (request.open) {
        call.write({welcome: {...WELCOME, heartbeatInterval: {nanos: 100_000_000}}});
      } else if (request.messages.length === 0) {
        ++heartbeats;
        call.write({});
      } else {
        call.write({results});
      }
    }));
    const stream = open(t, {target});
    await eventually(() => stream.heard('welcome').length, 'Welcome');
    if (results) await stream.send('m');
    await eventually(() => heartbeats >= 8, 'heartbeats');
    assert.deepEqual(stream.heard('disconnect'), []);
  });
}

test('a program that is busy for long does not take its own silence for the server\'s', async t => {
  let heartbeats = 0;
  const target = await startScripted(t, call => call.on('data', request => {
    if (!request.open) ++heartbeats;
    call.write(request.open ? {welcome: {...WELCOME, heartbeatInterval: {nanos: 200_000_000}}} : {});
  }));
  const stream = open(t, {target});
  await eventually(() => heartbeats >= 1, 'a heartbeat');
  for (const until = performance.now() + 1000; performance.now() < until;);
  const before = heartbeats;
  await eventually(() => heartbeats > before + 3, 'heartbeats');
  assert.deepEqual(stream.heard('disconnect'), []);
});

test('a server that falls silent is left, and nothing is lost', async t => {
  const processor = await startProcessor(t, {flags: ['--heartbeat_interval=100ms']});
  const wire = await startWire(t, processor.grpc);
  const stream = open(t, {target: wire.address});
  await sendAll(stream, 1, 10);
  await readEchoes(stream, 1, 10);
  wire.deaf = true;
  await sendAll(stream, 11, 20);
  await eventually(
      () => stream.heard('disconnect').some(({error}) => /nothing was heard/.test(error.message)),
      'the server is left');
  wire.deaf = false;
  await readEchoes(stream, 11, 20);
  assert.equal(stream.heard('welcome').at(-1).state, 'STATE_RESUMED');
  assert.equal(await processor.metric('msgproc_processor_messages_total', 'outcome="ok"'), 20);
});

test('a server that has forgotten the session is sent everything again that has no result', async t => {
  const opens = [];
  const target = await startScripted(t, (call, index) => call.on('data', request => {
    if (request.open) {
      opens.push(request);
      call.write({welcome: {...WELCOME, state: index === 0 ? 'STATE_NEW' : 'STATE_LOST'}});
    }
    const results = request.messages.map(({sequence, payload}) => ({sequence, payload}))
        .filter(({sequence}) => index > 0 || sequence <= 2);
    if (results.length > 0) call.write({results});
    if (index === 0 && request.messages.at(-1)?.sequence === 5) fail(call, 14);
  }));
  const stream = open(t, {target});
  await eventually(() => stream.heard('welcome').length, 'Welcome');
  await sendAll(stream, 1, 5);
  await readEchoes(stream, 1, 5);
  assert.deepEqual(stream.heard('lost'), [{serverId: 'scripted', unanswered: 3}]);
  assert.equal(opens[1].receivedThrough, 2);
  assert.deepEqual(opens.map(({open}) => [open.attempt, open.resumes]), [[1, false], [2, true]]);
  assert.equal(opens[0].open.instance, opens[1].open.instance);
  assert.ok(opens[0].open.sessionToken.equals(opens[1].open.sessionToken));
  assert.equal(opens[0].open.sessionToken.length, 32);
});

test('the first request is sent again as it was when its Welcome never came', async t => {
  const requests = [];
  const target = await startScripted(t, (call, index) => call.on('data', request => {
    requests.push(request);
    if (index === 0) return fail(call, 14);
    if (request.open) call.write({welcome: {...WELCOME, acceptedThrough: 3}});
    call.write({results: request.messages.map(({sequence, payload}) => ({sequence, payload}))});
  }));
  const stream = open(t, {target});
  for (let i = 1; i <= 3; ++i) stream.send(`m${i}`);
  await eventually(() => requests.length === 1, 'the first request');
  stream.send('m4');
  await readEchoes(stream, 1, 4);
  const [first, second] = requests;
  assert.equal(first.messages.length, 3);
  assert.deepEqual(second, {...first, open: {...first.open, attempt: 2}});
});

for (const [what, response] of [
  ['a result twice', {results: [{sequence: 1}, {sequence: 1}]}],
  ['a result of nothing', {results: [{sequence: 2}]}],
  ['a second Welcome', {welcome: WELCOME}],
]) {
  test(`a server that sends ${what} is left`, async t => {
    const target = await startScripted(t, (call, index) => call.on('data', request => {
      if (request.open) {
        call.write({welcome: {...WELCOME, state: index === 0 ? 'STATE_NEW' : 'STATE_LOST'}});
      }
      if (request.messages.length === 0) return;
      if (index === 0) call.write(response);
      else call.write({results: request.messages.map(({sequence, payload}) => ({sequence, payload}))});
    }));
    const stream = open(t, {target});
    await stream.send('m1');
    await eventually(() => stream.heard('disconnect').length, 'the server is left');
    assert.equal(stream.heard('disconnect')[0].error.code, Code.INTERNAL);
    await sendAll(stream, 2, 2);
    const sequences = [];
    for await (const {sequence} of stream) if (sequences.push(sequence) === 2) break;
    assert.deepEqual(sequences, [1, 2]);
  });
}

test('unread results stop the server, not the stream', async t => {
  const processor = await startProcessor(t, {flags: ['--max_outstanding_messages=100']});
  const stream = open(t, {target: processor.grpc});
  const sending = sendAll(stream, 1, 1000);
  const processed = () => processor.metric('msgproc_processor_messages_total', 'outcome="ok"');
  await eventually(async () => await processed() === 100, 'the window is full');
  await new Promise(resolve => setTimeout(resolve, 500));
  assert.equal(await processed(), 100);
  await readEchoes(stream, 1, 1000);
  await sending;
  assert.deepEqual(stream.heard('disconnect'), []);
});

test('many unread bytes stop the reading, and it goes on after a break', async t => {
  const processor = await startProcessor(t, {flags: ['--heartbeat_interval=100ms']});
  const wire = await startWire(t, processor.grpc);
  const payload = sequence => String(sequence).padEnd(200_000, '.');
  const stream = open(t, {target: wire.address, maxOutstandingBytes: 1_000_000});
  const sending = sendAll(stream, 1, 40, payload);
  await new Promise(resolve => setTimeout(resolve, 600));
  wire.cut();
  await readEchoes(stream, 1, 40, payload);
  await sending;
  await within(stream.close(), 'the end');
});

test('a stopping server is left in order, for one that the balancer names', async t => {
  const balancer = await startBalancer(t);
  const flags = [`--balancer=${balancer.grpc}`];
  const first = await startProcessor(t, {flags: [...flags, '--server_id=first']});
  const stream = open(t, {balancers: ['127.0.0.1:1', balancer.grpc]});
  await sendAll(stream, 1, 100);
  await readEchoes(stream, 1, 100);
  assert.equal(stream.heard('welcome')[0].serverId, 'first');
  await startProcessor(t, {flags: [...flags, '--server_id=second']});
  await eventually(async () => await balancer.metric('msgproc_balancer_servers') >= 2, 'two servers');
  const sending = sendAll(stream, 101, 2000);
  assert.equal(await first.stop(), 0);
  await sending;
  await readEchoes(stream, 101, 2000);
  await eventually(() => stream.heard('welcome').length === 2, 'the second server');
  await sendAll(stream, 2001, 2100);
  await readEchoes(stream, 2001, 2100);
  assert.equal(stream.heard('moved')[0].reason, 'REASON_SHUTDOWN');
  assert.equal(stream.heard('moved')[0].serverId, 'first');
  assert.deepEqual(stream.heard('welcome').map(({serverId}) => serverId), ['first', 'second']);
  assert.deepEqual(stream.heard('disconnect'), []);
});

for (const follows of [true, false]) {
  test(`a Drain with an address is ${follows ? '' : 'not '}followed by who came ${
      follows ? 'through a balancer' : 'to a target'}`, async t => {
    const opens = [];
    const server = name => startScripted(t, call => {
      call.on('data', request => {
        if (!request.open) return;
        opens.push({name, ...request});
        call.write({welcome: {...WELCOME, state: opens.length > 1 ? 'STATE_LOST' : 'STATE_NEW'}});
        if (opens.length > 1) return;
        call.write({results: request.messages.map(({sequence, payload}) => ({sequence, payload}))});
        call.write({drain: {reason: 'REASON_REBALANCE', serverAddress: second, grace: {seconds: 20}}});
      });
      call.on('end', () => call.end());
    });
    const second = await server('second');
    const first = await server('first');
    const balancer = await startScriptedBalancer(t, () => [first]);
    const stream = open(t, follows ? {balancers: [balancer]} : {target: first});
    await stream.send('m1');
    await eventually(() => opens.length === 2, 'a second Open');
    assert.deepEqual(opens.map(({name}) => name), ['first', follows ? 'second' : 'first']);
    assert.equal(opens[1].open.movedFor, 'REASON_REBALANCE');
    assert.equal(opens[1].receivedThrough, 1);
    assert.deepEqual(stream.heard('moved'), [{
      serverId: 'scripted', address: follows ? second : '', reason: 'REASON_REBALANCE'}]);
  });
}

test('balancers are asked in turn, and told which servers failed', async t => {
  const target = await startScripted(
      t, call => call.on('data', request => request.open && call.write({welcome: WELCOME})));
  const asked = [];
  const balancer = await startScriptedBalancer(t, ({exclude, affinityKey}) => {
    asked.push({exclude, affinityKey});
    return exclude.includes('127.0.0.1:1') ? [target] : ['127.0.0.1:1', target];
  });
  const stream = open(t, {balancers: ['127.0.0.1:2', balancer], affinityKey: 'k'});
  await eventually(() => stream.heard('welcome').length, 'Welcome');
  assert.deepEqual(asked, [
    {exclude: [], affinityKey: 'k'}, {exclude: ['127.0.0.1:1'], affinityKey: 'k'}]);
});

test('TLS and a token show who the client is, and a fresh token keeps the stream', async t => {
  const folder = temporaryFolder(t);
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout', path.join(folder, 'key.pem'), '-out', path.join(folder, 'cert.pem'),
  ], {stdio: 'ignore'});
  const {privateKey, publicKey} = crypto.generateKeyPairSync('ed25519');
  fs.writeFileSync(path.join(folder, 'keys.json'), JSON.stringify(
      {keys: [{...publicKey.export({format: 'jwk'}), kid: 'k1', use: 'sig'}]}));
  const tokenFor = seconds => {
    const claims = {sub: 'alice', exp: Math.floor(Date.now() / 1000) + seconds};
    const text = [{alg: 'EdDSA', kid: 'k1'}, claims]
        .map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${text}.${crypto.sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
  };
  const processor = await startProcessor(t, {flags: [
    `--tls_cert=${folder}/cert.pem`, `--tls_key=${folder}/key.pem`, `--jwt_keys=${folder}/keys.json`,
    '--authenticate_all',
  ]});
  const tls = {ca: fs.readFileSync(path.join(folder, 'cert.pem'))};
  let tokens = 0;
  const stream = open(t, {target: processor.grpc, tls, tokenProvider: async () => {
    if (++tokens === 2) throw new Error('not now');
    return tokenFor(8);
  }});
  await within(stream.request('m'), 'a result');
  assert.equal(stream.heard('welcome')[0].principal, 'alice');
  await eventually(() => tokens >= 3, 'a token behind the one that failed');
  // The first one has expired by then.
  await new Promise(resolve => setTimeout(resolve, 2500));
  await within(stream.request('m'), 'a result');
  assert.deepEqual(stream.heard('disconnect'), []);

  const stranger = open(t, {target: processor.grpc, tls});
  await rejects(stranger.request('m'), Code.UNAUTHENTICATED, /tokenProvider/);
  const refused = open(t, {target: processor.grpc, tls, tokenProvider: () => {
    throw new StreamError(Code.PERMISSION_DENIED, 'no token for you');
  }});
  await rejects(refused.request('m'), Code.PERMISSION_DENIED, /no token for you/);
  const plaintext = open(t, {target: processor.grpc, giveUpAfterMs: 200});
  await rejects(plaintext.request('m'), Code.UNAVAILABLE);
});

test('a durable session outlives its server, and a lost store is DATA_LOSS', async t => {
  const folder = temporaryFolder(t);
  const flags = [`--session_store=sqlite:${folder}/sessions.db`];
  const first = await startProcessor(t, {flags});
  const wire = await startWire(t, first.grpc);
  const stream = open(t, {target: wire.address, requireDurable: true});
  await sendAll(stream, 1, 100);
  await readEchoes(stream, 1, 100);
  await first.kill();
  const second = await startProcessor(t, {flags});
  wire.target = second.grpc;
  await sendAll(stream, 101, 200);
  await readEchoes(stream, 101, 200);
  assert.equal(stream.heard('welcome')[1].state, 'STATE_RESUMED');
  assert.notEqual(stream.heard('welcome')[0].storeGeneration, '');

  await second.kill();
  await sendAll(stream, 201, 203);
  for (const file of fs.readdirSync(folder)) fs.rmSync(path.join(folder, file));
  wire.target = (await startProcessor(t, {flags})).grpc;
  await rejects(stream.close(), Code.DATA_LOSS, /decide which unanswered/);
  assert.deepEqual(stream.unanswered().map(({sequence, payload}) => [sequence, String(payload)]),
                   [[201, 'm201'], [202, 'm202'], [203, 'm203']]);
});

test('a session that must be durable is not kept in memory', async t => {
  const processor = await startProcessor(t);
  const stream = open(t, {target: processor.grpc, requireDurable: true});
  await rejects(stream.request('m'), Code.FAILED_PRECONDITION, /in memory/);
});
