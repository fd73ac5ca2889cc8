"""A session that nobody used for too long: what was done is not done again.

First its results go, and a tombstone says how far it was; then that goes, too.
"""

import contextlib
import signal
import sqlite3
import unittest

from tests import harness
from tests.durability import ledger

_SESSIONS = 4
_FLAGS = ("--session_ttl=1s", "--session_retention=1s")


class RetentionTest(ledger.LedgerTest):
    def setUp(self):
        super().setUp()
        self.file = self.folder() / "ledger.db"

    def ask(self, sql):
        """Of the store that nobody has open."""
        with contextlib.closing(sqlite3.connect(self.file)) as store:
            return store.execute(sql).fetchall()

    def come_back_after(self, expired, *flags):
        """Clients sleep in the midst of their work until that many things have expired.

        Returns what they say when they come back, and how many messages were handled
        for them then.
        """
        server = self.ledger(f"sqlite:{self.file}", *_FLAGS, *flags)
        self.open_accounts(f"--target={server.grpc}")
        load = self.transfer(
            5_000, f"--target={server.grpc}", f"--connections={_SESSIONS}", seconds=20
        )
        self.await_work(server, 100)
        load.signal(signal.SIGSTOP)
        try:
            harness.eventually(
                lambda: server.metric("msgproc_store_expired_total") >= expired,
                "it forgets them",
                seconds=60,
            )
            handled = server.metric("msgproc_processor_messages_total")
        finally:
            load.signal(signal.SIGCONT)
        exit_code, _ = load.report()
        self.assertEqual(exit_code, 1, load.describe("should fail"))
        again = server.metric("msgproc_processor_messages_total") - handled
        self.refused = {
            reason: server.metric("msgproc_processor_rejected_total", reason=reason)
            for reason in ("data_loss", "failed_precondition", "invalid_argument")
        }
        self.assertEqual(server.stop(), 0)
        return load.output(), again

    def test_an_expired_session_says_so(self):
        said, again = self.come_back_after(_SESSIONS)
        self.assertIn("FAILED_PRECONDITION", said)
        self.assertRegex(said, "has expired: messages up to [0-9]+ were processed")
        self.assertIn("They will not be processed again", said)
        self.assertEqual(again, 0)
        self.assertGreaterEqual(self.refused["failed_precondition"], _SESSIONS)
        self.assertEqual(self.refused["data_loss"] + self.refused["invalid_argument"], 0)
        # Only the tombstones are left of them, each with how far it was.
        self.assertEqual(self.ask("SELECT count(*) FROM msgproc_outcomes"), [(0,)])
        self.assertEqual(
            self.ask("SELECT count(*), sum(trimmed_through) FROM msgproc_sessions WHERE expired"),
            [(_SESSIONS, *self.ask("SELECT count(*) FROM entries")[0])],
        )

    def test_one_whose_tombstone_is_gone_is_lost_and_not_new(self):
        said, again = self.come_back_after(2 * _SESSIONS, "--tombstone_retention=1s")
        self.assertIn("DATA_LOSS", said)
        self.assertIn("the store does not have it any more", said)
        self.assertEqual(again, 0)
        self.assertGreaterEqual(self.refused["data_loss"], _SESSIONS)
        self.assertEqual(self.refused["failed_precondition"] + self.refused["invalid_argument"], 0)
        self.assertEqual(self.ask("SELECT count(*) FROM msgproc_sessions"), [(0,)])


if __name__ == "__main__":
    unittest.main()
