"""One etcd, and what may happen to it and to those who hold on to it: no socket breaks."""

import signal
import time

from tests import harness, relay, sharding
from tests.etcd import etcd

# What is promised of the list once etcd can be reached again.
_RIGHT_SECONDS = 5


class OutageTest(etcd.EtcdTest):
    def test_a_fleet_registers_in_etcd_and_leaves(self):
        registry = self.etcd()
        balancers = [self.reader(registry, name=f"b{i}") for i in range(2)]
        processors = self.writers(registry, balancers, 2, "--weight=2.5")
        record = registry.record("p1")
        self.assertEqual(record["Op"], 0)
        self.assertEqual(record["Addr"], processors[0].grpc)
        self.assertEqual(record["Metadata"]["weight"], 2.5)
        self.assertEqual(record["Metadata"]["state"], "SERVER_STATE_SERVING")
        self.assertEqual(processors[0].metric("msgproc_processor_registry_registered"), 1)
        self.assertEqual(processors[0].metric("msgproc_processor_balancers", state="registered"), 1)
        self.assertEqual(balancers[0].metric("msgproc_balancer_registry_records"), 2)
        self.assertEqual(processors[0].stop(), 0)
        self.assertIsNone(registry.record("p1"))
        for balancer in balancers:
            harness.eventually(lambda b=balancer: self.servers(b).keys() == {"p2"}, "p1 is gone", 5)
            self.assertEqual(
                balancer.metric("msgproc_balancer_departures_total", reason="goodbye"), 1
            )

    def test_another_programs_record_is_a_server_and_nonsense_is_not(self):
        registry = self.etcd()
        balancer = self.reader(registry)
        stranger = self.processor()
        registry.control("put", f"{etcd.PREFIX}/stranger", f'{{"Addr":"{stranger.grpc}"}}')
        registry.control("put", f"{etcd.PREFIX}/nonsense", "nonsense")
        self.await_serving(balancer, 1)
        self.assertEqual(self.serving(balancer), {"stranger"})
        self.assertEqual(balancer.metric("msgproc_balancer_registry_unreadable_total"), 1)

    def test_etcd_is_killed_and_restarted_under_load(self):
        registry = self.etcd()
        flags = ("--lease=3s", "--moves_per_second=0")
        balancers = [self.reader(registry, *flags, name=f"b{i}") for i in range(2)]
        processors = self.writers(registry, balancers, 3, "--registry_lease=3s")
        load = self.endless_load(balancers, "--connections=12", "--max_outstanding=64")
        self.await_answers(load, processors)
        with self.look_ups(balancers[0]), self.look_ups(balancers[1]):
            registry.members[0].crash()
            # Longer than the leases: the last list is all there is.
            for balancer in balancers:
                harness.eventually(
                    lambda b=balancer: set(s["state"] for s in self.servers(b).values())
                    == {"stale"},
                    f"{balancer.name} fails static",
                )
                self.assertFalse(self.in_step(balancer))
            self.await_answers(load, processors)
            registry.members[0].start_again()
            registry.await_healthy()
            back = time.monotonic()
            for balancer in balancers:
                self.await_serving(balancer, 3)
            harness.assert_in_time(time.monotonic() - back, _RIGHT_SECONDS)
            print(f"etcd restarted: right after {time.monotonic() - back:.2f} s")
        self.await_answers(load, processors)
        self.assert_no_socket_noticed(self.finish(load), processors)

    def test_a_list_that_was_compacted_during_a_partition_is_read_anew(self):
        registry = self.etcd()
        between = self.keep(relay.TcpRelay(registry.members[0].address))
        cut_off = self.reader(f"etcd://{between.address}/{etcd.PREFIX}", "--lease=2s", name="cut_off")
        other = self.reader(registry, "--lease=2s", name="other")
        processors = self.writers(registry, [cut_off, other], 3, "--registry_lease=2s")
        # A machine that stalls for long may have made it read the list again by now.
        before = cut_off.metric("msgproc_balancer_registry_lists_total")
        self.assertGreater(before, 0)
        with self.look_ups(cut_off):
            between.cut()
            harness.eventually(lambda: not self.in_step(cut_off), "it knows")
            self.writer(registry, "p4", "--registry_lease=2s")
            self.assertEqual(processors[2].stop(), 0)
            harness.eventually(
                lambda: self.serving(other) == {"p1", "p2", "p4"}, "the other is right"
            )
            registry.compact()
            between.mend()
            mended = time.monotonic()
            harness.eventually(
                lambda: self.serving(cut_off) == {"p1", "p2", "p4"}, "the list is right"
            )
            harness.assert_in_time(time.monotonic() - mended, _RIGHT_SECONDS)
            print(f"compacted: right after {time.monotonic() - mended:.2f} s")
        self.assertGreater(cut_off.metric("msgproc_balancer_registry_lists_total"), before)

    def test_a_frozen_processor_loses_its_lease_and_comes_back(self):
        registry = self.etcd()
        balancer = self.reader(registry, "--lease=2s")
        processors = self.writers(registry, [balancer], 3, "--registry_lease=2s")
        frozen = processors[0]
        frozen.signal(signal.SIGSTOP)
        harness.eventually(
            lambda: self.servers(balancer).keys() == {"p2", "p3"}, "its lease runs out"
        )
        self.assertIsNone(registry.record("p1"))
        frozen.signal(signal.SIGCONT)
        thawed = time.monotonic()
        self.await_serving(balancer, 3)
        harness.assert_in_time(time.monotonic() - thawed, _RIGHT_SECONDS)
        print(f"thawed: right after {time.monotonic() - thawed:.2f} s")
        self.assertEqual(frozen.metric("msgproc_processor_registry_leases_lost_total"), 1)

    def test_a_name_that_another_holds_is_not_taken(self):
        registry = self.etcd()
        balancer = self.reader(registry)
        first = self.writers(registry, [balancer], 1)[0]
        second = self.writer(registry, "p1")
        harness.eventually(lambda: "another processor has this one's" in second.output(), "it says")
        self.assertEqual(registry.record("p1")["Addr"], first.grpc)
        first.kill()
        harness.eventually(
            lambda: (registry.record("p1") or {}).get("Addr") == second.grpc, "it takes over"
        )
        self.await_serving(balancer, 1)

    def test_an_etcd_that_was_made_anew_is_filled_again(self):
        registry = self.etcd()
        balancer = self.reader(registry, "--lease=2s")
        self.writers(registry, [balancer], 2, "--registry_lease=2s")
        for _ in range(30):
            registry.control("put", "elsewhere", "so that its revision is high")
        member = registry.members[0]
        with self.look_ups(balancer):
            member.kill()  # And its data with it.
            member.start_again()
            registry.await_healthy()
            began = time.monotonic()
            harness.eventually(lambda: registry.record("p1") and registry.record("p2"), "both")
            self.await_serving(balancer, 2)
            harness.assert_in_time(time.monotonic() - began, _RIGHT_SECONDS)
        self.assertGreaterEqual(balancer.metric("msgproc_balancer_registry_lists_total"), 2)


if __name__ == "__main__":
    sharding.main()
