"""The report page, opened in a real browser."""

import json
import os
import pathlib
import re
import tempfile
import unittest

from tests import harness
from tests.report import browser

_COMPARE = "tools/compare/compare"

# What the page shows: its cells, and of every chart the data, the pixels in the
# colour of each line, and how much of a column each mark of an event fills.
_LOOK = """(() => {
  const rgb = (text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
  const look = (box) => {
    const chart = box.uplot, canvas = box.querySelector("canvas");
    const {width, height} = canvas;
    const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    const near = (i, colour) => pixels[i + 3] > 128 &&
        colour.every((value, k) => Math.abs(value - pixels[i + k]) < 48);
    const series = chart.series.slice(1).map((line, k) => {
      const colour = rgb(typeof line.stroke === "function" ? line.stroke() : line.stroke);
      let painted = 0;
      for (let i = 0; i < pixels.length; i += 4) painted += near(i, colour);
      return {label: line.label, painted, values: chart.data[k + 1].filter((v) => v != null)};
    });
    const data = JSON.parse(document.getElementById("data").textContent);
    const marks = data.runs.flatMap((run, k) => (run.events ?? []).map((event) => {
      const colour = rgb(chart.series[k + 1]?.stroke() ?? "#000000");
      const {top, height: tall} = chart.bbox;
      let best = 0;
      for (const by of [-1, 0, 1]) {
        const x = Math.round(chart.valToPos(event.at, "x", true)) + by;
        let painted = 0;
        for (let y = Math.round(top); y < top + tall; ++y) painted += near(4 * (y * width + x), colour);
        best = Math.max(best, painted / tall);
      }
      return {run: run.name, what: event.what, filled: best};
    }));
    return {title: box.dataset.title, width: canvas.clientWidth, series, marks};
  };
  return {
    cells: [...document.querySelectorAll("[data-figure]")].map((cell) => ({
      run: cell.dataset.run, figure: cell.dataset.figure, text: cell.textContent,
      value: cell.dataset.value === undefined ? null : Number(cell.dataset.value),
    })),
    charts: [...document.querySelectorAll(".chart")].map(look),
    background: getComputedStyle(document.body).backgroundColor,
    text: getComputedStyle(document.body).color,
    overflow: document.documentElement.scrollWidth - innerWidth,
    tableOverflow: document.getElementById("figures").scrollWidth - document.querySelector(".scroll").clientWidth,
    licence: document.documentElement.innerHTML.includes("Permission is hereby granted"),
  };
})()"""

_UNITS = {"": 1, "µs": 1, "ms": 1e3, "s": 1e6, "MiB": 2**20}
_THROUGHPUT = "Throughput over time (messages/s)"
_LATENCY = "Latency over time (p99)"
_PERCENTILES = "Latency by percentile"
_CPU = "CPU a message"


def _figure(run, path):
    for name in path.split("."):
        run = run[name]
    return run


def _shown(cell):
    """Returns the value that a cell's text stands for, in the figure's unit."""
    number, unit = re.fullmatch(r"([\d,.]+(?:e[+-]\d+)?)(?: (\S+))?", cell["text"]).groups("")
    value = float(number.replace(",", "")) * _UNITS[unit]
    return value / 1e3 if cell["figure"].endswith("_ms") else value


