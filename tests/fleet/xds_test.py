"""Clients that find the fleet over xDS: gRPC's own in Python, and ours."""

import json
import pathlib
import sys
import tempfile
import unittest

from tests import harness
from tests.fleet import fleet

_STAY = "--moves_per_second=0"


class XdsTest(fleet.FleetTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self._folder = pathlib.Path(folder.name)
        self._clients = 0

    def bootstrap(self, balancer, locality=None):
        """The environment of a client of this balancer: the example, with its address."""
        self._clients += 1
        example = json.loads(
            pathlib.Path(harness.runfile("deploy/xds/bootstrap.json")).read_text(encoding="utf-8")
        )
        example["xds_servers"][0]["server_uri"] = balancer.xds
        example["node"]["id"] = f"client-{self._clients}"
        example["node"]["locality"] = locality or {}
        file = self._folder / f"bootstrap-{self._clients}.json"
        file.write_text(json.dumps(example), encoding="utf-8")
        return {"GRPC_XDS_BOOTSTRAP": str(file)}

    def client(self, balancer, *flags, locality=None):
        """A plain gRPC client that writes a line a message."""
        argv = [sys.executable, harness.runfile("tests/fleet/xds_client.py"), *flags]
        # What this test imports, so may they.
        env = {
            **self.bootstrap(balancer, locality),
            "GRPC_VERBOSITY": "NONE",
            "PYTHONPATH": ":".join(sys.path),
        }
        return self.keep(harness.Process(argv, "xds_client", env))

    def await_answer(self, client, wanted, seconds=30):
        """Waits for an answer, of those from now on, that `wanted` holds for."""
        seen = len(client.output().splitlines())

        def answered():
            self.assertTrue(client.running(), client.describe("ended"))
            lines = client.output().splitlines()[seen:]
            return next((line for line in lines if wanted(line)), None)

        return harness.eventually(answered, client.describe("has no such answer"), seconds)

    def fleet_of(self, count, *flags):
        balancer = self.balancer(_STAY, "--xds_address=127.0.0.1:0", "--lease=2s")
        members = self.members(balancer, count, *flags)
        return balancer, {f"p{i + 1}": member for i, member in enumerate(members)}

    def test_a_plain_client_finds_a_server_and_another_when_that_is_killed(self):
        balancer, servers = self.fleet_of(3)
        client = self.client(balancer)
        first = self.await_answer(client, lambda line: line in servers)
        # It stays with the server that was picked for it.
        for _ in range(5):
            self.assertEqual(self.await_answer(client, lambda line: True), first)
        self.assertEqual(balancer.metric("msgproc_balancer_xds_streams"), 1)
        self.assertEqual(balancer.metric("msgproc_balancer_xds_refused_total"), 0)
        servers.pop(first).kill()
        second = self.await_answer(client, lambda line: line in servers)
        self.assertNotEqual(second, first)

    def test_nothing_new_goes_to_a_server_that_drains(self):
        # It knows nothing of Drain: what it begins before it has read the new list goes to
        # the old server, which waits for such.
        balancer, servers = self.fleet_of(3, "--drain_delay=2s")
        client = self.client(balancer)
        first = self.await_answer(client, lambda line: line in servers)
        self.assertEqual(servers.pop(first).stop(), 0)
        self.await_answer(client, lambda line: line in servers)
        errors = [line for line in client.output().splitlines() if ":" in line]
        self.assertEqual(errors, [], client.describe("had errors"))

    def test_open_streams_survive_what_happens_to_the_list_and_the_balancer(self):
        port = harness.free_port()
        xds = f"127.0.0.1:{harness.free_port()}"
        flags = (_STAY, f"--xds_address={xds}", "--lease=2s")
        balancer = self.balancer(*flags, listen_address=f"127.0.0.1:{port}")
        self.members(balancer, 2)
        holder = self.client(balancer, "--hold")
        prober = self.client(balancer)
        held = self.await_answer(holder, lambda line: line.startswith("p"))
        self.await_answer(prober, lambda line: line.startswith("p"))
        # Without a balancer clients go on with what they know.
        balancer.kill()
        for client in (holder, prober):
            for _ in range(10):
                self.assertRegex(self.await_answer(client, lambda line: True), "^p")
        balancer = self.balancer(*flags, listen_address=f"127.0.0.1:{port}")
        self.await_serving(balancer, 2)
        harness.eventually(
            lambda: balancer.metric("msgproc_balancer_xds_streams") == 2, "both come back"
        )
        self.member(balancer, "p3")
        self.await_serving(balancer, 3)
        for client in (holder, prober):
            for _ in range(10):
                self.assertRegex(self.await_answer(client, lambda line: True), "^p")
        self.assertEqual(set(holder.output().split()), {held}, holder.describe("moved"))
        self.assertNotIn(":", prober.output())

    def test_a_client_goes_to_its_zone_then_its_region_then_anywhere_and_comes_back(self):
        balancer = self.balancer(_STAY, "--xds_address=127.0.0.1:0", "--lease=2s")
        places = {"near": "eu/a", "next": "eu/b", "far": "us/a"}

        def start(name):
            return self.member(balancer, name, f"--locality={places[name]}", "--drain_delay=2s")

        servers = {name: start(name) for name in places}
        self.await_serving(balancer, 3)
        locality = {"region": "eu", "zone": "a"}
        clients = [self.client(balancer, locality=locality) for _ in range(3)]

        def await_all_at(name):
            for client in clients:
                self.await_answer(client, lambda line: line == name)
            for client in clients:
                for _ in range(3):
                    self.assertEqual(self.await_answer(client, lambda line: True), name)

        await_all_at("near")
        self.assertEqual(servers["near"].stop(), 0)
        await_all_at("next")
        for client in clients:
            self.assertNotIn(":", client.output(), "nothing failed")
        servers["next"].kill()
        await_all_at("far")
        start("near")
        await_all_at("near")
        self.assertEqual(balancer.metric("msgproc_balancer_xds_refused_total"), 0)

    def test_our_own_client_loses_nothing_over_kills_and_drains(self):
        balancer, servers = self.fleet_of(3)
        load = self.loadgen(
            "--target=xds:///processors",
            "--duration=1h",
            "--connections=6",
            "--rate=2000",
            env=self.bootstrap(balancer),
        )
        harness.eventually(
            lambda: sum(self.answered(p) for p in servers.values()) > 1000, "messages pass"
        )
        victim = max(servers, key=lambda name: self.sockets(servers[name]))
        servers.pop(victim).kill()
        self.await_answers_of_any(load, servers)
        victim = max(servers, key=lambda name: self.sockets(servers[name]))
        self.assertEqual(servers.pop(victim).stop(), 0)
        self.await_answers_of_any(load, servers)
        self.finish(load)

    def await_answers_of_any(self, load, servers):
        before = sum(self.answered(p) for p in servers.values())

        def reached():
            self.assertTrue(load.running(), load.describe("ended too early"))
            return sum(self.answered(p) for p in servers.values()) > before + 1000

        harness.eventually(reached, "messages pass again", 30)

    def test_an_address_that_is_taken_is_named(self):
        taken = self.balancer("--xds_address=127.0.0.1:0")
        argv = [
            harness.runfile(harness.BALANCER),
            "--listen_address=127.0.0.1:0",
            "--http_address=",
            f"--xds_address={taken.xds}",
        ]
        second = self.keep(harness.Process(argv, "second"))
        self.assertEqual(second.wait(), 1)
        self.assertIn(f"--xds_address: cannot listen on {taken.xds}", second.output())


if __name__ == "__main__":
    unittest.main()
