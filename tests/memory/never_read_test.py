"""Clients that fill windows of 32 MiB and read nothing, at a processor with little memory."""

import os
import time
import unittest

from tests import harness
from tests.limits import traffic
from tests.memory import greedy, memory_group

_MEMORY = 512 * traffic.MIB
_STREAMS = 200
_WINDOW = 32 * traffic.MIB
_RATE = 5000
_BEFORE_SECONDS = 2
# From before the first of them until some are ended.
_MEANWHILE_SECONDS = 9


@unittest.skipIf(os.environ.get("MSGPROC_SANITIZER"), "sanitizers hold more")
class NeverReadTest(harness.ProcessTest):
    def _processor(self):
        group = memory_group.make(_MEMORY)
        if group is None:
            # Nothing would end it here for taking too much: its peak says whether something had.
            return self.processor(f"--memory_budget={_MEMORY // 2}")
        self.addCleanup(memory_group.remove, group)
        return self.processor(prefix=memory_group.prefix(group))

    @staticmethod
    def _rate(processor, seconds, act=lambda: None):
        """Returns the messages a second that are processed from here on, what `act` does included."""
        name = "msgproc_processor_messages_total"
        before, since = processor.metric(name), time.monotonic()
        act()
        time.sleep(max(0, since + seconds - time.monotonic()))
        return (processor.metric(name) - before) / (time.monotonic() - since)

    def test_two_hundred_of_them_take_their_share_and_others_go_on(self):
        self._take_their_share(256 << 10)

    def test_likewise_with_the_largest_frames_that_there_are(self):
        self._take_their_share(traffic.MIB)

    def _take_their_share(self, frame_bytes):
        processor = self._processor()
        frames = [traffic.message(i, frame_bytes) for i in range(1, _WINDOW // frame_bytes)]
        load = self.loadgen(
            f"--target={processor.grpc}",
            *("--connections=4", f"--rate={_RATE}", f"--duration={_BEFORE_SECONDS + _MEANWHILE_SECONDS + 3}s"),
        )
        harness.eventually(
            lambda: processor.metric("msgproc_processor_messages_total") > _RATE, "it sends"
        )
        before = self._rate(processor, _BEFORE_SECONDS)
        attack = []

        def begin():
            attack.append(greedy.Streams(processor.grpc, _STREAMS, frames))
            self.addCleanup(attack[0].leave)

        meanwhile = self._rate(processor, _MEANWHILE_SECONDS, begin)

        # Who neither acknowledges nor reads is asked to come again, and its session may go.
        actions = "msgproc_processor_memory_actions_total"
        harness.eventually(lambda: processor.metric(actions, action="ended") > 0, "some are ended")
        self.assertGreater(processor.metric(actions, action="paused"), 0)
        # Not its exit code: on a busy machine it says that it could not keep its own pace.
        _, report = load.report()
        self.assertEqual(report["answered"], report["messages"], load.describe("lost some"))
        for wrong in ("lost", "duplicated", "failed"):
            self.assertEqual(report[wrong], 0, wrong)
        self.assertGreater(meanwhile, before / 2)
        self.assertTrue(processor.running())
        self.assertLess(traffic.peak(processor), _MEMORY)

        # Once they have gone their sessions make room for whoever comes.
        attack[0].leave()
        harness.eventually(
            lambda: processor.metric("msgproc_processor_sessions", state="attached") == 0,
            "they have gone",
        )
        after = self.loadgen(f"--target={processor.grpc}", "--n=2000")
        self.assert_all_answered_once(after, 2000)


if __name__ == "__main__":
    unittest.main()
