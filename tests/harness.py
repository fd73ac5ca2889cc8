"""Real processes for tests: start, find, kill, read.

A test is a `ProcessTest`. It starts what it needs with `processor()`,
`balancer()` and `loadgen()`; whatever still runs when the test ends is killed.
Each process writes its output to a file of its own in the test's outputs, and a
failing assertion shows the end of it.

Every wait has a deadline and names what it waited for. Under a sanitizer
deadlines are longer.
"""

import contextlib
import faulthandler
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

# A test with open streams that starts processes sets it to 0 (`env` of its target, since gRPC
# reads it early): before a fork gRPC waits for its threads, and was seen to wait for ever. What
# it starts runs as it does elsewhere.
_FORK_SUPPORT = "GRPC_ENABLE_FORK_SUPPORT"

# Bazel ends a test that hangs with SIGTERM: its log then shows where each thread was.
faulthandler.register(signal.SIGTERM, all_threads=True, chain=True)

# Sanitized programs are several times slower.
_PATIENCE = 5 if os.environ.get("MSGPROC_SANITIZER") else 1
_DEFAULT_SECONDS = 20

_OUTPUTS = os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR")

PROCESSOR = "services/processor/processor"
BALANCER = "services/balancer/balancer"
LOADGEN = "tools/loadgen/loadgen"


def runfile(path):
    """Returns the absolute path of a file that the test target names as data."""
    root = os.environ.get("TEST_SRCDIR")
    if root is None:
        return str(pathlib.Path(__file__).parents[1] / "bazel-bin" / path)
    return os.path.join(root, os.environ["TEST_WORKSPACE"], path)


def eventually(condition, what, seconds=_DEFAULT_SECONDS):
    """Returns the first true value of `condition()`; fails after `seconds`."""
    deadline = time.monotonic() + seconds * _PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds * _PATIENCE} s in vain: {what}")
        time.sleep(0.01)


def assert_in_time(seconds, most):
    """Fails when something promised within `most` seconds took longer.

    Sanitized programs are held to it, but with more patience.
    """
    if seconds > most * _PATIENCE:
        raise AssertionError(f"it took {seconds:.2f} s; promised are {most * _PATIENCE} s")


def late(began, seconds):
    """Whether more than `seconds` have passed since `began`, a time.monotonic()."""
    return time.monotonic() > began + seconds * _PATIENCE


def free_port():
    """Returns a TCP port of 127.0.0.1 that was free just now.

    For servers that restart on the same port; all others use port 0. The port is
    outside the ephemeral range: while the server is down, no outgoing connection
    can take it, not even the one of a client that retries and meets itself.
    """
    for port in random.sample(range(15000, 30000), 100):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port among 100 tried")


# A program of util-linux that becomes the program that it starts, which ends when the thread
# does that has started it. A preexec_fn could say that, too, but would have this process
# forked, and gRPC's fork handlers may abort it while a channel is being closed.
_DIES_WITH_PARENT = ("/usr/bin/setpriv", "--pdeathsig=KILL", "--")


