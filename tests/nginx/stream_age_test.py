"""A fleet behind NGINX, without a balancer, evens out by the age of its streams."""

import signal
import unittest

from tests import harness
from tests.nginx import front

_SOCKETS = 30


class StreamAgeTest(front.FrontTest):
    def _start(self, port, name, max_age):
        return self.processor(
            f"--max_stream_age={max_age}", listen_address=f"127.0.0.1:{port}", name=name
        )

    def _sessions(self, processors):
        return [
            int(processor.metric("msgproc_processor_sessions", state="attached"))
            for processor in processors
        ]

    def test_sockets_even_out_after_a_rolling_restart_and_nothing_is_lost(self):
        ports = [harness.free_port() for _ in range(3)]
        processors = [self._start(port, f"old-{port}", "2s") for port in ports]
        nginx = self.nginx(processors)
        load = self.loadgen(
            f"--target={nginx.grpc}", f"--connections={_SOCKETS}", "--rate=600", "--duration=10m"
        )
        harness.eventually(lambda: sum(self._sessions(processors)) == _SOCKETS, "all are there")
        for i, port in enumerate(ports):
            processors[i].stop()
            processors[i] = self._start(port, f"new-{port}", "2s")
        # The one restarted last has none when it starts.
        harness.eventually(
            lambda: min(self._sessions(processors)) >= _SOCKETS // 5,
            "each has sockets",
            seconds=60,
        )
        for state, least, most in (("moved", 1, 10**6), ("lost", 0, 0)):
            opens = sum(
                processor.metric("msgproc_processor_session_opens_total", state=state)
                for processor in processors
            )
            self.assertTrue(least <= opens <= most, f"{opens:.0f} sessions were {state}")
        harness.eventually(
            lambda: any("why=age" in processor.output() for processor in processors),
            "the log says why a stream has ended",
        )
        load.signal(signal.SIGINT)  # It collects what is in flight, and reports.
        exit_code, report = load.report()
        # 4: this machine could not keep the schedule.
        self.assertIn(exit_code, (0, 4), load.describe(f"exited {exit_code}"))
        self.assertGreater(report["messages"], 0)
        self.assertEqual(report["answered"], report["messages"])
        for wrong in ("lost", "duplicated", "failed"):
            self.assertEqual(report[wrong], 0, wrong)


if __name__ == "__main__":
    unittest.main()
