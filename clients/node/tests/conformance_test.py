"""The Node client keeps every rule."""

import os
import subprocess
import unittest

from tests import harness
from tests.conformance import suite


class NodeClientTest(suite.SuiteTest):
    def test_passes_every_case(self):
        app = os.path.join(os.environ["TEST_TMPDIR"], "app")
        adapter = harness.runfile("clients/node/conformance/adapter.mjs")
        subprocess.run([harness.runfile("clients/node/tests/app"), app, adapter], check=True)
        command = f"{app}/node_modules/.bin/node {app}/adapter.mjs"
        report = self.conformance(f"--adapter={command}", seconds=800)
        self.assertEqual(report.named("passed"), set(report.cases), report.output)
        self.assertEqual(report.exit_code, 0)
        self.assertGreater(len(report.cases), 100)


if __name__ == "__main__":
    unittest.main()
