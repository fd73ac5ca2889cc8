"""A cluster of three etcds: its leader dies, its quorum is lost and comes back."""

import time
import unittest

from tests import harness
from tests.etcd import etcd

_RIGHT_SECONDS = 5
# Sockets stay where they are, so that none moves for another reason.
_BALANCER = ("--lease=3s", "--moves_per_second=0")
# So many that each of three processors has some: two balancers that draw two of
# three for each socket would leave one processor out in one run of 27 at six.
_SOCKETS = 24


class ClusterTest(etcd.EtcdTest):
    def test_the_leader_is_killed_then_the_quorum_lost_and_back(self):
        registry = self.etcd(members=3)
        balancers = [self.reader(registry, *_BALANCER, name=f"b{i}") for i in range(2)]
        processors = self.writers(registry, balancers, 3, "--registry_lease=3s")
        load = self.endless_load(balancers, f"--connections={_SOCKETS}", "--max_outstanding=16")
        self.await_answers(load, processors)
        with self.look_ups(balancers[0]), self.look_ups(balancers[1]):
            self._the_leader_dies(registry, balancers, processors)
            self._the_quorum_is_lost(registry, balancers, processors)
        self.await_answers(load, processors[:3])
        self.assert_no_socket_noticed(self.finish(load), processors)

    def _the_leader_dies(self, registry, balancers, processors):
        leader = registry.leader()
        leader.crash()
        died = time.monotonic()
        # Processors that come now are found by both.
        processors.append(self.writer(registry, "p4", "--registry_lease=3s"))
        for balancer in balancers:
            self.await_serving(balancer, 4)
        print(f"leader killed: p4 is served {time.monotonic() - died:.2f} s later")
        leader.start_again()
        registry.await_healthy()
        self.await_in_step(balancers)
        # A new leader gives every lease its full time again: nobody was lost.
        for balancer in balancers:
            self.assertEqual(balancer.metric("msgproc_balancer_leases_expired_total"), 0)
            self.assertEqual(
                balancer.metric("msgproc_balancer_departures_total", reason="broken"), 0
            )

    def _the_quorum_is_lost(self, registry, balancers, processors):
        for member in registry.members[1:]:
            member.freeze()
        for balancer in balancers:
            harness.eventually(lambda b=balancer: not self.in_step(b), "it knows")
        # One that starts now has what one member remembers.
        late = self.reader(registry, *_BALANCER, name="late")
        harness.eventually(lambda: len(self.servers(late)) == 4, "old servers are better than none")
        self.await_lookup(late)
        for member in registry.members[1:]:
            member.thaw()
        thawed = time.monotonic()
        for balancer in [*balancers, late]:
            self.await_serving(balancer, len(processors))
        harness.assert_in_time(time.monotonic() - thawed, _RIGHT_SECONDS)
        print(f"quorum back: right after {time.monotonic() - thawed:.2f} s")
        self.await_in_step([*balancers, late])

    def await_lookup(self, balancer):
        harness.eventually(lambda: self.get_server(balancer)[0] == 200, "it hands them out")


if __name__ == "__main__":
    unittest.main()
