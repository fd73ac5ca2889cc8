"""Clients that take memory and give none back."""

import contextlib
import threading

import grpc

from tests.limits import traffic
from tests.nginx import raw_call

_STREAMS_PER_CONNECTION = 100


class Streams:
    """Streams, each with a session of its own, that are sent frames and of which none is read.

    Their side of HTTP/2 takes `window` bytes of results all the same.
    """

    def __init__(self, address, streams, frames, window=32 * traffic.MIB, opened=True):
        self._release = threading.Event()
        self._stack = contextlib.ExitStack()
        self._calls = []
        for i in range(streams):
            if i % _STREAMS_PER_CONNECTION == 0:
                channel = self._connect(address, window)
            begin = [traffic.open_session(f"greedy-{i}")] if opened else []
            # A call that nothing refers to is cancelled.
            self._calls.append(
                raw_call.open_stream(channel, self._requests(begin, frames), timeout=300)
            )

    def _connect(self, address, window):
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", window),
        ]
        return self._stack.enter_context(grpc.insecure_channel(address, options))

    def _requests(self, begin, frames):
        yield from begin
        for frame in frames:
            if self._release.is_set():
                return
            yield frame
        self._release.wait()

    def codes(self):
        """Returns the codes of those that have ended."""
        return [call.code() for call in self._calls if call.done()]

    def leave(self):
        self._release.set()
        for call in self._calls:
            call.cancel()
        self._stack.close()
