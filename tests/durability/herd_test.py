"""Ten thousand sessions come back at once to a processor that was killed.

How long that takes is printed (four seconds where this was written, on two cores that
the clients shared); the bound here is generous, since the machine may be busy.
"""

import pathlib
import tempfile
import time
import unittest

from tests import harness

_CONNECTIONS = 100
_SESSIONS = 10_000
_BOUND = 60


class HerdTest(harness.ProcessTest):
    def start(self):
        # Not so often that their heartbeats are what is measured.
        return self.processor(
            f"--session_store=sqlite:{self.file}",
            "--heartbeat_interval=20s",
            listen_address=self.address,
        )

    def opened(self, server, state):
        return server.metric("msgproc_processor_session_opens_total", state=state)

    def test_all_are_resumed_and_nothing_is_lost(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name, "sessions.db")
        self.address = f"127.0.0.1:{harness.free_port()}"
        server = self.start()
        load = self.loadgen(
            f"--target={self.address}",
            "--handler=echo",
            f"--connections={_CONNECTIONS}",
            f"--streams_per_connection={_SESSIONS // _CONNECTIONS}",
            f"--n={4 * _SESSIONS}",
            "--rate=2000",
            "--connect_timeout=60s",
            "--give_up_after=120s",
            "--stall_timeout=120s",
        )
        harness.eventually(
            lambda: self.opened(server, "new") >= _SESSIONS, "all have come", seconds=_BOUND
        )
        # Each has something that it would miss.
        harness.eventually(
            lambda: server.metric("msgproc_processor_messages_total") >= _SESSIONS, "all have sent"
        )
        server.kill()
        server = self.start()
        started = time.monotonic()
        newcomers = self.loadgen(
            f"--target={self.address}",
            "--handler=sha256",
            "--connections=4",
            "--rate=100",
            "--duration=3s",
            "--connect_timeout=60s",
        )
        harness.eventually(
            lambda: self.opened(server, "resumed") >= _SESSIONS,
            "all have come back",
            seconds=_BOUND,
        )
        print(f"{_SESSIONS} sessions resumed within {time.monotonic() - started:.2f} s")
        others = self.assert_all_answered_once(newcomers)
        self.assertEqual(others["interruptions"]["count"], 0)
        print("newcomers meanwhile, in µs:", others["latency_us"])
        self.assert_all_answered_once(load, 4 * _SESSIONS)
        self.assertEqual(self.opened(server, "lost"), 0)


if __name__ == "__main__":
    unittest.main()
