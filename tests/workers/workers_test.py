"""Model II as its clients see it: workers die, hang and are replaced; sockets stay."""

import os
import shutil
import signal
import time
import unittest

from tests import harness
from tests.workers import crew

_SECONDS = 10


class SocketsTest(crew.WorkersTest):
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
            kills += self.kill_a_worker(processor)
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
        self.assertGreater(self.restarts(processor, "reload"), _SECONDS / 2)
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

    def test_replaced_workers_are_the_new_program(self):
        first = harness.runfile(harness.PROCESSOR)
        program = self.file("", executable=True)
        shutil.copyfile(first, program)
        processor = self.keep(harness.Server(program, ["--workers=2"], "processor", "127.0.0.1:0"))
        self.serving(processor, 2)
        load = self.loadgen(f"--target={processor.grpc}", "--connections=4", "--duration=4s")
        # Put in its place as package managers do it.
        text = f'#!/bin/sh\necho "a new program" >&2\nexec {first} "$@"\n'
        new = self.file(text, executable=True)
        shutil.copy2(new, f"{program}.new")
        os.rename(f"{program}.new", program)
        self.assertNotIn("a new program", processor.output())
        processor.signal(signal.SIGHUP)
        harness.eventually(lambda: self.restarts(processor, "reload") == 2, "both are replaced")
        self.assertEqual(processor.output().count("a new program"), 2)
        self.assert_all_answered_once(load)
        self.assert_no_socket_broke(processor, 4)

    def test_new_workers_that_do_not_start_leave_the_old_ones(self):
        script = self.file("#!/bin/sh\nexec sed -u 's/^/old /'\n", executable=True)
        processor = self.processor_with(2, f"--worker_command={script}", "--worker_lines")
        script.write_text("#!/bin/sh\nexit 7\n")
        processor.signal(signal.SIGHUP)
        harness.eventually(lambda: "the old ones stay" in processor.output(), "it says so")
        answers, _ = self.lines(processor, "a\n")
        self.assertEqual(answers, ["old a"])
        self.assertEqual(processor.get("/readyz")[0], 200)

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


if __name__ == "__main__":
    unittest.main()
