"""The metrics that a processor serves, and those that deploy/ asks for."""

import re
import subprocess
import unittest

from tests import harness

# Served only by a processor with worker processes.
_WITH_WORKERS = re.compile("msgproc_processor_worker_")
# A histogram's or counter's samples end in these.
_SUFFIXES = re.compile("_(bucket|sum|count)$")


def _names(text):
    return {_SUFFIXES.sub("", name) for name in re.findall(r"\bmsgproc_processor_\w+", text)}


def _deployed(path):
    with open(harness.runfile(path), encoding="utf-8") as file:
        return {name for name in _names(file.read()) if not _WITH_WORKERS.match(name)}


class MetricsTest(harness.ProcessTest):
    def setUp(self):
        status, self.page = self.processor().get("/metrics")
        self.assertEqual(status, 200)

    def test_promtool_finds_nothing_to_mend(self):
        checked = subprocess.run(
            ["promtool", "check", "metrics"],
            input=self.page,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_alerts_ask_only_for_metrics_that_are_there(self):
        asked = _deployed("deploy/prometheus/alerts.yml")
        self.assertTrue(asked)
        self.assertLessEqual(asked, _names(self.page))

    def test_the_dashboard_asks_only_for_metrics_that_are_there(self):
        asked = _deployed("deploy/grafana/msgproc.json")
        self.assertTrue(asked)
        self.assertLessEqual(asked, _names(self.page))


if __name__ == "__main__":
    unittest.main()
