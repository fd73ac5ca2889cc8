"""A processor that is stopped (SIGSTOP) under load: what waited counts as waited.

Of messages due at an even rate over D seconds, a share f is due in the first f * D
of a stop of T. So that share waits at least T - f * D, whether a message left on
time and lay in a socket, or found no room in the window and left late. It waits at
most until all is caught up, E after the stop: E - f * D, where nothing else made
messages wait for longer than that.
"""

import itertools
import signal
import time
import unittest

from tests import harness

_RATE = 1000
_SECONDS = 6
_STOP = 4
# The histogram's error, and the time between two messages.
_ERROR = 1 / 512
_INTERVAL = 2 / _RATE


def _is_stopped(process):
    with open(f"/proc/{process.pid}/stat", encoding="utf-8") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"


def _caught_up(rows):
    """When the stop began, not too late, and as much was answered as was due, not too early.

    Rows are the report's time series: the stop is its longest silence.
    """
    silences = []
    for silent, group in itertools.groupby(enumerate(rows), lambda row: row[1]["messages"] == 0):
        indices = [i for i, _ in group]
        if silent:
            silences.append((len(indices), indices[0], indices[-1]))
    _, first, last = max(silences)
    stopped = rows[first - 1]["start"]
    answered = sum(row["messages"] for row in rows[: last + 1])
    for row in rows[last + 1 :]:
        answered += row["messages"]
        due = min(_RATE * (row["start"] + row["seconds"]), _RATE * _SECONDS)
        if answered >= due - 2 * _RATE * row["seconds"]:
            return stopped, row["start"] + 2 * row["seconds"]
    raise AssertionError("it never caught up")


def _disturbed(rows, stopped, caught_up, limit):
    """At most so many messages outside the stop waited longer than `limit`."""
    return sum(
        row["messages"]
        for row in rows
        if not stopped <= row["start"] < caught_up and row["max_us"] / 1e6 > limit
    )


class StoppedServerTest(harness.ProcessTest):
    def _load(self, window):
        """Returns the report, and for how long at least all of the processor stood."""
        processor = self.processor()
        load = self.loadgen(
            f"--target={processor.grpc}", f"--rate={_RATE}", f"--duration={_SECONDS}s",
            f"--max_outstanding={window}",
        )  # fmt: skip
        harness.eventually(
            lambda: processor.metric("msgproc_processor_messages_total") > 200, "the load begins"
        )
        processor.signal(signal.SIGSTOP)
        harness.eventually(lambda: _is_stopped(processor), "the processor stops")
        began = time.monotonic()
        time.sleep(_STOP)
        stood = time.monotonic() - began
        processor.signal(signal.SIGCONT)
        _, report = load.report()
        self.assertEqual(report["answered"], _RATE * _SECONDS, load.describe("lost some"))
        self.assertEqual(report["lost"], 0)
        self.assertEqual(report["unsent"], 0)
        return report, stood

    def test_percentiles_are_what_arithmetic_says(self):
        for window in (100_000, 20):
            report, stood = self._load(window)
            rows = report["time_series"]
            stopped, caught_up = _caught_up(rows)
            self.assertGreater(caught_up - stopped, stood)
            latency = report["latency_us"]
            for name, share in (("p50", 0.5), ("p90", 0.1), ("p99", 0.01), ("p999", 0.001)):
                with self.subTest(f"{name} with --max_outstanding={window}"):
                    found = latency[name] / 1e6
                    least = stood - share * _SECONDS
                    self.assertGreaterEqual(found, least * (1 - _ERROR) - _INTERVAL)
                    most = caught_up - stopped - share * _SECONDS
                    most += _disturbed(rows, stopped, caught_up, most) / _RATE
                    self.assertLessEqual(found, most * (1 + _ERROR) + _INTERVAL)
            self.assertGreaterEqual(latency["max"] / 1e6, stood * (1 - _ERROR) - _INTERVAL)
            # What a closed window held back is in it, too.
            held = report["generator"]["held"]
            if window == 20:
                self.assertGreater(held, (stood - 0.5) * _RATE)
            else:
                self.assertEqual(held, 0)


if __name__ == "__main__":
    unittest.main()
