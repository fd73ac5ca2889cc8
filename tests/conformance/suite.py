"""Runs tools/conformance and reads what came out."""

import json
import os
import pathlib
import tempfile

from tests import harness

CONFORMANCE = "tools/conformance.d/run"


class Report:
    """What the suite says of one client or server."""

    def __init__(self, exit_code, output, column):
        self.exit_code = exit_code
        self.output = output
        self.cases = {case["name"]: case for case in column["cases"]}

    def named(self, result):
        return {name for name, case in self.cases.items() if case["result"] == result}


class SuiteTest(harness.ProcessTest):
    """Keeps the page and the JSON among the test's outputs."""

    def conformance(self, *flags, seconds=280):
        """Returns the Report of one subject."""
        folder = os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR") or tempfile.mkdtemp()
        self.page = pathlib.Path(folder, "conformance.html")
        figures = pathlib.Path(folder, "conformance.json")
        process = self.keep(
            harness.Process(
                [harness.runfile(CONFORMANCE), *flags, f"--html={self.page}", f"--json={figures}"],
                "conformance",
            )
        )
        exit_code = process.wait(seconds)
        if not figures.exists():
            raise AssertionError(process.describe(f"wrote no report, exit {exit_code}"))
        [column] = json.loads(figures.read_text(encoding="utf-8"))["columns"]
        return Report(exit_code, process.output(), column)
