"""A deploy in the middle of the day: every server is replaced, and again, under load."""

import unittest

from tests import harness
from tests.fleet import fleet

_ROUNDS = 5
_OPENS = "msgproc_processor_session_opens_total"


class RollingRestartTest(fleet.FleetTest):
    def assert_nothing_lost(self, processor):
        self.assertEqual(processor.metric(_OPENS, state="lost"), 0, processor.describe("lost one"))

    def assert_left_as_told(self, processor):
        """Every stream of a processor that has stopped ended well, and its log says why."""
        ends = [line for line in processor.output().splitlines() if "stream ended" in line]
        self.assertTrue(ends, processor.describe("says nothing of its streams"))
        for line in ends:
            self.assertRegex(line, r" code=0 why=(drain|rebalance) ")
        self.assertTrue(any("why=drain" in line for line in ends), ends)

    def test_five_rolling_restarts_of_all_three_servers_lose_nothing(self):
        balancer = self.balancer()
        names = ("p1", "p2", "p3")
        addresses = [f"127.0.0.1:{harness.free_port()}" for _ in names]
        processors = [
            self.member(balancer, name, listen_address=address)
            for name, address in zip(names, addresses)
        ]
        self.await_serving(balancer, 3)
        load = self.endless_load([balancer], "--connections=12", "--max_outstanding=16")
        self.await_answers(load, processors)
        for _ in range(_ROUNDS):
            for i, name in enumerate(names):
                # It would take what it has counted with it.
                self.assert_nothing_lost(processors[i])
                self.assertEqual(processors[i].stop(), 0, processors[i].describe("did not drain"))
                self.assert_left_as_told(processors[i])
                self.await_answers(load, processors[:i] + processors[i + 1 :], 100)
                processors[i] = self.member(balancer, name, listen_address=addresses[i])
                self.await_serving(balancer, 3)
        report = self.finish(load)
        print(f"{report['messages']} messages, interruptions: {report['interruptions']}")
        self.assertEqual(report["stream_errors"], {})
        harness.assert_in_time(report["interruptions"]["longest_ms"] / 1000, 1)
        for processor in processors:
            self.assert_nothing_lost(processor)
        # All who are with the first two came from others.
        for processor in processors[:2]:
            self.assertGreater(processor.metric(_OPENS, state="moved"), 0)
            self.assertIn("moved_for=", processor.output())


if __name__ == "__main__":
    unittest.main()
