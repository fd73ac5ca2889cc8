"""A processor with workers: what its tests need."""

import contextlib
import os
import pathlib
import random
import signal
import tempfile

from tests import harness


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
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


class WorkersTest(harness.ProcessTest):
    """A test of Model II."""

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
        return output.read_text(encoding="utf-8").splitlines(), report

    def assert_no_socket_broke(self, processor, sessions):
        opens = "msgproc_processor_session_opens_total"
        self.assertEqual(processor.metric(opens, state="new"), sessions)
        self.assertEqual(processor.metric(opens, state="resumed"), 0)
        self.assertEqual(processor.metric(opens, state="lost"), 0)

    def kill_a_worker(self, processor):
        """Kills one, as a crash would. Returns whether there was one."""
        workers = children(processor.pid)
        if not workers:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(random.choice(workers), signal.SIGKILL)
        return True

    def worker_pids(self, processor):
        """Returns the process ids of workers by their numbers."""
        found = {}
        for pid in children(processor.pid):
            environment = b""
            with contextlib.suppress(OSError):  # It may be gone.
                environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            for variable in environment.split(b"\0"):
                name, _, value = variable.partition(b"=")
                if name == b"MSGPROC_WORKER":
                    found[int(value)] = pid
        return found

    def kill_worker(self, processor, number):
        """Kills the worker with a number, and waits until it is gone."""
        pid = self.worker_pids(processor)[number]
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        harness.eventually(lambda: not alive(pid), "it is gone")

    def restarts(self, processor, reason):
        return processor.metric("msgproc_processor_worker_restarts_total", reason=reason)
