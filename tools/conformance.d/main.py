"""tools/conformance: see there."""

import argparse
import os
import pathlib
import sys
import threading

import grpc

from conformance import case as cases
from conformance import runner, table
from conformance.failure import AdapterFault
from conformance.page import page
from conformance.raw_client import Access


def _arguments():
    parser = argparse.ArgumentParser(prog="tools/conformance", add_help=False, allow_abbrev=False)
    parser.add_argument("--adapter", action="append", default=[])
    parser.add_argument("--server", action="append", default=[])
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--tls_ca", type=pathlib.Path)
    parser.add_argument("--tls_cert", type=pathlib.Path)
    parser.add_argument("--tls_key", type=pathlib.Path)
    parser.add_argument("--token_file", type=pathlib.Path)
    parser.add_argument("--handler", default="")
    parser.add_argument("--drain_with")
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--html", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.adapter and arguments.server:
        parser.error("--adapter tests clients and --server servers: one of them")
    if not arguments.adapter and not arguments.server and not arguments.list:
        parser.error("say whom to test: --adapter='COMMAND' or --server=HOST:PORT")
    if arguments.drain_with and len(arguments.server) != 1:
        parser.error("--drain_with stops one --server")
    if bool(arguments.tls_cert) != bool(arguments.tls_key):
        parser.error("--tls_cert and --tls_key go together")
    if arguments.jobs < 1:
        parser.error(f"--jobs={arguments.jobs}: at least 1")
    return arguments


def _access(arguments, address):
    def read(path):
        return path.read_bytes() if path else None

    credentials = None
    if arguments.tls or arguments.tls_ca or arguments.tls_cert:
        credentials = grpc.ssl_channel_credentials(
            read(arguments.tls_ca), read(arguments.tls_key), read(arguments.tls_cert)
        )
    metadata = ()
    if arguments.token_file:
        token = arguments.token_file.read_text(encoding="utf-8").strip()
        metadata = (("authorization", f"Bearer {token}"),)
    return Access(address, credentials, metadata, arguments.handler)


def _subjects(arguments):
    if arguments.server:
        return [
            runner.Server(_access(arguments, address), arguments.drain_with)
            for address in arguments.server
        ]
    return [runner.Client(command) for command in arguments.adapter]


def _teller():
    """Returns a function that prints what went wrong, as it does."""
    lock = threading.Lock()

    def tell(outcome):
        if outcome.result in (runner.FAILED, runner.BROKEN):
            with lock:
                print(table.explanation(outcome), flush=True)

    return tell


def _run(arguments):
    suite = (cases.SERVERS if arguments.server else cases.CLIENTS).load()
    chosen = suite.matching(arguments.case)
    if not chosen:
        print(f"no case is called {' or '.join(arguments.case)}; --list says which there are")
        return 2
    if arguments.list:
        for case in chosen:
            print(f"{case.name:42} {case.what}")
        return 0
    try:
        columns = [
            runner.run_all(subject, chosen, arguments.jobs, _teller())
            for subject in _subjects(arguments)
        ]
    except (AdapterFault, OSError) as fault:
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
