"""Money moves once for each message, though workers commit by themselves.

Each has a connection to the store; its last statement, msgproc_commit, writes the results.
Workers and processors are killed, frozen and woken up again meanwhile.
"""

import contextlib
import os
import random
import signal
import time

from tests import harness, sharding
from tests.durability import ledger, postgres
from tests.workers import crew

_WORKER = "examples/ledger/ledger_postgres_worker"
_FREEZING = "tests/durability/freezing_ledger"
_PATIENT = "--max_delivery_attempts=1000"


def signal_workers(processor, number):
    for worker in crew.children(processor.pid):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker, number)


class WorkerCommitsTest(ledger.LedgerTest):
    def setUp(self):
        super().setUp()
        self.store = self.keep(postgres.Cluster())

    def server(self, *flags, worker=_WORKER, store=None):
        return self.keep(
            harness.Server(
                harness.PROCESSOR,
                [
                    f"--session_store={store or self.store.url}",
                    "--handler=ledger",
                    "--workers=2",
                    "--worker_commits",
                    f"--worker_command={harness.runfile(worker)}",
                    "--heartbeat_interval=500ms",
                    "--drain_timeout=5s",
                    *flags,
                ],
                "ledger",
                "127.0.0.1:0",
                {"LEDGER": self.store.url},
            )
        )

    def assert_store_balanced(self, count):
        total = int(self.store.ask("SELECT sum(balance) FROM accounts"))
        entries = int(self.store.ask("SELECT count(*) FROM entries"))
        self.assert_balanced((entries, count), total)

    def assert_one_fails_alone(self, bad, code, worker=_WORKER):
        processor = self.server(worker=worker)
        self.open_accounts(f"--target={processor.grpc}")
        lines = [f"transfer account-{i % 7} account-{i % 5 + 8} 1" for i in range(200)]
        lines.insert(100, bad)
        load = self.send(lines, f"--target={processor.grpc}", "--connections=1")
        _, report = load.report()
        self.assertEqual((report["failed"], report["answered"]), (1, len(lines)), load.output())
        self.assertEqual([error["code"] for error in report["errors"]], [code])
        self.assert_store_balanced(len(lines) - 1)

    def test_it_holds_through_kills_of_workers_and_processors(self):
        by_name = f"--balancer={self.balancer('--lease=1s').grpc}"
        fleet = [self.server(by_name, _PATIENT) for _ in range(2)]
        self.open_accounts(by_name)
        count = 3_000
        load = self.transfer(count, by_name, seconds=15)
        chance = random.Random(5)
        killed = restarted = 0
        while load.running() and restarted < 5:
            for member in fleet + fleet:
                time.sleep(0.2)
                workers = crew.children(member.pid)
                if workers:
                    killed += 1
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(chance.choice(workers), signal.SIGKILL)
            victim = chance.randrange(2)
            fleet[victim].kill()
            restarted += 1
            fleet[victim] = self.server(by_name, _PATIENT)
        self.assert_all_answered_once(load, count)
        self.assertGreater(killed, 6)
        self.assertGreater(restarted, 2)
        self.assert_store_balanced(count)

    def test_it_holds_through_kills_of_workers_and_no_socket_breaks(self):
        # A client takes three heartbeats without a result for a dead server.
        processor = self.server(_PATIENT, "--heartbeat_interval=20s")
        self.open_accounts(f"--target={processor.grpc}")
        count = 3_000
        load = self.transfer(count, f"--target={processor.grpc}", seconds=10)
        killed = 0
        while load.running() and killed < 20:
            time.sleep(0.2)
            workers = crew.children(processor.pid)
            if workers:
                killed += 1
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(random.choice(workers), signal.SIGKILL)
        self.assert_all_answered_once(load, count)
        self.assertGreater(killed, 6)
        opens = "msgproc_processor_session_opens_total"
        self.assertEqual(processor.metric(opens, state="resumed"), 0)
        self.assert_store_balanced(count)

    def test_a_poisonous_message_does_nothing_and_its_neighbours_stand(self):
        self.assert_one_fails_alone("poison", "ABORTED", worker=_FREEZING)

    def test_a_message_that_fails_is_undone_alone(self):
        self.assert_one_fails_alone("transfer account-1 nobody 1", "INVALID_ARGUMENT")

    def test_a_worker_that_wakes_up_late_commits_nothing(self):
        processor = self.server("--handler_timeout=1s", worker=_FREEZING)
        self.open_accounts(f"--target={processor.grpc}")
        folder = self.folder()
        load = self.send([f"freeze {folder}"], f"--target={processor.grpc}")
        self.assert_all_answered_once(load, 1)
        self.assertTrue((folder / "begun").exists())
        (folder / "go").touch()
        said = harness.eventually(
            lambda: (folder / "said").exists() and (folder / "said").read_text(encoding="utf-8"),
            "the late one has tried to commit",
        )
        self.assertIn("RaiseException", said)
        self.assertIn("has another epoch", said)
        self.assert_store_balanced(1)

    def test_a_frozen_processor_and_its_workers_commit_nothing_late(self):
        by_name = f"--balancer={self.balancer('--lease=1s').grpc}"
        fleet = [self.server(by_name, _PATIENT) for _ in range(2)]
        self.open_accounts(by_name)
        count = 3_000
        load = self.transfer(count, by_name, seconds=10)
        self.await_work(fleet[0])
        fleet[0].signal(signal.SIGSTOP)
        signal_workers(fleet[0], signal.SIGSTOP)
        try:
            harness.eventually(
                lambda: fleet[1].metric("msgproc_store_claims_total", result="taken") > 0,
                "the other one takes its sessions over",
                seconds=30,
            )
        finally:
            signal_workers(fleet[0], signal.SIGCONT)
            fleet[0].signal(signal.SIGCONT)
        self.assert_all_answered_once(load, count)
        self.assert_store_balanced(count)

    def test_a_client_gets_what_was_committed_whatever_the_worker_says(self):
        processor = self.server(worker="tests/durability/lying_ledger")
        load = self.send(["lie"], f"--target={processor.grpc}")
        _, report = load.report()
        (error,) = report["errors"]
        self.assertIn("Send 'open ACCOUNT", error["message"])
        self.assertIn("otherwise than it has committed", processor.output())

    def test_it_wants_postgresql(self):
        with self.assertRaisesRegex(AssertionError, "postgresql://"):
            self.server(store=f"sqlite:{self.folder()}/ledger.db")


if __name__ == "__main__":
    sharding.main()
