"""A file system of a test's own, which can be full or read-only."""

import contextlib
import os
import pathlib
import subprocess
import sys

_INSIDE = "MSGPROC_TEST_MOUNTS"
_UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]


def enter_own_namespace():
    """Runs the program anew where it may mount, and nobody else sees that.

    Returns None there, or why that cannot be.
    """
    if os.environ.get(_INSIDE):
        return None
    probe = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        return probe.stderr.strip()
    os.environ[_INSIDE] = "1"
    return os.execvp(_UNSHARE[0], [*_UNSHARE, sys.executable, *sys.argv])


class Disk:
    """In memory, and small. Goes with the test's namespace."""

    def __init__(self, folder, mebibytes):
        self.folder = pathlib.Path(folder)
        self._ballast = self.folder / "ballast"
        self._mount("-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", folder)

    def fill(self):
        """To the last byte."""
        with open(self._ballast, "wb", buffering=0) as ballast, contextlib.suppress(OSError):
            for piece in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        ballast.write(bytes(piece))

    def make_room(self):
        self._ballast.unlink()

    def set_read_only(self, read_only):
        """Nobody may have a file open for writing."""
        self._mount("-o", "remount,ro" if read_only else "remount,rw", self.folder)

    def _mount(self, *arguments):
        subprocess.run(["mount", *map(str, arguments)], check=True)
