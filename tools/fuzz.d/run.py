"""Builds the fuzzers of tests/fuzz and runs them: see tools/fuzz."""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FUZZERS = ROOT / "tests/fuzz"
sys.path.insert(0, str(ROOT / "tools/mutate.d"))

import programs  # pylint: disable=wrong-import-position

_CONFIG = ("--config=fuzz",)
# What a corpus may grow to, so that the repository stays small and the tests quick.
_MOST_FILES = 200
_MOST_BYTES = 300_000
_LONGEST_KEPT = 4096
# Where an input is a connection or a file: one for so many of the others'.
_SLOW = {"http": 50, "outbox": 8}


@dataclasses.dataclass(frozen=True)
class Run:
    """What came of one fuzzer."""

    name: str
    passed: bool
    says: str


def fuzzer_names():
    """Of all fuzzers."""
    return sorted(path.name.removesuffix("_fuzzer.cc") for path in FUZZERS.glob("*_fuzzer.cc"))


def target_of(name):
    """Bazel's name of a fuzzer."""
    return f"//tests/fuzz:{name}_fuzzer"


def build(names, folder):
    """Builds the fuzzers; returns {name: program}, in `folder`, out of the next build's way."""
    targets = [target_of(name) for name in names]
    command = ("/usr/bin/bazel", "build", "--noshow_progress", "--ui_event_filters=-info,-warning", *_CONFIG)
    print("+ bazel build --config=fuzz", " ".join(targets), flush=True)
    built = subprocess.run((*command, "--", *targets), cwd=ROOT, check=False, stderr=subprocess.PIPE, text=True)
    if built.returncode != 0:
        sys.exit(f"{built.stderr}\nThe fuzzers do not build.")
    found = {}
    for name in names:
        found[name] = folder / f"{name}_fuzzer"
        shutil.copy(ROOT / f"bazel-bin/tests/fuzz/{name}_fuzzer", found[name])
    return found


def environment():
    """For a program under the sanitizers."""
    return {**os.environ, "ASAN_OPTIONS": "abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1"}


def bounds(name, options):
    """How far a fuzzer goes: for a time, or to a number of inputs, which are the same ones each time for a seed."""
    if options.inputs:
        yield f"-runs={max(1, options.inputs // _SLOW.get(name, 1))}"
    else:
        yield f"-max_total_time={options.seconds}"
    if options.seed:
        yield f"-seed={options.seed}"
        # It would read its own findings anew, as time goes.
        yield "-reload=0"


def without_randomized_addresses():
    """A prefix for a command whose hash tables are to be the same each time; empty where it may not be said."""
    prefix = ("setarch", "--addr-no-randomize")
    may = subprocess.run((*prefix, "true"), check=False, stderr=subprocess.DEVNULL).returncode == 0
    return prefix if may else ()


