"""Ledgers that share a store, what their clients send, and whether the money is right.

Each message leaves one entry, whose key the store keeps unique, and the sum over all
accounts stays the same: a message whose effect happens twice, or not at all, shows.
"""

import pathlib
import random
import sqlite3
import tempfile

from tests import harness
from tests.durability import postgres

_LEDGER = "examples/ledger/ledger"
# So many that groups of transfers seldom wait for each other, and few enough that they do.
_ACCOUNTS = 200
_BALANCE = 10**9
_FLAGS = ("--heartbeat_interval=500ms", "--drain_timeout=5s")


class LedgerTest(harness.ProcessTest):
    """Starts ledgers, sends them transfers, and adds up."""

    def ledger(self, store, *flags, listen_address="127.0.0.1:0", env=None):
        return self.keep(
            harness.Server(
                _LEDGER,
                [f"--session_store={store}", *_FLAGS, *flags],
                "ledger",
                listen_address,
                env,
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

    def transfer(self, count, *flags, seconds=10):
        """Starts `count` transfers over 16 sockets, which take `seconds` at least.

        So there is time for what the test does to them, on any machine.
        """
        chance = random.Random(7)
        accounts = range(_ACCOUNTS)
        lines = []
        for _ in range(count):
            source, target = chance.sample(accounts, 2)
            lines.append(f"transfer account-{source} account-{target} {chance.randint(1, 9)}")
        return self.send(
            lines,
            "--connections=16",
            f"--rate={count / seconds}",
            "--give_up_after=60s",
            "--stall_timeout=60s",
            *flags,
        )

    def await_work(self, ledger, messages=50):
        """Returns once `ledger` has handled so many messages more than now."""

        def handled():
            return ledger.metric("msgproc_processor_messages_total", outcome="ok")

        before = handled()
        harness.eventually(
            lambda: handled() >= before + messages, f"it has handled {messages} messages more"
        )

    def assert_balanced(self, entries, total):
        self.assertEqual(total, _ACCOUNTS * _BALANCE, "money was made or lost")
        self.assertEqual(entries[0], entries[1], "messages took effect more than once, or never")

    def assert_file_balanced(self, file, count):
        """Of an SQLite store that nobody has open."""
        with sqlite3.connect(file) as store:
            (total,) = store.execute("SELECT sum(balance) FROM accounts").fetchone()
            (entries,) = store.execute("SELECT count(*) FROM entries").fetchone()
        self.assert_balanced((entries, count), total)


class FleetTest(LedgerTest):
    """Ledgers behind a balancer, with a PostgreSQL of their own."""

    def setUp(self):
        super().setUp()
        self.store = self.keep(postgres.Cluster())
        self.balancer_process = self.balancer("--lease=1s")
        self.by_name = f"--balancer={self.balancer_process.grpc}"

    def member(self, *flags, url=None):
        return self.ledger(url or self.store.url, self.by_name, *flags)

    def assert_store_balanced(self, count):
        total = int(self.store.ask("SELECT sum(balance) FROM accounts"))
        entries = int(self.store.ask("SELECT count(*) FROM entries"))
        self.assert_balanced((entries, count), total)