@unittest.skipUnless(
    os.path.exists(browser.CHROMIUM), "there is no Chromium (tools/install_packages --test)"
)
class PageTest(harness.ProcessTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="page-")
        self.addCleanup(folder.cleanup)
        self.page = pathlib.Path(folder.name, "report.html")
        self.figures = pathlib.Path(folder.name, "figures.json")

    def _compare(self, *flags):
        """Returns the runs in the JSON by name, and what was printed."""
        compare = self.keep(
            harness.Process(
                [
                    harness.runfile(_COMPARE),
                    *flags,
                    f"--report={self.page}",
                    f"--json={self.figures}",
                ],
                "compare",
            )
        )
        self.assertEqual(compare.wait(200), 0, compare.describe("failed"))
        runs = json.loads(self.figures.read_text())["runs"]
        return {run["name"]: run for run in runs}, compare.output()

    def _look(self, width=1200, height=900, **screen):
        """Opens the page and returns what _LOOK sees."""
        chromium = browser.Browser()
        self.addCleanup(chromium.close)
        chromium.show(width, height, **screen)
        chromium.open(self.page)
        seen = chromium.evaluate(_LOOK)
        self.assertEqual(chromium.errors(), [])
        self.assertEqual(chromium.requests, [self.page.as_uri()], "it loads nothing else")
        self.assertTrue(seen["licence"])
        return seen

    def _assert_figures(self, seen, runs):
        """Every cell has the JSON's figure, as a value and as it reads."""
        for cell in seen["cells"]:
            if cell["value"] is None:
                continue
            expected = float(_figure(runs[cell["run"]], cell["figure"]))
            self.assertEqual(cell["value"], expected, cell)
            # Three digits, or whole numbers, or a tenth of a MiB.
            slack = 2**20 / 20 if "MiB" in cell["text"] else 0.5 if expected > 1 else 0.0051
            self.assertAlmostEqual(_shown(cell), expected, delta=max(slack, expected * 0.006), msg=cell)
        shown = {(cell["run"], cell["figure"]) for cell in seen["cells"]}
        for name in runs:
            for figure in (
                "messages", "lost", "messages_per_second", "latency_us.p50", "latency_us.p99",
                "latency_us.p999", "interruptions.count", "fairness",
            ):  # fmt: skip
                self.assertIn((name, f"report.{figure}"), shown)

    def _assert_charts(self, seen, runs):
        """Every chart has the JSON's points, and every line of it is painted."""
        names = list(runs)
        expected = {
            _THROUGHPUT: lambda run: [row["messages_per_second"] for row in run["report"]["time_series"]],
            _LATENCY: lambda run: [
                row["p99_us"] for row in run["report"]["time_series"] if row["messages"] > 0
            ],
        }
        charts = {chart["title"]: chart for chart in seen["charts"]}
        for title, values in expected.items():
            series = charts[title]["series"]
            self.assertEqual([line["label"] for line in series], names)
            for line in series:
                self.assertEqual(line["values"], values(runs[line["label"]]), title)
                # A run may be over within one interval: a dot.
                least = 30 if len(line["values"]) > 1 else 10
                self.assertGreater(line["painted"], least, f"{title}: {line['label']}")
        for line in charts[_PERCENTILES]["series"]:
            curve = [point["us"] for point in runs[line["label"]]["report"]["percentiles"]]
            # Points at the end that stand at the same place are one.
            self.assertEqual(sorted(set(line["values"])), sorted(set(curve)))
            self.assertGreater(line["painted"], 30, f"{_PERCENTILES}: {line['label']}")
        if "usage" not in runs[names[0]]:
            return set(charts)
        for line in charts[_CPU]["series"]:
            values = [run["usage"][f"{line['label']}_cpu_us"] for run in runs.values()]
            self.assertEqual(line["values"], values)
            if max(values) > 0:
                self.assertGreater(line["painted"], 30, f"{_CPU}: {line['label']}")
        return set(charts)

    def test_loadgens_page_shows_its_json_and_draws_every_chart(self):
        load = self.loadgen(
            f"--target={self.processor().grpc}", "--duration=500ms", f"--report={self.page}"
        )
        exit_code, report = load.report()
        self.assertEqual(exit_code, 0, load.describe("failed"))
        seen = self._look()
        self._assert_figures(seen, {"Run": {"report": report}})
        charts = self._assert_charts(seen, {"Run": {"report": report}})
        self.assertEqual(charts, {_THROUGHPUT, _LATENCY, _PERCENTILES})

    def test_the_comparison_of_all_models_shows_its_json_and_draws_every_chart(self):
        # As short as by default.
        runs, printed = self._compare("--n=10000", "--repeat=1")
        self.assertEqual(list(runs), ["Model I", "Model II", "Model III", "Model IV"])
        self.assertRegex(printed, r"Model I +Model II +Model III +Model IV")
        for run in runs.values():
            self.assertEqual(run["report"]["messages"], 10_000)
            self.assertGreater(run["usage"]["client_cpu_us"], 0)
            self.assertGreater(run["usage"]["servers_cpu_us"], 0)
        self.assertGreater(runs["Model IV"]["usage"]["front_cpu_us"], 0)
        seen = self._look()
        self._assert_figures(seen, runs)
        charts = self._assert_charts(seen, runs)
        self.assertEqual(charts, {_THROUGHPUT, _LATENCY, _PERCENTILES, _CPU})

    def test_the_page_fits_a_phone_and_follows_the_dark(self):
        runs, _ = self._compare("--n=50000", "--repeat=1")
        seen = self._look(360, 740, mobile=True, dark=True)
        self._assert_figures(seen, runs)
        self._assert_charts(seen, runs)
        self.assertLessEqual(seen["overflow"], 0)
        self.assertLessEqual(seen["tableOverflow"], 0)
        for chart in seen["charts"]:
            self.assertLessEqual(chart["width"], 360, chart["title"])
            self.assertGreater(chart["width"], 250, chart["title"])
        self.assertEqual(seen["background"], "rgb(22, 24, 28)")
        self.assertEqual(seen["text"], "rgb(230, 232, 235)")
        light = self._look(360, 740, mobile=True)
        self.assertEqual(light["background"], "rgb(255, 255, 255)")

    def test_chaos_loses_nothing_and_is_marked_on_the_charts(self):
        runs, printed = self._compare("--models=1,4", "--chaos", "--duration=8s", "--repeat=1")
        for name, run in runs.items():
            events = {event["what"]: event["at"] for event in run["events"]}
            self.assertEqual(list(events), ["kill -9", "rolling restart"], name)
            self.assertLess(0, events["kill -9"])
            self.assertLess(events["kill -9"], events["rolling restart"])
            self.assertLess(events["rolling restart"], run["report"]["seconds"])
            for wrong in ("lost", "duplicated", "failed"):
                self.assertEqual(run["report"][wrong], 0)
            self.assertGreater(run["report"]["interruptions"]["count"], 0)
        self.assertRegex(printed, r"lost +0 +0\n")
        seen = self._look()
        self._assert_charts(seen, runs)
        for chart in seen["charts"]:
            if chart["title"] not in (_THROUGHPUT, _LATENCY):
                continue
            self.assertEqual(len(chart["marks"]), 4)
            for mark in chart["marks"]:
                # A dashed line from top to bottom is painted for the half.
                self.assertGreater(mark["filled"], 0.3, (chart["title"], mark))

    def test_chaos_without_the_time_for_it_is_an_error(self):
        compare = self.keep(
            harness.Process(
                [harness.runfile(_COMPARE), *"--models=1 --chaos --duration=50ms".split()],
                "compare",
            )
        )
        self.assertEqual(compare.wait(60), 1)
        self.assertIn("give it a longer --duration", compare.output())


if __name__ == "__main__":
    unittest.main()
