"""What serves does not wait for whoever should read the log."""

import os
import pathlib
import signal
import tempfile
import unittest

from tests import harness


class UnreadLogTest(harness.ProcessTest):
    def _unread(self):
        """Returns a command's prefix: standard error is a full pipe nobody reads."""
        pipe = str(pathlib.Path(tempfile.mkdtemp(prefix="log-", dir="/tmp"), "pipe"))
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, writer)
        try:
            while True:
                os.write(writer, b"x")
        except BlockingIOError:
            pass
        return ["sh", "-c", 'exec "$@" 2>"$0"', pipe]

    def test_sessions_open_and_go_and_sigterm_drains(self):
        for prefix in (self._unread(), ["sh", "-c", 'exec "$@" 2>/dev/full', "sh"]):
            processor = self.processor("--log_level=debug", prefix=prefix)
            for _ in range(2):
                load = self.loadgen(
                    f"--target={processor.grpc}", "--n=3000", "--connections=300"
                )
                self.assert_all_answered_once(load, 3000)
            self.assertEqual(processor.get("/healthz")[0], 200)
            self.assertEqual(processor.get("/readyz")[0], 200)
            self.assertEqual(processor.stop(), 0)

    def test_a_full_disk_is_counted(self):
        processor = self.processor(prefix=["sh", "-c", 'exec "$@" 2>/dev/full', "sh"])
        dropped = "msgproc_log_lines_dropped_total"
        harness.eventually(lambda: processor.metric(dropped) > 0, "a line is counted")

    def test_a_balancer_answers_too(self):
        balancer = self.balancer(prefix=self._unread())
        processor = self.processor(f"--balancer={balancer.grpc}")
        harness.eventually(lambda: balancer.get("/get-server")[0] == 200, "it hands out")
        load = self.loadgen(f"--balancer={balancer.grpc}", "--n=1000")
        self.assert_all_answered_once(load, 1000)
        processor.stop()
        self.assertEqual(balancer.stop(), 0)

    def test_a_second_signal_ends_it_at_once(self):
        processor = self.processor("--drain_timeout=1h", prefix=self._unread())
        load = self.loadgen(f"--target={processor.grpc}", "--duration=1h", "--rate=10")
        harness.eventually(
            lambda: processor.metric("msgproc_processor_streams") > 0, "a stream is open"
        )
        # A client that is frozen holds up the drain.
        load.signal(signal.SIGSTOP)
        processor.signal(signal.SIGTERM)
        harness.eventually(lambda: processor.get("/readyz")[0] == 503, "it drains")
        processor.signal(signal.SIGTERM)
        self.assertEqual(processor.wait(), 128 + signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
