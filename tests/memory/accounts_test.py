"""What the budget counts is what the process holds."""

import os
import unittest

from tests import harness
from tests.limits import traffic
from tests.memory import greedy

_STREAMS = 20
_BYTES_EACH = 10 * traffic.MIB
_LARGE = 512 << 10
_SMALL = 100
_SMALL_A_FRAME = 1000


def _large():
    for sequence in range(1, _BYTES_EACH // _LARGE + 1):
        yield traffic.message(sequence, _LARGE)


def _small():
    for first in range(1, _BYTES_EACH // _SMALL + 1, _SMALL_A_FRAME):
        yield b"".join(traffic.message(first + i, _SMALL) for i in range(_SMALL_A_FRAME))


@unittest.skipIf(os.environ.get("MSGPROC_SANITIZER"), "sanitizers hold more")
class AccountsTest(harness.ProcessTest):
    def _assert_agrees(self, frames, messages):
        processor = self.processor("--max_outstanding_messages=1000000")
        # What the first streams take once, whatever they send, is not theirs.
        first = self.loadgen(f"--target={processor.grpc}", "--n=20000", "--connections=4")
        self.assert_all_answered_once(first, 20000)
        before = traffic.resident(processor)
        streams = greedy.Streams(processor.grpc, _STREAMS, frames)
        self.addCleanup(streams.leave)
        harness.eventually(
            lambda: processor.metric("msgproc_processor_messages_total")
            >= 20000 + _STREAMS * messages,
            "all is processed",
            seconds=60,
        )
        seen = ()

        def agrees():
            nonlocal seen
            counted = processor.metric("msgproc_processor_memory_used_bytes")
            held = traffic.resident(processor) - before
            seen = (counted, held)
            return counted > _STREAMS * _BYTES_EACH and abs(counted - held) <= held / 4

        # malloc keeps for a while what a burst has left behind.
        try:
            harness.eventually(agrees, "counted and resident bytes agree within 25 %")
        except AssertionError:
            self.fail(f"counted are {seen[0]:.0f} bytes, and {seen[1]} are resident")

    def test_of_large_messages(self):
        self._assert_agrees(list(_large()), _BYTES_EACH // _LARGE)

    def test_of_small_messages(self):
        frames = list(_small())
        self._assert_agrees(frames, len(frames) * _SMALL_A_FRAME)


if __name__ == "__main__":
    unittest.main()
