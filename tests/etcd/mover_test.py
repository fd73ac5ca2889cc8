"""Of several balancers with one registry exactly one moves sessions; any passes orders on."""

import time

from tests import harness, sharding
from tests.admin import ctl_case
from tests.etcd import etcd

_SOCKETS = 24


class MoverTest(etcd.EtcdTest, ctl_case.CtlCase):
    def moves(self, balancer):
        return balancer.metric("msgproc_balancer_moves_total")

    def test_the_elected_balancer_moves_and_when_it_is_killed_another_does(self):
        registry = self.etcd()
        balancers = [self.reader(registry, "--lease=2s", name=f"b{i}") for i in range(3)]
        first = self.await_mover(balancers)
        others = [b for b in balancers if b is not first]
        processors = self.writers(registry, balancers, 1, "--registry_lease=2s")
        load = self.endless_load(
            others, f"--connections={_SOCKETS}", "--max_outstanding=4"
        )
        self.await_answers(load, processors)

        processors.append(self.writer(registry, "p2", "--registry_lease=2s"))
        harness.eventually(lambda: self.sockets(processors[1]) >= _SOCKETS / 3, "p2 has some", 30)
        self.assertGreater(self.moves(first), 0)
        for other in others:
            self.assertEqual(self.moves(other), 0)

        first.kill()
        killed = time.monotonic()
        second = self.await_mover(others)
        print(f"mover killed: another is elected {time.monotonic() - killed:.2f} s later")
        processors.append(self.writer(registry, "p3", "--registry_lease=2s"))
        harness.eventually(lambda: self.sockets(processors[2]) >= _SOCKETS / 6, "p3 has some", 30)
        self.assertGreater(self.moves(second), 0)
        (third,) = [b for b in others if b is not second]
        self.assertEqual(self.moves(third), 0)
        self.finish(load)

        # One that stops gives its place up.
        self.assertEqual(second.stop(), 0)
        self.assertIs(self.await_mover([third], seconds=3), third)

    def test_an_order_goes_through_any_balancer(self):
        registry = self.etcd()
        admins = [f"unix:{self.folder}/b{i}.sock" for i in range(2)]
        balancers = [
            self.reader(registry, f"--admin_address={admin}", name=f"b{i}")
            for i, admin in enumerate(admins)
        ]
        self.writers(registry, balancers, 2)
        mover = self.await_mover(balancers)
        idle = admins[1 - balancers.index(mover)]
        self.ctl("cordon", "p1", server=idle)
        for balancer in balancers:
            self.await_state(balancer, "p1", "draining", seconds=5)
        self.assertTrue(registry.record("p1")["Metadata"]["cordoned"])
        harness.eventually(
            lambda: registry.read(f"{etcd.PREFIX}.orders/p1") == "", "the order is gone"
        )
        self.ctl("uncordon", "p1", server=idle)
        for balancer in balancers:
            self.await_state(balancer, "p1", "serving", seconds=5)

    def test_a_dump_has_the_machines_that_speak_with_etcd(self):
        registry = self.etcd()
        admin = f"unix:{self.folder}/b.sock"
        balancer = self.reader(registry, f"--admin_address={admin}")
        self.writer(registry, "p1", f"--admin_address={self.admin}")
        self.await_serving(balancer, 1)
        dump = self.ctl("dump")
        self.assertRegex(dump, r"(?s)processor::EtcdConnection\n.*etcd::LeaseState\n +phase +held")
        self.assertNotIn("answers", dump)
        dump = self.ctl("dump", server=admin)
        self.assertRegex(dump, r"(?s)balancer::EtcdRegistry\n.*servers +1\n.*etcd::ListState\n")
        self.assertNotIn("answers", dump)

    def test_a_processor_may_have_a_stream_to_its_balancer_as_well(self):
        registry = self.etcd()
        balancer = self.reader(registry, "--lease=2s")
        processor = self.writer(
            registry, "p1", f"--balancer={balancer.grpc}", "--registry_lease=2s"
        )
        self.await_serving(balancer, 1)
        harness.eventually(
            lambda: processor.metric("msgproc_processor_balancers", state="registered") == 2,
            "it is registered twice",
        )
        self.assertNotIn("another processor", processor.output())
        # The stream tells at once what etcd would after the lease.
        processor.kill()
        harness.eventually(lambda: self.serving(balancer) == set(), "it is gone", 10)


if __name__ == "__main__":
    sharding.main()
