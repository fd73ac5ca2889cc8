"""What a stream holds is bounded, however much goes through it and however slow its reader is."""

import asyncio
import os
import subprocess
import sys
import unittest

import msgproc
from tests import harness
from tests.python_client import client_case

_MESSAGES = 1_000_000
_FLOOD = "tests/python_client/flood.py"


class MemoryTest(client_case.ClientTest):
    def test_a_million_messages_to_a_slow_reader_leave_memory_flat(self):
        server = self.processor()
        program = [sys.executable, harness.runfile(_FLOOD), server.grpc, str(_MESSAGES)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        ended = subprocess.run(
            program, env=environment, capture_output=True, text=True, timeout=800, check=False
        )
        self.assertEqual(ended.returncode, 0, ended.stderr)
        early, last = (int(line) >> 10 for line in ended.stdout.split())
        print(f"{early} MiB after a tenth of the messages, {last} MiB after all")
        self.assertLess(last - early, 16)
        self.assertLess(last, 200)

    async def test_whoever_takes_no_results_sends_no_more_than_the_window_and_goes_on_later(self):
        server = self.processor("--heartbeat_interval=200ms")
        events = client_case.Events()
        options = {"window": msgproc.Window(bytes=4 << 20), "on_event": events}
        async with msgproc.connect(target=server.grpc, **options) as stream:
            sent = 0

            async def send():
                nonlocal sent
                for _ in range(200):
                    await stream.send(b"x" * 100_000)
                    sent += 1

            sending = asyncio.create_task(send())
            # Long enough for the server to give up a client that does not read.
            await asyncio.sleep(2)
            self.assertLess(sent * 100_000, 5 << 20)
            self.assertEqual(len(await client_case.count(stream, 200)), 200)
            await sending
        # What is small enough to wait in the client leaves the connection alone.
        self.assertEqual(events.count_of(msgproc.EventKind.VIOLATION), 0)


if __name__ == "__main__":
    unittest.main()
