"""The report page, opened in a real browser."""

import datetime
import json
import os
import pathlib
import re
import tempfile
import unittest

from tests import harness
from tests.report import browser

_COMPARE = "tools/compare/compare"

# What the page shows: its verdict, what was run, its cells, and of every chart the
# data, the labels, what is painted at the edges, the pixels in the colour of each
# line, and how much of a column each mark of an event fills.
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
    let edge = 0, labels = 0;
    const {top, height: tall} = chart.bbox;
    for (let y = 0; y < height; ++y) {
      for (let x = 0; x < width; ++x) {
        const painted = pixels[4 * (y * width + x) + 3] > 32;
        const below = y > top + tall + 12 * devicePixelRatio;
        // Lines may end at the right edge; labels below may not.
        edge += painted && (x === 0 || y === height - 1 || (below && x === width - 1));
        labels += painted && below;
      }
    }
    return {
      title: box.dataset.title, width: canvas.clientWidth, series, marks, edge, labels,
      names: chart.axes[0]._values.filter((name) => name),
    };
  };
  const top = (id) => document.getElementById(id).getBoundingClientRect().top;
  const verdict = document.getElementById("verdict");
  return {
    verdict: document.getElementById("word").textContent,
    colour: getComputedStyle(verdict).color,
    findings: [...document.querySelectorAll("#findings li")].map((one) => one.textContent),
    facts: Object.fromEntries([...document.querySelectorAll("#run dd")].map(
        (fact) => [fact.dataset.fact, [...fact.children].map((line) => line.textContent)])),
    tops: ["verdict", "figures", "run", "charts"].map(top),
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

_UNITS = {"": 1, "µs": 1, "ms": 1e3, "s": 1e6, "MiB": 1}
_THROUGHPUT = "Throughput over time (messages/s)"
_LATENCY = "Latency over time (p99)"
_PERCENTILES = "Latency by percentile"
_CPU = "CPU a message"


_GOOD = "rgb(29, 122, 52)"
_BAD = "rgb(194, 47, 58)"
_BAD_IN_THE_DARK = "rgb(255, 125, 134)"


def _figure(run, path):
    kind, name = path.split("/", 1)
    if kind == "medians":
        return run[kind][name]
    value = run[kind]
    for part in name.split("/"):
        value = value[part]
    return value


def _rates(rows):
    """What was counted in a part of an interval is no rate."""
    widest = max(row["seconds"] for row in rows)
    return [row["messages_per_second"] for row in rows if row["seconds"] >= 0.999 * widest]


def _shown(cell):
    """Returns the value that a cell's text stands for, in the figure's unit."""
    number, unit = re.fullmatch(r"([\d,.]+(?:e[+-]\d+)?)(?: (\S+))?", cell["text"]).groups("")
    value = float(number.replace(",", "")) * _UNITS[unit]
    return value / 1e3 if cell["figure"].endswith(("_ms", "(ms)")) else value


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
        runs = json.loads(self.figures.read_text(encoding="utf-8"))["runs"]
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
            slack = 0.051 if "MiB" in cell["text"] else 0.5 if expected > 1 else 0.0051
            self.assertAlmostEqual(_shown(cell), expected, delta=max(slack, expected * 0.006), msg=cell)
        shown = {(cell["run"], cell["figure"]) for cell in seen["cells"]}
        for name, run in runs.items():
            # A comparison shows what its table has.
            for figure in run.get("medians", ()):
                self.assertIn((name, f"medians/{figure}"), shown)
            for figure in () if "medians" in run else (
                "messages", "unsent", "lost", "duplicated", "failed", "wrong", "out_of_order",
                "messages_per_second", "latency_us/p50", "latency_us/p99", "latency_us/p999",
                "interruptions/count", "fairness",
            ):  # fmt: skip
                self.assertIn((name, f"report/{figure}"), shown)

    def _assert_charts(self, seen, runs):
        """Every chart has the JSON's points, and every line of it is painted."""
        names = list(runs)
        expected = {
            _THROUGHPUT: lambda run: _rates(run["report"]["time_series"]),
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
        for chart in seen["charts"]:
            self.assertEqual(chart["edge"], 0, f"{chart['title']}: cut off at the canvas's edge")
            self.assertGreater(chart["labels"], 20, f"{chart['title']}: no labels below")
            self.assertGreaterEqual(len(chart["names"]), 2, chart)
        if "medians" not in runs[names[0]]:
            return set(charts)
        for line in charts[_CPU]["series"]:
            values = [run["medians"][f"CPU {line['label']} (us/msg)"] for run in runs.values()]
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
        self._assert_verdict(seen, report, _GOOD)
        self.assertEqual(seen["verdict"], "OK")
        charts = self._assert_charts(seen, {"Run": {"report": report}})
        self.assertEqual(charts, {_THROUGHPUT, _LATENCY, _PERCENTILES})

    def _assert_verdict(self, seen, verdict, colour):
        """It leads the page, with the words that the text has."""
        self.assertEqual(seen["verdict"], verdict["verdict"])
        self.assertEqual(seen["findings"], verdict["findings"])
        self.assertEqual(seen["colour"], colour)
        self.assertEqual(seen["tops"], sorted(seen["tops"]))

    def test_a_run_that_was_behind_and_missed_its_objective_says_so_first(self):
        processor = self.processor()
        load = self.loadgen(
            f"--target={processor.grpc}", f"--report={self.page}",
            # A round trip a message is far below the rate, on any machine.
            *"--rate=1000000 --max_outstanding=1 --duration=700ms".split(),
            "--slo=p99<1us,answered>0",
        )  # fmt: skip
        exit_code, report = load.report()
        self.assertEqual(exit_code, 4, load.describe("was not behind"))
        self.assertGreater(report["unsent"], 0)
        for screen, colour in (
            ({}, _BAD),
            ({"width": 360, "height": 740, "mobile": True, "dark": True}, _BAD_IN_THE_DARK),
        ):
            seen = self._look(**screen)
            self._assert_verdict(seen, report, colour)
            self.assertEqual(seen["verdict"], "BEHIND")
            self.assertRegex(seen["findings"][0], "due and never sent")
            self.assertRegex(seen["findings"][-1], "The objective p99<1us was missed: ")
            self._assert_figures(seen, {"Run": {"report": report}})
            self._assert_charts(seen, {"Run": {"report": report}})
            self._assert_facts(seen["facts"], report)
            self.assertLessEqual(seen["overflow"], 0)

    def _assert_facts(self, facts, report):
        """What was run, as the JSON has it."""
        run = report["run"]
        self.assertEqual(facts["Target"], [run["target"]])
        self.assertEqual(facts["Load"], [run["load"]])
        self.assertEqual(facts["For"], [f"{run['duration_seconds']:g} s"])
        self.assertEqual(facts["Version"], [run["version"]])
        self.assertEqual(facts["Machine"], [run["machine"]])
        self.assertEqual(facts["Seed"], [str(run["seed"])])
        began = datetime.datetime.fromtimestamp(run["started_at_ms"] // 1000, datetime.timezone.utc)
        self.assertEqual(facts["Began"], [f"{began:%Y-%m-%d %H:%M:%S} UTC"])
        missed, held = report["objectives"]
        self.assertEqual(
            facts["Objectives"],
            [f"p99<1us: MISSED ({missed['figure']})", f"answered>0: held ({held['figure']})"],
        )
        [(name, server)] = report["servers"].items()
        self.assertEqual(
            facts["Servers"],
            [f"{name} ({server['address']}): {server['messages']:,} messages, 1 stream"],
        )

    def test_the_page_of_a_comparison_and_its_text_have_the_same_medians(self):
        # Of three trials: the median of a row need not be the median run's.
        runs, printed = self._compare("--models=1,3", "--n=3000", "--repeat=3")
        seen = self._look()
        self._assert_figures(seen, runs)
        self._assert_verdict(seen, json.loads(self.figures.read_text(encoding="utf-8")), _GOOD)
        self.assertIn("Verdict: OK\n", printed)
        cells = {(cell["figure"], cell["run"]): cell["value"] for cell in seen["cells"]}
        rows = re.findall(r"^(\S.*?) {2,}([\d.]+) +([\d.]+)$", printed, re.MULTILINE)
        self.assertEqual({name for name, *_ in rows}, set(runs["Model I"]["medians"]), printed)
        for name, *figures in rows:
            for run, text in zip(runs, figures):
                digits = len(text.partition(".")[2])
                value = cells[f"medians/{name}", run]
                self.assertAlmostEqual(float(text), value, delta=0.501 / 10**digits, msg=(name, run))

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
