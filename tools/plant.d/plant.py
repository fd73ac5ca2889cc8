"""Runs planted faults in the simulation until a rule of its Checker notices; see tools/plant --help."""

import argparse
import concurrent.futures
import dataclasses
import os
import re
import resource
import subprocess
import sys
import time

import plants

# Of a processor: a story that needs more has no end, which no rule can tell.
_MOST_SECONDS = 600
_BROKEN = re.compile(r"^seed (\d+): .*\nbreaks a rule: ([a-z-]+): (.*)\.$", re.MULTILINE)
_ABORTED = re.compile(r"^seed (\d+) ends the process$", re.MULTILINE)
_CHECK = re.compile(r"^.*check failed.*$", re.MULTILINE | re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Found:
    """The first seed that breaks a rule. "assertion": the product found it itself."""

    seed: int
    rule: str
    what: str


def _bound():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))


def run(program, number, first, seeds):
    """What seeds from `first` on find with fault `number`; None: nothing."""
    done = subprocess.run(  # pylint: disable=subprocess-popen-preexec-fn
        (program, f"--first_seed={first}", f"--seeds={seeds}", "--shrink=false"),
        env={**os.environ, "MSGPROC_MUTANT": str(number)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=_bound,
        check=False,
    )
    said = done.stdout.decode("utf-8", "replace")
    if done.returncode == 0:
        return None
    if broken := _BROKEN.search(said):
        return Found(int(broken[1]), broken[2], broken[3])
    if aborted := _ABORTED.search(said):
        check = _CHECK.search(said)
        return Found(int(aborted[1]), "assertion", check[0].strip() if check else "it aborted")
    raise RuntimeError(f"{program} ended with {done.returncode} and said:\n{said[-2000:]}")


def find(program, number, fault, most):
    """The first seed, of at most `most`, that breaks one of the fault's rules, and all that was found before."""
    others = []
    # Where it was found last it mostly still is.
    if fault.seed:
        found = run(program, number, fault.seed, 1)
        if found and found.rule in fault.rules:
            return found, others
    first = 1
    while first <= most:
        found = run(program, number, first, most - first + 1)
        if found is None:
            break
        if found.rule in fault.rules:
            return found, others
        others.append(found)
        first = found.seed + 1
    return None, others


def line(fault, found, others, seconds):
    if found:
        seed = f"{found.seed}" if found.seed == fault.seed else f"{found.seed} (not {fault.seed})"
        return f"{fault.name:36} {found.rule:14} {seed:>16} {seconds:6.1f} s"
    said = f"; but {others[0].rule} by seed {others[0].seed}: {others[0].what}" if others else ""
    return f"{fault.name:36} NOT FOUND within {fault.seeds} seeds: a hole to close{said}"


def _parse(argv):
    parser = argparse.ArgumentParser(prog="tools/plant", add_help=False)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--anew", action="store_true")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--program", default="bazel-bin/tools/plant.d/planted_simulation")
    return parser.parse_args(argv)


def main(argv):
    """The exit code."""
    options = _parse(argv)
    chosen = plants.numbered()
    if options.names:
        if unknown := set(options.names) - {fault.name for fault in chosen.values()}:
            sys.exit(
                f"no fault {', '.join(sorted(unknown))}; tools/plant --list says which there are"
            )
        chosen = {number: fault for number, fault in chosen.items() if fault.name in options.names}
    if options.list:
        for fault in chosen.values():
            print(f"{fault.name:36} {fault.file}: {fault.breaks} ({' or '.join(fault.rules)})")
        return 0

    def one(item):
        number, fault = item
        if options.anew:
            fault = dataclasses.replace(fault, seed=0)
        if options.seeds:
            fault = dataclasses.replace(fault, seeds=options.seeds)
        started = time.monotonic()
        found, others = find(options.program, number, fault, fault.seeds)
        print(line(fault, found, others, time.monotonic() - started), flush=True)
        return found is not None

    print(f"{'fault':36} {'rule':14} {'seed':>16} {'took':>8}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(one, chosen.items()))
    print(f"plant: {sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
