"""tools/conformance: see there."""

import argparse
import os
import pathlib
import sys
import threading

from conformance import case as cases
from conformance import runner, table
from conformance.failure import AdapterFault
from conformance.page import page


def _arguments():
    parser = argparse.ArgumentParser(prog="tools/conformance", add_help=False)
    parser.add_argument("--adapter", action="append", default=[])
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--html", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if not arguments.adapter and not arguments.list:
        parser.error("say whom to test: --adapter='COMMAND'")
    if arguments.jobs < 1:
        parser.error(f"--jobs={arguments.jobs}: at least 1")
    return arguments


def _teller():
    """Returns a function that prints what went wrong, as it does."""
    lock = threading.Lock()

    def tell(outcome):
        if outcome.result in (runner.FAILED, runner.BROKEN):
            with lock:
                print(table.explanation(outcome), flush=True)

    return tell


def _run(arguments):
    suite = cases.CLIENTS.load()
    chosen = suite.matching(arguments.case)
    if not chosen:
        print(f"no case is called {' or '.join(arguments.case)}; --list says which there are")
        return 2
    if arguments.list:
        for case in chosen:
            print(f"{case.name:42} {case.what}")
        return 0
    columns = []
    try:
        for subject in [runner.Client(command) for command in arguments.adapter]:
            columns.append(runner.run_all(subject, chosen, arguments.jobs, _teller()))
    except AdapterFault as fault:
        print(fault)
        return 2
    print(table.table(columns))
    if arguments.json:
        arguments.json.write_text(table.to_json(columns), encoding="utf-8")
    if arguments.html:
        arguments.html.write_text(page(columns), encoding="utf-8")
    return 0 if all(column.good for column in columns) else 1


def main():
    exit_code = _run(_arguments())
    sys.stdout.flush()
    # gRPC's threads of streams that a client left open would hold the end up.
    os._exit(exit_code)  # pylint: disable=protected-access


if __name__ == "__main__":
    main()
