"""What NGINX keeps from the processors that gRPC 1.51 would take on itself."""

import struct
import time
import unittest

from tests import harness
from tests.nginx import front, http2

_MOST_BYTES = 64 << 20
# {"messages": [{"sequence": 1, "payload": "hi"}]}
_ONE_MESSAGE = b"\x12\x06\x08\x01\x12\x02hi"
_STREAMS = "msgproc_processor_streams"
_CONNECTIONS = "msgproc_processor_connections_accepted_total"


class FloodsTest(front.FrontTest):
    def setUp(self):
        self.behind = self.processor()

    def attack(self, nginx, **options):
        connection = http2.Connection(nginx.grpc, **options)
        self.addCleanup(connection.close)
        return connection

    def _is_stopped(self, connection, flood):
        """Sends `flood` until NGINX closes the connection."""
        while connection.send(flood):
            self.assertLess(connection.bytes_sent, _MOST_BYTES, "NGINX takes it for ever")

    def _processor_saw_nothing(self):
        self.assertEqual(self.behind.metric(_CONNECTIONS), 0)

    def test_a_flood_of_pings_is_stopped(self):
        nginx = self.nginx([self.behind])
        self._is_stopped(self.attack(nginx), http2.frame(http2.PING, 0, 0, bytes(8)) * 1000)
        self._processor_saw_nothing()

    def test_a_flood_of_settings_is_stopped(self):
        nginx = self.nginx([self.behind])
        flood = http2.frame(http2.SETTINGS, 0, 0, struct.pack(">HI", http2.INITIAL_WINDOW_SIZE, 7))
        self._is_stopped(self.attack(nginx), flood * 1000)
        self._processor_saw_nothing()

    def test_headers_that_go_on_and_on_are_stopped(self):
        nginx = self.nginx([self.behind])
        attack = self.attack(nginx)
        attack.send(http2.frame(http2.HEADERS, 0, 1, http2.process_headers(nginx.grpc)))
        more = b"".join(http2.header(f"x-{i}", "y" * 100) for i in range(100))
        self._is_stopped(attack, http2.frame(http2.CONTINUATION, 0, 1, more))
        self._processor_saw_nothing()

    def test_headers_that_grow_when_they_are_unpacked_are_stopped(self):
        nginx = self.nginx([self.behind])
        attack = self.attack(nginx)
        # 20 kB that stand for 60 MB.
        block = http2.process_headers(nginx.grpc) + http2.header("x", "y" * 3900, indexed=True)
        block += http2.INDEX_62 * 16_000
        attack.send(http2.frame(http2.HEADERS, 0, 1, block[:16_000]))
        attack.send(http2.frame(http2.CONTINUATION, http2.END_HEADERS, 1, block[16_000:]))
        self.assertTrue(attack.ended.wait(20))
        self._processor_saw_nothing()

    def test_headers_that_never_finish_are_given_up(self):
        # The first ends the stream, the second the connection that it leaves.
        settings = ["client_header_timeout=1s", "keepalive_timeout=1s"]
        nginx = self.nginx([self.behind], settings=settings)
        headers = http2.frame(
            http2.HEADERS, http2.END_HEADERS, 1, http2.process_headers(nginx.grpc)
        )
        for begun in (b"", headers[:5], headers[:40], headers[:4] + b"\0" + headers[5:]):
            attack = self.attack(nginx)
            attack.send(begun)
            self.assertTrue(attack.ended.wait(20), begun)
        self._processor_saw_nothing()

    def test_streams_opened_and_reset_without_end_reach_the_processor_at_a_bounded_rate(self):
        nginx = self.nginx(
            [self.behind], settings=["limit_req=zone=new_streams burst=100 nodelay"]
        )
        load = self.loadgen(f"--target={nginx.grpc}", "--duration=3s")
        harness.eventually(lambda: self.answered(self.behind) > 1000, "the load runs")
        block = http2.process_headers(nginx.grpc)
        began = time.monotonic()
        for _ in range(5):
            attack = self.attack(nginx)
            for stream in range(1, 10_001, 2):
                attack.send(
                    http2.frame(http2.HEADERS, http2.END_HEADERS, stream, block)
                    + http2.frame(http2.RST_STREAM, 0, stream, struct.pack(">I", 8))
                )
            attack.close()
        # Of 25,000: what limit_req lets through, and the load's own.
        most = 100 + 1000 * (time.monotonic() - began) + 2
        self.assertLessEqual(self.behind.metric(_CONNECTIONS), most)
        # A socket that is open notices nothing.
        report = self.assert_all_answered_once(load)
        self.assertEqual(report["interruptions"]["count"], 0)

    def test_a_client_that_does_not_read_is_given_up(self):
        nginx = self.nginx([self.behind], settings=["send_timeout=1s"])
        no_window = struct.pack(">HI", http2.INITIAL_WINDOW_SIZE, 0)
        attack = self.attack(nginx, settings=no_window)
        attack.send(
            http2.frame(
                http2.HEADERS, http2.END_HEADERS, 1, http2.process_headers(nginx.grpc)
            )
            + http2.frame(http2.DATA, 0, 1, struct.pack(">BI", 0, len(_ONE_MESSAGE)) + _ONE_MESSAGE)
        )
        harness.eventually(lambda: self.answered(self.behind) == 1, "the processor answers")
        harness.eventually(lambda: self.behind.metric(_STREAMS) == 0, "the stream is gone")


if __name__ == "__main__":
    unittest.main()
