"""Goes beyond each bound and says what happened. Started by tests/limits/measure."""

import argparse
import os
import pathlib
import shutil
import sys
import time

from tests.durability import mounts
from tests.limits import bounds

_PAGE = "docs/limits.md"


def _arguments():
    parser = argparse.ArgumentParser(
        prog="tests/limits/measure",
        description="Goes beyond each bound of the servers, on this machine, and says what"
        " happened: first whether it was what docs/limits.md says, then how much. Some five"
        " minutes.",
        epilog="Figures of one run compare with each other, those of two machines do not. Exit"
        " codes: 0; 1 something was otherwise than the page says; 2 called wrongly.",
    )
    parser.add_argument("--list", action="store_true", help="the bounds' names, and no more")
    parser.add_argument("--only", metavar="NAME,...", help="these bounds")
    parser.add_argument(
        "--quick", action="store_true", help="as small as shows the behaviour; figures mean little"
    )
    parser.add_argument(
        "--page",
        nargs="?",
        const=_PAGE,
        type=pathlib.Path,
        help=f"writes the rows into the table of {_PAGE}, or of another file",
    )
    arguments = parser.parse_args()
    names = [bound.name for bound in bounds.ALL]
    arguments.chosen = arguments.only.split(",") if arguments.only else names
    unknown = sorted(set(arguments.chosen) - set(names))
    if unknown:
        parser.error(f"no bound is called {', '.join(unknown)}; there are {', '.join(names)}")
    return arguments


def _measure(bound, quick):
    """Returns (the figures, or what was otherwise; whether it held)."""

    def say(line):
        print(f"    {line}", flush=True)

    try:
        with bounds.Bench(quick, say) as bench:
            figures = bound.measure(bench)
    except AssertionError as error:
        return f"NOT SO: {error}", False
    return figures, bounds.FELL_SHORT not in figures


def _measure_all(arguments, no_mounts):
    """Yields (bound, figures, whether it held) of those that could be measured."""
    chosen = [bound for bound in bounds.ALL if bound.name in arguments.chosen]
    for i, bound in enumerate(chosen):
        began = time.monotonic()
        print(f"[{i + 1}/{len(chosen)}] {bound.name}: {bound.set_by}", flush=True)
        if bound.mounts and no_mounts:
            print(f"    skipped, nothing can be mounted here: {no_mounts}", flush=True)
            continue
        figures, held = _measure(bound, arguments.quick)
        print(f"    {figures} ({time.monotonic() - began:.1f} s)", flush=True)
        yield bound, figures, held


def main():
    arguments = _arguments()
    if arguments.list:
        print("\n".join(bound.name for bound in bounds.ALL))
        return 0
    no_mounts = mounts.enter_own_namespace()
    logs = os.environ["TEST_UNDECLARED_OUTPUTS_DIR"]
    loads = [os.getloadavg()[0]]
    try:
        measured = list(_measure_all(arguments, no_mounts))
    except KeyboardInterrupt:
        # What was started has ended already, with its Bench.
        print("tests/limits/measure: interrupted", file=sys.stderr)
        shutil.rmtree(logs)
        return 130
    loads.append(os.getloadavg()[0])
    rows = {bound.name: bounds.row(bound, figures) for bound, figures, _ in measured}
    where = (
        f"{len(os.sched_getaffinity(0))} CPUs, which others used as well: a load of"
        f" {min(loads):.0f} to {max(loads):.0f}."
    )
    print("\n".join(["", *bounds.HEAD, *rows.values(), "", where]))
    failed = [bound.name for bound, _, held in measured if not held]
    if arguments.page:
        page = pathlib.Path(arguments.page)
        text = page.read_text(encoding="utf-8")
        # Some rows anew do not say under what load the others were measured.
        text = bounds.with_rows(text, rows, where if not arguments.only else None)
        page.write_text(text, encoding="utf-8")
    if failed:
        print(f"\nOtherwise than {_PAGE} says: {', '.join(failed)}. Logs: {logs}")
        return 1
    shutil.rmtree(logs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
