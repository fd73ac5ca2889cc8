"""A balancer or a processor is killed under load, and comes back."""

import time
import unittest

from tests import harness
from tests.fleet import fleet


class KillTest(fleet.FleetTest):
    def test_no_socket_notices_that_the_balancer_is_killed_and_restarted(self):
        address = f"127.0.0.1:{harness.free_port()}"
        # Sockets stay where they are, so that none moves for another reason.
        flags = "--moves_per_second=0"
        balancer = self.balancer(flags, listen_address=address)
        processors = self.members(balancer, 3)
        load = self.endless_load([balancer], "--connections=12", "--max_outstanding=64")
        for _ in range(2):
            self.await_answers(load, processors)
            balancer.kill()
            # Longer than a lease's third: every processor has something to report.
            down = time.monotonic() + fleet.REPORT_SECONDS
            self.await_answers(load, processors)
            harness.eventually(lambda until=down: time.monotonic() > until, "time passes")
            balancer = self.balancer(flags, listen_address=address)
            serves = time.monotonic()
            self.await_serving(balancer, 3)
            took = time.monotonic() - serves
            print(f"complete {took:.2f} s after it serves again")
            harness.assert_in_time(took, fleet.REPORT_SECONDS)
        self.await_answers(load, processors)

        report = self.finish(load)
        self.assertEqual(report["interruptions"]["count"], 0)
        opens = "msgproc_processor_session_opens_total"
        self.assertEqual(sum(p.metric(opens, state="new") for p in processors), 12)
        for state in ("resumed", "lost"):
            self.assertEqual(sum(p.metric(opens, state=state) for p in processors), 0)
        self.assertEqual(balancer.stop(), 0, balancer.describe("did not drain"))

    def test_new_clients_find_a_server_while_one_of_two_balancers_is_down(self):
        balancers = [self.balancer(), self.balancer()]
        processors = self.members(balancers, 2)
        load = self.endless_load(balancers, "--connections=8", "--max_outstanding=64")
        self.await_answers(load, processors)
        balancers[0].kill()
        late = self.loadgen(
            f"--balancer={balancers[0].grpc},{balancers[1].grpc}", "--n=1000", "--connections=4"
        )
        self.assert_all_answered_once(late, 1000)
        # Even a client whose server goes as well.
        processors[0].kill()
        self.await_answers(load, processors[1:])
        report = self.finish(load)
        self.assertEqual(report["servers"].keys(), {"p1", "p2"})

    def test_without_any_balancer_clients_go_to_the_servers_they_were_told_of(self):
        balancer = self.balancer()
        processors = self.members(balancer, 3)
        load = self.endless_load([balancer], "--connections=12", "--max_outstanding=64")
        self.await_answers(load, processors)
        balancer.kill()
        processors[0].kill()
        harness.eventually(
            lambda: sum(map(self.sockets, processors[1:])) == 12, "the others have all sockets"
        )
        self.assertEqual(processors[1].stop(), 0, processors[1].describe("did not drain"))
        harness.eventually(lambda: self.sockets(processors[2]) == 12, "the last has all sockets")
        self.await_answers(load, processors[2:])
        self.finish(load)

    def test_every_message_is_answered_once_though_a_processor_is_killed(self):
        balancer = self.balancer()
        names = ("p1", "p2", "p3")
        addresses = [f"127.0.0.1:{harness.free_port()}" for _ in names]
        processors = [
            self.member(balancer, name, listen_address=address)
            for name, address in zip(names, addresses)
        ]
        self.await_serving(balancer, 3)
        load = self.endless_load([balancer], "--connections=12", "--max_outstanding=64")
        for victim, name in enumerate(names):
            self.await_answers(load, processors)
            processors[victim].kill()
            # Its broken stream removes it at once, the lease notwithstanding.
            harness.eventually(
                lambda gone=name: gone not in self.serving(balancer), f"{name} is gone", 2
            )
            self.assertEqual(self.get_server(balancer)[0], 200)
            rest = processors[:victim] + processors[victim + 1 :]
            self.await_answers(load, rest)
            harness.eventually(
                lambda left=rest: sum(map(self.sockets, left)) == 12, "the rest has all sockets"
            )
            processors[victim] = self.member(balancer, name, listen_address=addresses[victim])
            self.await_serving(balancer, 3)
        report = self.finish(load)
        print(f"interruptions: {report['interruptions']}")
        self.assertGreaterEqual(report["interruptions"]["count"], 3)


if __name__ == "__main__":
    unittest.main()
