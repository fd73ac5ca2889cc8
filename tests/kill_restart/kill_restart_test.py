"""The processor is killed and comes back on the same port, under load."""

import os
import unittest

from tests import harness

_KILLS = 3
_WORKERS = os.environ.get("MSGPROC_WORKERS", "0")


class KillRestartTest(harness.ProcessTest):
    def test_every_message_is_answered_once_though_the_processor_is_killed(self):
        address = f"127.0.0.1:{harness.free_port()}"
        processor = self._start(address)
        load = self.loadgen(
            f"--target={address}",
            # Long enough for all kills to land in the middle of it.
            "--duration=8s",
            "--connections=4",
            "--max_outstanding=256",
        )
        for _ in range(_KILLS):
            self._wait_until_it_answers(processor, load)
            processor.kill()
            processor = self._start(address)
        self._wait_until_it_answers(processor, load)

        report = self.assert_all_answered_once(load)
        self.assertGreaterEqual(report["interruptions"]["count"], _KILLS)
        self.assertEqual(processor.stop(), 0, processor.describe("did not drain"))

    def _start(self, address):
        return self.processor(f"--workers={_WORKERS}", listen_address=address)

    def _wait_until_it_answers(self, processor, load):
        def answered():
            self.assertTrue(load.running(), load.describe("ended too early"))
            return processor.metric("msgproc_processor_messages_total", outcome="ok") > 1000

        harness.eventually(answered, "the processor answers 1,000 messages")


if __name__ == "__main__":
    unittest.main()
