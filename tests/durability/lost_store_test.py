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


class LostStoreTest(ledger.LedgerTest):
    def assert_told(self, load, what):
        """The load has ended with DATA_LOSS and a text that says what is lost."""
        exit_code, _ = load.report()
        self.assertEqual(exit_code, 1, load.describe("should fail"))
        self.assertIn("DATA_LOSS", load.output())
        self.assertRegex(load.output(), what)
        self.assertIn("nothing is sent again by itself", load.output())

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
        load = self.transfer(10_000, f"--target={self.address}")
        self.await_work(self.server, 500)
        self.server.kill()
        return load

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

    def count_entries(self):
        with contextlib.closing(sqlite3.connect(self.file)) as store:
            return store.execute("SELECT count(*) FROM entries").fetchone()[0]

    def test_a_store_that_is_gone(self):
        load = self.transfer_until_killed()
        for file in self.file.parent.glob("ledger.db*"):
            file.unlink()
        self.server = self.start()
        self.assert_told(load, "the client knows it from store '[0-9a-f]{32}', and this one is")
        self.assertEqual(self.handled(self.server), 0)
        # Once for each of the sockets at least: who did not hear it asks again.
        lost = self.server.metric("msgproc_store_claims_total", result="lost")
        self.assertGreaterEqual(lost, 16)

    def test_a_backup_that_was_restored_says_so(self):
        load = self.transfer_until_killed()
        backup = self.copy()
        self.server = self.start()
        self.await_work(self.server)
        self.server.kill()
        self.restore(backup)
        self.server = self.start("--session_store_restored")
        self.assert_told(load, "the client knows it from store '[0-9a-f]{32}', and this one is")
        self.assertEqual(self.handled(self.server), 0)

    def test_a_backup_that_was_restored_in_silence_shows_by_what_it_lacks(self):
        load = self.transfer_until_killed()
        backup = self.copy()
        self.server = self.start()
        # Each session gets further than the backup.
        self.await_work(self.server, 500)
        self.server.kill()
        self.restore(backup)
        before = self.count_entries()
        self.server = self.start()
        self.assert_told(load, "the client has received results up to [0-9]+, and the store")
        self.assertEqual(self.handled(self.server), 0)
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(self.count_entries(), before)


class PostgresTest(ledger.FleetTest, LostStoreTest):
    def setUp(self):
        super().setUp()
        self.server = self.member()
        self.target = f"--target={self.server.grpc}"
        self.open_accounts(self.target)

    def test_a_failover_that_lost_commits(self):
        load = self.transfer(10_000, self.target)
        self.await_work(self.server, 500)
        backup = self.store.back_up()
        # Each session gets further than the backup.
        self.await_work(self.server, 500)
        # The processor lives on, and still has what the store has not any more.
        self.store.fail_over_to(backup)
        entries = self.store.ask("SELECT count(*) FROM entries")
        self.assert_told(load, "the client has received results up to [0-9]+, and the store")
        self.assertEqual(self.store.ask("SELECT count(*) FROM entries"), entries)
        # Once for each of the sockets at least: who did not hear it asks again.
        lost = self.server.metric("msgproc_store_claims_total", result="lost")
        self.assertGreaterEqual(lost, 16)

    def test_tables_that_were_dropped(self):
        load = self.transfer(10_000, self.by_name)
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
