"""A processor with a way in for operators, and the tool that they use."""

import json
import pathlib
import subprocess
import tempfile

from tests import harness

CTL = "tools/ctl/ctl"


class CtlCase(harness.ProcessTest):
    def setUp(self):
        # Short, as the path of a Unix socket is.
        folder = tempfile.TemporaryDirectory(prefix="ctl-")  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.admin = f"unix:{self.folder}/admin.sock"

    def served(self, *flags, admin=None):
        return self.processor(f"--admin_address={admin or self.admin}", *flags)

    def run_ctl(self, *arguments, server=None, user=None, env=None, program=None):
        """Runs the tool. Returns (exit code, standard output, standard error).

        `server` "": the tool finds it. `program`: a copy, for a `user` who cannot read the other.
        """
        server = self.admin if server is None else server
        ran = subprocess.run(
            [str(program or harness.runfile(CTL)), f"--server={server}", *arguments],
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
            user=user,
            env=env,
            cwd="/" if user else None,
        )
        return ran.returncode, ran.stdout, ran.stderr

    def ctl(self, *arguments, server=None):
        """Returns what the tool prints; it must succeed."""
        exit_code, output, error = self.run_ctl(*arguments, server=server)
        self.assertEqual(exit_code, 0, f"{arguments}: {error}")
        return output

    def ctl_json(self, *arguments, server=None):
        return json.loads(self.ctl(*arguments, "--json", server=server))
