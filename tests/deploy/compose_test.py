"""The servers understand what deploy/compose starts them with."""

import os
import pathlib
import subprocess
import unittest

import yaml

from tests import harness


class ComposeTest(unittest.TestCase):
    def test_the_servers_take_their_flags(self):
        text = pathlib.Path(harness.runfile("deploy/compose/compose.yaml")).read_text("utf-8")
        asked = []
        for name, service in yaml.safe_load(text)["services"].items():
            if not service["image"].startswith("msgproc:"):
                continue
            binary = harness.PROCESSOR if name == "processor" else harness.BALANCER
            self.assertIn(f"msgproc-{pathlib.Path(binary).name}", " ".join(service["entrypoint"]))
            checked = subprocess.run(
                [harness.runfile(binary), "--check_config", *service["command"]],
                env={**os.environ, **service.get("environment", {})},
                capture_output=True,
                text=True,
                check=False,
            )
            said = checked.stdout + checked.stderr
            self.assertEqual((checked.returncode, said), (0, "ok\n"), name)
            asked.append(name)
        self.assertEqual(asked, ["balancer-1", "balancer-2", "processor"])


if __name__ == "__main__":
    unittest.main()
