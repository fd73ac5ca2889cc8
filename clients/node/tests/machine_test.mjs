// What decides, without gRPC, timers or a server.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Code, StreamError} from 'msgproc';
import {internal, WELCOME} from './servers.mjs';

const {Machine} = await internal('machine');
const {SendWindow, UNLIMITED} = await internal('window');
const {Destination} = await internal('destination');
const {Locator} = await internal('locator');
const {Fifo} = await internal('fifo');

const bytes = text => Buffer.from(text);
const sequences = messages => messages.map(({sequence}) => sequence);
const range = (from, to) => Array.from({length: to - from + 1}, (_, i) => from + i);
const results = (from, to) => range(from, to).map(
    sequence => ({sequence, payload: bytes(''), headers: [], error: null}));
const sized = (from, to, size = 0) => range(from, to).map(sequence => ({sequence, bytes: size}));
const UNAVAILABLE = new StreamError(Code.UNAVAILABLE, 'test');

// A window that a server has welcomed, with `limits` of the server's.
function windowOf(limits = {}, own = UNLIMITED) {
  const window = new SendWindow(own);
  window.open();
  assert.equal(window.welcome('STATE_NEW', 0, {...UNLIMITED, ...limits}), undefined);
  return window;
}

function append(window, count, size = 0) {
  return range(1, count).map(() => window.append(Buffer.alloc(size), []));
}

test('Fifo keeps order over thousands', () => {
  const fifo = new Fifo();
  assert.equal(fifo.shift(), undefined);
  for (let i = 0; i < 5000; ++i) {
    fifo.push(i);
    if (i % 3 > 0) fifo.shift();
  }
  assert.equal(fifo.length, 5000 - 3333);
  assert.equal(fifo.at(0), 3333);
  assert.equal(fifo.at(1), 3334);
  assert.deepEqual(fifo.slice(1, 3), [3334, 3335]);
  assert.equal(fifo.slice(0).length, 1667);
});

test('a window takes as many messages and bytes as server and caller allow', () => {
  assert.deepEqual(append(windowOf({messages: 3}), 4), [1, 2, 3, 0]);
  assert.deepEqual(append(windowOf({}, {...UNLIMITED, messages: 2}), 3), [1, 2, 0]);
  assert.deepEqual(append(windowOf({bytes: 30}), 4, 10), [1, 2, 3, 0]);
  assert.deepEqual(append(windowOf({}, {...UNLIMITED, bytes: 29}), 3, 10), [1, 2, 0]);
  assert.deepEqual(append(windowOf({messages: 0}), 2), [1, 0]);
});

test('one message always fits, and its headers count', () => {
  const window = windowOf({bytes: 4});
  assert.equal(window.append(Buffer.alloc(100), []), 1);
  assert.equal(window.append(Buffer.alloc(0), []), 2 * 0);
  const other = windowOf({bytes: 6});
  assert.equal(other.append(Buffer.alloc(1), [{key: 'ä', value: bytes('v')}]), 1);
  assert.equal(other.append(Buffer.alloc(3), []), 0);
  assert.equal(other.append(Buffer.alloc(2), []), 2);
});

test('what nobody has read takes its place in the window', () => {
  const window = windowOf({messages: 2, bytes: 20});
  append(window, 2, 10);
  window.nextFrame();
  window.results(sized(1, 2));
  assert.equal(window.append(bytes(''), []), 0);
  window.read(1, 0);
  assert.equal(window.append(Buffer.alloc(11), []), 0);
  assert.equal(window.append(Buffer.alloc(10), []), 3);
  assert.equal(window.unanswered, 1);
});

test('at most 64 messages and 64 KiB go along with the first Open, the same ones each time', () => {
  const window = new SendWindow(UNLIMITED);
  assert.equal(append(window, 65).at(-1), 0);
  assert.deepEqual(sequences(window.open().messages), range(1, 64));

  const large = new SendWindow(UNLIMITED);
  assert.equal(large.append(Buffer.alloc(65 << 10), []), 0);
  assert.equal(large.append(Buffer.alloc(40 << 10), []), 1);
  assert.equal(large.append(Buffer.alloc(30 << 10), []), 0);
  assert.deepEqual(sequences(large.open().messages), [1]);
  assert.equal(large.append(bytes('x'), []), 2);
  large.disconnected();
  assert.deepEqual(sequences(large.open().messages), [1]);
  assert.equal(large.canSend, false);
  large.welcome('STATE_RESUMED', 1, UNLIMITED);
  assert.deepEqual(sequences(large.nextFrame().messages), [2]);
  large.disconnected();
  assert.deepEqual(large.open().messages, []);
});

test('frames keep to a quarter of the window, the batch limit and 1 MiB', () => {
  const frames = (window, count, size) => {
    append(window, count, size);
    const sizes = [];
    while (window.canSend) sizes.push(window.nextFrame().messages.length);
    return sizes;
  };
  assert.deepEqual(frames(windowOf({messages: 2000}), 2000), [500, 500, 500, 500]);
  assert.deepEqual(frames(windowOf({messages: 1000}), 600), [256, 256, 88]);
  assert.deepEqual(frames(windowOf({batchMessages: 2}), 5), [2, 2, 1]);
  assert.deepEqual(frames(windowOf({}, {...UNLIMITED, batchMessages: 3}), 5), [3, 2]);
  assert.deepEqual(frames(windowOf(), 5, 400_000), [2, 2, 1]);
  assert.deepEqual(frames(windowOf(), 2, 2_000_000), [1, 1]);
});

