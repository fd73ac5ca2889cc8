"""The worker as the processor sees it: frames in, frames out."""

import json
import os
import subprocess
import unittest

import msgproc_worker
from msgproc.worker.v1 import worker_pb2

_WORKER = os.path.join(
    os.environ["TEST_SRCDIR"],
    os.environ["TEST_WORKSPACE"],
    "examples/python_worker/worker",
)


class WorkerTest(unittest.TestCase):
    def setUp(self):
        self.worker = subprocess.Popen(
            [_WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for pipe in (self.worker.stdin, self.worker.stdout, self.worker.stderr):
            self.addCleanup(pipe.close)
        self.addCleanup(self.worker.wait)
        self.addCleanup(self.worker.kill)
        hello = worker_pb2.WorkBatch()
        hello.hello.protocol_version = 1
        hello.hello.max_frame_bytes = 1 << 20
        self._write(hello)
        self.assertEqual(self._read().ready.protocol_version, 1)

    def _write(self, batch):
        msgproc_worker._write(self.worker.stdin, batch)  # pylint: disable=protected-access

    def _read(self):
        size = shift = 0
        while True:
            byte = self.worker.stdout.read(1)
            self.assertTrue(byte, "the worker has ended")
            size |= (byte[0] & 0x7F) << shift
            if byte[0] < 0x80:
                break
            shift += 7
        return worker_pb2.ResultBatch.FromString(self.worker.stdout.read(size))

    def _answers(self, handler, payloads, traces=(), **context):
        batch = worker_pb2.WorkBatch(batch_id=7, handler=handler)
        for sequence, traceparent in traces:
            batch.traces.add(sequence=sequence, traceparent=traceparent)
        batch.context.MergeFrom(worker_pb2.Context(**context))
        for sequence, payload in enumerate(payloads, start=40):
            batch.messages.add(sequence=sequence, payload=payload)
        self._write(batch)
        results = []
        while len(results) < len(payloads):
            part = self._read()
            self.assertEqual(part.batch_id, 7)
            self.assertTrue(part.results)
            results += part.results
        self.assertEqual(
            [result.sequence for result in results], list(range(40, 40 + len(payloads)))
        )
        return results

    def test_answers_in_order(self):
        results = self._answers("upper", [f"grüße {i}".encode() for i in range(300)])
        self.assertEqual(results[299].payload, "GRÜSSE 299".encode())

    def test_answers_with_results_larger_than_a_frame(self):
        results = self._answers("upper", [b"x" * 600_000] * 5)
        self.assertEqual(results[4].payload, b"X" * 600_000)

    def test_a_bad_message_is_an_error_of_its_own(self):
        results = self._answers("sum", [b"[1, 2, 3.5]", b"no json", b"[4]"])
        self.assertEqual(results[0].payload, b"6.5")
        self.assertEqual(results[1].error.code, 3)
        self.assertEqual(results[2].payload, b"4")

    def test_an_exception_is_an_error_of_its_own(self):
        results = self._answers("upper", [b"\xff", b"a"])
        self.assertEqual(results[0].error.code, 13)
        self.assertEqual(results[1].payload, b"A")

    def test_names_a_handler_that_is_not_there(self):
        self.assertIn("'lower'", self._answers("lower", [b"a"])[0].error.message)

    def test_a_handler_is_told_who_sent_its_message(self):
        results = self._answers(
            "whoami",
            [b"", b""],
            session_id="s",
            principal="alice",
            claims={"team": "tills"},
            attempt=2,
            idempotency_scope="s",
        )
        seen = [json.loads(result.payload) for result in results]
        self.assertEqual(seen[0]["principal"], "alice")
        self.assertEqual(seen[0]["claims"], {"team": "tills"})
        self.assertEqual(seen[0]["attempt"], 2)
        self.assertEqual([each["key"] for each in seen], ["s/40", "s/41"])

    def test_a_handler_is_told_under_which_span_it_runs(self):
        traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        results = self._answers("whoami", [b"", b"", b""], traces=[(41, traceparent)])
        seen = [json.loads(result.payload)["traceparent"] for result in results]
        self.assertEqual(seen, ["", traceparent, ""])

    def test_takes_it_that_nobody_waits_any_more(self):
        self._write(worker_pb2.WorkBatch(cancelled_batch_ids=[5, 6]))
        self.assertEqual(self._answers("upper", [b"a"])[0].payload, b"A")

    def test_exits_at_the_end_of_input(self):
        self.worker.stdin.close()
        self.assertEqual(self.worker.wait(timeout=20), 0)
        self.assertEqual(self.worker.stderr.read(), b"")


def _note(message, _context):
    """Keeps a JSON array in the store."""
    return b"kept", [
        ("DELETE FROM notes", ()),
        ("INSERT INTO notes VALUES ($1)", json.loads(message.payload)),
    ]


class EffectsTest(unittest.TestCase):
    """What is returned beside a payload."""

    def _answer(self, *payloads):
        batch = worker_pb2.WorkBatch(batch_id=7, handler="note")
        for sequence, payload in enumerate(payloads, start=40):
            batch.messages.add(sequence=sequence, payload=payload)
        part = worker_pb2.ResultBatch(batch_id=7)
        for message in batch.messages:
            msgproc_worker._handle(_note, batch, message, part)  # pylint: disable=protected-access
        self.assertEqual(len(part.results), len(payloads))
        return part

    def test_statements_travel_with_their_result(self):
        part = self._answer(b'["a", 5, 0.5, true, null]', b"[]")
        self.assertEqual(part.results[0].payload, b"kept")
        self.assertEqual([effects.sequence for effects in part.effects], [40, 41])
        delete, insert = part.effects[0].statements
        self.assertEqual((delete.sql, len(delete.parameters)), ("DELETE FROM notes", 0))
        self.assertEqual(insert.sql, "INSERT INTO notes VALUES ($1)")
        text, integer, real, yes, nothing = insert.parameters
        self.assertEqual((text.text, integer.integer, real.real), ("a", 5, 0.5))
        self.assertEqual((yes.integer, nothing.WhichOneof("kind")), (1, None))

    def test_a_message_that_fails_does_nothing(self):
        part = self._answer(b"no json", b"[{}]", b'["a"]')
        self.assertEqual([each.HasField("error") for each in part.results], [True, True, False])
        self.assertIn("TypeError", part.results[1].error.message)
        self.assertEqual([effects.sequence for effects in part.effects], [42])


if __name__ == "__main__":
    unittest.main()
