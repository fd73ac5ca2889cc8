"""A control group of a test's own, with so much memory."""

import contextlib
import os
import pathlib
import time

_FOLDER = pathlib.Path("/sys/fs/cgroup")


def make(limit):
    """Returns the folder of a new group; None where none can be made here."""
    for parent, name in (
        (_FOLDER / "memory", "memory.limit_in_bytes"),  # Version 1.
        (_FOLDER, "memory.max"),
    ):
        group = parent / f"msgproc-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / name).write_text(str(limit), encoding="ascii")
            return group
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
    return None


def prefix(group):
    """Returns the command that runs the rest of its command line in the group."""
    return ("sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh")


def remove(group):
    """Whoever was in it has ended, or is about to."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.05)