test('results are told after a second, half a window or half its bytes', () => {
  const told = (limits, count, size) => {
    const window = windowOf(limits);
    append(window, count);
    window.nextFrame();
    window.results(sized(1, count, size));
    assert.equal(window.acknowledgeBy, Infinity);
    window.read(count, 500);
    return window;
  };
  assert.equal(told({messages: 10}, 4).acknowledgeBy, 1500);
  assert.equal(told({messages: 10}, 5).acknowledgeBy, -Infinity);
  assert.equal(told({bytes: 100}, 4, 12).acknowledgeBy, 1500);
  const window = told({bytes: 100}, 4, 13);
  assert.equal(window.acknowledgeBy, -Infinity);
  assert.equal(window.acknowledge(), 4);
  assert.equal(window.acknowledgeBy, Infinity);
  window.read(4, 600);
  assert.equal(window.acknowledgeBy, Infinity);
});

test('the server is told of what was read, and at the end of everything', () => {
  const window = windowOf();
  append(window, 5);
  window.nextFrame();
  window.results(sized(1, 5));
  window.read(2, 0);
  assert.equal(window.acknowledge(), 2);
  assert.equal(window.acknowledge(true), 5);
  window.read(4, 0);
  assert.equal(window.acknowledge(), 5);
  assert.equal(window.acknowledgeBy, Infinity);
});

test('unread bytes of results stop the reading at the limit, unless all counts as read', () => {
  const window = windowOf({bytes: 100});
  append(window, 3);
  window.nextFrame();
  window.results(sized(1, 1, 99));
  assert.equal(window.overfull, false);
  window.results(sized(2, 2, 1));
  assert.equal(window.overfull, true);
  window.read(1, 0);
  assert.equal(window.overfull, false);
  window.results(sized(3, 3, 100));
  assert.equal(window.overfull, true);
  const unlimited = windowOf();
  append(unlimited, 2);
  unlimited.nextFrame();
  unlimited.results(sized(1, 1, (32 << 20) - 1));
  assert.equal(unlimited.overfull, false);
  unlimited.results(sized(2, 2, 1));
  assert.equal(unlimited.overfull, true);
  window.readAll(0);
  assert.equal(window.overfull, false);
  assert.equal(window.acknowledge(), 3);
});

test('RESUMED goes on behind what was accepted, LOST and NEW behind what was received', () => {
  for (const [state, accepted, next] of [
    ['STATE_RESUMED', 4, [5]], ['STATE_RESUMED', 2, [3, 4, 5]], ['STATE_LOST', 0, [3, 4, 5]],
  ]) {
    const window = windowOf();
    append(window, 5);
    window.nextFrame();
    window.results(sized(1, 2));
    window.disconnected();
    assert.equal(window.open().receivedThrough, 2);
    assert.equal(window.welcome(state, accepted, UNLIMITED), undefined);
    assert.deepEqual(sequences(window.nextFrame().messages), next, state);
    assert.equal(window.collected, false);
  }
});

test('a Welcome that makes no sense says so', () => {
  const window = windowOf();
  append(window, 5);
  window.nextFrame();
  window.results(sized(1, 2));
  append(window, 1);
  window.disconnected();
  window.open();
  assert.equal(window.welcome('STATE_RESUMED', 1, UNLIMITED).code, Code.INTERNAL);
  assert.equal(window.welcome('STATE_NEW', 0, UNLIMITED).code, Code.INTERNAL);
  assert.equal(window.welcome('STATE_RESUMED', 6, UNLIMITED).code, Code.FAILED_PRECONDITION);
  assert.equal(window.welcome('STATE_RESUMED', 5, UNLIMITED), undefined);
});

test('results that Open said are received may come again, in front of new ones only', () => {
  const window = windowOf();
  append(window, 6);
  window.nextFrame();
  window.results(sized(1, 3));
  window.disconnected();
  window.open();
  window.welcome('STATE_RESUMED', 6, UNLIMITED);
  assert.deepEqual(window.results(sized(2, 4)), {first: 2, count: 1});
  const again = window.results(sized(3, 3));
  assert.equal(again.count, 0);
  assert.match(again.error.message, /the result of message 3 twice; that of 5 was due/);
});

test('a repeat on one connection, a gap, and a result of nothing are errors', () => {
  for (const [list, count, text] of [
    [[{sequence: 1}, {sequence: 1}], 1, /message 1 twice; that of 2/],
    [[{sequence: 2}], 0, /message 2 where that of 1 was due; messages are sent up to 2/],
    [[{sequence: 1}, {sequence: 2}, {sequence: 3}], 2, /message 3 where that of 3/],
    [[{sequence: 0}], 0, /message 0 where/],
  ]) {
    const window = windowOf();
    append(window, 2);
    window.nextFrame();
    append(window, 1);
    const found = window.results(list.map(result => ({bytes: 0, ...result})));
    assert.equal(found.count, count);
    assert.equal(found.error.code, Code.INTERNAL);
    assert.match(found.error.message, text);
  }
});

