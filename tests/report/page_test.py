"""The report page, opened in a real browser."""

import html.parser
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from tests import harness

_COMPARE = "tools/compare/compare"
_CHROMIUM = "/usr/bin/chromium"

# Put into a copy of the page: counts the painted pixels of every chart.
_COUNT_PIXELS = """<script>
for (const box of document.querySelectorAll(".chart")) {
  const canvas = box.querySelector("canvas");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let painted = 0;
  for (let i = 3; i < pixels.length; i += 4) painted += pixels[i] > 0;
  box.dataset.painted = painted;
  box.dataset.width = canvas.clientWidth;
}
document.body.dataset.page = getComputedStyle(document.body).backgroundColor;
document.body.dataset.scroll = document.documentElement.scrollWidth - innerWidth;
</script></body>"""


class _Page(html.parser.HTMLParser):
    """Collects what carries data attributes."""

    def __init__(self, dom):
        super().__init__()
        self.cells = {}
        self.charts = {}
        self.body = {}
        self.feed(dom)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "data-figure" in attributes:
            key = (attributes["data-run"], attributes["data-figure"])
            self.cells[key] = attributes.get("data-value")
        elif attributes.get("class") == "chart":
            self.charts[attributes["data-title"]] = attributes
        elif tag == "body":
            self.body = attributes


def _figure(run, path):
    for name in path.split("."):
        run = run[name]
    return run


@unittest.skipUnless(os.path.exists(_CHROMIUM), "there is no Chromium (tools/install_packages)")
class PageTest(harness.ProcessTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="page-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def _open(self, page, *flags):
        """Returns the page as the browser has it once its scripts have run."""
        path = self.folder / "opened.html"
        text = page.read_text().replace("</body>", _COUNT_PIXELS)
        path.write_text(text)
        browser = subprocess.run(
            [
                _CHROMIUM,
                *"--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage".split(),
                *"--no-first-run --hide-scrollbars --virtual-time-budget=5000".split(),
                # Whatever the page would load from anywhere fails.
                "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--user-data-dir={self.folder / 'profile'}",
                *flags,
                "--dump-dom",
                path.as_uri(),
            ],
            env={**os.environ, "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        self.assertEqual(browser.returncode, 0, browser.stderr[-3000:])
        return _Page(browser.stdout)

    def _assert_drawn(self, page, titles):
        self.assertEqual(set(page.charts), titles)
        for title, chart in page.charts.items():
            self.assertGreater(int(chart["data-points"]), 0, title)
            # Axes, grid and at least one line.
            self.assertGreater(int(chart.get("data-painted", 0)), 1000, title)

    def _assert_figures(self, page, runs):
        """Every figure of the page is the JSON's, and none is left out."""
        self.assertTrue(page.cells)
        for (name, path), value in page.cells.items():
            self.assertEqual(float(value), float(_figure(runs[name], path)), path)
        for path in ("messages", "messages_per_second", "latency_us.p99", "interruptions.count"):
            self.assertIn(("Run" if "Run" in runs else next(iter(runs)), f"report.{path}"), page.cells)

    def test_loadgens_page_shows_its_json_and_draws_every_chart(self):
        written = self.folder / "report.html"
        load = self.loadgen(
            f"--target={self.processor().grpc}", "--duration=500ms", f"--report={written}"
        )
        exit_code, report = load.report()
        self.assertEqual(exit_code, 0, load.describe("failed"))
        page = self._open(written)
        self._assert_figures(page, {"Run": {"report": report}})
        self._assert_drawn(
            page,
            {
                "Throughput over time (messages/s)",
                "Latency over time (p99)",
                "Latency by percentile",
            },
        )

    def test_the_comparisons_page_fits_a_phone_and_follows_the_dark(self):
        written, figures = self.folder / "report.html", self.folder / "figures.json"
        compare = self.keep(
            harness.Process(
                [
                    harness.runfile(_COMPARE),
                    *"--models=1,4 --n=50000 --repeat=1".split(),
                    f"--report={written}",
                    f"--json={figures}",
                ],
                "compare",
            )
        )
        self.assertEqual(compare.wait(120), 0, compare.describe("failed"))
        self.assertRegex(compare.output(), r"Model I +Model IV")
        runs = {run["name"]: run for run in json.loads(figures.read_text())["runs"]}
        self.assertEqual(set(runs), {"Model I", "Model IV"})
        self.assertGreater(runs["Model IV"]["usage"]["front_cpu_us"], 0)

        page = self._open(written, "--window-size=500,900", "--force-dark-mode")
        self._assert_figures(page, runs)
        self._assert_drawn(
            page,
            {
                "Throughput over time (messages/s)",
                "Latency over time (p99)",
                "Latency by percentile",
                "CPU a message",
            },
        )
        self.assertLessEqual(int(page.body["data-scroll"]), 0)
        for title, chart in page.charts.items():
            self.assertLessEqual(int(chart["data-width"]), 500, title)
        self.assertEqual(page.body["data-page"], "rgb(22, 24, 28)")


if __name__ == "__main__":
    unittest.main()
