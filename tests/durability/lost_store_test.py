"""A store that has forgotten what it acknowledged: clients are told, nothing is sent again.

Nobody but the client can know what was done then. So it hears DATA_LOSS, and its
messages are nobody's any more: neither effects nor results, by themselves.
"""

import contextlib
import pathlib
import shutil
import sqlite3
import unittest

from tests import harness
from tests.durability import ledger


# Of each session: what is committed, and what of that its client has received for sure.
_PROGRESS = """
SELECT s.key, coalesce(max(o.through), s.trimmed_through), s.trimmed_through
FROM msgproc_sessions s LEFT JOIN msgproc_outcomes o ON o.session = s.key
GROUP BY s.key, s.trimmed_through
"""


def _all_went_on(before, after):
    """Whether each client has received more than was committed `before`."""
    received = {key: trimmed for key, _, trimmed in after}
    return all(received[key] > committed for key, committed, _ in before)


class LostStoreTest(ledger.LedgerTest):
    def assert_told(self, load, what):
        """The load has ended with DATA_LOSS and a text that says what is lost."""
        exit_code, _ = load.report()
        self.assertEqual(exit_code, 1, load.describe("should fail"))
        self.assertIn("DATA_LOSS", load.output())
        self.assertRegex(load.output(), what)
        self.assertIn("nothing is sent again by itself", load.output())

    def lost(self, server):
        """How often a client was told; one that did not hear it asks again."""
        return server.metric("msgproc_store_claims_total", result="lost")

    def handled(self, server):
        return server.metric("msgproc_processor_messages_total")


class SqliteTest(LostStoreTest):
    def setUp(self):
        super().setUp()
        self.file = self.folder() / "ledger.db"
        self.address = f"127.0.0.1:{harness.free_port()}"
        self.server = self.start()
        self.open_accounts(f"--target={self.address}")

    def start(self, *flags):
        return self.ledger(f"sqlite:{self.file}", *flags, listen_address=self.address)

    def transfer_until_killed(self):
        """Returns a load whose sessions all have results, and whose server is dead."""
        load = self.transfer(20_000, f"--target={self.address}", seconds=20)
        self.await_work(self.server, 500)
        self.server.kill()
        return load

    def go_on_until_killed(self):
        """Each client receives more than the store has now."""
        before = self.ask(_PROGRESS)
        self.assertEqual(len(before), 16)
        while not _all_went_on(before, self.ask(_PROGRESS)):
            self.server = self.start()
            self.await_work(self.server, 500)
            self.server.kill()

    def copy(self):
        """Returns a copy of the store, as a backup has it."""
        backup = self.folder()
        for file in self.file.parent.glob("ledger.db*"):
            shutil.copy(file, backup)
        return backup

    def restore(self, backup):
        for file in self.file.parent.glob("ledger.db*"):
            file.unlink()
        for file in pathlib.Path(backup).glob("ledger.db*"):
            shutil.copy(file, self.file.parent)

    def ask(self, sql):
        with contextlib.closing(sqlite3.connect(self.file)) as store:
            return store.execute(sql).fetchall()

    def test_a_store_that_is_gone(self):
        load = self.transfer_until_killed()
        for file in self.file.parent.glob("ledger.db*"):
            file.unlink()
        self.server = self.start()
        self.assert_told(load, "the client knows it from store '[0-9a-f]{32}', and this one is")
        self.assertEqual(self.handled(self.server), 0)
        self.assertGreaterEqual(self.lost(self.server), 16)

    def test_a_backup_that_was_restored_says_so(self):
        load = self.transfer_until_killed()
        backup = self.copy()
        self.go_on_until_killed()
        self.restore(backup)
        self.server = self.start("--session_store_restored")
        self.assert_told(load, "the client knows it from store '[0-9a-f]{32}', and this one is")
        self.assertEqual(self.handled(self.server), 0)

    def test_a_backup_that_was_restored_in_silence_shows_by_what_it_lacks(self):
        load = self.transfer_until_killed()
        backup = self.copy()
        self.go_on_until_killed()
        self.restore(backup)
        entries = self.ask("SELECT count(*) FROM entries")
        self.server = self.start()
        self.assert_told(load, "the client has received results up to [0-9]+, and the store")
        self.assertEqual(self.handled(self.server), 0)
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(self.ask("SELECT count(*) FROM entries"), entries)


class PostgresTest(ledger.FleetTest, LostStoreTest):
    def setUp(self):
        super().setUp()
        self.server = self.member()
        self.target = f"--target={self.server.grpc}"
        self.open_accounts(self.target)

    def progress(self):
        lines = self.store.ask(_PROGRESS).splitlines()
        return [tuple(int(number) for number in line.split("|")) for line in lines]

    def test_a_failover_that_lost_commits(self):
        load = self.transfer(20_000, self.target, seconds=20)
        self.await_work(self.server, 500)
        backup = self.store.back_up()
        before = self.progress()
        self.assertEqual(len(before), 16)
        harness.eventually(
            lambda: _all_went_on(before, self.progress()), "each client receives more than that"
        )
        # The processor lives on, and still has what the store has not any more.
        self.store.fail_over_to(backup)
        entries = self.store.ask("SELECT count(*) FROM entries")
        self.assert_told(load, "the client has received results up to [0-9]+, and the store")
        self.assertEqual(self.store.ask("SELECT count(*) FROM entries"), entries)
        self.assertGreaterEqual(self.lost(self.server), 16)

    def test_tables_that_were_dropped(self):
        load = self.transfer(20_000, self.by_name, seconds=20)
        self.await_work(self.server, 500)
        self.server.kill()
        self.store.ask("DROP TABLE msgproc_meta, msgproc_sessions, msgproc_outcomes")
        entries = self.store.ask("SELECT count(*) FROM entries")
        self.server = self.member()
        self.assert_told(load, "the client knows it from store '[0-9a-f]{32}', and this one is")
        self.assertEqual(self.handled(self.server), 0)
        self.assertEqual(self.store.ask("SELECT count(*) FROM entries"), entries)


if __name__ == "__main__":
    unittest.main()
