"""More messages than the processor has CPU for."""

import os
import pathlib
import signal
import statistics
import time
import typing

from tests.limits import bench, traffic
from tests.workers import crew

_MESSAGES = "msgproc_processor_messages_total"
_FACTORS = (1, 2, 4)
# What is still answered beyond what can be served, relative to the most.
_LEAST_GOODPUT = 0.8
FELL_SHORT = "BELOW 0.8"
# After the first messages, until all windows are full.
_RISEN_SECONDS = 1
# So much of a flood is under way at most; the servers' own windows are larger.
_FLOOD_CONNECTIONS = 32
_FLOOD_WINDOW = 2048


def _pinned(cpu, niceness=0):
    """The command that runs the rest of its command line on one CPU, if there are two."""
    nice = ("nice", "-n", str(niceness)) if niceness else ()
    if len(os.sched_getaffinity(0)) < 2:
        return nice
    return (*nice, "taskset", "--cpu-list", str(sorted(os.sched_getaffinity(0))[cpu]))


class _Pace(typing.NamedTuple):
    """Messages: a second, a CPU second of the processor, and in a request."""

    a_second: float
    a_cpu_second: float
    a_request: float


class _Overload:
    """A processor on one CPU, and on the other one those who send."""

    def __init__(self, on, flood_flags, *flags):
        self._on = on
        self._flood_flags = flood_flags
        self._seconds = on.scale(3, 1)
        self.server = on.processor("--spin_handler", *flags, prefix=_pinned(0))

    def _cpu_seconds(self):
        return sum(map(_cpu_seconds, [self.server.pid, *crew.children(self.server.pid)]))

    def _requests(self):
        """Returns how many messages have come, in how many requests."""
        name = "msgproc_processor_batch_messages"
        return self.server.metric(f"{name}_sum"), self.server.metric(f"{name}_count")

    def load(self, *flags):
        """Returns the _Pace while such a load lasts, and loadgen's report.

        The load ends and has all of its answers.
        """
        load = self._on.loadgen(
            f"--target={self.server.grpc}",
            *("--duration=10m", "--stall_timeout=2m", *self._flood_flags, *flags),
            # What measures goes before what floods.
            prefix=_pinned(1, niceness=2),
        )
        before = self.server.metric(_MESSAGES)
        # More than the neighbour alone sends in all of its life.
        risen = before + self._on.scale(20_000, 5_000)
        bench.timed(lambda: self.server.metric(_MESSAGES) > risen, "its messages come", 60)
        time.sleep(self._on.scale(_RISEN_SECONDS, 0))
        since, cpu, count = time.monotonic(), self._cpu_seconds(), self.server.metric(_MESSAGES)
        came, requests = self._requests()
        time.sleep(self._seconds)
        done = self.server.metric(_MESSAGES) - count
        took, used = time.monotonic() - since, max(self._cpu_seconds() - cpu, 0.01)
        came, requests = (now - then for now, then in zip(self._requests(), (came, requests)))
        load.signal(signal.SIGINT)
        _, report = load.report()
        bench.all_answered(report, load)
        assert report["interruptions"]["count"] == 0, load.describe("was interrupted")
        return _Pace(done / took, done / used, came / max(requests, 1)), report

    def neighbour(self):
        handler = [flag for flag in self._flood_flags if flag.startswith("--handler")]
        return self._on.neighbour(self.server, *handler, rate=200, prefix=_pinned(1))

    def measure(self):
        """Returns the figures."""
        rounds = self._on.scale(3, 1)
        factors = self._on.scale(_FACTORS, _FACTORS[-1:])
        goodput = {factor: [] for factor in factors}
        latency = {factor: [] for factor in (0, *factors)}
        window = self._on.scale(_FLOOD_WINDOW, _FLOOD_WINDOW // 16)
        flood = (f"--connections={_FLOOD_CONNECTIONS}", f"--max_outstanding={window}")
        with self.neighbour() as alone:
            time.sleep(self._seconds)
        latency[0].append(alone.latency_us)
        closed, held = [], 0
        before = traffic.resident(self.server)
        for turn in range(rounds):
            most, _ = self.load(*flood)
            closed.append(most)
            self._on.say(f"round {turn + 1} of {rounds}: {most.a_second:.0f}/s at most")
            for factor in factors:
                rate = f"--rate={factor * most.a_second:.0f}"
                with self.neighbour() as neighbour:
                    pace, report = self.load(rate, *flood)
                relative = _Pace(
                    pace.a_second / most.a_second,
                    pace.a_cpu_second / most.a_cpu_second,
                    pace.a_request,
                )
                goodput[factor].append(relative)
                latency[factor].append(neighbour.latency_us)
                held = report["generator"]["held"]
                self._on.say(f"  {factor} x: {_goodput(relative)}; {neighbour}")
        # The last one was the largest: its windows were full, so it was too much.
        assert held > 0, "a flood of 4 x what can be served was not held by its windows"
        grown = (traffic.peak(self.server) - before) / traffic.MIB
        return _figures(closed, goodput, latency, grown)


def _goodput(pace):
    second, cpu_second, request = pace
    return f"{second:.2f} ({cpu_second:.2f} a CPU second, {request:.0f} a request)"


def _middle(paces):
    return _Pace(*map(statistics.median, zip(*paces)))


def _figures(closed, goodput, latency, grown):
    most = _middle(closed)
    parts = [f"closed loop {most.a_second:,.0f} messages/s, {most.a_request:.0f} a request"]
    paces = {factor: _middle(rounds) for factor, rounds in goodput.items()}
    parts += [f"{factor} x: {_goodput(pace)}" for factor, pace in paces.items()]
    best = max(pace.a_second for pace in paces.values())
    stays = paces[_FACTORS[-1]].a_second / best
    short = "" if stays >= _LEAST_GOODPUT else f" {FELL_SHORT}"
    parts.append(f"at 4 x {stays:.2f}{short} of the most of these")
    times = []
    for factor, rounds in latency.items():
        p50, p99 = (
            bench.in_ms(statistics.median(one[which] for one in rounds)) for which in ("p50", "p99")
        )
        times.append(f"{f'{factor} x' if factor else 'alone'} {p50} / {p99}")
    parts.append(f"well-behaved client's p50 / p99 in ms: {', '.join(times)}")
    parts.append(f"the process grows by {grown:.0f} MiB")
    return "; ".join(parts)


def _cpu_seconds(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def in_the_pool(on):
    return _Overload(on, ["--handler=spin"]).measure()


def in_workers(on):
    overload = _Overload(on, ["--handler=spin"], "--workers=2")
    serve = "msgproc_processor_workers"
    bench.timed(lambda: overload.server.metric(serve) == 2, "the workers serve")
    return overload.measure()


BOUNDS = (
    bench.Bound(
        "cpu",
        "CPU, Model I: handlers in the pool",
        "",
        "clients wait at their windows, and no less is served than before; sessions take turns, so"
        " who sends little does not wait for others' queues",
        in_the_pool,
    ),
    bench.Bound(
        "cpu_workers",
        "CPU, Model II: --workers=2",
        "",
        "likewise; a worker has two assignments at most, everything else waits in sessions, within"
        " their windows",
        in_workers,
    ),
)
