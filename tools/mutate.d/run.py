"""Runs the mutants of a class against its own tests; see tools/mutate --help."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import mutants
import programs
import report
import switched

_HERE = pathlib.Path(__file__).parent
# mutant_switch.h: this mutant would not have compiled.
_DOES_NOT_COMPILE = 77
_KILLED, _SURVIVED, _NOT_BUILT, _LEFT = "killed", "survived", "did not compile", "left"


def _changed(classes, revision):
    changed = subprocess.run(
        ("git", "diff", "--name-only", revision), check=True, capture_output=True, text=True
    ).stdout
    files = set(changed.split("\n"))
    return [entry for entry in classes if files & set(entry["files"])]


class _Class:
    """The mutants of one class, and the programs that try them."""

    def __init__(self, entry, jobs, deadline, place):
        self._entry = entry
        self._deadline = deadline
        self._place = place
        self._pool = concurrent.futures.ThreadPoolExecutor(jobs)
        self._programs = programs.Programs(entry["tests"], jobs)
        self._sources = {name: pathlib.Path(name).read_text(encoding="utf-8") for name in entry["files"]}
        # {number: (file, mutant)}
        self.mutants = dict(
            enumerate(
                ((name, mutant) for name, source in self._sources.items() for mutant in mutants.mutants_of(source)), 1
            )
        )
        # Those that are in the programs of all mutants.
        self._together = set(self.mutants)
        self._limits = {}

    def build(self):
        """Builds the programs of all mutants; takes out what does not compile in company."""
        header = _HERE / "mutant_switch.h"
        while True:
            folder = programs.Folder(self._place / "all", self._switched())
            commands = self._programs.commands(folder, header=header)
            errors = "".join(self._pool.map(self._programs.compile, commands))
            if not errors:
                break
            self._take_out(errors)
        self._linked = [(target, self._programs.link(target, folder)) for target in self._entry["tests"]]
        for target, program in self._linked:
            if program is None:
                sys.exit(f"{target}: it does not link")
            outcome = self._programs.run(program, target, 0, 100)
            if outcome.exit_code != 0:
                sys.exit(f"{self._entry['name']}: its test {target} fails without any mutant. Mend it first.")
            # What loops for ever is stopped; what is only slower on a busy machine is not.
            self._limits[target] = 2 + 4 * outcome.processor_seconds

    def _switched(self):
        numbered = {name: {} for name in self._sources}
        for number in self._together:
            name, mutant = self.mutants[number]
            numbered[name][number] = mutant
        return {name: switched.switched(source, numbered[name]) for name, source in self._sources.items()}

    def _take_out(self, errors):
        """An error in a line takes all mutants of the line out; where no line is named, they all go."""
        places = {
            (name, int(line))
            for name in self._sources
            for line in re.findall(re.escape(name) + r":(\d+):\d+: (?:fatal )?error", errors)
        } or {
            (name, int(line)) for name in self._sources for line in re.findall(re.escape(name) + r":(\d+):", errors)
        }

        def there(number):
            name, mutant = self.mutants[number]
            last = mutant.line + self._sources[name].count("\n", mutant.start, mutant.end)
            return any((name, line) in places for line in range(mutant.line, last + 1))

        self._together -= set(filter(there, self._together)) or self._together

    def try_all(self, numbers):
        """(number, what became of it), as they come."""
        return self._pool.map(self._try, numbers)

    def _try(self, number):
        if time.monotonic() > self._deadline:
            return number, _LEFT
        if number in self._together:
            return number, self._judge(self._linked, number)
        name, mutant = self.mutants[number]
        folder = programs.Folder(self._place / str(number), {name: mutant.apply(self._sources[name])})
        if any(map(self._programs.compile, self._programs.commands(folder))):
            return number, _NOT_BUILT
        linked = [(target, self._programs.link(target, folder)) for target in self._entry["tests"]]
        return number, _NOT_BUILT if any(program is None for _, program in linked) else self._judge(linked, number)

    def _judge(self, linked, number):
        for target, program in linked:
            code = self._programs.run(program, target, number, self._limits[target]).exit_code
            if code == _DOES_NOT_COMPILE:
                return _NOT_BUILT
            if code != 0:
                return _KILLED
        return _SURVIVED


def _mutate(entry, equivalent, deadline, options):
    counts = report.Report(entry["name"])
    with tempfile.TemporaryDirectory(prefix="mutate.") as place:
        tried = _Class(entry, options.jobs, deadline, pathlib.Path(place))
        tried.build()
        todo = []
        for number, (name, mutant) in tried.mutants.items():
            if mutant.change in equivalent.get(name, {}):
                counts.explained += 1
            else:
                todo.append(number)
        # In a random order: where the time does not suffice, what was tried is a sample.
        random.Random(options.seed).shuffle(todo)
        for number, outcome in tried.try_all(todo):
            name, mutant = tried.mutants[number]
            if outcome == _KILLED:
                counts.killed += 1
            elif outcome == _NOT_BUILT:
                counts.not_built += 1
            elif outcome == _LEFT:
                counts.left += 1
            else:
                counts.survivors.append((name, mutant))
                print(f"  survived: {name}:{mutant.line}: {mutant.change}", flush=True)
    return counts


def _parse(argv):
    parser = argparse.ArgumentParser(prog="tools/mutate", add_help=False)
    parser.add_argument("classes", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--changed_since")
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--least", type=float, default=95.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
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
    deadline = time.monotonic() + options.seconds
    passed = failed = 0
    for index, entry in enumerate(classes):
        now = time.monotonic()
        if now > deadline:
            print(f"{entry['name']}: not tried for want of time", flush=True)
            continue
        # Each has an equal share of the time that is left.
        share = (deadline - now) / (len(classes) - index)
        counts = _mutate(entry, equivalent, now + share, options)
        print(counts.line(), flush=True)
        good = counts.good(min(options.least, entry.get("least", 100)))
        passed, failed = passed + good, failed + (not good)
    print(f"mutate: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