test('a server with a smaller window than the last one is not sent more than that', () => {
  for (const smaller of [{messages: 2}, {bytes: 25}, {bytes: 20}]) {
    const window = windowOf();
    append(window, 4, 10);
    window.nextFrame();
    window.disconnected();
    window.open();
    window.welcome('STATE_LOST', 0, {...UNLIMITED, ...smaller});
    assert.deepEqual(sequences(window.nextFrame().messages), [1, 2]);
    assert.equal(window.canSend, false);
    window.results(sized(1, 1));
    assert.equal(window.canSend, false);
    window.read(1, 0);
    assert.deepEqual(sequences(window.nextFrame().messages), [3]);
  }
});

test('what encoding adds counts where Open and a frame are bounded', () => {
  const window = new SendWindow(UNLIMITED);
  assert.deepEqual(append(window, 64, 1000).slice(62), [63, 0]);
  const other = new SendWindow(UNLIMITED);
  const headers = Array.from({length: 100}, () => ({key: 'k', value: bytes('')}));
  assert.equal(other.append(Buffer.alloc(60_000), headers), 1);
  assert.equal(other.append(Buffer.alloc(3000), []), 0);
});

test('between connections nothing can be sent, and nothing is due', () => {
  const window = new SendWindow(UNLIMITED);
  window.append(bytes(''), []);
  assert.equal(window.canSend, false);
  window.open();
  window.welcome('STATE_NEW', 1, UNLIMITED);
  window.results(sized(1, 1));
  window.read(1, 0);
  append(window, 2);
  window.disconnected();
  assert.equal(window.canSend, false);
  assert.equal(window.acknowledgeBy, Infinity);
  assert.deepEqual(sequences(window.unansweredMessages()), [2, 3]);
});

test('what was told already does not count towards the next half window', () => {
  const window = windowOf({messages: 10, bytes: 100});
  append(window, 10);
  window.nextFrame();
  window.results(sized(1, 10, 12));
  window.read(4, 0);
  window.acknowledge();
  window.read(8, 0);
  assert.equal(window.acknowledgeBy, 1000);
  window.read(8, -5000);
  assert.equal(window.acknowledgeBy, 1000);
  window.read(9, 0);
  assert.equal(window.acknowledgeBy, -Infinity);
});

test('each connection may repeat what its Open said is received, once', () => {
  const window = windowOf();
  append(window, 3);
  window.nextFrame();
  window.results(sized(1, 2));
  for (let i = 0; i < 2; ++i) {
    window.disconnected();
    window.open();
    window.welcome('STATE_RESUMED', 3, UNLIMITED);
    assert.deepEqual(window.results(sized(1, 2)), {first: 2, count: 0});
  }
  assert.match(window.results(sized(2, 2)).error.message, /message 2 twice/);
});

test('from readAll on results are read when they come', () => {
  const window = windowOf({messages: 1});
  append(window, 1);
  window.nextFrame();
  window.readAll(0);
  window.results(sized(1, 1));
  assert.equal(window.append(bytes(''), []), 0);
  window.read(0, 0);
  assert.equal(window.append(bytes(''), []), 2);
});

test('after a break the same address is tried at once, then with growing random pauses', () => {
  const destination = new Destination(
      {initialBackoffMs: 100, maxBackoffMs: 1000, giveUpAfterMs: 5000}, 0);
  assert.equal(destination.giveUpAt, 5000);
  destination.onLocated('a');
  destination.onConnected(10);
  assert.equal(destination.giveUpAt, Infinity);
  destination.onResult();
  destination.onFailed(UNAVAILABLE, 50, 0.5);
  assert.deepEqual([destination.located, destination.address, destination.when], [true, 'a', 50]);
  assert.equal(destination.giveUpAt, 5050);
  const pauses = [50, 100, 200, 400, 500, 500];
  for (const pause of pauses) {
    destination.onFailed(UNAVAILABLE, 60, 0.5);
    assert.equal(destination.located, false);
    assert.equal(destination.when, 60 + pause);
  }
  assert.deepEqual(destination.failed, pauses.map(() => 'a'));
  for (let i = 0; i < 5; ++i) destination.onFailed(UNAVAILABLE, 60, 0);
  assert.equal(destination.failed.length, 8);
  assert.equal(destination.when, 60);
  destination.onConnected(70);
  assert.deepEqual(destination.failed, []);
});

test('a connection of no use counts as a failed attempt, one that lasted does not', () => {
  const options = {initialBackoffMs: 100, maxBackoffMs: 1000, giveUpAfterMs: Infinity};
  const destination = new Destination(options, 0);
  destination.onConnected(0);
  destination.onFailed(UNAVAILABLE, 999, 0.5);
  assert.deepEqual([destination.located, destination.when], [false, 1049]);
  destination.onConnected(2000);
  destination.onFailed(UNAVAILABLE, 3000, 0.5);
  assert.deepEqual([destination.located, destination.when], [true, 3000]);
  // A server that sends away whoever comes is not asked without pause.
  destination.onConnected(4000);
  destination.onMoved('b', 4001, 0.5);
  assert.deepEqual([destination.located, destination.address, destination.when], [true, 'b', 4051]);
  destination.onConnected(5000);
  destination.onResult();
  destination.onMoved('', 5001, 0.5);
  assert.deepEqual([destination.located, destination.failed, destination.when], [false, ['b'], 5001]);
});

