"""Finds uses of the wall clock, which steps when somebody sets it.

Usage: wall_clock.py [FILE...]   (without files: the repository's)

Deadlines and durations are for the monotonic clock (common/clock.h,
common/grpc_deadline.h; time.monotonic in Python). Where a date is meant, as in
logs, certificates and reports, wall_clock_allowed.txt says how many uses a file
has and why. Tests and benchmarks may do as they like.
"""

import pathlib
import re
import sys

import repository

_FOLDER = pathlib.Path(__file__).parent
_USES = {
    (".cc", ".h"): re.compile(
        r"absl::Now\(|GetCurrentTimeNanos|system_clock|gettimeofday|CLOCK_REALTIME"
        r"|\bTIME_UTC\b|(?<![\w.>])(?:std::)?time\((?:nullptr|NULL|0|&)"
    ),
    (".py",): re.compile(r"\btime\.time(?:_ns)?\(|datetime\.(?:now|utcnow|today)\("),
}
_NOT_LOOKED_AT = re.compile(r"_test\.(cc|py)$|(^|/)testing/|^benchmarks/|^tests/|^tools/lint\.d/")


def uses(path):
    """Returns the (number, line) of each use in a file."""
    pattern = next((p for ends, p in _USES.items() if path.endswith(ends)), None)
    if pattern is None:
        return []
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    code = [(number, re.sub(r"//.*", "", line)) for number, line in enumerate(lines, 1)]
    return [(number, line.strip()) for number, line in code if pattern.search(line)]


def _allowed():
    allowed = {}
    for line in (_FOLDER / "wall_clock_allowed.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            path, count, _ = line.split(maxsplit=2)
            allowed[path] = int(count)
    return allowed


def _sources():
    return [path for path in repository.files() if not _NOT_LOOKED_AT.search(path)]


def _sees_the_violation():
    """Whether every line of the planted violation that should be found is."""
    planted = _FOLDER / "wall_clock_violation.cc"
    body = planted.read_text(encoding="utf-8").split("ReadsTheWallClock() {")[1].split("}  // n")[0]
    expected = sum("(" in line for line in body.splitlines())
    return len(uses(str(planted))) == expected


def main(*paths):
    if not _sees_the_violation():
        print("wall_clock.py does not see all of tools/lint.d/wall_clock_violation.cc")
        return 1
    allowed = _allowed()
    failed = False
    for path in paths or _sources():
        found = uses(path)
        if len(found) == allowed.pop(path, 0):
            continue
        failed = True
        for number, line in found:
            print(f"{path}:{number}: the wall clock: {line}")
        if not found:
            print(f"{path}: no use of the wall clock left; take it off wall_clock_allowed.txt")
    for path in [] if paths else allowed:
        failed = True
        print(f"wall_clock_allowed.txt names {path}, which is not there")
    if failed:
        print(
            "Use common/clock.h, common/grpc_deadline.h or time.monotonic; "
            "a date goes on tools/lint.d/wall_clock_allowed.txt, with a reason."
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
