"""What a burst has taken goes back to the system once it is over."""

import contextlib
import os
import threading
import unittest

import grpc

from tests import harness
from tests.limits import traffic
from tests.nginx import raw_call

# What may stay, and how long the rest may take to go.
_MOST_LEFT = 64 * traffic.MIB
_SECONDS = 10


class _Burst:
    """Clients that send and never read a result, each a connection and a stream of its own."""

    def __init__(self, processor, clients, frames, opened=True):
        self._release = threading.Event()
        self._stack = contextlib.ExitStack()
        # A call that nothing refers to is cancelled.
        self._calls = [
            self._call(processor, [traffic.open_session(f"client-{i}")] if opened else [], frames)
            for i in range(clients)
        ]

    def _call(self, processor, begin, frames):
        # A channel of its own is a connection of its own only with different arguments.
        options = [("grpc.use_local_subchannel_pool", 1)]
        channel = self._stack.enter_context(grpc.insecure_channel(processor.grpc, options))

        def requests():
            yield from begin
            yield from frames
            self._release.wait()

        return raw_call.open_stream(channel, requests(), timeout=300)

    def leave(self):
        self._release.set()
        self._stack.close()


@unittest.skipIf(os.environ.get("MSGPROC_SANITIZER"), "sanitizers keep what is freed")
class MemoryReturnsTest(harness.ProcessTest):
    def _comes_back(self, processor, held, *burst, **options):
        """`held`: what is resident at the burst's height, at least."""
        before = traffic.resident(processor)
        burst = _Burst(processor, *burst, **options)
        self.addCleanup(burst.leave)
        harness.eventually(
            lambda: traffic.resident(processor) > before + held,
            f"{held} bytes are held",
            seconds=60,
        )
        burst.leave()
        harness.eventually(
            lambda: processor.metric("msgproc_processor_sessions") == 0,
            "the sessions are gone",
        )
        harness.eventually(
            lambda: traffic.resident(processor) < before + _MOST_LEFT,
            "the memory goes back",
            seconds=_SECONDS,
        )

    def test_of_clients_that_read_nothing(self):
        processor = self.processor("--session_ttl=1s")
        frames = [traffic.message(i, traffic.MIB - 64) for i in range(1, 31)]
        for _ in range(2):
            self._comes_back(processor, 1000 * traffic.MIB, 40, frames)


if __name__ == "__main__":
    unittest.main()