test('balancers are asked in turn, beginning with the one that answered', () => {
  const locator = new Locator(['a', 'b', 'c']);
  locator.begin([]);
  assert.equal(locator.balancer, 'a');
  assert.equal(locator.onError(UNAVAILABLE), undefined);
  assert.equal(locator.balancer, 'b');
  assert.equal(locator.onAnswer(['s1', 's2']), 's1');
  locator.begin([]);
  assert.equal(locator.balancer, 'b');
});

test('servers of the last answer are tried while no balancer has one', () => {
  const locator = new Locator(['a']);
  locator.begin([]);
  locator.onAnswer(['s1', 's2']);
  const ask = failed => {
    locator.begin(failed);
    return locator.onError(UNAVAILABLE);
  };
  assert.deepEqual([ask([]), ask(['s1']), ask(['s1', 's2']), ask(['s1', 's2']), ask(['s1', 's2'])],
                   ['s1', 's2', 's1', 's2', 's1']);
});

test('a round without a server is UNAVAILABLE, unless asking again would not help', () => {
  const end = (...codes) => {
    const locator = new Locator(codes.map((_, i) => `b${i}`));
    locator.begin([]);
    return codes.map(code => locator.onError(new StreamError(code, 'said so'))).at(-1);
  };
  assert.equal(end(Code.PERMISSION_DENIED).code, Code.PERMISSION_DENIED);
  assert.equal(end(Code.PERMISSION_DENIED, Code.UNAVAILABLE).code, Code.UNAVAILABLE);
  assert.equal(end(Code.DEADLINE_EXCEEDED, Code.NOT_FOUND).code, Code.UNAVAILABLE);
  assert.equal(end(Code.RESOURCE_EXHAUSTED, Code.NOT_FOUND).code, Code.UNAVAILABLE);
  assert.match(end(Code.NOT_FOUND, Code.NOT_FOUND).message, /b0: .*said so.*b1: .*said so/);
});

// A machine and what its shell would do, at a time that the test sets.
class Bench {
  constructor(options = {}) {
    this.now = 0;
    this.machine = new Machine({
      open: {sessionId: 's', instance: 7}, limits: UNLIMITED, connectTimeoutMs: 1000,
      initialBackoffMs: 100, maxBackoffMs: 1000, giveUpAfterMs: Infinity, requireDurable: false,
      ownToken: true, followsDrain: false, needsToken: false, ...options,
    }, 0, () => 0.5);
  }

  at(now) { this.now = now; return this; }
  next() { return this.machine.next(this.now); }
  all() {
    const actions = [];
    for (let action; (action = this.next());) actions.push(action);
    return actions;
  }
  kinds() { return this.all().map(action => action.name ?? action.kind); }
  frame(frame) {
    return this.machine.onFrame({results: [], welcome: null, drain: null, ...frame}, this.now);
  }
  ended(code, details = 'test') { this.machine.onCallEnded(code, details, this.now); return this; }
  send(count = 1) { for (let i = 0; i < count; ++i) this.machine.append(bytes(''), []); }
  // Up to where the server is called; returns that action.
  connect() {
    const locate = this.next();
    assert.equal(locate?.kind, 'locate');
    this.machine.onLocated('a', this.now);
    return this.next();
  }
  // Up to where the server has answered.
  open(welcome = {}) {
    this.connect();
    this.welcome(welcome);
    return this;
  }
  welcome(welcome = {}) {
    this.machine.onWritten();
    this.frame({welcome: {...WELCOME, sessionId: 's', principal: '', storeGeneration: '',
                          acceptedThrough: 0, heartbeatInterval: {seconds: 8, nanos: 0}, ...welcome}});
    return this.all();
  }
}

test('a machine locates, connects with its first Open, and tells of the Welcome', () => {
  const bench = new Bench();
  bench.send(2);
  const action = bench.connect();
  assert.equal(action.kind, 'connect');
  assert.equal(action.address, 'a');
  assert.deepEqual(action.request.open, {
    sessionId: 's', instance: 7, attempt: 1, movedFor: 'REASON_UNSPECIFIED', resumes: false,
    storeGeneration: ''});
  assert.deepEqual(sequences(action.request.messages), [1, 2]);
  assert.equal(bench.next(), undefined);
  const [event, ...rest] = bench.welcome({state: 'STATE_NEW'});
  assert.deepEqual(rest, []);
  assert.deepEqual(event, {kind: 'event', name: 'welcome', event: {
    serverId: 'scripted', address: 'a', state: 'STATE_NEW', sessionId: 's', principal: '',
    storeGeneration: ''}});
  assert.equal(bench.machine.phase, 'open');
});

test('one write is in flight at a time, and what came meanwhile leaves together', () => {
  const bench = new Bench().open();
  bench.send();
  assert.deepEqual(sequences(bench.next().request.messages), [1]);
  bench.send(2);
  assert.equal(bench.next(), undefined);
  bench.machine.onWritten();
  assert.deepEqual(sequences(bench.next().request.messages), [2, 3]);
});

test('nothing follows the first request before that is written', () => {
  const bench = new Bench();
  bench.connect();
  bench.send();
  bench.frame({welcome: {...WELCOME, acceptedThrough: 0, heartbeatInterval: null}});
  assert.deepEqual(bench.kinds(), ['welcome']);
  bench.machine.onWritten();
  assert.deepEqual(bench.kinds(), ['write']);
});

