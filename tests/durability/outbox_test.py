"""A client that is killed goes on where it was: each line's effect once, each result at least once.

The lines move money; what they come to together is known beforehand, so that one that took effect
twice, or never, shows in some account.
"""

import collections
import contextlib
import random
import sqlite3
import unittest

from tests import harness
from tests.durability import ledger

_ACCOUNTS = 20
_BALANCE = 10**9
# A life of the client ends at the latest when so many of its results have come.
_MOST_RESULTS_A_LIFE = 120
_LIVES = 25
# More than all the lives together can send: the last one has something to do.
_LINES = 2 * _LIVES * _MOST_RESULTS_A_LIFE


class OutboxTest(ledger.LedgerTest):
    def setUp(self):
        super().setUp()
        self.files = self.folder()
        self.outbox = self.files / "outbox"
        self.results = self.files / "results"
        self.store = self.files / "ledger.db"
        self.address = f"127.0.0.1:{harness.free_port()}"
        self.server = self.start_ledger()
        lines = [f"open account-{i} {_BALANCE}" for i in range(_ACCOUNTS)]
        self.assert_all_answered_once(self.send(lines, f"--target={self.address}"), len(lines))

    def start_ledger(self):
        return self.ledger(f"sqlite:{self.store}", listen_address=self.address)

    def write_transfers(self, count):
        """Returns what each account has once all of them took effect."""
        chance = random.Random(11)
        balances = collections.Counter({f"account-{i}": _BALANCE for i in range(_ACCOUNTS)})
        with open(self.files / "transfers", "w", encoding="utf-8") as file:
            for _ in range(count):
                source, target = chance.sample(sorted(balances), 2)
                amount = chance.randint(1, 9)
                balances[source] -= amount
                balances[target] += amount
                file.write(f"transfer {source} {target} {amount}\n")
        return balances

    def send_transfers(self, *flags):
        """Starts to send the transfers, or goes on with it."""
        return self.loadgen(
            f"--target={self.address}",
            f"--input={self.files}/transfers",
            f"--output={self.results}",
            f"--outbox={self.outbox}",
            "--handler=ledger",
            "--give_up_after=60s",
            *flags,
        )

    def lines_of_results(self):
        if not self.results.exists():
            return 0
        return self.results.read_bytes().count(b"\n")

    def ask(self, file, query):
        # An open one would lock the client out.
        with contextlib.closing(sqlite3.connect(file)) as store:
            return store.execute(query).fetchall()

    def kept(self):
        """How many messages the outbox has; its client must have ended."""
        return self.ask(self.outbox, "SELECT count(*) FROM msgproc_outbox_messages")[0][0]

    def await_results(self, load, count):
        def there():
            self.assertTrue(load.running(), load.describe("ended by itself"))
            return self.lines_of_results() >= count

        harness.eventually(there, f"{count} results are written", seconds=30)

    def assert_each_delivered(self, count):
        texts = {}
        for line in self.results.read_text(encoding="utf-8").splitlines():
            sequence, text = line.split("\t")
            self.assertRegex(text, r"^\d+$")
            self.assertEqual(texts.setdefault(int(sequence), text), text, "it came with another text")
        self.assertEqual(sorted(texts), list(range(1, count + 1)))

    def test_it_holds_through_kills(self):
        balances = self.write_transfers(_LINES)
        chance = random.Random(5)
        for life in range(1, _LIVES + 1):
            before = self.lines_of_results()
            load = self.send_transfers("--rate=1000")
            if life % 5 == 0:
                self.await_results(load, before + 1)
                self.server.kill()
                self.server = self.start_ledger()
            # Some are killed while they start.
            elif life % 5 != 1:
                self.await_results(load, before + chance.randrange(1, _MOST_RESULTS_A_LIFE))
            self.assertTrue(load.running(), load.describe("ended by itself"))
            load.kill()
        self.assertLess(self.lines_of_results(), _LINES)
        exit_code, report = self.send_transfers().report()
        self.assertEqual(exit_code, 0, report["verdict"])
        self.assert_each_delivered(_LINES)
        self.assertEqual(self.kept(), 0)
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(self.ask(self.store, "SELECT count(*) FROM entries"), [(_LINES,)])
        self.assertEqual(dict(self.ask(self.store, "SELECT id, balance FROM accounts")), balances)
        # It was closed in good order.
        self.assertEqual(self.ask(self.store, "SELECT * FROM msgproc_sessions"), [])

    def test_one_that_is_stopped_goes_on_as_well(self):
        self.write_transfers(1000)
        load = self.send_transfers("--rate=200")
        self.await_results(load, 20)
        # 4: its schedule was not kept, which is the machine's business.
        self.assertIn(load.stop(), (0, 4), load.output())
        self.assertLess(self.lines_of_results(), 1000)
        exit_code, report = self.send_transfers().report()
        self.assertEqual(exit_code, 0, report["verdict"])
        self.assert_each_delivered(1000)

    def test_a_lost_store_gets_nothing_again_by_itself(self):
        self.write_transfers(100_000)
        load = self.send_transfers()
        self.await_results(load, 100)
        # What it sends from now on stays without a result.
        self.server.kill()
        written = self.lines_of_results()
        load.kill()
        kept = self.kept()
        for file in self.files.glob("ledger.db*"):
            file.unlink()
        self.server = self.start_ledger()
        load = self.send_transfers()
        self.assertEqual(load.wait(), 1)
        self.assertRegex(load.output(), "DATA_LOSS")
        self.assertIn(str(self.outbox), load.output())
        self.assertEqual(self.kept(), kept)
        self.assertEqual(self.lines_of_results(), written)
        self.assertEqual(self.server.stop(), 0)
        tables = self.ask(self.store, "SELECT name FROM sqlite_schema")
        self.assertNotIn(("entries",), tables, "a handler has run")

    def test_two_cannot_have_one(self):
        self.write_transfers(100_000)
        load = self.send_transfers("--rate=100")
        self.await_results(load, 1)
        second = self.send_transfers()
        self.assertEqual(second.wait(), 2)
        self.assertIn(f"the outbox {self.outbox} is in use", second.output())
        self.assertIn(f"process {load.pid} ", second.output())


if __name__ == "__main__":
    unittest.main()
