"""A megabyte that inflates to a gigabyte, on every way in."""

import re
import struct
import subprocess
import tempfile
import unittest
import zlib

from tests import harness
from tests.limits import traffic
from tests.nginx import front

_INFLATED = 1 << 30
_MOST_GROWTH = 64 << 20
_UNIMPLEMENTED = 12

_PROCESS = "/msgproc.v1.Processor/Process"
_GET_SERVER = "/msgproc.v1.Balancer/GetServer"


def _bomb(window_bits, inflated):
    """Returns a gRPC frame: zeros, compressed."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, window_bits)
    chunk = bytes(1 << 20)
    body = b"".join(deflater.compress(chunk) for _ in range(inflated >> 20)) + deflater.flush()
    return struct.pack(">BI", 1, len(body)) + body


class CompressedCallsTest(front.FrontTest):
    @classmethod
    def setUpClass(cls):
        # zlib's names: 31 is gzip, 15 what HTTP calls deflate.
        bits = {"gzip": 31, "deflate": 15}
        cls._bombs = {name: _bomb(window, _INFLATED) for name, window in bits.items()}
        # Go out together with their headers: curl drops the answer to what it
        # could not send whole.
        cls._small_bombs = {name: _bomb(window, 1 << 20) for name, window in bits.items()}

    def _send(self, address, method, encoding, bomb):
        """Returns the headers and trailers of the answer."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(bomb)
            file.flush()
            answer = subprocess.run(
                [
                    *"curl --silent --http2-prior-knowledge --max-time 60 --dump-header -".split(),
                    *("--header", "content-type: application/grpc", "--header", "te: trailers"),
                    *("--header", f"grpc-encoding: {encoding}", "--header", "expect:"),
                    *("--output", "/dev/null", "--data-binary", f"@{file.name}"),
                    f"http://{address}{method}",
                ],
                stdout=subprocess.PIPE,
                check=False,  # The other end stops reading: curl may say so.
                text=True,
            ).stdout
        return dict(re.findall(r"^([\w-]+): (.*?)\r?$", answer, re.MULTILINE))

    def _is_refused(self, server, address, method):
        before = traffic.peak(server)
        for encoding, bomb in self._small_bombs.items():
            answer = harness.eventually(
                lambda encoding=encoding, bomb=bomb: self._send(address, method, encoding, bomb),
                "curl passes an answer on",
            )
            self.assertEqual(answer.get("grpc-status"), str(_UNIMPLEMENTED), answer)
        for encoding, bomb in self._bombs.items():
            self._send(address, method, encoding, bomb)
            self.assertLess(traffic.peak(server) - before, _MOST_GROWTH, encoding)

    def test_a_processor_refuses_it_and_holds_nothing_of_it(self):
        processor = self.processor()
        self._is_refused(processor, processor.grpc, _PROCESS)
        # Nor does who says nothing of it beforehand cost more than it sent.
        answer = self._send(processor.grpc, _PROCESS, "identity", self._bombs["gzip"])
        self.assertNotEqual(answer.get("grpc-status"), "0", answer)
        self.assertLess(traffic.peak(processor), _MOST_GROWTH * 2)
        self.assert_all_answered_once(
            self.loadgen(f"--target={processor.grpc}", "--n=1000"), 1000
        )

    def test_a_balancer_refuses_it_and_holds_nothing_of_it(self):
        balancer = self.balancer()
        self._is_refused(balancer, balancer.grpc, _GET_SERVER)

    def test_nginx_refuses_it_before_a_processor_hears_of_it(self):
        processor = self.processor()
        nginx = self.nginx([processor])
        self._is_refused(processor, nginx.grpc, _PROCESS)
        self.assertEqual(
            processor.metric("msgproc_processor_connections_accepted_total"), 0
        )
        self.assert_all_answered_once(
            self.loadgen(f"--target={nginx.grpc}", "--n=1000"), 1000
        )


if __name__ == "__main__":
    unittest.main()
