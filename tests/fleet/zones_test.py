"""Processors and clients that say where they are: the near are sent to the near."""

import unittest

from tests import harness
from tests.fleet import fleet

_STAY = "--moves_per_second=0"


class ZonesTest(fleet.FleetTest):
    def setUp(self):
        self.hub = self.balancer(_STAY)

    def zones(self, *places):
        """Starts a processor at each place, named as the place: eu-a is at eu/a."""
        started = {
            place: self.member(self.hub, place.replace("/", "-"), f"--locality={place}")
            for place in places
        }
        self.await_serving(self.hub, len(places))
        return started

    def load(self, place, connections):
        return self.endless_load([self.hub], f"--locality={place}", f"--connections={connections}")

    def test_a_zone_comes_before_its_region_and_that_before_anywhere(self):
        servers = self.zones("eu/a", "eu/b", "us/a")
        self.assertEqual(self.servers(self.hub)["eu-b"]["locality"], "eu/b")
        load = self.load("eu/a", 6)
        for place in ("eu/a", "eu/b", "us/a"):
            self.await_answers(load, [servers[place]])
            self.assertEqual(self.sockets(servers[place]), 6)
            if place != "us/a":
                self.assertEqual(servers[place].stop(), 0)
        self.finish(load)

    def test_a_look_up_says_where_its_client_is(self):
        self.zones("eu/a", "eu/b", "us/a")
        for place in ("eu/a", "eu/b", "us/a"):
            for _ in range(5):
                _, answer = self.get_server(self.hub, locality=place)
                self.assertEqual(answer["server_id"], place.replace("/", "-"))
        _, answer = self.get_server(self.hub, locality="eu/c")
        self.assertIn(answer["server_id"], ("eu-a", "eu-b"))
        given = {
            zone: self.hub.metric("msgproc_balancer_lookup_zones_total", zone=zone)
            for zone in ("same", "other", "none")
        }
        self.assertEqual((given["same"], given["other"]), (15, 1))
        # To find out whether all are handed out.
        self.assertGreater(given["none"], 0)
        lookups = self.hub.metric("msgproc_balancer_lookups_total", result="ok")
        self.assertEqual(sum(given.values()), lookups)
        code, answer = self.get_server(self.hub, locality="a/b/c/d")
        self.assertEqual(code, 400)
        self.assertIn("has 4 parts", answer["error"])

    def test_a_full_zone_is_not_preferred(self):
        servers = self.zones("eu/a", "us/a")
        load = self.load("eu/a", 60)
        harness.eventually(
            lambda: sum(map(self.sockets, servers.values())) == 60, "all sockets are open", 60
        )
        near, far = (self.sockets(servers[place]) for place in ("eu/a", "us/a"))
        # Five quarters of a half of 60 are 37; reports lag.
        self.assertGreater(far, 10)
        self.assertGreater(near, far)
        self.finish(load)

    def test_a_locality_that_is_none_is_named_at_the_start(self):
        flags = ("--listen_address=127.0.0.1:0", "--locality=eu/a b", f"--balancer={self.hub.grpc}")
        argv = [harness.runfile(harness.PROCESSOR), *flags, "--http_address="]
        processor = self.keep(harness.Process(argv, "processor"))
        self.assertEqual(processor.wait(), 2)
        self.assertIn('--locality: the zone of a locality is "a b"', processor.output())


if __name__ == "__main__":
    unittest.main()
