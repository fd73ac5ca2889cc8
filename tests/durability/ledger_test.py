"""Money moves once for each message, though processors are killed, frozen and replaced.

Each message leaves one entry, whose key the store keeps unique, and the sum over all
accounts stays the same: a message whose effect happens twice, or not at all, shows.
"""

import pathlib
import random
import signal
import sqlite3
import tempfile
import time
import unittest

from tests import harness
from tests.durability import postgres

_LEDGER = "examples/ledger/ledger"
_ACCOUNTS = 20
_BALANCE = 10**9
_FLAGS = ("--heartbeat_interval=500ms", "--drain_timeout=5s")


class LedgerTest(harness.ProcessTest):
    """Ledgers that share a store, and what their clients send."""

    def ledger(self, store, *flags, listen_address="127.0.0.1:0"):
        return self.keep(
            harness.Server(
                _LEDGER, [f"--session_store={store}", *_FLAGS, *flags], "ledger", listen_address
            )
        )

    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return pathlib.Path(folder.name)

    def send(self, lines, *flags):
        """Starts a load generator with one message a line."""
        file = self.folder() / "messages"
        file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return self.loadgen(f"--input={file}", "--handler=ledger", *flags)

    def open_accounts(self, *flags):
        lines = [f"open account-{i} {_BALANCE}" for i in range(_ACCOUNTS)]
        self.assert_all_answered_once(self.send(lines, *flags), len(lines))

    def transfer(self, count, *flags):
        """Starts `count` transfers, which take ten seconds at least: time for kills."""
        chance = random.Random(7)
        accounts = range(_ACCOUNTS)
        lines = []
        for _ in range(count):
            source, target = chance.sample(accounts, 2)
            lines.append(f"transfer account-{source} account-{target} {chance.randint(1, 9)}")
        return self.send(
            lines, "--connections=16", f"--rate={count / 10}", "--give_up_after=60s", *flags
        )

    def await_work(self, ledger):
        def busy():
            return ledger.metric("msgproc_processor_messages_total", outcome="ok") > 50

        harness.eventually(busy, "it has handled 50 messages")

    def assert_balanced(self, entries, total):
        self.assertEqual(total, _ACCOUNTS * _BALANCE, "money was made or lost")
        self.assertEqual(entries[0], entries[1], "messages took effect more than once, or never")


class SqliteTest(LedgerTest):
    def test_it_holds_through_kills(self):
        file = self.folder() / "ledger.db"
        address = f"127.0.0.1:{harness.free_port()}"
        ledger = self.ledger(f"sqlite:{file}", listen_address=address)
        self.open_accounts(f"--target={address}")
        count = 40_000
        load = self.transfer(count, f"--target={address}")
        kills = 0
        while load.running() and kills < 12:
            time.sleep(0.3)
            ledger.kill()
            kills += 1
            ledger = self.ledger(f"sqlite:{file}", listen_address=address)
        self.assert_all_answered_once(load, count)
        self.assertGreater(kills, 3)
        self.assertEqual(ledger.stop(), 0)
        with sqlite3.connect(file) as store:
            (total,) = store.execute("SELECT sum(balance) FROM accounts").fetchone()
            (entries,) = store.execute("SELECT count(*) FROM entries").fetchone()
        self.assert_balanced((entries, count), total)

    def test_a_finished_session_is_gone(self):
        file = self.folder() / "ledger.db"
        ledger = self.ledger(f"sqlite:{file}")
        self.open_accounts(f"--target={ledger.grpc}")
        self.assertEqual(ledger.stop(), 0)
        with sqlite3.connect(file) as store:
            self.assertEqual(store.execute("SELECT * FROM msgproc_sessions").fetchall(), [])
            self.assertEqual(store.execute("SELECT * FROM msgproc_outcomes").fetchall(), [])

    def test_without_a_store_it_says_what_is_missing(self):
        with self.assertRaisesRegex(AssertionError, "--session_store=sqlite:"):
            self.ledger("memory")


class PostgresTest(LedgerTest):
    def setUp(self):
        super().setUp()
        self.store = self.keep(postgres.Cluster())
        self.balancer_process = self.balancer("--lease=1s")

    def member(self):
        return self.ledger(self.store.url, f"--balancer={self.balancer_process.grpc}")

    def assert_store_balanced(self, count):
        total = int(self.store.ask("SELECT sum(balance) FROM accounts"))
        entries = int(self.store.ask("SELECT count(*) FROM entries"))
        self.assert_balanced((entries, count), total)

    def test_it_holds_through_kills_in_a_fleet(self):
        fleet = [self.member() for _ in range(3)]
        by_name = f"--balancer={self.balancer_process.grpc}"
        self.open_accounts(by_name)
        count = 20_000
        load = self.transfer(count, by_name)
        chance = random.Random(3)
        kills = 0
        while load.running() and kills < 8:
            time.sleep(0.3)
            victim = chance.randrange(3)
            fleet[victim].kill()
            kills += 1
            fleet[victim] = self.member()
        self.assert_all_answered_once(load, count)
        self.assertGreater(kills, 3)
        self.assert_store_balanced(count)

    def test_a_zombie_commits_nothing(self):
        fleet = [self.member() for _ in range(2)]
        by_name = f"--balancer={self.balancer_process.grpc}"
        self.open_accounts(by_name)
        count = 20_000
        load = self.transfer(count, by_name)
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
        count = 20_000
        load = self.transfer(count, f"--target={member.grpc}")
        for number in (signal.SIGINT, signal.SIGQUIT):
            self.await_work(member)
            time.sleep(0.2)
            self.store.restart(number)
        self.assert_all_answered_once(load, count)
        self.assert_store_balanced(count)


if __name__ == "__main__":
    unittest.main()