test('events can be told before anything else is done', () => {
  const bench = new Bench();
  bench.connect();
  bench.frame({welcome: {...WELCOME, acceptedThrough: 0, heartbeatInterval: null}});
  assert.equal(bench.machine.nextEvent().name, 'welcome');
  bench.machine.cancel(UNAVAILABLE);
  assert.equal(bench.machine.nextEvent(), undefined);
  assert.deepEqual(bench.kinds(), ['cancel']);
});

test('the limits of Welcome hold, and where there are none nothing does', () => {
  const sent = limits => {
    const bench = new Bench().open(limits);
    const taken = range(1, 6).filter(() => bench.machine.append(Buffer.alloc(10), []) > 0).length;
    return [taken, bench.next().request.messages.length];
  };
  const none = {maxBatchMessages: 0, maxPayloadBytes: 0, maxOutstandingMessages: 0, maxOutstandingBytes: 0};
  assert.deepEqual(sent(none), [6, 6]);
  assert.deepEqual(sent({...none, maxBatchMessages: 2}), [6, 2]);
  assert.deepEqual(sent({...none, maxOutstandingMessages: 3}), [3, 3]);
  assert.deepEqual(sent({...none, maxOutstandingBytes: 40}), [4, 4]);
});

test('results that were read are told after a second', () => {
  const bench = new Bench().open();
  bench.send();
  bench.all();
  bench.machine.onWritten();
  bench.frame({results: results(1, 1)});
  bench.machine.window.read(1, 0);
  assert.equal(bench.machine.alarm, 1000);
  assert.deepEqual(bench.at(999).kinds(), []);
  assert.deepEqual(bench.at(1000).next().request, {receivedThrough: 1});
});

test('a new call begins afresh: its times, its token, its reading', () => {
  const bench = new Bench({needsToken: true});
  bench.next();
  bench.machine.onToken('t1', 0);
  bench.open({heartbeatInterval: {seconds: 0, nanos: 100_000_000}, tokenExpiresIn: {seconds: 4, nanos: 0}});
  bench.send();
  bench.all();
  bench.frame({results: results(1, 1), drain: {reason: 'REASON_AGE', serverAddress: '', grace: {seconds: 5}}});
  bench.machine.onPaused(true, 0);
  bench.at(3000).next();
  bench.machine.onToken('t2', 3000);  // The call ends before it can be sent.
  bench.ended(Code.UNAVAILABLE).all();
  bench.machine.onToken('t3', 3000);
  const connect = bench.next();
  assert.deepEqual([connect.kind, connect.token, connect.request.open.movedFor],
                   ['connect', 't3', 'REASON_AGE']);
  assert.equal(bench.machine.alarm, 4000);
  assert.deepEqual(bench.welcome({state: 'STATE_RESUMED', acceptedThrough: 1}).map(({name}) => name), ['welcome']);
  assert.equal(bench.machine.phase, 'open');
  bench.at(10_000).all();
  assert.equal(bench.machine.alarm, 27_000);
  assert.deepEqual(bench.at(27_000).kinds(), ['cancel']);
});

test('silence counts from the last frame', () => {
  const bench = new Bench().open();
  bench.at(10_000).all();
  bench.frame({});
  assert.equal(bench.machine.alarm, 34_000);
});

test('a stream that has moved asks for a fresh token, and need not connect again to be closed', () => {
  const moved = () => {
    const bench = new Bench({needsToken: true});
    bench.next();
    bench.machine.onToken('t1', 0);
    bench.open();
    bench.send();
    bench.all();
    bench.machine.onWritten();
    bench.frame({results: results(1, 1), drain: {reason: 'REASON_AGE', serverAddress: '', grace: null}});
    assert.equal(bench.next().halfClose, true);
    return bench.ended(Code.OK);
  };
  assert.deepEqual(moved().kinds(), ['moved', 'token']);
  const closed = moved();
  closed.machine.close(0);
  assert.deepEqual(closed.kinds(), ['moved', 'end']);
});

test('while it closes, results count as read when they come', () => {
  const bench = new Bench({limits: {...UNLIMITED, messages: 1}}).open();
  bench.send();
  bench.all();
  bench.machine.onWritten();
  bench.frame({results: results(1, 1)});
  assert.equal(bench.machine.append(bytes(''), []), 0);
  bench.machine.close(0);
  assert.equal(bench.machine.append(bytes(''), []), 2);
  bench.all();
  bench.frame({results: results(2, 2)});
  assert.equal(bench.machine.append(bytes(''), []), 3);
});

test('an idle machine is heard from before each heartbeat interval ends', () => {
  const bench = new Bench().open();
  assert.equal(bench.machine.alarm, 7000);
  assert.equal(bench.at(6999).next(), undefined);
  assert.deepEqual(bench.at(7000).next(), {kind: 'write', request: {receivedThrough: 0}, halfClose: false});
  bench.machine.onWritten();
  bench.frame({});
  assert.equal(bench.machine.alarm, 14_000);
});

test('a server that is silent for three heartbeat intervals is left', () => {
  const bench = new Bench().open();
  bench.at(7000).all();
  assert.equal(bench.machine.alarm, 24_000);
  assert.deepEqual(bench.at(23_999).kinds(), []);
  assert.deepEqual(bench.at(24_000).kinds(), ['cancel']);
  assert.equal(bench.machine.alarm, Infinity);
  bench.ended(Code.CANCELLED);
  const [disconnect, locate] = [bench.next(), bench.next()];
  assert.match(disconnect.event.error.message, /^UNAVAILABLE: nothing was heard/);
  assert.equal(locate.kind, 'connect');  // It lasted: the same address at once.
});

