"""What a stream holds once it is idle, whatever was sent on it before."""

import contextlib
import os
import threading
import unittest

import grpc

from tests import harness
from tests.limits import traffic
from tests.nginx import raw_call

_CONNECTIONS = 5
_STREAMS = 500
# gRPC's own part, of both a stream and its share of a connection, included.
_MOST_A_STREAM = 96 << 10
# 8 KiB whose reading takes a quarter of a megabyte.
_MESSAGES = 4096
_FRAME = b"\x12\x00" * _MESSAGES
_RESULTS = 2  # The field of a response.


@unittest.skipIf(os.environ.get("MSGPROC_SANITIZER"), "sanitizers hold more")
class IdleStreamsTest(harness.ProcessTest):
    def test_anonymous_streams_keep_nothing_of_their_largest_frame(self):
        # What is idle is looked at after three intervals.
        processor = self.processor("--heartbeat_interval=1s")
        before = traffic.resident(processor)
        release = threading.Event()
        calls = []
        with contextlib.ExitStack() as stack:
            options = [("grpc.use_local_subchannel_pool", 1)]
            channels = [
                stack.enter_context(grpc.insecure_channel(processor.grpc, options))
                for _ in range(_CONNECTIONS)
            ]
            stack.callback(release.set)

            def requests():
                yield _FRAME
                release.wait()

            for i in range(_STREAMS):
                call = raw_call.open_stream(channels[i % _CONNECTIONS], requests(), timeout=300)
                # A call that nothing refers to is cancelled.
                calls.append(call)
                results = 0
                while results < _MESSAGES:
                    results += traffic.count(next(call), _RESULTS)
            self.assertEqual(processor.metric("msgproc_processor_streams"), _STREAMS)
            harness.eventually(
                lambda: traffic.resident(processor) - before < _STREAMS * _MOST_A_STREAM,
                f"{_STREAMS} idle streams hold less than {_MOST_A_STREAM >> 10} KiB each",
                seconds=60,
            )
            self.assertEqual(processor.metric("msgproc_processor_streams"), _STREAMS)


if __name__ == "__main__":
    unittest.main()
