"""Money moves once for each message, though processors freeze and the store restarts."""

import signal
import sqlite3
import time
import unittest

from tests import harness
from tests.durability import ledger


class SqliteTest(ledger.LedgerTest):
    def test_a_finished_session_is_gone(self):
        file = self.folder() / "ledger.db"
        server = self.ledger(f"sqlite:{file}")
        self.open_accounts(f"--target={server.grpc}")
        self.assertEqual(server.stop(), 0)
        with sqlite3.connect(file) as store:
            self.assertEqual(store.execute("SELECT * FROM msgproc_sessions").fetchall(), [])
            self.assertEqual(store.execute("SELECT * FROM msgproc_outcomes").fetchall(), [])

    def test_without_a_store_it_says_what_is_missing(self):
        with self.assertRaisesRegex(AssertionError, "--session_store=sqlite:"):
            self.ledger("memory")


class PostgresTest(ledger.FleetTest):
    def test_a_zombie_commits_nothing(self):
        fleet = [self.member() for _ in range(2)]
        self.open_accounts(self.by_name)
        count = 5_000
        load = self.transfer(count, self.by_name, seconds=5)
        self.await_work(fleet[0])
        fleet[0].signal(signal.SIGSTOP)
        try:
            harness.eventually(
                lambda: fleet[1].metric("msgproc_store_claims_total", result="taken") > 0,
                "the other one takes its sessions over",
                seconds=30,
            )
        finally:
            fleet[0].signal(signal.SIGCONT)
        self.assert_all_answered_once(load, count)
        self.assert_store_balanced(count)

    def test_it_holds_through_restarts_of_the_store(self):
        member = self.member()
        self.open_accounts(f"--target={member.grpc}")
        count = 5_000
        load = self.transfer(count, f"--target={member.grpc}", seconds=5)
        for number in (signal.SIGINT, signal.SIGQUIT):
            self.await_work(member)
            time.sleep(0.2)
            self.store.restart(number)
        self.assert_all_answered_once(load, count)
        self.assert_store_balanced(count)


if __name__ == "__main__":
    unittest.main()
