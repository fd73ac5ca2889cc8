"""Everybody sleeps (SIGSTOP) beyond every timeout, wakes, and nothing is lost.

So a laptop that is closed, a virtual machine that is moved, a host that swaps:
no connection is closed, nobody answers, and time has passed for those who wake.
"""

import os
import signal
import threading

from tests import harness, sharding
from tests.nginx import front

_STREAMS = 4
# After three heartbeats a processor gives a client up, and forgets its session
# after the TTL; NGINX ends a silent stream after its timeout.
_FLAGS = ["--heartbeat_interval=300ms", "--session_ttl=500ms"]
_NGINX_TIMEOUTS = ["client_body_timeout", "grpc_read_timeout", "grpc_send_timeout"]
_SETTINGS = [f"{name}=1s" for name in [*_NGINX_TIMEOUTS, "send_timeout", "proxy_timeout"]]
# Beyond all of them, one after another, where nobody is awake to be asked.
_BEYOND_EVERY_TIMEOUT = 3


class AsleepTest(front.FrontTest):
    def test_clients_that_slept_resume_or_begin_anew(self):
        self._start()
        self._sleep(self._loads)
        for processor in self._processors:
            self._forgets_its_clients(processor)
        self._wake(self._loads)
        self._assert_recovered()

    def test_processors_that_slept_go_on(self):
        self._start()
        ended = {name: self._ended_streams(name) for name in ("access", "stream")}
        self._sleep(self._processors)
        for name, before in ended.items():
            harness.eventually(
                lambda name=name, before=before: self._ended_streams(name) >= before + _STREAMS,
                f"NGINX ends the silent streams of its {name} log",
            )
        self._wake(self._processors)
        self._assert_recovered()

    def test_an_nginx_that_slept_goes_on(self):
        self._start()
        self._sleep([self._nginx])
        for processor in self._processors:
            self._forgets_its_clients(processor)
        self._wake([self._nginx])
        self._assert_recovered()

    def test_all_sleep_at_once_and_wake_one_after_another(self):
        self._start()
        everybody = [*self._loads, self._nginx, *self._processors]
        for order in (everybody, everybody[::-1]):
            self._sleep(everybody)
            threading.Event().wait(_BEYOND_EVERY_TIMEOUT)
            for process in order:
                self._wake([process])
            self._wait_for_more_answers()
        self._assert_recovered()

    def _start(self):
        """Loads by both of NGINX's listeners, under way when this returns."""
        behind = self.processor(*_FLAGS)
        proxied = self.processor("--proxy_protocol", *_FLAGS)
        self._processors = [behind, proxied]
        self._nginx = self.nginx([behind], [proxied], settings=_SETTINGS)
        self._loads = [
            self.loadgen(
                f"--target={target}",
                # Does not end before everybody is awake again.
                "--duration=15s",
                f"--connections={_STREAMS}",
                "--max_outstanding=64",
            )
            for target in (self._nginx.grpc, self._nginx.stream)
        ]
        self._wait_for_more_answers()

    def _signal(self, process, number):
        if process is self._nginx:
            for pid in process.workers():
                os.kill(pid, number)
        process.signal(number)

    def _sleep(self, processes):
        for process in processes:
            self._signal(process, signal.SIGSTOP)
            # Whoever sleeps cannot be stopped in order when the test fails.
            self.addCleanup(self._signal, process, signal.SIGCONT)

    def _wake(self, processes):
        for process in processes:
            self._signal(process, signal.SIGCONT)

    def _forgets_its_clients(self, processor):
        # By its own patience or by NGINX's, whichever ends first; then by the TTL.
        harness.eventually(
            lambda: processor.metric("msgproc_processor_sessions") == 0,
            "the processor forgets the sessions of those who sleep",
        )

    def _ended_streams(self, log):
        return len(self._nginx.log(log).splitlines())

    def _wait_for_more_answers(self):
        before = [self.answered(each) for each in self._processors]
        harness.eventually(
            lambda: all(
                self.answered(each) > count + 1000
                for each, count in zip(self._processors, before)
            ),
            "both processors answer",
        )

    def _assert_recovered(self):
        for load in self._loads:
            self.assertTrue(load.running(), load.describe("ended before everybody was awake"))
        self._wait_for_more_answers()
        for load in self._loads:
            report = self.assert_all_answered_once(load)
            # They really had been beyond the timeouts.
            self.assertGreaterEqual(report["interruptions"]["count"], _STREAMS)


if __name__ == "__main__":
    sharding.main()