class Process:
    """A program that runs until it ends or the test does."""

    _count = 0

    def __init__(self, argv, name, env=None):
        Process._count += 1
        self.name = f"{Process._count}-{name}"
        self.argv = argv
        inherited = {key: text for key, text in os.environ.items() if key != _FORK_SUPPORT}
        self._env = {**inherited, **(env or {})}
        folder = _OUTPUTS or tempfile.gettempdir()
        self._log = pathlib.Path(folder, f"{self.name}.{os.getpid()}.log")
        self._start()

    def _start(self):
        with open(self._log, "ab") as log:
            self._popen = subprocess.Popen(
                (*_DIES_WITH_PARENT, *self.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
            )

    def start_again(self):
        """Once it has ended. Its output is appended to."""
        assert not self.running(), f"{self.name} still runs"
        self._start()

    @property
    def log_path(self):
        """Returns the path of what `output` returns."""
        return self._log

    @property
    def pid(self):
        return self._popen.pid

    def running(self):
        return self._popen.poll() is None

    def output(self):
        """Returns what the process wrote to standard output and error."""
        return self._log.read_text(errors="replace", encoding="utf-8")

    def signal(self, number):
        self._popen.send_signal(number)

    def kill(self):
        """Ends the process at once (SIGKILL) and reaps it."""
        self._popen.kill()
        self._popen.wait()

    def wait(self, seconds=_DEFAULT_SECONDS):
        """Returns the exit code; negative is the signal that ended it."""
        try:
            return self._popen.wait(seconds * _PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.describe("still runs")) from None

    def stop(self, seconds=_DEFAULT_SECONDS):
        """Asks it to stop (SIGTERM) and returns the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def describe(self, what):
        """Returns an error message with the end of the process's output."""
        code = self._popen.poll()
        state = "It runs" if code is None else f"It ended with {code}"
        wrote = self.output()[-4000:]
        return f"{self.name} {what}.\n{' '.join(self.argv)}\n{state}. It wrote:\n{wrote}"


class Server(Process):
    """A processor or balancer that serves when the constructor returns."""

    def __init__(self, binary, flags, name, listen_address, env=None, prefix=()):
        with tempfile.NamedTemporaryFile(prefix="address-", delete=False) as file:
            self._address_file = pathlib.Path(file.name)
        self._address_file.unlink()
        super().__init__(
            [
                *prefix,
                runfile(binary),
                f"--listen_address={listen_address}",
                "--http_address=127.0.0.1:0",
                f"--address_file={self._address_file}",
                *flags,
            ],
            name,
            env,
        )
        found = self._wait_for_addresses()
        self.grpc, self.http = found["grpc"], found["http"]
        # None: it does not serve xDS.
        self.xds = found.get("xds")

    def _wait_for_addresses(self):
        def written():
            if not self.running():
                raise AssertionError(self.describe("ended before it served"))
            with contextlib.suppress(FileNotFoundError):
                lines = self._address_file.read_text(encoding="utf-8").splitlines()
                found = dict(line.split("=", 1) for line in lines if "=" in line)
                return found if found.keys() >= {"grpc", "http"} else None

        try:
            found = eventually(written, f"{self.name} writes its addresses")
        except AssertionError as error:
            self.kill()
            raise AssertionError(self.describe(str(error))) from None
        self._address_file.unlink()
        return found

    def get(self, path):
        """Returns (status, body) of an HTTP GET on the server's HTTP page."""
        try:
            with urllib.request.urlopen(f"http://{self.http}{path}", timeout=10) as page:
                return page.status, page.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name, **labels):
        """Returns the sum of a metric's samples that have these labels."""
        total = 0.0
        for sample_labels, value in self._samples(name):
            if all(sample_labels.get(key) == text for key, text in labels.items()):
                total += value
        return total

    def _samples(self, name):
        _, page = self.get("/metrics")
        for line in page.splitlines():
            match = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)( \d+)?", line)
            if match:
                yield dict(re.findall(r'(\w+)="([^"]*)"', match[1] or "")), float(match[2])


class Loadgen(Process):
    """A load generator run."""

    def __init__(self, flags, name="loadgen", prefix=(), env=None):
        with tempfile.NamedTemporaryFile(prefix="report-", delete=False) as file:
            self._json = pathlib.Path(file.name)
        super().__init__([*prefix, runfile(LOADGEN), f"--json={self._json}", *flags], name, env)

    def report(self, seconds=120):
        """Waits for the end. Returns (exit code, the --json report)."""
        exit_code = self.wait(seconds)
        try:
            report = json.loads(self._json.read_text(encoding="utf-8"))
        except ValueError:
            raise AssertionError(self.describe(f"wrote no report, exit {exit_code}")) from None
        self._json.unlink()
        return exit_code, report


class ProcessTest(unittest.TestCase):
    """A test whose processes end with it."""

    def keep(self, process):
        """Kills `process` at the end of the test, if it still runs. Returns it."""
        self.addCleanup(process.kill)
        return process

    def processor(self, *flags, listen_address="127.0.0.1:0", name="processor", prefix=()):
        """`prefix`: a command that runs the rest of its command line, as nsenter does."""
        return self.keep(Server(PROCESSOR, flags, name, listen_address, prefix=prefix))

    def balancer(self, *flags, listen_address="127.0.0.1:0", name="balancer", prefix=()):
        return self.keep(Server(BALANCER, flags, name, listen_address, prefix=prefix))

    def loadgen(self, *flags, env=None):
        return self.keep(Loadgen(flags, env=env))

    def assert_all_answered_once(self, loadgen, messages=None, seconds=120):
        """Waits for the end of a run; every message has its one good result.

        `messages`: how many there should be, where that is known. Returns the
        report.
        """
        exit_code, report = loadgen.report(seconds)
        # 4: it was late with some, on a busy machine: its figures mean nothing, its answers do.
        self.assertIn(exit_code, (0, 4), loadgen.describe(f"exited {exit_code}"))
        self.assertGreater(report["messages"], 0)
        self.assertEqual(report["messages"], messages or report["messages"])
        self.assertEqual(report["answered"], report["messages"])
        for wrong in ("lost", "duplicated", "failed"):
            self.assertEqual(report[wrong], 0, wrong)
        return report
