"""The servers understand what deploy/compose starts them with."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import yaml

from tests import harness

_BINARIES = {"msgproc-balancer": harness.BALANCER, "msgproc-processor": harness.PROCESSOR}


class ComposeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bin = pathlib.Path(folder.name)
        for name, binary in _BINARIES.items():
            (self.bin / name).symlink_to(harness.runfile(binary))
        # A container has one address.
        (self.bin / "hostname").write_text("#!/bin/sh\necho 172.18.0.5\n")
        (self.bin / "hostname").chmod(0o755)

    def test_the_servers_take_their_flags(self):
        text = pathlib.Path(harness.runfile("deploy/compose/compose.yaml")).read_text("utf-8")
        asked = []
        for name, service in yaml.safe_load(text)["services"].items():
            if not service["image"].startswith("msgproc:"):
                continue
            # Compose's own variables begin with one dollar, the shell's with two.
            command = [
                word.replace("$$", "$") for word in service["entrypoint"] + service["command"]
            ]
            environment = {"PATH": f"{self.bin}:{os.environ['PATH']}"}
            checked = subprocess.run(
                [*command, "--check_config"],
                env={**os.environ, **service.get("environment", {}), **environment},
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
