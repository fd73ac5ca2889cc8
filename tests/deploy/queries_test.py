"""Every query of the dashboard and the alerts, put to a real Prometheus that scrapes real servers."""

import json
import math
import pathlib
import re
import tempfile
import unittest

from tests import harness
from tests.deploy import prometheus
from tests.etcd import etcd
from tests.identity import issuer

_SCRAPES = 6


def _alert_parts(expression):
    """What an alert compares, without the comparisons: each part has a value in health, too."""
    for part in re.split(r"\s+(?:or|and|unless)\s+(?:on\s*\([^)]*\)\s*)?", expression):
        yield re.sub(r"\s*(?:==|>|<)\s*[\d.]+(?:\s*\*\s*[\d.]+)*\s*$", "", part)


class QueriesTest(unittest.TestCase):
    """One fleet for all queries: it takes a while to start."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="queries-")  # pylint: disable=consider-using-with
        cls.addClassCleanup(folder.cleanup)
        processes = harness.ProcessTest()
        cls.addClassCleanup(processes.doCleanups)
        cls._start(processes, pathlib.Path(folder.name))

    @classmethod
    def _start(cls, processes, folder):
        authority = issuer.Authority(folder, days=90)

        def tls(name):
            certificate, key = authority.issue(name)
            return f"--tls_cert={certificate}", f"--tls_key={key}"

        client_ca = f"--tls_client_ca={authority.certificate}"
        registry = f"--registry={etcd.Etcd(processes).await_healthy().url}"
        balancer = processes.balancer(
            *tls("balancer"),
            client_ca,
            registry,
            f"--tls_ca={authority.certificate}",
            "--register_allowed=processor",
        )
        processor = processes.processor(
            *tls("processor"),
            client_ca,
            registry,
            f"--balancer={balancer.grpc}",
            f"--balancer_ca={authority.certificate}",
            "--workers=1",
            f"--session_store=sqlite:{folder}/sessions.db",
        )
        harness.eventually(
            lambda: balancer.metric("msgproc_balancer_servers", state="serving") == 1,
            "the processor is handed out",
        )
        loads = [
            processes.loadgen(
                f"--balancer={balancer.grpc}",
                f"--handler={handler}",
                f"--tls_ca={authority.certificate}",
                *tls(f"client-{handler}"),
                "--rate=500",
                "--duration=5m",
            )
            for handler in ("echo", "uppercase")
        ]
        harness.eventually(
            lambda: processor.metric("msgproc_processor_sessions", state="attached") >= 2,
            "both handlers have a client",
        )
        cls.prometheus = processes.keep(prometheus.Prometheus([processor], [balancer]))
        cls.prometheus.await_scrapes(1)
        # Clients have asked before the first scrape, and a rate takes two.
        balancer.get("/get-server")
        cls.prometheus.await_scrapes(_SCRAPES)
        for load in loads:
            assert load.running(), load.describe("ended")

    def _assert_has_data(self, expression, labels):
        samples = self.prometheus.query(expression)
        self.assertTrue(samples, f"{expression} finds nothing")
        finite = [value for _, value in samples if math.isfinite(value)]
        self.assertTrue(finite, f"{expression} has no value: {samples}")
        for found, _ in samples:
            self.assertLessEqual(set(labels), set(found), f"{expression} lacks a label")

    def test_every_query_of_the_dashboard_has_data_and_the_labels_of_its_legend(self):
        with open(harness.runfile("deploy/grafana/msgproc.json"), encoding="utf-8") as file:
            panels = json.load(file)["panels"]
        targets = [target for panel in panels for target in panel["targets"]]
        self.assertGreater(len(targets), 80)
        for target in targets:
            expression = target["expr"].replace("$instance", ".*")
            expression = expression.replace("$__rate_interval", f"{_SCRAPES + 60}s")
            with self.subTest(expression):
                labels = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
                self._assert_has_data(expression, labels)

    def test_every_alert_compares_what_is_there_and_names_labels_that_are(self):
        rules = self.prometheus.rules()
        self.assertGreater(len(rules), 30)
        for rule in rules:
            named = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
            for part in _alert_parts(rule["query"]):
                # Whatever stands behind `and` or `unless` is compared by instance.
                labels = ["instance"] if "unless" in rule["query"] else named
                with self.subTest(rule["name"], part=part):
                    self._assert_has_data(part, labels)

    def test_prometheus_can_judge_every_alert_and_none_is_raised_in_health(self):
        for rule in self.prometheus.rules():
            with self.subTest(rule["name"]):
                self.assertEqual((rule["health"], rule.get("lastError", "")), ("ok", ""))
                self.assertEqual(rule["state"], "inactive", rule)


if __name__ == "__main__":
    unittest.main()
