"""The Python client keeps every rule."""

import unittest

from tests import harness
from tests.conformance import suite


class ConformanceTest(suite.SuiteTest):
    def test_passes_every_case(self):
        adapter = harness.runfile("clients/python/adapter")
        report = self.conformance(f"--adapter={adapter}", "--jobs=4", seconds=800)
        self.assertEqual(report.named("passed"), set(report.cases), report.output)
        self.assertEqual(report.exit_code, 0)
        self.assertGreater(len(report.cases), 100)


if __name__ == "__main__":
    unittest.main()
