"""A real Prometheus that scrapes servers once a second and judges the alerts of deploy/."""

import json
import tempfile
import urllib.parse
import urllib.request

from tests import harness

_CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{alerts}"]
scrape_configs:
  - job_name: msgproc_processor
    static_configs: [{{targets: {processors}}}]
  - job_name: msgproc_balancer
    static_configs: [{{targets: {balancers}}}]
"""


class Prometheus(harness.Process):
    """Answers queries when the constructor returns, and ends with the test."""

    def __init__(self, processors, balancers):
        folder = tempfile.TemporaryDirectory(prefix="prometheus-")  # pylint: disable=consider-using-with
        self._folder = folder
        self._targets = len(processors) + len(balancers)
        self._address = f"127.0.0.1:{harness.free_port()}"
        configuration = f"{folder.name}/prometheus.yml"
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(
                _CONFIGURATION.format(
                    alerts=harness.runfile("deploy/prometheus/alerts.yml"),
                    processors=json.dumps([server.http for server in processors]),
                    balancers=json.dumps([server.http for server in balancers]),
                )
            )
        super().__init__(
            [
                "prometheus",
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder.name}/data",
                f"--web.listen-address={self._address}",
                "--log.level=warn",
            ],
            "prometheus",
        )

    def kill(self):
        super().kill()
        self._folder.cleanup()

    def await_scrapes(self, times):
        """Waits until every server was scraped so many times."""

        def scraped():
            assert self.running(), self.describe("ended")
            try:
                done = self.query(f"sum_over_time(up[5m]) >= {times}")
                return len(done) == self._targets
            except OSError:
                return False

        harness.eventually(scraped, f"Prometheus has scraped {times} times", 60)

    def query(self, expression):
        """Returns [(labels, value)] of an instant query; it must not be wrong."""
        data = self._get("query", query=expression)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def rules(self):
        (group,) = self._get("rules")["groups"]
        return group["rules"]

    def _get(self, what, **arguments):
        url = f"http://{self._address}/api/v1/{what}?{urllib.parse.urlencode(arguments)}"
        with urllib.request.urlopen(url, timeout=10) as page:
            return json.load(page)["data"]
