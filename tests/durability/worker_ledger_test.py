"""Money moves once for each message, though what moves it is a worker in another process.

The worker has no store: it returns statements with its results, and the processor commits
both together. Workers and processors are killed meanwhile.
"""

import contextlib
import os
import random
import signal
import time

from tests import harness, sharding
from tests.durability import ledger, postgres
from tests.workers import crew

_WORKER = "examples/ledger/ledger_worker"
_POISONOUS = "tests/durability/poisonous_ledger"


def kill_a_worker(processor):
    """Kills a worker with all that it has started. Returns whether there was one."""
    workers = crew.children(processor.pid)
    if not workers:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.killpg(random.choice(workers), signal.SIGKILL)
    return True


class WorkerLedgerTest(ledger.LedgerTest):
    """Ledgers whose workers are Python programs."""

    def ledger(self, store, *flags, listen_address="127.0.0.1:0", env=None, worker=_WORKER):
        return self.keep(
            harness.Server(
                harness.PROCESSOR,
                [
                    f"--session_store={store}",
                    "--handler=ledger",
                    "--workers=2",
                    f"--worker_command={harness.runfile(worker)}",
                    "--heartbeat_interval=500ms",
                    "--drain_timeout=5s",
                    *flags,
                ],
                "ledger",
                listen_address,
                env,
            )
        )

    def assert_one_fails_alone(self, processor, bad, code):
        """Sends transfers of one session with `bad` in their midst. Returns how many."""
        lines = [f"transfer account-{i % 7} account-{i % 5 + 8} 1" for i in range(200)]
        lines.insert(100, bad)
        load = self.send(lines, f"--target={processor.grpc}", "--connections=1")
        _, report = load.report()
        self.assertEqual((report["failed"], report["answered"]), (1, len(lines)))
        self.assertEqual([error["code"] for error in report["errors"]], [code])
        return len(lines) - 1


# A worker dies in vain over a message that others' deaths have been blamed on.
_PATIENT = "--max_delivery_attempts=1000"


class SqliteTest(WorkerLedgerTest):
    def setUp(self):
        super().setUp()
        self.file = self.folder() / "ledger.db"
        self.store = f"sqlite:{self.file}"

    def test_it_holds_through_kills_of_workers_and_of_the_processor(self):
        address = f"127.0.0.1:{harness.free_port()}"
        processor = self.ledger(self.store, _PATIENT, listen_address=address)
        self.open_accounts(f"--target={address}")
        count = 6_000
        load = self.transfer(count, f"--target={address}", seconds=15)
        # All of its sockets are there: it does not wait long for the first one.
        self.await_work(processor, 50)
        killed = restarted = 0
        while load.running() and restarted < 8:
            for _ in range(3):
                time.sleep(0.1)
                killed += kill_a_worker(processor)
            time.sleep(0.1)
            processor.kill()
            restarted += 1
            processor = self.ledger(self.store, _PATIENT, listen_address=address)
        self.assert_all_answered_once(load, count)
        self.assertGreater(killed, 6)
        self.assertGreater(restarted, 2)
        self.assertEqual(processor.stop(), 0)
        self.assert_file_balanced(self.file, count)

    def test_a_poisonous_message_does_nothing_and_its_neighbours_stand(self):
        processor = self.ledger(self.store, worker=_POISONOUS)
        self.open_accounts(f"--target={processor.grpc}")
        count = self.assert_one_fails_alone(processor, "poison", "ABORTED")
        self.assertEqual(processor.stop(), 0)
        self.assert_file_balanced(self.file, count)

    def test_a_statement_that_the_store_refuses_undoes_its_message_alone(self):
        processor = self.ledger(self.store)
        self.open_accounts(f"--target={processor.grpc}")
        count = self.assert_one_fails_alone(
            processor, f"transfer account-1 account-2 {10**12}", "FAILED_PRECONDITION"
        )
        self.assertEqual(processor.stop(), 0)
        self.assert_file_balanced(self.file, count)

    def test_in_memory_the_error_says_what_to_do(self):
        processor = self.ledger("memory")
        load = self.send(["open account-1 1"], f"--target={processor.grpc}")
        _, report = load.report()
        (error,) = report["errors"]
        self.assertEqual(error["code"], "FAILED_PRECONDITION")
        self.assertIn("--session_store", error["message"])


class PostgresTest(WorkerLedgerTest):
    def setUp(self):
        super().setUp()
        self.store = self.keep(postgres.Cluster())

    def assert_store_balanced(self, count):
        total = int(self.store.ask("SELECT sum(balance) FROM accounts"))
        entries = int(self.store.ask("SELECT count(*) FROM entries"))
        self.assert_balanced((entries, count), total)

    def test_it_holds_through_kills_of_workers_and_processors(self):
        balancer = self.balancer("--lease=1s")
        by_name = f"--balancer={balancer.grpc}"
        fleet = [self.ledger(self.store.url, by_name, _PATIENT) for _ in range(2)]
        self.open_accounts(by_name)
        count = 6_000
        load = self.transfer(count, by_name, seconds=15)
        chance = random.Random(5)
        killed = restarted = 0
        while load.running() and restarted < 6:
            for member in fleet + fleet:
                time.sleep(0.1)
                killed += kill_a_worker(member)
            victim = chance.randrange(2)
            fleet[victim].kill()
            restarted += 1
            fleet[victim] = self.ledger(self.store.url, by_name, _PATIENT)
        self.assert_all_answered_once(load, count)
        self.assertGreater(killed, 6)
        self.assertGreater(restarted, 2)
        self.assert_store_balanced(count)

    def test_a_poisonous_message_does_nothing_and_its_neighbours_stand(self):
        processor = self.ledger(self.store.url, worker=_POISONOUS)
        self.open_accounts(f"--target={processor.grpc}")
        count = self.assert_one_fails_alone(processor, "poison", "ABORTED")
        self.assert_store_balanced(count)

    def test_a_statement_that_the_store_refuses_undoes_its_message_alone(self):
        processor = self.ledger(self.store.url)
        self.open_accounts(f"--target={processor.grpc}")
        count = self.assert_one_fails_alone(
            processor, "transfer account-1 nobody 1", "FAILED_PRECONDITION"
        )
        self.assert_store_balanced(count)


if __name__ == "__main__":
    sharding.main()
