"""A processor that is told to stop and waits: it says so, and serves whoever comes."""

import signal
import unittest

from tests import harness
from tests.fleet import fleet, reflection


class DrainDelayTest(fleet.FleetTest):
    def health(self, processor):
        with reflection.Client(processor.grpc) as client:
            return client.call("grpc.health.v1.Health", "Check", {})["status"]

    def test_health_checks_fail_at_once_and_the_listener_stays_open(self):
        balancer = self.balancer()
        (processor,) = self.members(balancer, 1, "--drain_delay=15s")
        self.assertEqual(self.health(processor), "SERVING")
        processor.signal(signal.SIGTERM)
        # Each look is a connection of its own.
        harness.eventually(
            lambda: self.health(processor) == "NOT_SERVING", "health checks fail", 10
        )
        harness.eventually(lambda: processor.get("/readyz")[0] == 503, "it is not ready", 10)
        self.await_state(balancer, "p1", "draining")
        load = self.loadgen(f"--target={processor.grpc}", "--n=100")
        self.assert_all_answered_once(load, 100)
        self.assertEqual(processor.wait(60), 0, processor.describe("did not end well"))

    def test_a_server_of_a_static_list_is_not_handed_out_meanwhile(self):
        processor = self.processor("--drain_delay=15s")
        balancer = self.balancer(f"--servers={processor.grpc}")
        self.await_serving(balancer, 1)
        processor.signal(signal.SIGTERM)
        self.await_state(balancer, processor.grpc, "unhealthy", seconds=10)
        self.assertEqual(processor.wait(60), 0, processor.describe("did not end well"))


if __name__ == "__main__":
    unittest.main()
