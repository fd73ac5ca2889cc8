"""A machine with a real systemd, made of namespaces, that runs one of our units.

Processes, mounts, control groups and the host's name are its own; the network is
not, so the unit's program is reached as any other. What systemd starts ends with
the machine.
"""

import contextlib
import os
import pathlib
import subprocess

from tests import harness

_SYSTEMD = pathlib.Path("/lib/systemd/systemd")
_FOLDER = pathlib.Path(__file__).parent
_NAMESPACES = ("--pid", "--mount", "--uts", "--ipc", "--cgroup")


def why_not():
    """Returns why there can be no such machine here, or None."""
    if not _SYSTEMD.exists():
        return f"there is no {_SYSTEMD}"
    ids = pathlib.Path("/proc/self/uid_map").read_text(encoding="utf-8").split()
    if os.geteuid() != 0 or ids[:2] != ["0", "0"] or int(ids[2]) < (1 << 32) - 1:
        return "DynamicUser= needs root of the machine's own users"
    if _control_groups() is None:
        return "there are no control groups of version 2"
    tried = subprocess.run(
        ["unshare", *_NAMESPACES, "--fork", "--mount-proc", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return tried.stderr.strip() if tried.returncode != 0 else None


def _control_groups():
    """Returns the folder of this process's own control group, version 2."""
    own = None
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        if line.startswith("0::"):
            own = line.removeprefix("0::").lstrip("/")
    for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, folder, kind = line.split()[:3]
        if kind == "cgroup2" and own is not None and os.access(f"{folder}/{own}", os.W_OK):
            return pathlib.Path(folder, own)
    return None


def of_unit(unit, program, flags, tls=None):
    """Returns a Machine of this one's files. `tls`: the folder of a drop-in, see `boot`."""
    boot = [_FOLDER / "boot", unit, program, " ".join(flags), *([tls] if tls else [])]
    return Machine(pathlib.Path(unit).stem, boot)


class Machine:
    """Runs when the constructor returns. Ends with `kill`."""

    def __init__(self, unit, boot):
        """`boot`: a command that becomes systemd, as process 1 of its namespaces."""
        self._unit = unit
        self._group = _control_groups() / f"msgproc-test-{os.getpid()}"
        self._group.mkdir()
        self._process = harness.Process(
            [
                # The namespace's control groups are those below its first process's.
                "sh",
                "-c",
                f'echo $$ >{self._group}/cgroup.procs && exec "$@"',
                "sh",
                "unshare",
                *_NAMESPACES,
                "--fork",
                "--kill-child",
                "--mount-proc",
                *(str(each) for each in boot),
            ],
            "systemd",
        )
        try:
            self._init = harness.eventually(self._find_init, "process 1 is there")
            harness.eventually(
                lambda: self.run("systemctl", "is-system-running")[1] == "running",
                "systemd runs",
            )
            # As an administrator would. Also, systemd forgets how a unit ended that
            # nothing refers to.
            code, output = self.systemctl("enable")
            if code != 0:
                raise AssertionError(output)
        except AssertionError as error:
            self.kill()
            raise AssertionError(self._process.describe(f"did not boot: {error}")) from None

    def _find_init(self):
        if not self._process.running():
            raise AssertionError("ended")
        pid = self._process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        if len(children) != 1:
            return None
        # It is systemd once the machine is set up.
        name = pathlib.Path(f"/proc/{children[0]}/comm").read_text(encoding="utf-8").strip()
        return children[0] if name == "systemd" else None

    def run(self, *command):
        """Runs a command on the machine. Returns its exit code and its output."""
        done = subprocess.run(
            ["nsenter", f"--target={self._init}", *_NAMESPACES, *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, (done.stdout + done.stderr).strip()

    def systemctl(self, verb):
        """The verb for the unit, as `systemctl start UNIT`."""
        return self.run("systemctl", verb, self._unit)

    def write(self, path, text):
        """Writes a file on the machine."""
        code, output = self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && echo "$2" >"$1"', "sh", path, text)
        if code != 0:
            raise AssertionError(output)

    def drop_in(self, name, text):
        """Settings that go over the unit's own, as `systemctl edit` makes them."""
        self.write(f"/etc/systemd/system/{self._unit}.service.d/{name}.conf", text)
        code, output = self.run("systemctl", "daemon-reload")
        if code != 0:
            raise AssertionError(output)

    def property(self, name):
        """Returns a property of the unit, as `systemctl show` has it."""
        return self.run("systemctl", "show", "--value", f"--property={name}", self._unit)[1]

    def processes(self):
        """Returns the process ids of the unit, as the machine counts them."""
        group = self.property("ControlGroup")
        return self.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs")[1].split()

    def describe(self, what):
        return self._process.describe(f"{what}: {self.systemctl('status')[1]}")

    def kill(self):
        self._process.kill()

        def gone():
            with contextlib.suppress(OSError):
                for folder, _, _ in os.walk(self._group, topdown=False):
                    os.rmdir(folder)
            return not self._group.exists()

        harness.eventually(gone, "its processes and control groups are gone")
