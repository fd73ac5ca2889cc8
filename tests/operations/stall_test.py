"""/readyz, /healthz and systemd's watchdog look at the threads that serve."""

import pathlib
import signal
import socket
import tempfile
import time
import unittest

from tests import harness

_PROGRAM = "tests/operations/stalling_processor"
_FLAGS = ("--stall_unready=1s", "--stall_unhealthy=3s")
# Streams that block one callback thread each; gRPC has 16 at most.
_STREAMS = 20


class StallTest(harness.ProcessTest):
    def setUp(self):
        folder = tempfile.mkdtemp(prefix="stall-", dir="/tmp")
        self.stall = pathlib.Path(folder, "stall")
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.systemd.close)
        self.systemd.bind(f"{folder}/notify")
        self.systemd.setblocking(False)
        self.processor = self.keep(
            harness.Server(
                _PROGRAM,
                _FLAGS,
                "processor",
                "127.0.0.1:0",
                env={
                    "STALL_FILE": str(self.stall),
                    "NOTIFY_SOCKET": f"{folder}/notify",
                    "WATCHDOG_USEC": "500000",
                },
            )
        )

    def _pings(self):
        """Returns how many came since the last call."""
        pings = 0
        try:
            while True:
                pings += self.systemd.recv(4096) == b"WATCHDOG=1"
        except BlockingIOError:
            return pings

    def _page(self, path):
        return self.processor.get(path)[0]

    def test_threads_that_serve_and_stand_still_fail_first_readiness_then_health(self):
        harness.eventually(self._pings, "systemd's watchdog is fed")
        self.stall.touch()
        load = self.loadgen(
            f"--target={self.processor.grpc}", f"--n={_STREAMS}", f"--connections={_STREAMS}"
        )
        harness.eventually(lambda: self._page("/readyz") == 503, "/readyz fails")
        self.assertEqual(self._page("/healthz"), 200)
        harness.eventually(lambda: self._page("/healthz") == 503, "/healthz fails")
        self.assertIn("grpc_callbacks has not moved for", self.processor.get("/healthz")[1])
        # The watchdog's thread looks by itself, and says what it saw.
        harness.eventually(
            lambda: "stalled" in self.processor.output(), "the watchdog sees the stall"
        )
        self._pings()
        time.sleep(1)  # Two pings' time.
        self.assertEqual(self._pings(), 0)

        self.stall.unlink()
        harness.eventually(lambda: self._page("/healthz") == 200, "/healthz is well again")
        harness.eventually(lambda: self._page("/readyz") == 200, "/readyz is well again")
        harness.eventually(self._pings, "systemd's watchdog is fed again")
        self.assert_all_answered_once(load, _STREAMS)

    def test_a_process_that_was_stopped_as_a_whole_is_well(self):
        self.processor.signal(signal.SIGSTOP)
        time.sleep(4)  # Longer than --stall_unhealthy.
        self.processor.signal(signal.SIGCONT)
        for _ in range(10):
            self.assertEqual(self._page("/healthz"), 200)
            self.assertEqual(self._page("/readyz"), 200)

    def test_load_alone_is_no_stall(self):
        load = self.loadgen(f"--target={self.processor.grpc}", "--n=200000")
        while load.running():
            self.assertEqual(self._page("/readyz"), 200)
        self.assert_all_answered_once(load, 200_000)


if __name__ == "__main__":
    unittest.main()
