"""A processor with workers where services run: a terminal, systemd, a container."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from tests import harness
from tests.workers import crew

_SLOW = "while read -r line; do sleep 0.05; echo $line; done"
_MESSAGES = 20


class ServiceTestCase(crew.WorkersTest):
    def while_workers_work(self, processor, then):
        """Does `then` while messages have no results; each gets one all the same."""
        answers = []
        client = threading.Thread(
            target=lambda: answers.extend(self.lines(processor, "a\n" * _MESSAGES)[0])
        )
        client.start()
        answered = "msgproc_processor_worker_messages_total"
        harness.eventually(lambda: processor.metric(answered) > 0, "workers are at work")
        self.assertLess(processor.metric(answered), _MESSAGES)
        then()
        client.join()
        self.assertEqual(answers, ["a"] * _MESSAGES)


class ServiceTest(ServiceTestCase):
    def test_ctrl_c_in_a_terminal_drains(self):
        # The terminal signals the whole foreground process group, as under bazel run.
        processor = self.processor(
            "--workers=2", f"--worker_command={_SLOW}", "--worker_lines", prefix=("setsid",)
        )
        self.serving(processor, 2)
        self.while_workers_work(processor, lambda: os.killpg(processor.pid, signal.SIGINT))
        self.assertEqual(processor.wait(), 0, processor.describe("did not drain"))
        self.assertNotIn("worker died", processor.output())

    def test_a_signal_to_all_its_processes_does_not_end_its_own_workers(self):
        # As of a supervisor that knows no better than to signal the whole service.
        processor = self.processor_with(2)
        for worker in crew.children(processor.pid):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(worker, number)
        load = self.loadgen(f"--target={processor.grpc}", "--n=1000")
        self.assert_all_answered_once(load, 1000)
        self.assertEqual(processor.stop(), 0, processor.describe("did not drain"))
        self.assertNotIn("worker died", processor.output())

    def test_workers_have_no_descriptor_and_no_thread_that_is_not_theirs(self):
        for flags, descriptors in (
            ((), {0, 1, 2, 3}),
            (("--worker_command=exec sed -u s/a/b/", "--worker_lines"), {0, 1, 2}),
        ):
            with self.subTest(flags=flags):
                processor = self.processor_with(2, *flags)
                load = self.loadgen(f"--target={processor.grpc}", "--n=100", "--handler=")
                self.assertEqual(load.report()[0], 0)
                workers = self.worker_pids(processor)
                self.assertEqual(len(workers), 2)
                for pid in workers.values():
                    found = {int(fd.name) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
                    self.assertEqual(found, descriptors)
                    if not os.environ.get("MSGPROC_SANITIZER"):
                        threads = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
                        self.assertEqual(len(threads), 1)

    def test_a_worker_that_hangs_holds_up_no_stop(self):
        processor = self.processor_with(
            2, "--worker_command=sleep 600", "--worker_lines", "--drain_timeout=1s"
        )
        load = self.loadgen(f"--target={processor.grpc}", "--handler=", "--n=10")
        outstanding = "msgproc_processor_outstanding_messages"
        harness.eventually(lambda: processor.metric(outstanding) == 10, "workers hang")
        workers = crew.children(processor.pid)
        self.assertEqual(processor.stop(), 0, processor.describe("did not drain"))
        self.assertFalse(any(crew.alive(pid) for pid in workers))
        load.kill()

    def test_what_workers_have_and_what_waits_is_bounded(self):
        processor = self.processor_with(
            2,
            "--worker_command=sleep 600",
            "--worker_lines",
            "--max_outstanding_messages=100",
            "--drain_timeout=1s",
        )
        load = self.loadgen(
            f"--target={processor.grpc}",
            "--handler=",
            "--n=100000",
            "--connections=3",
            "--max_outstanding=5000",
        )
        outstanding = "msgproc_processor_outstanding_messages"
        harness.eventually(lambda: processor.metric(outstanding) == 300, "each has its share")
        for _ in range(50):
            self.assertEqual(processor.metric(outstanding), 300)
            for name in ("held", "waiting"):
                queued = processor.metric(f"msgproc_processor_worker_{name}_messages")
                self.assertTrue(0 < queued < 300, f"{queued} {name}")
        load.kill()


class SystemdTest(crew.WorkersTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self._path = f"{folder.name}/notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self._socket.close)
        self._socket.bind(self._path)
        self._socket.settimeout(60)

    def notified(self):
        text = self._socket.recv(4096).decode()
        return dict(line.split("=", 1) for line in text.splitlines())

    def test_tells_systemd_when_it_serves_reloads_and_stops(self):
        processor = self.processor(
            "--workers=2", prefix=("env", f"NOTIFY_SOCKET={self._path}")
        )
        ready = self.notified()
        self.assertEqual(ready["READY"], "1")
        self.assertIn(processor.grpc, ready["STATUS"])
        for worker in self.worker_pids(processor).values():
            environment = pathlib.Path(f"/proc/{worker}/environ").read_bytes()
            self.assertNotIn(b"NOTIFY_SOCKET", environment)
        # ExecReload
        processor.signal(signal.SIGHUP)
        reloading = self.notified()
        self.assertEqual(reloading["RELOADING"], "1")
        self.assertGreater(int(reloading["MONOTONIC_USEC"]), 0)
        self.assertEqual(self.notified()["READY"], "1")
        harness.eventually(lambda: self.restarts(processor, "reload") == 2, "both are replaced")
        self.assertEqual(processor.stop(), 0)
        self.assertEqual(self.notified()["STOPPING"], "1")


class ContainerTest(ServiceTestCase):
    """Process 1 of a process namespace."""

    _UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")

    def contained(self, *flags):
        for more in ((), ("--user", "--map-root-user")):
            prefix = (*self._UNSHARE, *more)
            tried = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
            if tried.returncode == 0:
                break
        else:
            self.skipTest(f"no process namespace: {tried.stderr.strip()}")
        outer = self.processor("--workers=2", *flags, prefix=prefix)
        (self.inner,) = crew.children(outer.pid)
        return self.serving(outer, 2)

    def test_process_1_forwards_a_stop_to_its_workers(self):
        processor = self.contained(f"--worker_command={_SLOW}", "--worker_lines")
        workers = crew.children(self.inner)
        self.while_workers_work(processor, lambda: os.kill(self.inner, signal.SIGTERM))
        self.assertEqual(processor.wait(), 0, processor.describe("did not drain"))
        self.assertFalse(any(crew.alive(pid) for pid in workers))
        self.assertNotIn("worker died", processor.output())

    def test_process_1_forwards_a_reload_to_its_workers(self):
        processor = self.contained()
        before = set(crew.children(self.inner))
        os.kill(self.inner, signal.SIGHUP)
        harness.eventually(lambda: self.restarts(processor, "reload") == 2, "both are replaced")
        harness.eventually(lambda: not before & set(crew.children(self.inner)), "the old ones left")

    def test_process_1_reaps_what_its_workers_leave_behind(self):
        leaves = "(sleep 0.1 & sleep 0.2 &) ; (setsid sleep 0.3 &) ; exec sed -u s/a/b/"
        processor = self.contained(f"--worker_command={leaves}", "--worker_lines")
        self.assertEqual(self.lines(processor, "a\n")[0], ["b"])

        def names():
            status = [pathlib.Path(f"/proc/{pid}/comm") for pid in crew.children(self.inner)]
            return [path.read_text().strip() for path in status]

        harness.eventually(lambda: "sleep" not in names(), "orphans are reaped")
        self.assertEqual(names().count("sed"), 2)


if __name__ == "__main__":
    unittest.main()
