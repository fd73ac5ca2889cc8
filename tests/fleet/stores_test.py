"""A fleet whose processors keep their sessions in different stores is said to be one."""

import pathlib
import tempfile
import unittest

from tests import harness
from tests.fleet import fleet


class StoresTest(fleet.FleetTest):
    def test_two_stores_at_one_balancer_are_loud_until_they_are_one(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = pathlib.Path(folder.name, "sessions.db")
        balancer = self.balancer("--lease=1s")
        self.member(balancer, "stored", f"--session_store=sqlite:{file}")
        self.await_serving(balancer, 1)
        (generation,) = {
            server["store_generation"] for server in self.servers(balancer).values()
        }
        self.assertRegex(generation, "^[0-9a-f]{32}$")
        self.assertEqual(balancer.metric("msgproc_balancer_stores"), 1)

        in_memory = self.member(balancer, "forgetful")
        self.await_serving(balancer, 2)
        self.assertEqual(balancer.metric("msgproc_balancer_stores"), 2)
        self.assertEqual(self.servers(balancer)["forgetful"]["store_generation"], "")
        harness.eventually(
            lambda: f"{generation} (stored)" in balancer.output()
            and "memory (forgetful)" in balancer.output(),
            "the log names both stores and who uses them",
        )

        self.assertEqual(in_memory.stop(), 0)
        harness.eventually(
            lambda: balancer.metric("msgproc_balancer_stores") == 1, "one store is left"
        )
        harness.eventually(lambda: "one store again" in balancer.output(), "the log says so")


if __name__ == "__main__":
    unittest.main()
