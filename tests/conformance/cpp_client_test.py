"""The C++ client keeps every rule."""

import unittest

from tests import harness
from tests.conformance import suite


class CppClientTest(suite.SuiteTest):
    def test_passes_every_case(self):
        adapter = harness.runfile("tools/conformance.d/adapter")
        report = self.conformance(f"--adapter={adapter}")
        self.assertEqual(report.named("passed"), set(report.cases), report.output)
        self.assertEqual(report.exit_code, 0)
        self.assertGreater(len(report.cases), 100)


if __name__ == "__main__":
    unittest.main()
