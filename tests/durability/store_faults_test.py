"""What PostgreSQL may do to a transaction: it waits, it fails."""

import unittest

from tests import harness
from tests.durability import ledger

# Raises serialization failures for the messages whose entries are the first ones, and
# for some later ones. The sequence counts tries, also those that were rolled back.
_SERIALIZATION_FAILURES = """
CREATE SEQUENCE tries;
CREATE FUNCTION fail_now_and_then() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE try bigint := nextval('tries');
BEGIN
  IF try <= 40 OR try BETWEEN 1000 AND 1003 THEN
    RAISE EXCEPTION 'another transaction was in the way' USING ERRCODE = '40001';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER fail BEFORE INSERT ON entries
  FOR EACH ROW EXECUTE FUNCTION fail_now_and_then();
"""


class StoreFaultsTest(ledger.FleetTest):
    def conflicts(self, member):
        return member.metric("msgproc_store_retries_total", **{"class": "conflict"})

    def test_serialization_failures_are_tried_again(self):
        member = self.member()
        target = f"--target={member.grpc}"
        self.open_accounts(target)
        self.store.ask(_SERIALIZATION_FAILURES)
        count = 4_000
        self.assert_all_answered_once(self.transfer(count, target, seconds=2), count)
        self.assertGreaterEqual(self.conflicts(member), 44)
        self.assert_store_balanced(count)
        self.assertEqual(self.store.ask("SELECT last_value >= 4044 FROM tries"), "t")

    def test_whoever_locks_sessions_holds_up_their_results_and_no_more(self):
        member = self.member()
        target = f"--target={member.grpc}"
        self.open_accounts(target)
        count = 10_000
        load = self.transfer(count, target, seconds=4)
        self.await_work(member)
        with self.store.transaction("SELECT key FROM msgproc_sessions FOR UPDATE"):
            # Longer than lock_timeout, which is what ends the wait of a commit.
            harness.eventually(
                lambda: self.conflicts(member) > 0, "a commit waits too long", seconds=40
            )
            self.assertTrue(load.running())
        self.assert_all_answered_once(load, count)
        self.assert_store_balanced(count)


if __name__ == "__main__":
    unittest.main()
