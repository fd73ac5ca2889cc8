"""The processor and the worker commands of docs/handlers.md, run."""

import asyncio
import contextlib
import pathlib
import sqlite3
import tempfile
import unittest

import msgproc
from tests import harness

_PROCESSOR = "tests/api/processor"


async def _ask(address, handler, payloads, **options):
    """Returns what each payload is answered with; of one that fails, its code and text."""
    async with msgproc.connect(target=address, handler=handler, **options) as stream:
        answers = []
        for payload in payloads:
            try:
                result = await stream.request(payload, headers=[("trace", b"t-1")])
                answers.append(result.payload.decode())
            except msgproc.MessageError as error:
                answers.append(f"{error.code.name}: {error}")
        return answers


class HandlersTest(harness.ProcessTest):
    def serve(self, *flags, program=_PROCESSOR):
        return self.keep(harness.Server(program, flags, "processor", "127.0.0.1:0"))

    def ask(self, server, handler, *payloads, **options):
        return asyncio.run(
            asyncio.wait_for(_ask(server.grpc, handler, payloads, **options), timeout=60)
        )

    def store(self):
        """Returns the path of an SQLite file with the application's table."""
        folder = tempfile.TemporaryDirectory(prefix="handlers-")
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name, "store.db")
        with contextlib.closing(sqlite3.connect(path)) as store:
            store.execute("CREATE TABLE tally (word TEXT PRIMARY KEY, seen BIGINT NOT NULL)")
            store.commit()
        path.chmod(0o600)
        return path

    def test_handlers_of_ones_own_serve(self):
        server = self.serve(f"--session_store=sqlite:{self.store()}")
        reversed_, refused = self.ask(server, "reverse", b"abc", b"")
        self.assertEqual(reversed_, "cba")
        self.assertIn("INVALID_ARGUMENT", refused)
        self.assertIn("There is nothing to reverse.", refused)
        (who,) = self.ask(server, "who", b"", client_name="till 7")
        self.assertRegex(who, "^anonymous as till 7, try 1 of .+/1$")
        self.assertEqual(self.ask(server, "sum", b"1000000"), ["500000500000"])
        cents, unknown = self.ask(server, "price", b"pear", b"plum")
        self.assertEqual(cents, "40")
        self.assertIn("NOT_FOUND", unknown)
        self.assertEqual(self.ask(server, "tally", b"a", b"b", b"a"), ["1", "1", "2"])

    def test_a_filter_of_lines_is_a_handler(self):
        server = self.serve(
            "--worker_command=sed -u s/a/b/",
            "--worker_lines",
            "--handler=swap",
            program=harness.PROCESSOR,
        )
        self.assertEqual(self.ask(server, "swap", b"abc"), ["bbc"])


if __name__ == "__main__":
    unittest.main()