def finds(program, name, options, folder):
    """Runs a fuzzer; `folder`: takes new inputs. Returns (its exit code, what it said, inputs that broke it)."""
    folder.mkdir(parents=True, exist_ok=True)
    broken = pathlib.Path(tempfile.mkdtemp(prefix=f"fuzz_{name}_"))
    # In an order of ours: a folder's is the file system's.
    listed = broken / "corpus"
    listed.write_text(",".join(str(path) for path in sorted((FUZZERS / "corpus" / name).iterdir())))
    done = subprocess.run(
        (
            *(without_randomized_addresses() if options.seed else ()),
            program,
            *bounds(name, options),
            "-rss_limit_mb=1024",
            "-timeout=20",
            "-print_final_stats=1",
            f"-artifact_prefix={broken}/",
            f"-seed_inputs=@{listed}",
            folder,
        ),
        cwd=ROOT,
        env=environment(),
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    listed.unlink()
    inputs = sorted(broken.iterdir())
    if not inputs:
        broken.rmdir()
    return done.returncode, done.stderr.decode(errors="replace"), inputs


def reason(said):
    """The line that says what is wrong."""
    pattern = r"this must hold and does not|ERROR: (Address|Leak)Sanitizer|runtime error|ERROR: libFuzzer"
    for line in said.splitlines():
        if re.search(pattern, line):
            return line.strip()
    return said.strip().splitlines()[-1] if said.strip() else "it said nothing"


def executions(said):
    """How many inputs a run had."""
    found = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    return int(found.group(1)) if found else 0


def fuzz(program, name, options, folder):
    """One fuzzer, as long as it may."""
    exit_code, said, inputs = finds(program, name, options, folder)
    if exit_code == 0:
        new = len(list(folder.iterdir()))
        return Run(name, True, f"{executions(said)} inputs, of which {new} reach new code")
    lines = [reason(said)]
    for path in inputs:
        lines.append(f"  again: tools/fuzz --repeat={path} {name}")
    return Run(name, False, "\n".join(lines))


def keep(program, name, found, scratch):
    """Takes what is found, at its least, into the corpus."""
    corpus = FUZZERS / "corpus" / name
    merged = scratch / f"{name}_merged"
    merged.mkdir()
    subprocess.run(
        (program, "-merge=1", merged, corpus, found), cwd=ROOT, env=environment(), check=True, capture_output=True
    )
    known = {path.read_bytes() for path in corpus.iterdir()}
    files, size, taken = len(known), sum(map(len, known)), 0
    new = [path for path in merged.iterdir() if path.stat().st_size <= _LONGEST_KEPT]
    new = sorted((path for path in new if path.read_bytes() not in known), key=lambda path: path.stat().st_size)
    # Short and long ones where there is not room for all.
    room = max(1, _MOST_FILES - files)
    for path in new[:: -(-len(new) // room)] if new else ():
        content = path.read_bytes()
        if files + 1 > _MOST_FILES or size + len(content) > _MOST_BYTES:
            break
        (corpus / path.name).write_bytes(content)
        files, size, taken = files + 1, size + len(content), taken + 1
    return f"{taken} kept: tests/fuzz/corpus/{name} has {files} files, {size} bytes"


def planted_source(plant):
    """The file with the fault in it."""
    text = (ROOT / plant["file"]).read_text()
    if text.count(plant["old"]) != 1:
        sys.exit(f"{plant['file']} has this {text.count(plant['old'])} times: {plant['old']!r}")
    return text.replace(plant["old"], plant["new"])


def plant_one(name, plant, options, scratch):
    """Builds a fuzzer with its fault."""
    built = programs.Programs([target_of(name)], options.jobs, _CONFIG)
    folder = programs.Folder(scratch / f"{name}_plant", {plant["file"]: planted_source(plant)})
    for command in built.commands(folder):
        said = built.compile(command)
        if said:
            sys.exit(f"The fault of {name} does not compile:\n{said}")
    program = built.link(target_of(name), folder)
    if program is None:
        sys.exit(f"{name} with its fault does not link")
    return program


def find_planted(program, name, plant, options, folder):
    """Whether the fault is found in time."""
    started = time.monotonic()
    exit_code, said, inputs = finds(program, name, options, folder)
    for path in inputs:
        path.unlink()
    if inputs:
        inputs[0].parent.rmdir()
    if exit_code == 0:
        return Run(name, False, f"not found: {plant['what']}")
    after = f"{time.monotonic() - started:.1f} s and {executions(said)} inputs"
    return Run(name, True, f"found after {after}: {plant['what']} ({reason(said)})")


def parse(arguments):
    """The options."""
    parser = argparse.ArgumentParser(prog="tools/fuzz", allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--inputs", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--corpus", type=pathlib.Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--plant", action="store_true")
    parser.add_argument("--repeat", type=pathlib.Path)
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(fuzzer_names())
    if unknown:
        parser.error(f"there is no fuzzer {', '.join(sorted(unknown))}; there are {', '.join(fuzzer_names())}")
    if options.repeat and len(options.names) != 1:
        parser.error("--repeat takes the name of one fuzzer")
    return options


def main():
    """Runs what the arguments say."""
    options = parse(sys.argv[1:])
    names = options.names or fuzzer_names()
    if options.list:
        print("\n".join(names))
        return 0
    with tempfile.TemporaryDirectory(prefix="fuzz_") as scratch_name:
        scratch = pathlib.Path(scratch_name)
        built = build(names, scratch)
        if options.repeat:
            command = (built[names[0]], options.repeat.absolute())
            return subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode
        corpus = options.corpus.absolute() if options.corpus else scratch / "found"
        plants = json.loads((FUZZERS / "plants.json").read_text()) if options.plant else {}
        if options.plant:
            built = {name: plant_one(name, plants[name], options, scratch) for name in names}

        def one(name):
            if options.plant:
                run = find_planted(built[name], name, plants[name], options, scratch / "planted" / name)
            else:
                run = fuzz(built[name], name, options, corpus / name)
            if run.passed and options.keep and not options.plant:
                says = f"{run.says}; {keep(built[name], name, corpus / name, scratch)}"
                run = dataclasses.replace(run, says=says)
            print(f"{'ok  ' if run.passed else 'FAIL'} {name}: {run.says}", flush=True)
            return run

        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            runs = list(pool.map(one, names))
    passed = sum(run.passed for run in runs)
    if not options.plant and not options.keep:
        print("tools/fuzz --keep takes into tests/fuzz/corpus what it finds.")
    print(f"fuzz: {passed} passed, {len(runs) - passed} failed")
    return 0 if passed == len(runs) else 1


if __name__ == "__main__":
    sys.exit(main())
