"""A disk that is full or read-only: results wait, sockets stay, nothing is lost."""

import os
import pathlib
import time
import unittest

from tests import harness
from tests.durability import ledger, mounts

_NO_MOUNTS = mounts.enter_own_namespace()
# Takes writes from the processes that are started with it, while a file is there.
_READ_ONLY_LIBRARY = "tests/durability/libread_only.so"


@unittest.skipIf(_NO_MOUNTS, f"no mounts here: {_NO_MOUNTS}")
class DiskTest(ledger.LedgerTest):
    def setUp(self):
        super().setUp()
        self.disk = mounts.Disk(self.folder(), mebibytes=48)
        self.addCleanup(os.system, f"umount --lazy {self.disk.folder}")
        self.file = self.disk.folder / "ledger.db"

    def start(self, **options):
        server = self.ledger(f"sqlite:{self.file}", **options)
        self.open_accounts(f"--target={server.grpc}")
        return server

    def await_failing(self, server):
        """Waits until the store has failed for a second on end.

        A smaller commit may still fit a disk that a larger one did not.
        """
        worked = time.monotonic()

        def fails_on_end():
            nonlocal worked
            if server.get("/readyz")[0] == 200:
                worked = time.monotonic()
            return time.monotonic() - worked > 1

        harness.eventually(fails_on_end, "the store fails")

    def assert_newcomers_are_sent_away(self, server):
        newcomer = self.send(["open late 1"], f"--target={server.grpc}", "--connect_timeout=5s")
        self.assertEqual(newcomer.wait(), 1)
        self.assertIn("UNAVAILABLE", newcomer.output())
        harness.eventually(
            lambda: server.metric("msgproc_processor_streams") == 16, "the newcomer is gone"
        )

    def assert_held_back_until(self, server, why, break_it, mend_it, while_broken=None):
        """While it is broken results wait; no socket ends."""
        count = 4_000
        load = self.transfer(count, f"--target={server.grpc}", seconds=4)
        self.await_work(server)
        break_it()
        harness.eventually(
            lambda: server.metric("msgproc_store_waiting_sessions") > 8, "sessions wait"
        )
        self.await_failing(server)
        status, text = server.get("/readyz")
        self.assertEqual(status, 503)
        self.assertRegex(text, f"the session store fails: .*{why}")
        self.assertEqual(server.metric("msgproc_store_up"), 0)
        self.assertTrue(load.running())
        if while_broken is not None:
            while_broken(server)
        mend_it()
        harness.eventually(lambda: server.get("/readyz")[0] == 200, "it is ready again")
        report = self.assert_all_answered_once(load, count)
        self.assertEqual(report["interruptions"]["count"], 0)
        self.assertEqual(server.stop(), 0)
        self.assert_file_balanced(self.file, count)

    def test_a_full_disk(self):
        # A newcomer is taken if the little that is written of it still fits; its results wait.
        server = self.start()
        self.assert_held_back_until(server, "full", self.disk.fill, self.disk.make_room)

    def test_a_file_system_that_becomes_read_only(self):
        # As one does whose disk fails: with files that are open for writing.
        read_only = pathlib.Path(self.folder(), "read-only")
        server = self.start(
            env={
                "LD_PRELOAD": harness.runfile(_READ_ONLY_LIBRARY),
                "MSGPROC_READ_ONLY_WHILE": str(read_only),
                "MSGPROC_READ_ONLY_UNDER": str(self.disk.folder),
            }
        )
        self.assert_held_back_until(
            server,
            "file system is read-only",
            read_only.touch,
            read_only.unlink,
            self.assert_newcomers_are_sent_away,
        )

    def test_on_a_read_only_file_system_it_says_why_it_does_not_start(self):
        self.assertEqual(self.start().stop(), 0)
        self.disk.set_read_only(True)
        with self.assertRaisesRegex(AssertionError, "cannot start: .*([Rr]ead-?only)"):
            self.ledger(f"sqlite:{self.file}")
        self.disk.set_read_only(False)
        self.assertEqual(self.ledger(f"sqlite:{self.file}").stop(), 0)


if __name__ == "__main__":
    unittest.main()
