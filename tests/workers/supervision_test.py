"""Workers that start, retire, fail and end, and what can be seen of it."""

import contextlib
import json
import os
import pathlib
import signal
import tempfile
import threading
import time
import unittest

from tests import harness
from tests.workers import crew

_LINES = "--worker_lines"
_HELD = "msgproc_processor_worker_held_messages"
_WAITING = "msgproc_processor_worker_waiting_messages"


class StartTest(crew.WorkersTest):
    def test_auto_is_a_worker_for_each_core(self):
        cores = len(os.sched_getaffinity(0))
        for flags in (["--workers=auto"], ["--worker_command=cat", _LINES]):
            with self.subTest(flags=flags):
                processor = self.serving(self.processor(*flags), cores)
                _, page = processor.get("/metrics")
                self.assertEqual(page.count("\nmsgproc_processor_worker_messages_total{"), cores)

    def test_auto_goes_by_what_the_processor_may_use(self):
        cpu = str(min(os.sched_getaffinity(0)))
        for flags in (["--workers=auto"], ["--worker_command=cat", _LINES]):
            with self.subTest(flags=flags):
                processor = self.processor(*flags, prefix=("taskset", "-c", cpu))
                self.serving(processor, 1)
                _, page = processor.get("/metrics")
                self.assertEqual(page.count("\nmsgproc_processor_worker_messages_total{"), 1)

    def test_a_signal_is_heard_while_workers_start_or_fail_to(self):
        for command in ("sleep 600", "sleep 0.2; exit 1", "trap '' TERM INT; sleep 600"):
            for number in (signal.SIGTERM, signal.SIGINT):
                with self.subTest(command=command, signal=number):
                    starting = harness.Process(
                        [
                            harness.runfile(harness.PROCESSOR),
                            "--listen_address=127.0.0.1:0",
                            "--http_address=",
                            "--workers=2",
                            "--worker_start_timeout=8s",
                            f"--worker_command={command}",
                        ],
                        "processor",
                    )
                    self.keep(starting)
                    harness.eventually(
                        lambda pid=starting.pid: len(crew.children(pid)) >= 2, "workers start"
                    )
                    members = crew.children(starting.pid)
                    starting.signal(number)
                    signalled = time.monotonic()
                    self.assertEqual(starting.wait(), 0, starting.describe("should have stopped"))
                    harness.assert_in_time(time.monotonic() - signalled, 1)
                    harness.eventually(
                        lambda left=members: not any(crew.alive(pid) for pid in left),
                        "no worker is left",
                    )

    def test_workers_that_cannot_start_stop_the_processor(self):
        load = harness.Process(
            [
                harness.runfile(harness.PROCESSOR),
                "--listen_address=127.0.0.1:0",
                "--http_address=",
                "--worker_command=no-such-program",
            ],
            "processor",
        )
        self.keep(load)
        self.assertEqual(load.wait(), 1, load.describe("should have failed"))
        self.assertIn("No worker can be started (no-such-program)", load.output())
        self.assertIn("not found", load.output())

    def test_workers_that_cannot_start_any_more_stop_the_processor(self):
        script = self.file("#!/bin/sh\nexec sed -u s/a/b/\n", executable=True)
        processor = self.processor_with(2, f"--worker_command={script}", _LINES)
        script.write_text("#!/bin/sh\necho no such model >&2\nexit 7\n")
        for worker in (0, 1):
            # The other's successor may have ended everything already.
            with contextlib.suppress(KeyError):
                self.kill_worker(processor, worker)
        self.assertEqual(processor.wait(60), 1, processor.describe("should have failed"))
        self.assertIn("No worker can be started", processor.output())
        self.assertIn("exit code 7; it wrote last: no such model", processor.output())


