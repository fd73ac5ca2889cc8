"""The metrics that the servers serve, and those that deploy/ asks for."""

import re
import subprocess
import tempfile
import unittest

from tests import harness

# A histogram's samples end in these.
_SUFFIXES = re.compile("_(bucket|sum|count)$")
_NAME = re.compile(r"\bmsgproc_(?:processor|balancer|store)_\w+")
_TYPE = re.compile(r"^# TYPE (\w+) ", re.MULTILINE)
_STATE = re.compile(r'(msgproc_\w+)\{[^}]*state="(\w+)"')


def _names(text):
    return {_SUFFIXES.sub("", name) for name in _NAME.findall(text)}


def _deployed(path):
    with open(harness.runfile(path), encoding="utf-8") as file:
        return file.read()


class MetricsTest(harness.ProcessTest):
    def setUp(self):
        self.pages = []
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        store = f"--session_store=sqlite:{folder.name}/sessions.db"
        # Nobody is there; its metrics are.
        registry = "--registry=etcd://127.0.0.1:1/fleet"
        for server in (self.processor("--workers=1", store, registry), self.balancer(registry)):
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

    def test_every_metric_has_a_panel_or_an_alert(self):
        deployed = _deployed("deploy/prometheus/alerts.yml") + _deployed(
            "deploy/grafana/msgproc.json"
        )
        names = set(_TYPE.findall("\n".join(self.pages)))
        self.assertGreater(len(names), 40)
        asked = {_SUFFIXES.sub("", word) for word in re.findall(r"\w+", deployed)}
        self.assertEqual(names - asked, set())

    def test_every_alert_has_a_section_of_the_runbook(self):
        runbook = _deployed("docs/runbook.md")
        sections = [heading.lower() for heading in re.findall(r"^## (\w+)$", runbook, re.MULTILINE)]
        alerts = _deployed("deploy/prometheus/alerts.yml").split("- alert: ")[1:]
        for alert in alerts:
            (anchor,) = re.findall(r"runbook_url: docs/runbook\.md#(\w+)$", alert, re.MULTILINE)
            self.assertEqual(anchor, alert.split()[0].lower())
            self.assertIn(anchor, sections)
        self.assertEqual(len(alerts), len(sections))

    def test_every_alert_is_seen_to_fire_and_to_keep_quiet(self):
        alerts = re.findall(r"- alert: (\w+)", _deployed("deploy/prometheus/alerts.yml"))
        tried = {True: set(), False: set()}
        rules = _deployed("deploy/prometheus/alerts_test.yml").split("alertname: ")[1:]
        for rule in rules:
            fires = rule.splitlines()[1:2] == ["        exp_alerts:"]
            tried[fires].add(rule.split()[0])
        self.assertEqual(tried[True], set(alerts))
        self.assertEqual(tried[False], set(alerts))

    def test_promtool_finds_that_the_alerts_do_what_they_are_for(self):
        path = harness.runfile("deploy/prometheus/alerts_test.yml")
        tested = subprocess.run(
            ["promtool", "test", "rules", path], capture_output=True, text=True, check=False
        )
        self.assertEqual(tested.returncode, 0, tested.stdout + tested.stderr)

    def test_operations_md_names_every_metric_and_no_other(self):
        text = _deployed("docs/operations.md")
        names = {name for name in _TYPE.findall("\n".join(self.pages)) if "msgproc" in name}
        self.assertEqual(names - set(re.findall(r"`(\w+)", text)), set())
        rows = re.findall(r"^\| `(msgproc_\w+)` \|", text, re.MULTILINE)
        self.assertEqual(len(rows), len(set(rows)))
        self.assertLessEqual(set(rows), names)

    def _assert_there(self, deployed):
        asked = _names(deployed)
        self.assertTrue(asked)
        self.assertLessEqual(asked, _names("\n".join(self.pages)))


if __name__ == "__main__":
    unittest.main()
