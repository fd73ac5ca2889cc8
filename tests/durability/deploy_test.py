"""A rolling deploy runs nothing twice: what was accepted is committed before a stream ends."""

import unittest

from tests import harness
from tests.durability import ledger

# Counts each try of a message, also one that is rolled back.
_COUNT_TRIES = """
CREATE SEQUENCE tries;
CREATE FUNCTION count_try() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM nextval('tries');
  RETURN NEW;
END $$;
CREATE TRIGGER count_tries BEFORE INSERT ON accounts
  FOR EACH ROW EXECUTE FUNCTION count_try();
"""


class DeployTest(ledger.FleetTest):
    def test_each_message_is_tried_once(self):
        fleet = [self.member() for _ in range(3)]
        self.open_accounts(self.by_name)
        self.store.ask(_COUNT_TRIES)
        # Nothing that others wait for: a conflict would be a try more.
        count = 6_000
        load = self.send(
            [f"open new-{i} 0" for i in range(count)],
            self.by_name,
            "--connections=16",
            f"--rate={count / 6}",
            "--give_up_after=60s",
        )
        for i, old in enumerate(fleet):
            fleet[i] = self.member()
            self.await_work(old, 100)
            self.assertEqual(old.stop(), 0)
            self.assertTrue(load.running(), load.describe("ended before the deploy"))
        self.assert_all_answered_once(load, count)
        self.assertEqual(self.store.ask("SELECT last_value FROM tries"), str(count))
        moved = sum(
            member.metric("msgproc_processor_session_opens_total", state="resumed")
            for member in fleet
        )
        self.assertGreaterEqual(moved, 16)
        conflicts = sum(
            member.metric("msgproc_store_retries_total", **{"class": "conflict"})
            for member in fleet
        )
        self.assertEqual(conflicts, 0)
        harness.eventually(
            lambda: self.store.ask("SELECT count(*) FROM msgproc_sessions") == "0",
            "finished sessions are gone",
        )


if __name__ == "__main__":
    unittest.main()
