"""A deploy in the middle of the day: every server is replaced, and again, under load."""

import unittest

from tests import harness
from tests.fleet import fleet

_ROUNDS = 5


class RollingRestartTest(fleet.FleetTest):
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
                self.assertEqual(processors[i].stop(), 0, processors[i].describe("did not drain"))
                self.await_answers(load, processors[:i] + processors[i + 1 :], 100)
                processors[i] = self.member(balancer, name, listen_address=addresses[i])
                self.await_serving(balancer, 3)
        report = self.finish(load)
        print(f"{report['messages']} messages, interruptions: {report['interruptions']}")
        self.assertEqual(report["stream_errors"], {})
        harness.assert_in_time(report["interruptions"]["longest_ms"] / 1000, 1)


if __name__ == "__main__":
    unittest.main()
