"""A PostgreSQL server of a test's own: a Unix socket in a temporary directory, fsync on."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from tests import harness


def _binaries():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    return found[-1] if found else None


class Cluster(harness.Process):
    """Serves when the constructor returns. `url` is for --session_store."""

    def __init__(self):
        # Short, for the socket's sake.
        self._folder = tempfile.mkdtemp(prefix="msgproc-postgres-", dir="/tmp")
        self._binaries = _binaries()
        assert self._binaries, "install postgresql (tools/install_packages --test)"
        # PostgreSQL does not run as root.
        self._not_as_root = (
            ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
            if os.geteuid() == 0
            else []
        )
        subprocess.run(
            [
                *self._not_as_root,
                self._binaries / "initdb",
                "--no-sync",
                "--auth=trust",
                "--username=msgproc",
                "--no-locale",
                "--encoding=UTF8",
                f"--pgdata={self._folder}/data",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self.url = f"postgresql:///postgres?host={self._folder.replace('/', '%2F')}&user=msgproc"
        super().__init__(
            [
                *self._not_as_root,
                "setpriv",
                "--pdeathsig=QUIT",
                str(self._binaries / "postgres"),
                "-D",
                f"{self._folder}/data",
                "-k",
                self._folder,
                "-c",
                "listen_addresses=",
                "-c",
                "shared_buffers=64MB",
            ],
            "postgres",
        )
        self._await_answer()

    def _await_answer(self):
        harness.eventually(lambda: self.ask("SELECT 1") == "1", "PostgreSQL answers")

    def ask(self, sql):
        """Returns what psql makes of the rows; empty if it cannot connect."""
        asked = subprocess.run(
            ["psql", "-X", "-A", "-t", "-q", "-d", self.url, "-c", sql],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        return asked.stdout.strip()

    def restart(self, number=signal.SIGQUIT):
        """SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one."""
        self.signal(number)
        self.wait()
        self._start()
        self._await_answer()

    def kill(self):
        if self.running():
            self.signal(signal.SIGQUIT)
            self.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
