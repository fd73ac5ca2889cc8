"""What it costs a server of ten thousand sessions to be looked into.

By turns within one run, so that what else the machine does meets both alike: the p99 of a load
beside the sessions, alone and while they are listed; and the CPU of `top` once a second, of the
server and of the tool.
"""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import tempfile
import threading

from tests import harness
from tests.admin import ctl_case

_TICKS = os.sysconf("SC_CLK_TCK")


def _cpu_seconds(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _assert_answered(report):
    assert report["answered"] == report["messages"] > 0, report
    assert report["failed"] == report["lost"] == report["duplicated"] == 0, report


def _in_ms(microseconds):
    return f"{microseconds / 1000:.2f}"


class _Asking:
    """Starts `command` once a second while the block lasts."""

    def __init__(self, command):
        self._command = command
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def _ask(self):
        while not self._over.is_set():
            subprocess.run(self._command, stdout=subprocess.DEVNULL, check=True)
            self._over.wait(1)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


@contextlib.contextmanager
def _watching(command):
    """Lets `command`, which goes on by itself once a second, list while the block lasts."""
    with tempfile.NamedTemporaryFile() as written:

        def lists():
            return pathlib.Path(written.name).read_bytes().count(b" in all\n")

        with subprocess.Popen(command, stdout=written) as watcher:
            # The block is to be free of its start.
            harness.eventually(lambda: lists() > 0, "it lists", 20)
            yield
            watcher.send_signal(signal.SIGINT)
        assert lists() > 2, "it listed in vain"


class _Measurement:
    """`exits`, an ExitStack, ends the processes."""

    def __init__(self, exits, options):
        self._exits = exits
        self._options = options
        self._server, self._ctl, self._holder = self._hold("processor")
        _, self._other_ctl, self._other_holder = self._hold("other")

    def _loadgen(self, server, *flags):
        load = harness.Loadgen((f"--target={server.grpc}", *flags))
        self._exits.callback(load.kill)
        return load

    def _hold(self, name):
        """A server, the tool that looks into it, and the load generator that holds its sessions,
        which do next to nothing once they are open.
        """
        folder = self._exits.enter_context(tempfile.TemporaryDirectory(prefix="lists-"))
        admin = f"unix:{folder}/admin.sock"
        # Heartbeats of so many are a load of their own.
        flags = (f"--admin_address={admin}", "--heartbeat_interval=5m")
        server = harness.Server(harness.PROCESSOR, flags, name, "127.0.0.1:0")
        self._exits.callback(server.kill)
        sessions = self._options.sessions
        holder = self._loadgen(
            server,
            *(f"--connections={sessions // 100}", "--streams_per_connection=100"),
            *("--rate=1", "--duration=1h"),
        )
        metric = "msgproc_processor_sessions"
        harness.eventually(
            lambda: server.metric(metric, state="attached") == sessions, "all are there", 120
        )
        return server, [harness.runfile(ctl_case.CTL), f"--server={admin}"], holder

    def _p99(self, rate):
        load = self._loadgen(
            self._server,
            *("--connections=4", f"--rate={rate}", "--warmup=500ms"),
            f"--duration={self._options.seconds}s",
        )
        _, report = load.report()
        _assert_answered(report)
        return report["latency_us"]["p99"]

    def _beside(self):
        """What stands beside the load, by name: nothing, one tool that lists once a second, and
        tools that are started once a second, to list or for `status`, which lists nothing: it
        costs what starting any process costs on this machine. And the same list of another
        server, which costs the machine as much and this server nothing.
        """
        other = [*self._other_ctl, "ls", "--watch"]
        return {
            "alone": contextlib.nullcontext,
            "`ls --watch`": lambda: _watching([*self._ctl, "ls", "--watch"]),
            "`ls`": lambda: _Asking([*self._ctl, "ls"]),
            "`ls --watch` of another server": lambda: _watching(other),
            "`status`": lambda: _Asking([*self._ctl, "status"]),
        }

    def latencies(self, rate):
        """Prints the p99 of `rate` messages a second alone, and beside commands."""
        beside = self._beside()
        found = {name: [] for name in beside}
        for _ in range(self._options.rounds):
            for name, one in beside.items():
                with one():
                    found[name].append(self._p99(rate))
        alone = statistics.median(found["alone"])
        print(f"{rate} messages/s:")
        for name, some in found.items():
            p99 = statistics.median(some)
            print(f"  p99 {_in_ms(p99)} ms, {p99 / alone:.2f} times: {name}", flush=True)

    def top(self):
        """Prints the share of a core that `top` takes once a second, of each side."""
        seconds = self._options.top_seconds

        def server_alone():
            before = _cpu_seconds(self._server.pid)
            threading.Event().wait(seconds)
            return _cpu_seconds(self._server.pid) - before

        def both():
            before = _cpu_seconds(self._server.pid)
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [*self._ctl, "top", "--interval=1s", f"--rounds={seconds}"],
                stdout=subprocess.DEVNULL,
                check=True,
            )
            now = resource.getrusage(resource.RUSAGE_CHILDREN)
            tool = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
            return _cpu_seconds(self._server.pid) - before, tool

        rounds = [(server_alone(), *both()) for _ in range(2)]
        server = statistics.mean(with_top - alone for alone, with_top, _ in rounds) / seconds
        tool = statistics.mean(tool for *_, tool in rounds) / seconds
        print(f"top at 1 Hz: server {server:.2%} of a core, msgproc {tool:.2%}")

    def check_list(self):
        listed = subprocess.run([*self._ctl, "ls", "--json"], stdout=subprocess.PIPE, check=True)
        assert len(json.loads(listed.stdout)["sessions"]) >= self._options.sessions

    def end(self):
        for holder in (self._holder, self._other_holder):
            holder.signal(signal.SIGINT)
            _, report = holder.report()
            _assert_answered(report)


def main():
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--sessions", type=int, default=10_000)
    flags.add_argument(
        "--rate",
        type=int,
        action="append",
        help="messages a second of the load; may be given again (1000, 10000 and 100000)",
    )
    flags.add_argument("--seconds", type=int, default=3, help="how long each round is")
    flags.add_argument("--rounds", type=int, default=12, help="of each, by turns")
    flags.add_argument("--top_seconds", type=int, default=20)
    options = flags.parse_args()
    os.environ.setdefault("TEST_UNDECLARED_OUTPUTS_DIR", tempfile.mkdtemp(prefix="lists-"))
    with contextlib.ExitStack() as exits:
        measurement = _Measurement(exits, options)
        measurement.check_list()
        measurement.top()
        for rate in options.rate or (1_000, 10_000, 100_000):
            measurement.latencies(rate)
        measurement.end()


if __name__ == "__main__":
    main()
