"""The page of a table with two clients, opened in a real browser."""

import json
import os
import pathlib
import tempfile
import unittest

from tests import harness
from tests.conformance import suite
from tests.report import browser

# What the page shows.
_LOOK = """(() => ({
  verdict: document.getElementById("verdict").textContent,
  colour: getComputedStyle(document.getElementById("verdict")).color,
  background: getComputedStyle(document.body).backgroundColor,
  summary: [...document.querySelectorAll("#summary li")].map((one) => one.textContent),
  heads: [...document.querySelectorAll("thead th")].map((one) => one.textContent),
  rows: [...document.querySelectorAll("[data-case]")].map((row) => ({
    name: row.dataset.case,
    about: row.querySelector("details").textContent,
    cells: [...row.querySelectorAll("td:not(:first-child)")].map((cell) => cell.textContent),
    why: row.nextElementSibling?.className === "why" ? row.nextElementSibling.textContent : "",
  })),
  overflow: document.documentElement.scrollWidth - innerWidth,
  tableOverflow: document.getElementById("cases").scrollWidth
      - document.querySelector(".scroll").clientWidth,
}))()"""
_WORDS = {"passed": "ok", "failed": "failed", "skipped": "skipped", "broken": "broken"}


@unittest.skipUnless(
    os.path.exists(browser.CHROMIUM), "there is no Chromium (tools/install_packages --test)"
)
class PageTest(harness.ProcessTest):
    def _look(self, page, **screen):
        chromium = browser.Browser()
        self.addCleanup(chromium.close)
        chromium.show(**screen)
        chromium.open(page)
        self.assertEqual(chromium.errors(), [])
        self.assertEqual(chromium.requests, [page.as_uri()], "it loads nothing else")
        return chromium.evaluate(_LOOK)

    def test_shows_cases_by_clients_on_a_screen_and_on_a_phone_in_the_dark(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="page-")))
        page, figures = folder / "table.html", folder / "table.json"
        adapters = ("adapter", "naive_client")
        process = self.keep(
            harness.Process(
                [
                    harness.runfile(suite.CONFORMANCE),
                    *(
                        f"--adapter={harness.runfile(f'tools/conformance.d/{one}')}"
                        for one in adapters
                    ),
                    *("--case=window/*", "--case=close/*", "--case=token/*"),
                    *(f"--html={page}", f"--json={figures}"),
                ],
                "conformance",
            )
        )
        self.assertEqual(process.wait(200), 1, process.output())
        columns = json.loads(figures.read_text(encoding="utf-8"))["columns"]
        for screen, background, bad in (
            ({"width": 1200, "height": 900}, "rgb(255, 255, 255)", "rgb(194, 47, 58)"),
            (
                {"width": 360, "height": 740, "mobile": True, "dark": True},
                "rgb(22, 24, 28)",
                "rgb(255, 125, 134)",
            ),
        ):
            seen = self._look(page, **screen)
            self.assertEqual(seen["verdict"], "Rules are broken")
            self.assertEqual((seen["background"], seen["colour"]), (background, bad))
            self.assertLessEqual(seen["overflow"], 0)
            self.assertLessEqual(seen["tableOverflow"], 0)
            self.assertEqual(seen["heads"], ["Case", *(column["name"] for column in columns)])
            self._assert_rows(seen["rows"], columns)
            for line, column in zip(seen["summary"], columns):
                self.assertIn(f"{column['passed']} ok", line)

    def _assert_rows(self, rows, columns):
        self.assertEqual(len(rows), len(columns[0]["cases"]))
        for row, *cases in zip(rows, *(column["cases"] for column in columns)):
            self.assertEqual(row["name"], cases[0]["name"])
            self.assertEqual(row["cells"], [_WORDS[case["result"]] for case in cases])
            self.assertIn(cases[0]["what"], row["about"])
            for case in cases:
                if case["result"] == "failed":
                    self.assertIn(case["text"], row["why"])
                    self.assertIn(case["quote"], row["why"])
                elif case["result"] == "skipped":
                    self.assertIn(case["text"], row["about"])


if __name__ == "__main__":
    unittest.main()
