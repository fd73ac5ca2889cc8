// Long runs over everything that breaks: each message has one result, and memory stays flat.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect} from 'msgproc';
import {eventually, open, Processor, readEchoes, sendAll, startProcessor, startWire, within}
    from './servers.mjs';

test('10,000 messages, a server that is killed and started again meanwhile, one result each', async t => {
  let processor = await startProcessor(t);
  const wire = await startWire(t, processor.grpc);
  const stream = open(t, {target: wire.address, maxOutstandingMessages: 500});
  const sending = sendAll(stream, 1, 10_000);
  for (const through of [2000, 5000, 8000]) {
    await readEchoes(stream, through === 2000 ? 1 : through - 2999, through);
    await processor.kill();
    processor = await startProcessor(t);
    wire.target = processor.grpc;
  }
  await readEchoes(stream, 8001, 10_000);
  await sending;
  await within(stream.close(), 'the end');
  assert.equal(stream.heard('disconnect').length, 3);
  assert.deepEqual(stream.heard('lost').map(({unanswered}) => unanswered > 0 && unanswered <= 500),
                   [true, true, true]);
});

test('200 broken connections: no result is lost or doubled, and none is processed twice', async t => {
  const processor = await startProcessor(t);
  const wire = await startWire(t, processor.grpc);
  const stream = open(t, {target: wire.address, maxOutstandingMessages: 200, initialBackoffMs: 1});
  const breaks = 200, each = 50;
  const sending = sendAll(stream, 1, breaks * each + 1000);
  for (let i = 0; i < breaks; ++i) {
    await readEchoes(stream, i * each + 1, (i + 1) * each);
    await eventually(() => stream.heard('welcome').length > i, `connection ${i + 1}`);
    wire.cut();
    await eventually(() => stream.heard('disconnect').length > i, `break ${i + 1}`);
  }
  await readEchoes(stream, breaks * each + 1, breaks * each + 1000);
  await sending;
  await within(stream.close(), 'the end');
  assert.ok(stream.heard('disconnect').length >= breaks);
  assert.equal(await processor.metric('msgproc_processor_messages_total', 'outcome="ok"'),
               breaks * each + 1000);
});

test('a million messages and a slow reader: memory stays flat', async t => {
  const processor = await startProcessor(t);
  const stream = open(t, {target: processor.grpc});
  const total = 1_000_000, payload = Buffer.alloc(100, 'x');
  const sending = (async () => { for (let i = 0; i < total; ++i) await stream.send(payload); })();
  const megabytes = () => process.memoryUsage().rss / 2 ** 20;
  let count = 0, early = 0, most = 0;
  for await (const result of stream) {
    assert.equal(result.sequence, ++count);
    // Slower than the sender: there is always as much unread as may be.
    if (count % 10_000 === 0) {
      await new Promise(resolve => setTimeout(resolve, 10));
      if (count === total / 5) early = megabytes();
      most = Math.max(most, megabytes());
    }
    if (count === total) break;
  }
  await sending;
  await within(stream.close(), 'the end');
  t.diagnostic(`resident: ${early.toFixed()} MiB after a fifth, at most ${most.toFixed()} MiB`);
  assert.ok(most < early * 1.5 + 50, `${early.toFixed()} MiB after a fifth, ${most.toFixed()} MiB at most`);
});
