"""Which try of a message this is, its handler is told across processors, whatever killed them."""

import contextlib
import pathlib
import shutil
import sqlite3
import tempfile
import unittest

from tests import harness
from tests.durability import postgres

_WORKER = "tests/durability/counting_worker"


class SqliteStore:
    """A file, and what it says of the only session that is in it."""

    def __init__(self, folder):
        self._file = folder / "sessions.db"
        self.url = f"sqlite:{self._file}"

    def ask(self, sql):
        """Reads a copy, since a processor has the file to itself; empty if it cannot be read."""
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder, "copy.db")
            shutil.copy(self._file, copy)
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(f"{self._file}-wal", f"{copy}-wal")
            # Both were copied while they were written to.
            with contextlib.suppress(sqlite3.DatabaseError):
                with contextlib.closing(sqlite3.connect(copy)) as store:
                    return "|".join(str(value) for value in store.execute(sql).fetchone())
        return ""


class SqliteTest(harness.ProcessTest):
    """Kills processors and workers over messages that say "bad"."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self._folder = pathlib.Path(folder.name)
        (self._folder / "tries").touch()
        self._address = f"127.0.0.1:{harness.free_port()}"
        self._store = self.make_store(self._folder)

    def make_store(self, folder):
        return SqliteStore(folder)

    def start(self):
        return self.keep(
            harness.Server(
                harness.PROCESSOR,
                [
                    f"--session_store={self._store.url}",
                    "--handler=tries",
                    "--workers=1",
                    f"--worker_command={harness.runfile(_WORKER)}",
                    "--heartbeat_interval=500ms",
                ],
                "processor",
                self._address,
                {"COUNTING_WORKER_FOLDER": str(self._folder)},
            )
        )

    def send(self, *messages):
        """Starts a client that sends each message when the one before is answered."""
        file = self._folder / "messages"
        file.write_text("".join(f"{message}\n" for message in messages), encoding="utf-8")
        return self.loadgen(
            f"--input={file}",
            "--handler=tries",
            f"--target={self._address}",
            "--connections=1",
            "--max_outstanding=1",
            "--give_up_after=120s",
            "--stall_timeout=120s",
        )

    def tries(self, message="bad"):
        lines = (self._folder / "tries").read_text(encoding="utf-8").splitlines()
        return [int(line.split()[1]) for line in lines if line.split()[0] == message]

    def await_tries(self, expected, message="bad"):
        harness.eventually(
            lambda: len(self.tries(message)) >= len(expected),
            f"{message!r} is tried {len(expected)} times",
        )
        self.assertEqual(self.tries(message), expected)

    def hang(self):
        (self._folder / "hang").touch()

    def go_on(self):
        (self._folder / "hang").unlink()

    def let_die(self, times):
        (self._folder / "deaths").write_text(str(times))

    def await_deaths(self, deaths):
        harness.eventually(
            lambda: self._store.ask("SELECT deaths FROM msgproc_sessions") == str(deaths),
            f"the store knows of {deaths} deaths",
        )

    def test_each_processor_that_is_killed_over_a_message_counts(self):
        processor = self.start()
        self.hang()
        load = self.send("good", "bad", "better")
        for killed in range(1, 4):
            self.await_tries(list(range(1, killed + 1)))
            processor.kill()
            if killed == 3:
                self.go_on()
            processor = self.start()
        self.assert_all_answered_once(load, 3)
        self.await_tries([1, 2, 3, 4])
        # What is committed is not tried again, whatever dies.
        self.await_tries([1], "good")
        self.assertEqual(len(self.tries("better")), 1)
        self.assertEqual(processor.stop(), 0)

    def test_a_workers_death_counts_as_well(self):
        self.let_die(1)
        self.hang()
        processor = self.start()
        load = self.send("bad")
        self.await_tries([1, 2])
        self.await_deaths(1)
        processor.kill()
        self.go_on()
        processor = self.start()
        self.assert_all_answered_once(load, 1)
        self.await_tries([1, 2, 3])
        self.assertEqual(processor.stop(), 0)

    def test_a_poisonous_message_kills_no_more_workers_on_two_processors_than_on_one(self):
        self.let_die(2)
        self.hang()
        processor = self.start()
        load = self.send("good", "bad", "better")
        self.await_tries([1, 2, 3])
        self.await_deaths(2)
        self.let_die(100)
        processor.kill()
        processor = self.start()
        _, report = load.report()
        self.assertEqual((report["answered"], report["failed"]), (3, 1))
        (error,) = report["errors"]
        self.assertEqual(error["code"], "ABORTED")
        self.assertIn("killed its worker 3 times", error["message"])
        self.await_tries([1, 2, 3, 4])
        self.assertEqual(processor.stop(), 0)


class PostgresTest(SqliteTest):
    """The same on a store that others can share."""

    def make_store(self, folder):
        del folder
        return self.keep(postgres.Cluster())


if __name__ == "__main__":
    unittest.main()
