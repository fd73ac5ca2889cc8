"""Clients that announce large messages, and send little or all of them."""

import os
import struct
import threading
import unittest

import grpc

from tests import harness
from tests.limits import traffic
from tests.memory import memory_group
from tests.nginx import http2, raw_call

_MEMORY = 512 * traffic.MIB
_CONNECTIONS = 5
_STREAMS = 100
# All of a connection's streams send less than its window is in the beginning.
_SENT = 512
# What connections and streams take that hold nothing, and malloc's own.
_SLACK = 64 * traffic.MIB


def _announced(stream, authority, size):
    """The frames of a call whose message has `size` bytes, of which few come."""
    content = struct.pack(">BI", 0, size) + bytes(_SENT)
    return http2.frame(
        http2.HEADERS, http2.END_HEADERS, stream, http2.process_headers(authority)
    ) + http2.frame(http2.DATA, 0, stream, content)


@unittest.skipIf(os.environ.get("MSGPROC_SANITIZER"), "sanitizers hold more")
class PrefixesTest(harness.ProcessTest):
    def _flood(self, processor, size):
        for _ in range(_CONNECTIONS):
            connection = http2.Connection(processor.grpc)
            self.addCleanup(connection.close)
            for number in range(_STREAMS):
                connection.send(_announced(2 * number + 1, processor.grpc, size))

    def _others_go_on(self, processor):
        load = self.loadgen(f"--target={processor.grpc}", "--n=20000", "--connections=2")
        self.assert_all_answered_once(load, 20000)

    def test_nothing_is_kept_for_what_is_only_announced(self):
        for size in (64 * traffic.MIB, traffic.MIB):
            processor = self.processor()
            before = traffic.peak(processor)
            self._flood(processor, size)
            harness.eventually(
                lambda server=processor: server.metric("msgproc_processor_streams")
                == _CONNECTIONS * _STREAMS,
                "all are there",
            )
            self._others_go_on(processor)
            self.assertLess(traffic.peak(processor) - before, _SLACK)

    def test_what_comes_of_messages_that_are_too_large_is_bounded(self):
        group = memory_group.make(_MEMORY)
        if group is None:
            self.skipTest("no control group can be made here")
        self.addCleanup(memory_group.remove, group)
        processor = self.processor(prefix=memory_group.prefix(group))
        # gRPC says that a message is too large once it has all of it.
        huge = bytes(64 * traffic.MIB)
        codes = []
        threads = [
            threading.Thread(
                target=lambda: codes.append(raw_call.call(processor.grpc, [huge]).code)
            )
            for _ in range(2 * _MEMORY // len(huge))
        ]
        load = self.loadgen(
            f"--target={processor.grpc}", "--duration=5s", "--rate=5000", "--connections=2"
        )
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertTrue(processor.running(), processor.describe("was killed"))
        self.assertNotIn(grpc.StatusCode.OK, codes)
        _, report = load.report()
        self.assertEqual(report["answered"], report["messages"], load.describe("lost some"))
        self.assertEqual(report["lost"] + report["duplicated"] + report["failed"], 0)
        self._others_go_on(processor)


if __name__ == "__main__":
    unittest.main()
