"""Money moves once for each message, though processors are killed all the time."""

import os
import random
import time
import unittest

from tests import harness
from tests.durability import ledger

# How long they are killed.
_SECONDS = int(os.environ.get("MSGPROC_KILL_SECONDS", "4"))
_INTERVAL = 0.3
# Messages a second: as many as are handled between two kills by a slow machine, too.
_RATE = 1000


def _moments():
    """Yields when to kill, until it has been long enough."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        time.sleep(_INTERVAL)
        yield


class SqliteTest(ledger.LedgerTest):
    def test_it_holds_through_kills(self):
        file = self.folder() / "ledger.db"
        address = f"127.0.0.1:{harness.free_port()}"
        server = self.ledger(f"sqlite:{file}", listen_address=address)
        self.open_accounts(f"--target={address}")
        count = _RATE * (_SECONDS + 1)
        load = self.transfer(count, f"--target={address}", seconds=_SECONDS + 1)
        for _ in _moments():
            server.kill()
            self.assertTrue(load.running(), load.describe("ended before the last kill"))
            server = self.ledger(f"sqlite:{file}", listen_address=address)
        self.assert_all_answered_once(load, count)
        self.assertEqual(server.stop(), 0)
        self.assert_file_balanced(file, count)


class PostgresTest(ledger.FleetTest):
    def test_it_holds_through_kills_in_a_fleet(self):
        fleet = [self.member() for _ in range(3)]
        self.open_accounts(self.by_name)
        count = _RATE * (_SECONDS + 1)
        load = self.transfer(count, self.by_name, seconds=_SECONDS + 1)
        chance = random.Random(3)
        for _ in _moments():
            victim = chance.randrange(3)
            fleet[victim].kill()
            self.assertTrue(load.running(), load.describe("ended before the last kill"))
            fleet[victim] = self.member()
        self.assert_all_answered_once(load, count)
        self.assert_store_balanced(count)


if __name__ == "__main__":
    unittest.main()
