"""A processor stops in time, whatever has become of its store."""

import time
import unittest

from tests import harness, relay
from tests.durability import ledger, postgres

_DRAIN_SECONDS = 1
# For what is in flight, and for a connection that was being made.
_MORE_SECONDS = 15


class StopTest(ledger.FleetTest):
    def test_it_stops_though_the_store_says_nothing_any_more(self):
        between = self.keep(relay.SocketFileRelay(self.store.folder, ".s.PGSQL.5432"))
        url = postgres.url_of(between.folder)
        member = self.member(f"--drain_timeout={_DRAIN_SECONDS}s", url=url)
        other = self.member()
        self.open_accounts(f"--target={other.grpc}")
        count = 3_000
        load = self.transfer(count, self.by_name, seconds=3)
        self.await_work(member)
        between.cut()
        self.assertTrue(between.swallowed.wait(60), "it asks the store for something")
        began = time.monotonic()
        self.assertEqual(member.stop(seconds=60), 0)
        took = time.monotonic() - began
        print(f"stopped after {took:.1f} s")
        harness.assert_in_time(took, _DRAIN_SECONDS + _MORE_SECONDS)
        # What it left undone is done by the other one.
        self.assert_all_answered_once(load, count)
        self.assert_store_balanced(count)


if __name__ == "__main__":
    unittest.main()
