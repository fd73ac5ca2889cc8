"""The page of a run, opened in a real browser."""

import os
import pathlib
import tempfile
import unittest

from tests.chaos import soak_page
from tests.report import browser

_LOOK = """(() => {
  const charts = [...document.querySelectorAll(".chart")];
  const painted = (box) => {
    const canvas = box.querySelector("canvas");
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    // Of a lane or a line; axes and grids are grey.
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const colours = [data[i], data[i + 1], data[i + 2]];
      count += data[i + 3] > 128 && Math.max(...colours) - Math.min(...colours) > 60;
    }
    return count;
  };
  const table = (id) => [...document.querySelectorAll(`#${id} tbody tr`)].map(
      (row) => [...row.children].map((cell) => cell.textContent));
  const cuts = charts.map((box) => box.scrollWidth - box.clientWidth);
  return {
    word: document.getElementById("word").textContent,
    what: document.getElementById("what").textContent,
    findings: [...document.querySelectorAll("#findings li")].map((one) => one.textContent),
    charts: Object.fromEntries(charts.map((box) => [box.dataset.title, {
      painted: painted(box),
      lines: box.uplot.series.slice(1).map((line) => line.label),
      values: box.uplot.data.slice(1).map((values) => [...values]),
    }])),
    recovery: table("recovery"), clients: table("clients"),
    usage: table("usage"), faults: table("faults"),
    overflow: document.documentElement.scrollWidth - innerWidth, cuts,
    background: getComputedStyle(document.body).backgroundColor,
  };
})()"""


def _fault(at, seconds, kind, target, recovery):
    what = f"{kind} {target}"
    return {"at": at, "seconds": seconds, "kind": kind, "what": what, "recovery": recovery}


def _record(findings):
    return {
        "seed": 7,
        "store": "postgresql",
        "rate": 30,
        "answered": 3600,
        "findings": findings,
        "results": {"one": [10] * 120, "other": [20] * 60 + [0] * 30 + [40] * 30},
        "faults": [
            _fault(20.5, 3, "kill", "p1", 0),
            _fault(60.5, 25, "kill", "p2", 29.5),
            _fault(80, 0, "reload", "nginx", None),
        ],
        "usage": [
            {
                "at": at,
                "of": {
                    "p1": [0, 0, 0] if 40 < at < 60 else [20480 + 1024 * at, 30, 1],
                    "store": [204800, 400, 20],
                },
            }
            for at in range(0, 120, 2)
        ],
    }


@unittest.skipUnless(
    os.path.exists(browser.CHROMIUM), "there is no Chromium (tools/install_packages --test)"
)
class ReportTest(unittest.TestCase):
    def look(self, findings=(), **screen):
        folder = tempfile.TemporaryDirectory(prefix="soak-page-")
        self.addCleanup(folder.cleanup)
        page = pathlib.Path(folder.name, "report.html")
        page.write_text(soak_page.page(_record(list(findings))), encoding="utf-8")
        chromium = browser.Browser()
        self.addCleanup(chromium.close)
        chromium.show(**({"width": 1200, "height": 900} | screen))
        chromium.open(page)
        seen = chromium.evaluate(_LOOK)
        self.assertEqual(chromium.errors(), [])
        self.assertEqual(chromium.requests, [page.as_uri()], "it loads nothing else")
        return seen

    def test_a_good_run(self):
        seen = self.look()
        self.assertEqual((seen["word"], seen["findings"]), ("Nothing is wrong", []))
        self.assertIn("Seed 7, postgresql, 0:02:00: 3,600 messages", seen["what"])
        charts = seen["charts"]
        self.assertEqual(
            list(charts), ["Results a second", "Faults", "Resident memory (MiB)", "Descriptors"]
        )
        for title, chart in charts.items():
            self.assertGreater(chart["painted"], 100, title)
        self.assertEqual(charts["Results a second"]["values"], [[30] * 60 + [10] * 30 + [50] * 30])
        self.assertEqual(charts["Descriptors"]["lines"], ["p1"])
        (resident,) = charts["Resident memory (MiB)"]["values"]
        self.assertEqual(resident[:2] + resident[21:30], [20, 22] + [None] * 9)

    def test_its_tables(self):
        seen = self.look()
        self.assertEqual(
            seen["recovery"],
            [["kill", "2", "1", "29.5", "29.5"], ["reload", "1", "1", "never", "never"]],
        )
        self.assertEqual(
            seen["clients"],
            [["one", "1,200", "0", "–"], ["other", "2,400", "30", "0:01:00"]],
        )
        self.assertEqual(
            seen["usage"],
            [
                ["p1", "26.0", "134.0", "138.0", "30", "30", "30"],
                ["store", "200.0", "200.0", "200.0", "400", "400", "400"],
            ],
        )
        self.assertEqual(seen["faults"][1], ["0:01:00", "kill p2", "29.5 s"])

    def test_findings_are_told_as_they_are(self):
        seen = self.look(["once: </script><b>twice</b>", "money: gone"])
        self.assertEqual(seen["word"], "2 findings")
        self.assertEqual(seen["findings"], ["once: </script><b>twice</b>", "money: gone"])

    def test_on_a_phone_in_the_dark(self):
        bright = self.look()
        seen = self.look(width=390, height=800, mobile=True, dark=True)
        self.assertLessEqual(seen["overflow"], 0)
        self.assertLessEqual(max(seen["cuts"]), 0)
        self.assertNotEqual(seen["background"], bright["background"])


if __name__ == "__main__":
    unittest.main()
