"""The network between a processor and its balancer is cut: no client notices."""

import unittest

from tests import harness
from tests.fleet import fleet, networks

_NO_NETWORKS = networks.enter_own_namespace()
# Shorter than by default, for the test's sake; and sockets stay where they are, so
# that none moves for another reason.
_BALANCER_FLAGS = ("--lease=3s", "--moves_per_second=0")
_OPENS = "msgproc_processor_session_opens_total"


@unittest.skipIf(_NO_NETWORKS, f"no network namespaces here: {_NO_NETWORKS}")
class PartitionTest(fleet.FleetTest):
    def on(self, host):
        """How a server is started on a host: where it listens, and who may see that."""
        flags = ["--insecure", f"--http_address={host.address}:0"]
        return flags, {"listen_address": f"{host.address}:0", "prefix": host.prefix}

    def host(self):
        return self.keep(networks.Host())

    def balancer_on(self, host):
        flags, options = self.on(host)
        return self.balancer(*_BALANCER_FLAGS, *flags, **options)

    def member_on(self, host, balancer, server_id):
        flags, options = self.on(host)
        return self.member(balancer, server_id, *flags, **options)

    def assert_no_socket_noticed(self, load, processors, sockets):
        report = self.finish(load)
        self.assertEqual(report["interruptions"]["count"], 0)
        self.assertEqual(sum(p.metric(_OPENS, state="new") for p in processors), sockets)
        for state in ("resumed", "lost"):
            self.assertEqual(sum(p.metric(_OPENS, state=state) for p in processors), 0)

    def test_one_processor_is_cut_off_from_the_balancer(self):
        near, far = self.host(), self.host()
        balancer = self.balancer_on(near)
        processors = [
            self.member_on(near, balancer, "near1"),
            self.member_on(near, balancer, "near2"),
            self.member_on(far, balancer, "far"),
        ]
        self.await_serving(balancer, 3)
        load = self.endless_load([balancer], "--connections=12", "--max_outstanding=64")
        self.await_answers(load, processors)

        near.isolate(True)
        far.isolate(True)
        expired = "msgproc_balancer_leases_expired_total"
        harness.eventually(lambda: balancer.metric(expired) == 1, "its lease expires")
        harness.eventually(
            lambda: self.servers(balancer).keys() == {"near1", "near2"}, "it is off the list"
        )
        harness.eventually(lambda: "the balancer was silent" in processors[2].output(), "it knows")
        # No new client is sent there, and those that are there stay.
        self.await_answers(load, processors)
        self.assertEqual(self.get_server(balancer, exclude="x:1")[0], 200)

        near.isolate(False)
        far.isolate(False)
        self.await_serving(balancer, 3)
        self.await_answers(load, processors)
        self.assert_no_socket_noticed(load, processors, 12)

    def test_a_balancer_that_is_cut_off_from_everyone_keeps_the_last_known_list(self):
        alone, crowd = self.host(), self.host()
        balancer = self.balancer_on(alone)
        processors = [self.member_on(crowd, balancer, f"p{i + 1}") for i in range(3)]
        self.await_serving(balancer, 3)
        load = self.endless_load([balancer], "--connections=12", "--max_outstanding=64")
        self.await_answers(load, processors)

        alone.isolate(True)
        crowd.isolate(True)
        for processor in ("p1", "p2", "p3"):
            self.await_state(balancer, processor, "stale")
        self.assertEqual(balancer.metric("msgproc_balancer_fail_static"), 1)
        self.assertIn("most of the fleet vanished", balancer.output())
        # Clients that reach both are served as ever.
        late = self.loadgen(f"--balancer={balancer.grpc}", "--n=1000", "--connections=3")
        self.assert_all_answered_once(late, 1000)

        alone.isolate(False)
        crowd.isolate(False)
        self.await_serving(balancer, 3)
        self.assertEqual(balancer.metric("msgproc_balancer_fail_static"), 0)
        self.await_answers(load, processors)
        self.assert_no_socket_noticed(load, processors, 12 + 3)


if __name__ == "__main__":
    unittest.main(verbosity=2 if _NO_NETWORKS else 1)