class ReadinessTest(crew.WorkersTest):
    def gated(self, workers, gate):
        worker = harness.runfile("tests/workers/liar")
        return self.processor(
            f"--workers={workers}",
            f"--worker_command={worker} {gate}$MSGPROC_WORKER",
            "--handler=echo",
        )

    def test_ready_while_one_worker_serves(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        gates = [pathlib.Path(folder.name, f"gate{worker}") for worker in range(2)]
        gates[0].touch()
        processor = self.gated(2, f"{folder.name}/gate")
        self.serving(processor, 1)
        self.assertEqual(processor.get("/readyz")[0], 200)
        self.assertEqual(self.lines(processor, "a\n", "--handler=echo")[0], ["a"])

        gates[1].touch()
        self.serving(processor, 2)
        gates[0].unlink()
        gates[1].unlink()
        self.kill_worker(processor, 0)
        self.serving(processor, 1)
        self.assertEqual(processor.get("/readyz")[0], 200)
        self.assertEqual(self.lines(processor, "b\n", "--handler=echo")[0], ["b"])

        self.kill_worker(processor, 1)
        self.serving(processor, 0)
        self.assertEqual(processor.get("/readyz")[0], 503)
        self.assertEqual(processor.get("/healthz")[0], 200)
        gates[0].touch()
        self.serving(processor, 1)
        self.assertEqual(processor.get("/readyz")[0], 200)


class RetirementTest(crew.WorkersTest):
    def test_a_worker_that_has_had_its_messages_is_replaced_gracefully(self):
        processor = self.processor_with(2, "--worker_max_messages=1000")
        load = self.loadgen(f"--target={processor.grpc}", "--n=20000", "--max_outstanding=100")
        self.assert_all_answered_once(load, 20000)
        harness.eventually(lambda: self.restarts(processor, "messages") > 0, "one is replaced")
        self.assert_graceful(processor)

    def test_a_worker_that_leaks_is_replaced_gracefully(self):
        # The shell is small; the program that it waits for is not.
        program = self.file(
            "import sys\nfor line in sys.stdin: kept = line * 2**25; print(line, end='')\n"
        )
        processor = self.processor_with(
            1,
            f"--worker_command=python3 -u {program}; true",
            _LINES,
            "--worker_max_memory=50000000",
            "--handler_timeout=20s",
        )
        answers, _ = self.lines(processor, "a\n")
        self.assertEqual(answers, ["a"])
        harness.eventually(lambda: self.restarts(processor, "memory") == 1, "it is replaced")
        answers, _ = self.lines(processor, "b\n")
        self.assertEqual(answers, ["b"])
        self.assert_graceful(processor)

    def assert_graceful(self, processor):
        self.assertEqual(processor.metric("msgproc_processor_worker_retries_total"), 0)
        for reason in ("exit", "signal", "timeout", "protocol"):
            self.assertEqual(self.restarts(processor, reason), 0, reason)


class EndTest(crew.WorkersTest):
    def test_no_worker_outlives_a_processor_that_is_killed(self):
        for flags in (
            ("--spin_handler", "--handler=spin"),
            ("--worker_command=sed -u s/a/b/", _LINES),
            # Neither looks at its input.
            ("--worker_command=(sleep 600 & sleep 600); cat", _LINES),
        ):
            with self.subTest(flags=flags):
                processor = self.processor_with(2, *flags)
                workers = crew.children(processor.pid)
                members = [pid for worker in workers for pid in crew.group(worker)]
                self.assertGreaterEqual(len(members), 2)
                processor.kill()
                killed = time.monotonic()
                harness.eventually(
                    lambda left=members: not any(crew.alive(pid) for pid in left), "all are gone"
                )
                harness.assert_in_time(time.monotonic() - killed, 1)

    def test_workers_leave_when_the_processor_drains(self):
        processor = self.processor_with(2, "--worker_command=cat", _LINES)
        workers = crew.children(processor.pid)
        self.assertEqual(processor.stop(), 0, processor.describe("did not drain"))
        self.assertFalse(any(crew.alive(pid) for pid in workers))


class VisibilityTest(crew.WorkersTest):
    def test_metrics_tell_messages_busy_time_and_queue_of_each_worker(self):
        gate = self.file("")
        waits = f"while read -r line; do while [ -e {gate} ]; do sleep 0.01; done; echo $line; done"
        processor = self.processor_with(2, f"--worker_command={waits}", _LINES)
        answers = []
        clients = [
            threading.Thread(target=lambda: answers.extend(self.lines(processor, "a\n" * 50)[0]))
            for _ in range(3)
        ]
        for client in clients:
            client.start()

        def queued():
            held = [processor.metric(_HELD, worker=worker) for worker in "01"]
            waiting = processor.metric(_WAITING)
            return min(held) > 0 and waiting > 0 and sum(held) + waiting <= 150

        try:
            harness.eventually(queued, "both workers have messages, and the rest waits")
        finally:
            gate.unlink()
            for client in clients:
                client.join()
            gate.touch()
        self.assertEqual(answers, ["a"] * 150)
        for worker in "01":
            self.assertEqual(processor.metric(_HELD, worker=worker), 0)
            for name in ("messages", "busy_seconds"):
                metric = f"msgproc_processor_worker_{name}_total"
                self.assertGreater(processor.metric(metric, worker=worker), 0, name)
        self.assertEqual(processor.metric(_WAITING), 0)

    def test_logs_say_which_worker(self):
        processor = self.processor_with(2, "--log_format=json")
        self.kill_worker(processor, 1)
        self.serving(processor, 2)

        def entries(what):
            lines = [json.loads(line) for line in processor.output().splitlines()]
            return [line for line in lines if line["msg"] == what]

        harness.eventually(lambda: len(entries("worker serves")) == 3, "a third one serves")
        (died,) = entries("worker died")
        self.assertEqual(died["worker"], 1)
        self.assertIn("signal 9", died["how"])
        served = entries("worker serves")
        self.assertEqual(sorted(entry["worker"] for entry in served), [0, 1, 1])
        self.assertIn(died["pid"], [entry["pid"] for entry in served])


if __name__ == "__main__":
    unittest.main()
