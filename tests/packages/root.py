"""A fresh Debian to install packages into: a root of its own that never saw us.

Made of an overlay over what `install_root` has made, in a mount namespace of the test's own, so
that whatever is done there is gone with the test. The network is the machine's.
"""

import ctypes
import os
import pathlib
import re
import subprocess
import tempfile

from tests import harness

_CLONE_NEWNS = 0x00020000
_NO_FLAGS = 'MSGPROC_FLAGS=""'
# Its programs' environment. Nobody asks for anything.
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


def _made():
    script = harness.runfile("tests/packages/install_root")
    # Bazel shows links to the real files.
    said = subprocess.run(
        [script, "--where"], capture_output=True, text=True, check=True, timeout=60
    )
    return said.stdout.strip()


def why_not():
    """Returns why there can be no such root here, or None."""
    if os.geteuid() != 0:
        return "it needs root"
    if not _made():
        return "tests/packages/install_root has not made one"
    return None


def enter_mount_namespace():
    """What this thread and its children mount from now on only they see."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNS)")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def _mount(*arguments):
    subprocess.run(["mount", *[str(each) for each in arguments]], check=True)


class Root:
    """The caller is in a mount namespace of its own."""

    def __init__(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="root-"))
        # An overlay's upper folder must not be on an overlay, as a container's own is.
        _mount("--types", "tmpfs", "--options", "size=4g", "tmpfs", folder)
        for name in ("upper", "work", "root"):
            (folder / name).mkdir()
        self.path = folder / "root"
        layers = f"lowerdir={_made()},upperdir={folder}/upper,workdir={folder}/work"
        _mount("--types", "overlay", "--options", layers, "overlay", self.path)
        _mount("--types", "proc", "proc", self.path / "proc")
        _mount("--bind", "/dev", self.path / "dev")
        # Seen from there and from here, by one name: what programs there write for tests.
        _mount("--bind", "/tmp", self.path / "tmp")
        tempfile.tempdir = "/tmp"
        self._folder = folder

    def close(self):
        """Its processes have ended."""
        subprocess.run(["umount", "--recursive", "--lazy", self._folder], check=True)
        self._folder.rmdir()

    def try_(self, *command, seconds=300):
        """Runs a command there. Returns its exit code and its output."""
        done = subprocess.run(
            ["chroot", self.path, *[str(each) for each in command]],
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=seconds,
        )
        return done.returncode, done.stdout

    def run(self, *command, seconds=300):
        """Returns what a command printed that must succeed."""
        code, output = self.try_(*command, seconds=seconds)
        if code != 0:
            raise AssertionError(f"{command} ended {code}:\n{output}")
        return output

    def put(self, file, name):
        """Copies a file and returns its path there."""
        (self.path / "var/tmp" / name).write_bytes(pathlib.Path(file).read_bytes())
        return f"/var/tmp/{name}"

    def install(self, *debs, more=()):
        """Installs .deb files, and what they depend on, as apt does. `more`: Debian's own."""
        paths = [self.put(deb, f"{i}-{pathlib.Path(deb).name}") for i, deb in enumerate(debs)]
        return self.run("apt-get", "--quiet", "--yes", "install", *paths, *more)

    def status(self, package):
        """Returns how dpkg has a package: installed, config-files, not-installed."""
        code, output = self.try_(
            "dpkg-query", "--show", "--showformat=${db:Status-Status}", package
        )
        return output if code == 0 else "not-installed"

    def set_flags(self, name, flags):
        """As an administrator does in a package's file that has none: of processor or balancer."""
        file = self.path / f"etc/msgproc/{name}.env"
        text = file.read_text(encoding="utf-8")
        assert _NO_FLAGS in text
        file.write_text(text.replace(_NO_FLAGS, f'MSGPROC_FLAGS="{flags}"'), encoding="utf-8")

    def serve(self, name, user, listen_address="127.0.0.1:0"):
        """Starts a service's program as its unit does: processor or balancer."""
        text = (self.path / f"etc/msgproc/{name}.env").read_text(encoding="utf-8")
        flags = re.search(r'^MSGPROC_FLAGS="(.*)"$', text, re.MULTILINE)[1].split()
        chroot = ("/usr/sbin/chroot", f"--userspec={user}", str(self.path))
        return harness.Server(
            f"/usr/bin/msgproc-{name}", flags, name, listen_address, prefix=chroot
        )
