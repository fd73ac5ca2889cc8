"""Model II as its clients see it: workers die, hang and are replaced; sockets stay."""

import json
import os
import pathlib
import random
import signal
import tempfile
import time
import unittest

from tests import harness

_SECONDS = 10


def children(pid):
    """Returns the process ids of a process's children."""
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def group(pid):
    """Returns the processes of a process group."""
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pid and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def alive(pid):
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


class WorkersTest(harness.ProcessTest):
    def serving(self, processor, workers):
        harness.eventually(
            lambda: processor.metric("msgproc_processor_workers") == workers,
            f"{workers} workers serve",
        )
        return processor

    def processor_with(self, workers, *flags):
        return self.serving(self.processor(f"--workers={workers}", *flags), workers)

    def file(self, text, executable=False):
        with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
            file.write(text)
        path = pathlib.Path(file.name)
        self.addCleanup(path.unlink)
        if executable:
            path.chmod(0o755)
        return path

    def lines(self, processor, text, *flags, exit_code=0):
        """Returns what becomes of lines that are sent as messages."""
        output = self.file("")
        load = self.loadgen(
            f"--target={processor.grpc}",
            f"--input={self.file(text)}",
            f"--output={output}",
            "--handler=",
            *flags,
        )
        code, report = load.report()
        self.assertEqual(code, exit_code, load.describe(f"exited {code}"))
        return output.read_text().splitlines(), report

    def assert_no_socket_broke(self, processor, sessions):
        opens = "msgproc_processor_session_opens_total"
        self.assertEqual(processor.metric(opens, state="new"), sessions)
        self.assertEqual(processor.metric(opens, state="resumed"), 0)
        self.assertEqual(processor.metric(opens, state="lost"), 0)

    def restarts(self, processor, reason):
        return processor.metric("msgproc_processor_worker_restarts_total", reason=reason)

    def test_6000_messages_through_4_workers_once_and_in_order(self):
        processor = self.processor_with(4)
        self.assert_all_answered_once(
            self.loadgen(f"--target={processor.grpc}", "--n=6000", "--handler=sha256"), 6000
        )
        self.assertEqual(processor.metric("msgproc_processor_worker_messages_total"), 6000)
        self.assertEqual(processor.metric("msgproc_processor_worker_retries_total"), 0)
        self.assertEqual(processor.stop(), 0, processor.describe("did not drain"))

    def test_no_socket_notices_that_workers_are_killed(self):
        processor = self.processor_with(4)
        load = self.loadgen(
            f"--target={processor.grpc}",
            "--connections=16",
            "--max_outstanding=64",
            f"--duration={_SECONDS}s",
        )
        kills = 0
        while load.running():
            time.sleep(0.2)
            workers = children(processor.pid)
            if workers:
                os.kill(random.choice(workers), signal.SIGKILL)
                kills += 1
        code, report = load.report()
        self.assertEqual(code, 0, load.describe(f"exited {code}"))
        self.assertEqual(report["failed"], 0)
        self.assertGreater(kills, _SECONDS)
        self.assertGreater(self.restarts(processor, "signal"), kills / 2)
        self.assert_no_socket_broke(processor, 16)
        self.assertEqual(processor.stop(), 0, processor.describe("did not drain"))

    def test_replacing_workers_retries_nothing(self):
        processor = self.processor_with(2)
        load = self.loadgen(
            f"--target={processor.grpc}",
            "--connections=16",
            "--max_outstanding=64",
            f"--duration={_SECONDS}s",
        )
        while load.running():
            processor.signal(signal.SIGHUP)
            time.sleep(1)
        code, report = load.report()
        self.assertEqual(code, 0, load.describe(f"exited {code}"))
        self.assertEqual(report["failed"], 0)
        self.assertGreater(self.restarts(processor, "reload"), 2)
        self.assertEqual(processor.metric("msgproc_processor_worker_retries_total"), 0)
        self.assert_no_socket_broke(processor, 16)

    def test_replaced_workers_run_the_new_code(self):
        script = self.file("#!/bin/sh\nexec sed -u 's/^/old /'\n", executable=True)
        processor = self.processor_with(2, f"--worker_command={script}", "--worker_lines")
        answers, _ = self.lines(processor, "a\nb\nc\n")
        self.assertEqual(answers, ["old a", "old b", "old c"])
        script.write_text("#!/bin/sh\nexec sed -u 's/^/new /'\n")
        processor.signal(signal.SIGHUP)
        harness.eventually(lambda: self.restarts(processor, "reload") == 2, "both are replaced")
        answers, _ = self.lines(processor, "a\nb\nc\n")
        self.assertEqual(answers, ["new a", "new b", "new c"])

    def test_new_workers_that_do_not_start_leave_the_old_ones(self):
        script = self.file("#!/bin/sh\nexec sed -u 's/^/old /'\n", executable=True)
        processor = self.processor_with(2, f"--worker_command={script}", "--worker_lines")
        script.write_text("#!/bin/sh\nexit 7\n")
        processor.signal(signal.SIGHUP)
        harness.eventually(lambda: "the old ones stay" in processor.output(), "it says so")
        answers, _ = self.lines(processor, "a\n")
        self.assertEqual(answers, ["old a"])
        self.assertEqual(processor.get("/readyz")[0], 200)

    def test_sed_is_a_worker(self):
        processor = self.processor_with(
            2, "--worker_command=sed -u s/a/b/", "--worker_lines", "--handler=sed"
        )
        text = "".join(f"banana {i}\n" for i in range(3000))
        answers, _ = self.lines(processor, text)
        self.assertEqual(answers, [f"bbnana {i}" for i in range(3000)])

    def test_python_is_a_worker(self):
        worker = harness.runfile("examples/python_worker/worker")
        processor = self.processor_with(2, f"--worker_command={worker}", "--handler=upper,sum")
        answers, _ = self.lines(processor, "grüße\n" * 2000)
        self.assertEqual(answers, ["GRÜSSE"] * 2000)
        answers, report = self.lines(
            processor, "[1, 2]\nno json\n[4]\n", "--handler=sum", exit_code=1
        )
        self.assertEqual(answers, ["3", "", "4"])
        self.assertEqual(report["failed"], 1)

    def test_a_message_that_kills_its_worker_fails_alone(self):
        processor = self.processor_with(
            2,
            "--worker_command=sed -u '/poison/Q 1'",
            "--worker_lines",
        )
        lines = [f"good {i}" for i in range(2000)]
        lines[1234] = "poison"
        answers, report = self.lines(processor, "\n".join(lines) + "\n", exit_code=1)
        lines[1234] = ""
        self.assertEqual(answers, lines)
        self.assertEqual(report["failed"], 1)
        self.assertEqual(self.restarts(processor, "exit"), 3)
        self.assertEqual(processor.metric("msgproc_processor_worker_given_up_total"), 1)

    def test_a_worker_that_hangs_is_killed(self):
        processor = self.processor_with(
            2,
            "--worker_command=sed -u '/hang/e sleep 600'",
            "--worker_lines",
            "--handler_timeout=300ms",
            "--max_delivery_attempts=2",
        )
        answers, _ = self.lines(processor, "a\nhang\nb\n", exit_code=1)
        self.assertEqual(answers, ["a", "", "b"])
        self.assertEqual(self.restarts(processor, "timeout"), 2)

    def test_a_filter_that_writes_too_much_is_killed(self):
        processor = self.processor_with(1, "--worker_command=sed -u p", "--worker_lines")
        self.lines(processor, "a\n")
        harness.eventually(lambda: self.restarts(processor, "protocol") >= 1, "it is killed")

    def test_what_workers_write_to_standard_error_is_in_the_log(self):
        processor = self.processor_with(
            2,
            "--worker_command=echo started >&2; exec sed -u s/a/b/",
            "--worker_lines",
            "--log_format=json",
        )

        def said():
            entries = [json.loads(line) for line in processor.output().splitlines()]
            return {entry["worker"] for entry in entries if entry.get("line") == "started"}

        harness.eventually(lambda: said() == {0, 1}, "both workers' lines are in the log")

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

    def test_no_worker_outlives_a_processor_that_is_killed(self):
        for flags in (
            ("--handler=spin",),
            ("--worker_command=sed -u s/a/b/", "--worker_lines"),
            # Neither looks at its input.
            ("--worker_command=(sleep 600 & sleep 600); cat", "--worker_lines"),
        ):
            with self.subTest(flags=flags):
                processor = self.processor_with(2, *flags)
                workers = children(processor.pid)
                members = [pid for worker in workers for pid in group(worker)]
                self.assertGreaterEqual(len(members), 2)
                processor.kill()
                killed = time.monotonic()
                harness.eventually(
                    lambda left=members: not any(alive(pid) for pid in left), "all are gone"
                )
                if not os.environ.get("MSGPROC_SANITIZER"):
                    self.assertLess(time.monotonic() - killed, 1)

    def test_workers_leave_when_the_processor_drains(self):
        processor = self.processor_with(2, "--worker_command=cat", "--worker_lines")
        workers = children(processor.pid)
        self.assertEqual(processor.stop(), 0, processor.describe("did not drain"))
        self.assertFalse(any(alive(pid) for pid in workers))

    def test_is_ready_while_one_worker_serves(self):
        processor = self.processor_with(1, "--worker_command=sed -u s/a/b/", "--worker_lines")
        self.assertEqual(processor.get("/readyz")[0], 200)
        self.assertEqual(self.lines(processor, "a\n")[0], ["b"])


if __name__ == "__main__":
    unittest.main()
