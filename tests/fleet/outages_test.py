"""What happens when each part of a fleet is gone: nothing is lost, whatever it is.

Every test is a row of the table in docs/fleet.md; `tests/fleet/measure_outages` makes its figures.
"""

import json
import os
import pathlib
import signal
import sys
import tempfile
import unittest

from tests import harness
from tests.durability import postgres
from tests.fleet import outages
from tests.nginx import front


class PartIsGoneTest(outages.OutagesTest):
    def test_1_one_balancer_of_two(self):
        self.start_processors()
        first = self.balancers[0]
        report = self.measure(
            "one balancer of two, `kill -9`", (10, 2), first.kill, lambda: self.start_again(first)
        )
        self.assertEqual(report["interruptions"]["count"], 0)

    def test_2_all_balancers(self):
        self.start_processors()

        def take_away():
            for balancer in self.balancers:
                balancer.kill()

        report = self.measure(
            "all balancers, `kill -9`",
            (10, 2),
            take_away,
            lambda: self.start_again(*self.balancers),
        )
        self.assertEqual(report["interruptions"]["count"], 0)

    def test_3_a_processor_that_is_killed(self):
        self.start_processors()
        victim = self.processors[0]
        report = self.measure(
            "a processor of three, `kill -9`", (10, 2), victim.kill, lambda: self.start_again(victim)
        )
        self.assertGreater(report["interruptions"]["count"], 0)

    def test_4_a_processor_that_is_frozen(self):
        self.start_processors()
        victim = self.processors[0]
        self.measure(
            "a processor of three, frozen (SIGSTOP)",
            (110, 10),
            lambda: victim.signal(signal.SIGSTOP),
            lambda: victim.signal(signal.SIGCONT),
        )

    def test_5_a_processor_that_drains(self):
        self.start_processors("--drain_delay=1s")
        victim = self.processors[0]
        self.measure(
            "a processor of three, drained (SIGTERM)",
            (10, 2),
            lambda: self.assertEqual(victim.stop(60), 0, victim.describe("did not drain")),
            lambda: self.start_again(victim),
        )

    @unittest.skipUnless(os.path.exists(front.NGINX), "there is no NGINX")
    def test_6_nginx(self):
        self.start_processors()
        nginx = self.keep(front.Nginx([server.grpc for server in self.processors]))

        def take_away():
            workers = nginx.workers()
            nginx.signal(signal.SIGKILL)
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
            nginx.wait()

        report = self.measure(
            "the only NGINX, `kill -9`",
            (10, 2),
            take_away,
            nginx.start_again,
            target=[f"--target={nginx.grpc}"],
        )
        self.assertGreaterEqual(report["interruptions"]["count"], outages.SOCKETS)

    def test_7_the_xds_control_plane(self):
        self.start_processors()
        with tempfile.TemporaryDirectory() as folder:
            example = pathlib.Path(harness.runfile("deploy/xds/bootstrap.json"))
            bootstrap = json.loads(example.read_text(encoding="utf-8"))
            bootstrap["xds_servers"][0]["server_uri"] = self.balancers[0].xds
            file = pathlib.Path(folder, "bootstrap.json")
            file.write_text(json.dumps(bootstrap), encoding="utf-8")
            report = self.measure(
                "the only xDS control plane (a balancer), `kill -9`",
                (10, 2),
                self.balancers[0].kill,
                lambda: self.start_again(self.balancers[0]),
                target=["--target=xds:///processors"],
                env={"GRPC_XDS_BOOTSTRAP": str(file)},
            )
        self.assertEqual(report["interruptions"]["count"], 0)

    def test_8_the_store(self):
        cluster = self.keep(postgres.Cluster())
        self.start_processors(f"--session_store={cluster.url}")
        report = self.measure(
            "the store (PostgreSQL), immediate shutdown", (10, 2), cluster.stop_now, cluster.start
        )
        self.assertEqual(report["interruptions"]["count"], 0)


if __name__ == "__main__":
    sys.exit(outages.main())
