"""Every server is gone: what clients are told, and how they recover."""

import unittest

import grpc

from tests import harness
from tests.fleet import fleet, reflection


class OutageTest(fleet.FleetTest):
    def assert_told_that_there_is_no_server(self, balancer):
        with reflection.Client(balancer.grpc) as client:
            with self.assertRaises(grpc.RpcError) as caught:
                client.call("msgproc.v1.Balancer", "GetServer", {})
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("no server", caught.exception.details())
        code, answer = self.get_server(balancer)
        self.assertEqual(code, 503)
        self.assertIn("no server", answer["error"])

    def test_without_any_server_clients_are_told_so(self):
        balancer = self.balancer()
        self.assert_told_that_there_is_no_server(balancer)
        load = self.loadgen(f"--balancer={balancer.grpc}", "--n=10", "--connect_timeout=1s")
        self.assertEqual(load.wait(), 1, load.describe("should have failed"))
        for word in (balancer.grpc, "no processor is registered"):
            self.assertIn(word, load.output())

    def test_without_any_balancer_clients_are_told_so(self):
        address = f"127.0.0.1:{harness.free_port()}"
        load = self.loadgen(f"--balancer={address}", "--n=10", "--connect_timeout=1s")
        self.assertEqual(load.wait(), 1, load.describe("should have failed"))
        for word in ("Nothing answers", address):
            self.assertIn(word, load.output())

    def test_when_all_servers_are_killed_clients_wait_for_one_to_return(self):
        balancer = self.balancer()
        processors = self.members(balancer, 3)
        patient = self.endless_load([balancer], "--connections=12", "--max_outstanding=64")
        hasty = self.endless_load([balancer], "--connections=12", "--give_up_after=1s")
        self.await_answers(patient, processors)
        self.await_answers(hasty, processors)
        harness.eventually(
            lambda: sum(p.metric("msgproc_processor_streams") for p in processors) == 24,
            "both are connected",
        )
        for processor in processors:
            processor.kill()
        # All at once look like the balancer's own fault, until it finds out that
        # they refuse connections.
        harness.eventually(lambda: self.get_server(balancer)[0] == 503, "none is handed out", 10)
        self.assert_told_that_there_is_no_server(balancer)
        exit_code, report = hasty.report()
        self.assertEqual(exit_code, 1, hasty.describe("should have failed"))
        self.assertGreater(report["lost"], 0)
        self.assertIn("UNAVAILABLE", hasty.output())
        self.assertTrue(patient.running(), patient.describe("ended too early"))

        returned = self.member(balancer, "p4")
        self.await_answers(patient, [returned])
        report = self.finish(patient)
        self.assertIn("p4", report["servers"])
        self.assertGreaterEqual(report["interruptions"]["count"], 3)

    def test_when_all_servers_say_goodbye_clients_wait_for_one_to_return(self):
        balancer = self.balancer()
        processors = self.members(balancer, 2)
        load = self.endless_load([balancer], "--connections=8", "--max_outstanding=64")
        self.await_answers(load, processors)
        for processor in processors:
            self.assertEqual(processor.stop(), 0, processor.describe("did not drain"))
        self.assertEqual(self.servers(balancer), {})
        self.assert_told_that_there_is_no_server(balancer)
        returned = self.member(balancer, "p3")
        self.await_answers(load, [returned])
        self.finish(load)


if __name__ == "__main__":
    unittest.main()