test('silence does not count while reading is paused, nor while the program was busy', () => {
  const bench = new Bench().open();
  bench.machine.onPaused(true, 0);
  bench.at(7000).all();
  bench.machine.onWritten();
  assert.deepEqual(bench.at(50_000).kinds(), ['write']);
  bench.machine.onPaused(false, 50_000);
  assert.deepEqual(bench.at(73_999).kinds(), []);
  assert.deepEqual(bench.at(74_000).kinds(), ['cancel']);

  const busy = new Bench().open();
  busy.at(7000).all();
  busy.machine.onTime(24_000, 28_001);
  assert.deepEqual(busy.at(28_001).kinds(), []);
  const late = new Bench().open();
  late.at(7000).all();
  late.machine.onTime(24_000, 28_000);
  assert.deepEqual(late.at(28_000).kinds(), ['cancel']);
});

test('an attempt without an answer ends after connectTimeoutMs, and backs off', () => {
  const bench = new Bench();
  bench.connect();
  assert.equal(bench.machine.alarm, 1000);
  assert.deepEqual(bench.at(1000).kinds(), ['cancel']);
  bench.ended(Code.CANCELLED);
  assert.deepEqual(bench.kinds(), []);
  assert.equal(bench.machine.alarm, 1050);
  assert.deepEqual(bench.at(1050).next(), {kind: 'locate', failed: ['a'], token: ''});
});

for (const [code, ownToken, passes] of [
  [Code.UNAVAILABLE, true, true], [Code.INTERNAL, true, true], [Code.UNKNOWN, true, true],
  [Code.CANCELLED, true, true], [Code.ABORTED, true, true], [Code.ABORTED, false, false],
  [Code.INVALID_ARGUMENT, true, false], [Code.NOT_FOUND, true, false],
  [Code.PERMISSION_DENIED, true, false], [Code.FAILED_PRECONDITION, true, false],
  [Code.DATA_LOSS, true, false], [Code.RESOURCE_EXHAUSTED, true, false],
  [Code.UNAUTHENTICATED, true, false],
]) {
  test(`${Code[code]} ${passes ? 'is tried again' : 'ends the stream'}${
      code === Code.ABORTED ? ` where the token is ${ownToken ? 'its own' : "the caller's"}` : ''}`, () => {
    const bench = new Bench({ownToken}).open();
    bench.ended(code);
    const [action] = bench.all();
    assert.equal(action.name ?? action.kind, passes ? 'disconnect' : 'end');
    assert.equal((action.event ?? action).error.code, code);
  });
}

for (const text of ['Received RST_STREAM with code 11',
                    'Bandwidth exhausted or memory limit exceeded']) {
  test(`a stream that HTTP/2 reset for want of memory is opened again: ${text}`, () => {
    const bench = new Bench().open();
    bench.ended(Code.RESOURCE_EXHAUSTED, text);
    assert.deepEqual(bench.kinds(), ['disconnect']);
  });
}

test('an OK that nobody asked for is a break', () => {
  const bench = new Bench().open();
  bench.ended(Code.OK);
  assert.match(bench.next().event.error.message, /ended the stream early/);
});

test('close half-closes once all is answered, having said so, and ends OK', () => {
  const bench = new Bench().open();
  bench.send(2);
  bench.all();
  bench.machine.onWritten();
  bench.machine.wanting = 1;
  bench.machine.close(0);
  bench.frame({results: results(1, 2)});
  assert.deepEqual(bench.kinds(), []);
  bench.machine.wanting = 0;
  assert.deepEqual(bench.next(), {kind: 'write', request: {receivedThrough: 2}, halfClose: true});
  assert.equal(bench.machine.phase, 'halfClosed');
  bench.machine.onWritten();
  assert.deepEqual(bench.kinds(), []);
  bench.ended(Code.OK);
  assert.deepEqual(bench.all(), [{kind: 'end', error: undefined}]);
  assert.equal(bench.machine.alarm, Infinity);
});

test('close ends OK though the connection breaks, once all is answered', () => {
  const unreachable = new Bench();
  unreachable.machine.close(0);
  assert.deepEqual(unreachable.kinds(), ['locate']);
  unreachable.machine.onLocated(UNAVAILABLE, 0);
  assert.deepEqual(unreachable.all(), [{kind: 'end', error: undefined}]);

  const unused = new Bench();
  unused.machine.close(0);
  unused.connect();
  assert.equal(unused.welcome().at(-1).halfClose, true);

  const bench = new Bench().open();
  bench.send();
  bench.all();
  bench.machine.close(0);
  bench.ended(Code.UNAVAILABLE);
  assert.equal(bench.kinds()[0], 'disconnect');
  bench.at(50);
  assert.equal(bench.connect().kind, 'connect');
  bench.welcome({state: 'STATE_RESUMED', acceptedThrough: 1});
  bench.frame({results: results(1, 1)});
  bench.ended(Code.UNAVAILABLE);
  assert.deepEqual(bench.all(), [{kind: 'end', error: undefined}]);
});

