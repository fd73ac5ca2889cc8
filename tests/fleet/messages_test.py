"""Model III as its clients see it: who is there, and 10,000 messages."""

import json
import unittest

import grpc

from tests.fleet import fleet, reflection

_MESSAGES = 10_000
_BALANCER = "msgproc.v1.Balancer"
# Sockets stay where they are: being evened out interrupts them, as rebalance_test
# shows.
_STAY = "--moves_per_second=0"


class MessagesTest(fleet.FleetTest):
    def assert_ten_thousand_pass(self, balancer):
        load = self.loadgen(
            f"--balancer={balancer.grpc}",
            f"--n={_MESSAGES}",
            "--connections=12",
            "--handler=sha256",
        )
        report = self.assert_all_answered_once(load, _MESSAGES)
        servers = report["servers"]
        self.assertEqual(servers.keys(), {"p1", "p2", "p3"})
        self.assertEqual(sum(server["messages"] for server in servers.values()), _MESSAGES)
        self.assertEqual(sum(server["streams"] for server in servers.values()), 12)
        # Sockets that open at once are picked for by what was reported before them.
        self.assertGreater(report["fairness"], 0.5)
        self.assertEqual(report["interruptions"]["count"], 0)
        return report

    def test_ten_thousand_messages_through_a_balancer_and_three_processors(self):
        balancer = self.balancer(_STAY)
        processors = self.members(balancer, 3)
        report = self.assert_ten_thousand_pass(balancer)
        for name, processor in zip(("p1", "p2", "p3"), processors):
            self.assertEqual(self.answered(processor), report["servers"][name]["messages"])

    def test_ten_thousand_messages_through_three_processors_with_workers(self):
        balancer = self.balancer(_STAY)
        processors = self.members(balancer, 3, "--workers=2")
        self.assert_ten_thousand_pass(balancer)
        worked = sum(p.metric("msgproc_processor_worker_messages_total") for p in processors)
        self.assertEqual(worked, _MESSAGES)
        for processor in processors:
            self.assertEqual(processor.stop(), 0, processor.describe("did not drain"))

    def test_every_policy_serves(self):
        for policy in ("round_robin", "random", "consistent_hash"):
            with self.subTest(policy=policy):
                balancer = self.balancer(f"--policy={policy}")
                self.members(balancer, 2, "--weight=3")
                load = self.loadgen(f"--balancer={balancer.grpc}", "--n=1000", "--connections=8")
                self.assert_all_answered_once(load, 1000)


class ReflectionTest(fleet.FleetTest):
    def test_a_client_that_knows_only_the_address_can_call_get_server(self):
        balancer = self.balancer()
        with reflection.Client(balancer.grpc) as client:
            services = client.services()
            for service in services:
                self.assertTrue(client.methods(service), service)
            self.assertIn(_BALANCER, services)
            self.assertEqual(client.methods(_BALANCER), ["GetServer", "ListServers"])
            with self.assertRaises(grpc.RpcError) as nobody:
                client.call(_BALANCER, "GetServer", {})
            self.assertEqual(nobody.exception.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertIn("no server", nobody.exception.details())

            one, two = self.members(balancer, 2)
            answer = client.call(_BALANCER, "GetServer", {"exclude": [one.grpc]})
            self.assertEqual(answer, {"server": {"server_id": "p2", "address": two.grpc}})
            answer = client.call(_BALANCER, "GetServer", {"affinity_key": "a key"})
            given = [answer["server"], *answer["alternatives"]]
            self.assertEqual({server["address"] for server in given}, {one.grpc, two.grpc})
            listed = client.call(_BALANCER, "ListServers", {})["servers"]
            self.assertEqual([server["server"]["server_id"] for server in listed], ["p1", "p2"])
            for server in listed:
                self.assertEqual(server["state"], "SERVER_STATE_SERVING")
                self.assertIn("report_age", server)


class HttpTest(fleet.FleetTest):
    def test_the_oldest_clients_look_up_over_http(self):
        balancer = self.balancer("--policy=consistent_hash")
        self.assertEqual(self.get_server(balancer)[0], 503)
        processors = self.members(balancer, 3)
        *others, last = [processor.grpc for processor in processors]
        code, answer = self.get_server(balancer, exclude=",".join(others))
        self.assertEqual((code, answer["server_id"], answer["address"]), (200, "p3", last))
        same = {self.get_server(balancer, affinity_key="a key")[1]["server_id"] for _ in range(10)}
        self.assertEqual(len(same), 1)
        self.assertEqual(json.loads(balancer.get("/health")[1])["servers"]["serving"], 3)
        for wrong in ("/get-servers", "/get-server?excluded=a:1"):
            code, body = balancer.get(wrong)
            self.assertEqual(code, 400, wrong)
            self.assertIn("error", json.loads(body))


if __name__ == "__main__":
    unittest.main()
