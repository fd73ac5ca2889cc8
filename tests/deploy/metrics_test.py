"""The metrics that the servers serve, and those that deploy/ asks for."""

import re
import subprocess
import unittest

from tests import harness

# Served only by a processor with worker processes.
_WITH_WORKERS = re.compile("msgproc_processor_worker_")
# A histogram's samples end in these.
_SUFFIXES = re.compile("_(bucket|sum|count)$")
_NAME = re.compile(r"\bmsgproc_(?:processor|balancer)_\w+")
_STATE = re.compile(r'(msgproc_\w+)\{[^}]*state="(\w+)"')


def _names(text):
    return {_SUFFIXES.sub("", name) for name in _NAME.findall(text)}


def _deployed(path):
    with open(harness.runfile(path), encoding="utf-8") as file:
        return file.read()


class MetricsTest(harness.ProcessTest):
    def setUp(self):
        self.pages = []
        for server in (self.processor(), self.balancer()):
            status, page = server.get("/metrics")
            self.assertEqual(status, 200)
            self.pages.append(page)

    def test_promtool_finds_nothing_to_mend(self):
        for page in self.pages:
            checked = subprocess.run(
                ["promtool", "check", "metrics"],
                input=page,
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_alerts_ask_only_for_metrics_that_are_there(self):
        self._assert_there(_deployed("deploy/prometheus/alerts.yml"))

    def test_the_dashboard_asks_only_for_metrics_that_are_there(self):
        self._assert_there(_deployed("deploy/grafana/msgproc.json"))

    def test_states_in_alerts_are_states_that_are_there(self):
        asked = set(_STATE.findall(_deployed("deploy/prometheus/alerts.yml")))
        self.assertTrue(asked)
        self.assertLessEqual(asked, set(_STATE.findall("\n".join(self.pages))))

    def _assert_there(self, deployed):
        asked = {name for name in _names(deployed) if not _WITH_WORKERS.match(name)}
        self.assertTrue(asked)
        self.assertLessEqual(asked, _names("\n".join(self.pages)))


if __name__ == "__main__":
    unittest.main()
