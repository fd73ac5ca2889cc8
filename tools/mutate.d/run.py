"""Runs the mutants of a class against its own tests; see tools/mutate --help."""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

import mutants

_HERE = pathlib.Path(__file__).parent
# A place of its own, the same every time, so that what was built there serves again.
_SCRATCH = pathlib.Path(
    os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"), "msgproc_mutate"
)
# Bazel's exit codes.
_PASSED, _NOT_BUILT, _FAILED = 0, 1, 3
_BAZEL_TEST = (
    "/usr/bin/bazel",
    "test",
    "--noshow_progress",
    "--ui_event_filters=-info,-warning,-stderr,-stdout",
    "--test_output=summary",
    "--test_summary=none",
    "--spawn_strategy=local",
    # Compiles in half the time. A mutant may well leave something unused.
    "--copt=-O0",
    "--copt=-g0",
    "--copt=-w",
    "--test_timeout=30",
)


def _git(*arguments):
    return subprocess.run(("git", *arguments), check=True, capture_output=True, text=True).stdout


def _copy_tree():
    """Copies what git knows of, as it is now; leaves alone what is the same already."""
    files = set(_git("ls-files", "--cached", "--others", "--exclude-standard").split("\n")) - {""}
    for name in files:
        source, target = pathlib.Path(name), _SCRATCH / name
        if not source.is_file():
            continue
        if target.is_file() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    for target in _SCRATCH.rglob("*"):
        name = target.relative_to(_SCRATCH)
        if target.is_file() and not name.parts[0].startswith("bazel-") and str(name) not in files:
            target.unlink()


def _test(targets):
    """Bazel's exit code."""
    return subprocess.run(
        (*_BAZEL_TEST, "--", *targets), cwd=_SCRATCH, check=False, capture_output=True
    ).returncode


def _changed(classes, revision):
    files = set(_git("diff", "--name-only", revision).split("\n"))
    return [entry for entry in classes if files & set(entry["files"])]


class _Report:
    """What became of the mutants of one class."""

    def __init__(self, name):
        self.name = name
        self.killed = 0
        self.not_built = 0
        self.explained = 0
        self.survivors = []
        self.left = 0

    def share(self):
        judged = self.killed + len(self.survivors)
        return self.killed / judged if judged else 1.0

    def line(self):
        left = f", {self.left} not tried for want of time" if self.left else ""
        return (
            f"{self.name}: {self.share():.1%} killed ({self.killed} killed, {len(self.survivors)} survived,"
            f" {self.explained} explained, {self.not_built} did not compile{left})"
        )


def _mutate(entry, equivalent, deadline, chance):
    report = _Report(entry["name"])
    if _test(entry["tests"]) != _PASSED:
        sys.exit(f"{entry['name']}: its tests {' '.join(entry['tests'])} fail without any mutant. Mend them first.")
    todo = [(name, mutant) for name in entry["files"] for mutant in mutants.mutants_of(pathlib.Path(name).read_text())]
    # In a random order: where the time does not suffice, what was tried is a sample.
    chance.shuffle(todo)
    for tried, (name, mutant) in enumerate(todo):
        if mutant.change in equivalent.get(name, {}):
            report.explained += 1
            continue
        if time.monotonic() > deadline:
            report.left = len(todo) - tried
            break
        original = pathlib.Path(name).read_text()
        target = _SCRATCH / name
        try:
            target.write_text(mutant.apply(original))
            code = _test(entry["tests"])
        finally:
            target.write_text(original)
        if code == _PASSED:
            report.survivors.append((name, mutant))
            print(f"  survived: {name}:{mutant.line}: {mutant.change}", flush=True)
        elif code == _FAILED:
            report.killed += 1
        elif code == _NOT_BUILT:
            report.not_built += 1
        else:
            sys.exit(f"bazel test exited with {code} on {name}:{mutant.line}: {mutant.change}")
        if sys.stderr.isatty():
            print(f"\r  {tried + 1} of {len(todo)}", end="\r", file=sys.stderr)
    return report


def _parse(argv):
    parser = argparse.ArgumentParser(prog="tools/mutate", add_help=False)
    parser.add_argument("classes", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--changed_since")
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--least", type=float, default=95.0)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def main(argv):
    """The exit code."""
    options = _parse(argv)
    classes = json.loads((_HERE / "classes.json").read_text())
    equivalent = json.loads((_HERE / "equivalent.json").read_text())
    if options.list:
        for entry in classes:
            print(f"{entry['name']:28} {' '.join(entry['files'])}")
        return 0
    if options.changed_since:
        classes = _changed(classes, options.changed_since)
    known = {entry["name"] for entry in classes}
    if options.classes:
        if unknown := set(options.classes) - known:
            sys.exit(f"no class {', '.join(sorted(unknown))}; tools/mutate --list says which there are")
        classes = [entry for entry in classes if entry["name"] in options.classes]
    _SCRATCH.mkdir(parents=True, exist_ok=True)
    _copy_tree()
    deadline = time.monotonic() + options.seconds
    passed = failed = 0
    for index, entry in enumerate(classes):
        now = time.monotonic()
        # Each has an equal share of the time that is left.
        share = (deadline - now) / (len(classes) - index)
        report = _mutate(entry, equivalent, now + share, random.Random(options.seed))
        print(report.line(), flush=True)
        good = report.share() * 100 >= options.least
        passed, failed = passed + good, failed + (not good)
    print(f"mutate: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
