"""A fleet under load from which one part is taken away for a while, and what that did.

Each test of outages_test.py is a row of the table in docs/fleet.md.
"""

import argparse
import contextlib
import os
import pathlib
import sys
import threading
import time
import unittest

from tests import harness
from tests.fleet import fleet

_PAGE = pathlib.Path("docs/fleet.md")
_BEGIN = "<!-- tests/fleet/measure_outages --page writes from here -->"
_END = "<!-- to here -->"
_HEAD = (
    "| gone | for | open sockets | longest interruption of one | longest wait for a result"
    " | new sockets | messages lost |",
    "|---|---|---|---|---|---|---|",
)
SOCKETS = 12
_RATE = 2000


class Newcomers:
    """Clients that begin one after the other, each with one message."""

    def __init__(self, target, env):
        self._flags = [*target, "--n=1", "--connect_timeout=100s"]
        self._env = env
        # When each began, and how long it took, start of the program included.
        self._took = []
        self.failures = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stopping.is_set():
            began = time.monotonic()
            client = harness.Loadgen(self._flags, "newcomer", env=self._env)
            try:
                code, report = client.report()
                if report["answered"] != 1:
                    self.failures.append(client.describe(f"exited {code}"))
            except AssertionError as error:
                self.failures.append(str(error))
            finally:
                client.kill()
            self._took.append((began, time.monotonic() - began))

    def stop(self):
        self._stopping.set()
        self._thread.join()

    def finished(self):
        return len(self._took)

    def slowest(self, begins, ends):
        """Seconds, of those that had no result yet at some moment of this time."""
        return max(took for began, took in self._took if began < ends and began + took > begins)

    def usual(self, before):
        """Seconds, of those that had it before."""
        took = sorted(took for began, took in self._took if began + took < before)
        return took[len(took) // 2]


class OutagesTest(fleet.FleetTest):
    """Two balancers that serve xDS, too; processors are started by each test."""

    # Whether for figures: with the servers' own settings, and as long as it takes.
    measuring = False
    # By their names.
    rows = {}

    def setUp(self):
        self.processors = []
        self.balancers = [
            self.where_it_was(
                self.balancer,
                f"--xds_address=127.0.0.1:{harness.free_port()}",
                # Evening out afterwards is none of what is measured.
                "--moves_per_second=0",
            )
            for _ in range(2)
        ]

    def where_it_was(self, start, *flags, **options):
        """A server that has the same addresses when it starts again."""
        http = f"127.0.0.1:{harness.free_port()}"
        grpc = f"127.0.0.1:{harness.free_port()}"
        server = start(*flags, f"--http_address={http}", listen_address=grpc, **options)
        return server

    def start_processors(self, *flags):
        # A frozen one is found out by its silence.
        own = () if self.measuring else ("--heartbeat_interval=1s",)
        for i in range(3):
            self.processors.append(
                self.where_it_was(
                    self.processor,
                    *self.to_balancers(),
                    f"--server_id=p{i + 1}",
                    *own,
                    *flags,
                    name=f"p{i + 1}",
                )
            )
        for balancer in self.balancers:
            self.await_serving(balancer, 3)

    def to_balancers(self):
        return [f"--balancer={','.join(balancer.grpc for balancer in self.balancers)}"]

    def start_again(self, *servers):
        for server in servers:
            server.start_again()
        for server in servers:
            harness.eventually(lambda one=server: self.is_ready(one), f"{server.name} serves", 60)

    @staticmethod
    def is_ready(server):
        with contextlib.suppress(OSError):
            return server.get("/readyz")[0] == 200
        return False

    def all_answered(self):
        """How many messages the processors that can say so have answered since they began."""
        total = 0
        for server in self.processors:
            with contextlib.suppress(OSError):
                total += self.answered(server) if self.is_up(server) else 0
        return total

    @staticmethod
    def is_up(process):
        if not process.running():
            return False
        state = pathlib.Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8")
        return state.rpartition(")")[2].split()[0] != "T"

    def await_more(self, load, messages):
        before = self.all_answered()

        def reached():
            self.assertTrue(load.running(), load.describe("ended too early"))
            return self.all_answered() >= before + messages

        harness.eventually(reached, f"{messages} messages pass", 120)

    def measure(self, name, lasts, take_away, give_back, target=None, env=None):
        """Takes something away under load for `lasts` seconds; returns the load's report.

        `lasts`: as long as it takes, and for a test.
        """
        target = target or self.to_balancers()
        load = self.loadgen(
            *target,
            "--duration=1h",
            "--stall_timeout=10m",
            f"--connections={SOCKETS}",
            f"--rate={_RATE}",
            env=env,
        )
        self.await_more(load, _RATE)
        newcomers = Newcomers(target, env)
        self.addCleanup(newcomers.stop)
        harness.eventually(lambda: newcomers.finished() >= 3, "newcomers come", 60)
        seconds = lasts[0 if self.measuring else 1]
        gone = time.monotonic()
        take_away()
        harness.eventually(lambda: harness.late(gone, seconds), "time passes", seconds + 60)
        back = time.monotonic()
        give_back()
        self.await_more(load, 2 * _RATE)
        begun = newcomers.finished()
        harness.eventually(lambda: newcomers.finished() > begun + 1, "newcomers come again", 120)
        newcomers.stop()
        report = self.finish(load)
        self.assertEqual(newcomers.failures, [])
        self._add_row(name, back - gone, report, newcomers.slowest(gone, back), newcomers.usual(gone))
        return report

    def _add_row(self, name, seconds, report, slowest, usual):
        broken = report["interruptions"]
        count = broken["count"]
        self.rows[name] = "| " + " | ".join(
            [
                name,
                f"{seconds:.0f} s",
                f"of {SOCKETS}, {count} break and come back" if count else "stay",
                f"{broken['longest_ms'] / 1000:.2f} s" if count else "none",
                f"{report['latency_us']['max'] / 1e6:.2f} s",
                f"{slowest:.1f} s at most (otherwise {usual:.1f} s)",
                str(report["lost"]),
            ]
        ) + " |"
        print(self.rows[name], flush=True)


def _with_rows(page, rows, where):
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    assert begin and end, f"{_PAGE} has no place for the table"
    return "\n".join([before + begin, where, "", *_HEAD, *rows, end + after])


def main():
    parser = argparse.ArgumentParser(prog="tests/fleet/measure_outages", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="for figures; some ten minutes")
    parser.add_argument("--page", action="store_true", help=f"writes the table into {_PAGE}")
    arguments, others = parser.parse_known_args()
    OutagesTest.measuring = arguments.measure
    loads = [os.getloadavg()[0]]
    ran = unittest.main(module="__main__", argv=[sys.argv[0], *others], exit=False)
    loads.append(os.getloadavg()[0])
    if arguments.page:
        where = (
            f"{len(os.sched_getaffinity(0))} CPUs, which others used as well (a load of"
            f" {min(loads):.0f} to {max(loads):.0f}); {SOCKETS} sockets of one client,"
            f" {_RATE:,} messages a second in all."
        )
        text = _PAGE.read_text(encoding="utf-8")
        _PAGE.write_text(_with_rows(text, OutagesTest.rows.values(), where), encoding="utf-8")
    return 0 if ran.result.wasSuccessful() else 1