test('a half-close that is not answered is a break', () => {
  const bench = new Bench().open();
  bench.machine.close(0);
  assert.equal(bench.next().halfClose, true);
  assert.deepEqual(bench.at(999).kinds(), []);
  assert.deepEqual(bench.at(1000).kinds(), ['cancel']);
  bench.ended(Code.CANCELLED);
  assert.deepEqual(bench.kinds(), ['end']);
});

test('cancel ends the stream, in a call and between calls', () => {
  const why = new StreamError(Code.CANCELLED, 'enough');
  const between = new Bench();
  between.machine.cancel(why);
  assert.deepEqual(between.all(), [{kind: 'end', error: why}]);
  between.machine.cancel(why);
  assert.deepEqual(between.all(), []);
  const bench = new Bench().open();
  bench.send();
  bench.all();
  bench.machine.cancel(why);
  bench.machine.cancel(UNAVAILABLE);
  assert.deepEqual(bench.kinds(), ['cancel']);
  assert.deepEqual(bench.frame({results: results(1, 1)}), []);
  bench.ended(Code.CANCELLED);
  assert.deepEqual(bench.all(), [{kind: 'end', error: why}]);
});

test('reading pauses while too much is unread, but not on a call that was given up', () => {
  const bench = new Bench({limits: {...UNLIMITED, bytes: 10}}).open();
  bench.send();
  bench.all();
  bench.frame({results: [{...results(1, 1)[0], payload: Buffer.alloc(10)}]});
  assert.equal(bench.machine.overfull, true);
  bench.machine.cancel(UNAVAILABLE);
  assert.equal(bench.machine.overfull, false);
});

test('Drain: nothing more is sent, what is under way is collected, then half-close and away', () => {
  for (const followsDrain of [true, false]) {
    const bench = new Bench({followsDrain}).open();
    bench.send(2);
    bench.all();
    bench.machine.onWritten();
    bench.frame({results: results(1, 1), drain: {
      reason: 'REASON_REBALANCE', serverAddress: 'b', grace: {seconds: 5, nanos: 500_000_000}}});
    bench.send();
    assert.deepEqual(bench.kinds(), []);
    assert.equal(bench.machine.alarm, 5500);
    assert.equal(bench.frame({results: results(2, 2)}).length, 1);
    assert.deepEqual(bench.next(), {kind: 'write', request: {receivedThrough: 2}, halfClose: true});
    bench.ended(Code.OK);
    const [moved, next] = [bench.next(), bench.next()];
    assert.deepEqual(moved, {kind: 'event', name: 'moved', event: {
      serverId: 'scripted', address: followsDrain ? 'b' : '', reason: 'REASON_REBALANCE'}});
    assert.equal(next.kind, followsDrain ? 'connect' : 'locate');
    const {request} = followsDrain ? next : (bench.machine.onLocated('a', 0), bench.next());
    assert.equal(request.open.movedFor, 'REASON_REBALANCE');
    assert.deepEqual([request.open.attempt, request.open.resumes, request.receivedThrough], [2, true, 2]);
    bench.welcome({state: 'STATE_LOST'});
    bench.ended(Code.UNAVAILABLE);
    bench.at(10_000).next();
    assert.equal(bench.connect().request.open.movedFor, 'REASON_UNSPECIFIED');
  }
});

test('a Drain whose time runs out is a break, and no planned move', () => {
  const bench = new Bench().open();
  bench.send();
  bench.all();
  bench.frame({drain: {reason: 'REASON_SHUTDOWN', serverAddress: 'b', grace: {seconds: 0, nanos: 500_000_000}}});
  assert.deepEqual(bench.at(500).kinds(), ['cancel']);
  bench.ended(Code.CANCELLED);
  assert.match(bench.next().event.error.message, /in time/);
  bench.at(2000);
  assert.equal(bench.connect().request.open.movedFor, 'REASON_UNSPECIFIED');
});

test('a Drain before Welcome: the Welcome is waited for, or the end', () => {
  const drain = {reason: 'REASON_SHUTDOWN', serverAddress: '', grace: null};
  const bench = new Bench();
  bench.connect();
  bench.frame({drain});
  assert.equal(bench.machine.phase, 'opening');
  assert.deepEqual(bench.welcome().map(({name, kind}) => name ?? kind), ['welcome', 'write']);
  assert.equal(bench.machine.phase, 'halfClosed');

  const refused = new Bench();
  refused.connect();
  refused.frame({drain});
  refused.ended(Code.OK);
  assert.deepEqual(refused.kinds(), ['moved']);
  assert.equal(refused.at(50).connect().request.open.movedFor, 'REASON_SHUTDOWN');
});

for (const [what, frame] of [
  ['has no Welcome', {results: []}], ['has results and no Welcome', {results: results(1, 1)}],
  ['has a drain and results, and no Welcome', {drain: {reason: 'REASON_AGE'}, results: results(1, 1)}],
  ['has an unknown state', {welcome: {...WELCOME, state: 9}}],
]) {
  test(`a server whose first response ${what} is left`, () => {
    const bench = new Bench();
    bench.send();
    bench.connect();
    assert.deepEqual(bench.frame(frame), []);
    assert.deepEqual(bench.kinds(), ['cancel']);
    bench.ended(Code.CANCELLED);
    assert.equal(bench.machine.alarm, 50);
  });
}

