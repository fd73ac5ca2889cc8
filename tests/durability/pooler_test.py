"""A pooler gives each transaction another connection: nothing may depend on one."""

import random
import time
import unittest

from tests.durability import ledger, postgres


class PoolerTest(ledger.FleetTest):
    def test_it_holds_through_kills_behind_a_pooler(self):
        pooler = self.keep(postgres.Pooler(self.store))

        def member():
            return self.member("--session_store_prepared=false", url=pooler.url)

        fleet = [member() for _ in range(2)]
        self.open_accounts(self.by_name)
        count = 5_000
        load = self.transfer(count, self.by_name, seconds=5)
        chance = random.Random(5)
        for _ in range(8):
            time.sleep(0.3)
            victim = chance.randrange(2)
            fleet[victim].kill()
            self.assertTrue(load.running(), load.describe("ended before the last kill"))
            fleet[victim] = member()
        self.assert_all_answered_once(load, count)
        self.assert_store_balanced(count)


if __name__ == "__main__":
    unittest.main()
