"""Streams: how many a connection has, and what one holds, whatever was sent on it."""

import os
import re
import struct
import unittest

import grpc

from tests import harness
from tests.limits import traffic
from tests.nginx import http2, raw_call

# Beside the streams: threads' own caches, and malloc's.
_SLACK = 32 * traffic.MIB


class StreamsTest(harness.ProcessTest):
    def test_a_connection_carries_a_hundred_and_others_the_rest(self):
        processor = self.processor()
        load = self.loadgen(
            f"--target={processor.grpc}",
            *("--n=3000", "--connections=3", "--streams_per_connection=100"),
        )
        self.assert_all_answered_once(load, 3000)

    def test_a_load_of_more_streams_than_a_connection_takes_is_told_its_shape(self):
        processor = self.processor()
        target = f"--target={processor.grpc}"
        load = self.loadgen(
            target, "--n=3000", "--streams_per_connection=300", "--connect_timeout=5s"
        )
        self.assertEqual(load.wait(60), 1, load.describe("went on"))
        self.assertIn("Of 300 streams on the connection 100 found a server", load.output())
        advice = re.search(r"--connections=3 --streams_per_connection=100", load.output())
        again = self.loadgen(target, "--n=3000", *advice[0].split())
        self.assert_all_answered_once(again, 3000)

    def test_the_cap_is_the_operators(self):
        for cap in (0, 150):
            processor = self.processor(f"--max_streams_per_connection={cap}")
            load = self.loadgen(
                f"--target={processor.grpc}", "--n=1500", "--streams_per_connection=150"
            )
            self.assert_all_answered_once(load, 1500)

    def test_two_thousand_streams_of_a_client_that_ignores_the_cap(self):
        processor = self.processor()
        connection = http2.Connection(processor.grpc, reads=False)
        self.addCleanup(connection.close)
        cap = None
        while cap is None:
            kind, _, payload = connection.next_frame()
            if kind == http2.SETTINGS:
                settings = struct.iter_unpack(">HI", payload)
                cap = dict(settings).get(http2.MAX_CONCURRENT_STREAMS)
        self.assertEqual(cap, 100)
        connection.send(http2.frame(http2.SETTINGS, http2.ACK, 0))
        for number in range(2000):
            headers = http2.process_headers(processor.grpc)
            connection.send(http2.frame(http2.HEADERS, http2.END_HEADERS, 2 * number + 1, headers))
        # It is no client of HTTP/2: its connection ends.
        while connection.next_frame() is not None:
            pass
        started = processor.metric("grpc_server_started_total", grpc_method="Process")
        self.assertLessEqual(started, cap)
        self.assertEqual(processor.metric("msgproc_processor_streams"), 0)
        load = self.loadgen(f"--target={processor.grpc}", "--n=2000")
        self.assert_all_answered_once(load, 2000)

    @unittest.skipIf(os.environ.get("MSGPROC_SANITIZER"), "sanitizers hold more")
    def test_two_million_empty_headers_are_refused_and_hold_nothing(self):
        processor = self.processor()
        before = traffic.peak(processor)
        frame = traffic.message(1, 0, headers=b"\x1a\x00" * 2_000_000)
        for _ in range(8):
            outcome = raw_call.call(processor.grpc, [frame])
            self.assertEqual(outcome.code, grpc.StatusCode.INVALID_ARGUMENT)
            self.assertIn("2000000 headers; at most 128", outcome.details)
        self.assertLess(traffic.peak(processor) - before, _SLACK + len(frame) * 8)


if __name__ == "__main__":
    unittest.main()