test('LOST is told, with how many messages are sent again', () => {
  const bench = new Bench().open();
  bench.send(3);
  bench.all();
  bench.frame({results: results(1, 1)});
  bench.ended(Code.UNAVAILABLE).all();
  const [welcome, lost, write] = bench.welcome({state: 'STATE_LOST'});
  assert.deepEqual([welcome.name, lost.name, lost.event], ['welcome', 'lost', {serverId: 'scripted', unanswered: 2}]);
  assert.deepEqual(sequences(write.request.messages), [2, 3]);
});

test('another store, or none, is DATA_LOSS; the first one is named in each Open', () => {
  for (const [storeGeneration, error] of [['g1', undefined], ['g2', /'g1', and the server has 'g2'/], ['', /has ''/]]) {
    const bench = new Bench().open({storeGeneration: 'g1', durability: 'DURABILITY_STORE'});
    bench.ended(Code.UNAVAILABLE).next();
    bench.at(50);
    assert.equal(bench.connect().request.open.storeGeneration, 'g1');
    bench.welcome({storeGeneration, state: 'STATE_RESUMED', durability: 'DURABILITY_STORE'});
    if (!error) continue;
    bench.ended(Code.CANCELLED);
    const end = bench.next();
    assert.equal(end.kind, 'end');
    assert.equal(end.error.code, Code.DATA_LOSS);
    assert.match(end.error.message, error);
  }
});

test('a session that must be durable ends where it is not', () => {
  const bench = new Bench({requireDurable: true});
  bench.connect();
  assert.deepEqual(bench.welcome({durability: 'DURABILITY_PROCESS'}).map(({kind}) => kind), ['cancel']);
  bench.ended(Code.CANCELLED);
  assert.equal(bench.next().error.code, Code.FAILED_PRECONDITION);
});

test('a payload over the server\'s limit is refused', () => {
  const bench = new Bench().open({maxPayloadBytes: 10});
  assert.equal(bench.machine.append(Buffer.alloc(10), []), 1);
  assert.throws(() => bench.machine.append(Buffer.alloc(11), []), /11 bytes is over .* 10/);
});

test('the stream ends UNAVAILABLE once there was no server for giveUpAfterMs', () => {
  const bench = new Bench({giveUpAfterMs: 300});
  bench.connect();
  bench.ended(Code.UNAVAILABLE, 'refused').all();
  assert.equal(bench.at(299).next().kind, 'locate');
  assert.equal(bench.machine.alarm, 300);
  assert.match(bench.at(300).next().error.message, /^UNAVAILABLE: no server .* 300 ms; .*refused/);

  const calling = new Bench({giveUpAfterMs: 300});
  calling.connect();
  assert.equal(calling.machine.alarm, 300);
  assert.deepEqual(calling.at(300).kinds(), ['cancel']);
  calling.ended(Code.CANCELLED);
  assert.deepEqual(calling.kinds(), ['end']);
});

test('an address that is not found is asked for again, unless that would not help', () => {
  const bench = new Bench();
  bench.next();
  bench.machine.onLocated(UNAVAILABLE, 0);
  assert.equal(bench.next(), undefined);
  assert.equal(bench.at(50).next().kind, 'locate');
  bench.machine.onLocated(new StreamError(Code.PERMISSION_DENIED, 'no'), 50);
  assert.equal(bench.next().error.code, Code.PERMISSION_DENIED);
});

test('each call has a fresh token, and the look-up too', () => {
  const bench = new Bench({needsToken: true});
  assert.deepEqual(bench.all(), [{kind: 'token'}]);
  bench.machine.onToken('t1', 0);
  assert.equal(bench.next().token, 't1');
  bench.machine.onLocated('a', 0);
  assert.equal(bench.next().token, 't1');
  bench.ended(Code.UNAVAILABLE);
  assert.deepEqual(bench.at(50).all(), [{kind: 'token'}]);
  bench.machine.onToken(UNAVAILABLE, 50);
  assert.equal(bench.next(), undefined);
  assert.deepEqual(bench.at(150).all(), [{kind: 'token'}]);
  bench.machine.onToken(new StreamError(Code.NOT_FOUND, 'no'), 150);
  assert.equal(bench.next().error.code, Code.NOT_FOUND);
});

test('a fresh token is sent on the open stream at three quarters of the old one\'s time', () => {
  const bench = new Bench({needsToken: true});
  bench.next();
  bench.machine.onToken('t1', 0);
  bench.open({tokenExpiresIn: {seconds: 4, nanos: 0}});
  assert.equal(bench.machine.alarm, 3000);
  assert.deepEqual(bench.at(3000).all(), [{kind: 'token'}]);
  bench.machine.onToken(UNAVAILABLE, 3000);
  assert.equal(bench.machine.alarm, 3250);
  assert.deepEqual(bench.at(3250).all(), [{kind: 'token'}]);
  bench.machine.onToken('t2', 3300);
  assert.deepEqual(bench.at(3300).next().request, {receivedThrough: 0, refreshToken: 't2'});
  bench.machine.onWritten();
  assert.deepEqual(bench.kinds(), []);
  bench.frame({tokenExpiresIn: {seconds: 0, nanos: 1_000_000}});
  assert.equal(bench.machine.alarm, 3400);
  assert.deepEqual(bench.at(3400).all(), [{kind: 'token'}]);
  bench.ended(Code.UNAUTHENTICATED);
  assert.equal(bench.next().event.error.code, Code.UNAVAILABLE);
});
