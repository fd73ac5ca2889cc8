"""--proxy_protocol with a real gRPC client behind: version 1, version 2, none."""

import json
import socket
import socketserver
import struct
import tempfile
import threading
import unittest

from tests import harness
from tests.nginx import front

_V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"
_V2_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_REJECTED = "msgproc_processor_connections_rejected_total"


def _v2(command, family, block):
    return _V2_SIGNATURE + struct.pack(">BBH", 0x20 | command, family, len(block)) + block


def _v2_tcp4(client, port):
    addresses = socket.inet_aton(client) + socket.inet_aton("198.51.100.1")
    return _v2(1, 0x11, addresses + struct.pack(">HH", port, 443))


def _pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class _Proxy(socketserver.ThreadingTCPServer):
    """Passes connections on, with `header` in front."""

    daemon_threads = True

    def __init__(self, address, header):
        host, port = address.rsplit(":", 1)
        self._far = (host, int(port))
        self._header = header
        super().__init__(("127.0.0.1", 0), None)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, client_address):
        with socket.create_connection(self._far) as far:
            far.sendall(self._header)
            back = threading.Thread(target=_pump, args=(far, request), daemon=True)
            back.start()
            _pump(request, far)
            back.join()


class ProxyProtocolTest(front.FrontTest):
    def setUp(self):
        self.proxied = self.processor("--proxy_protocol", "--log_format=json")

    def _passes(self, header):
        """Sends messages behind `header`; returns the peer that is logged."""
        proxy = _Proxy(self.proxied.grpc, header)
        self.addCleanup(proxy.server_close)
        self.addCleanup(proxy.shutdown)
        self.assert_all_answered_once(self.loadgen(f"--target={proxy.address}", "--n=1000"), 1000)
        entries = [json.loads(line) for line in self.proxied.output().splitlines()]
        return [entry["peer"] for entry in entries if entry["msg"] == "session opened"][-1]

    def _is_closed(self, sent, then_close=False):
        host, port = self.proxied.grpc.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=20) as client:
            client.sendall(sent)
            if then_close:
                client.shutdown(socket.SHUT_WR)
            try:
                return client.recv(1) == b""
            except ConnectionResetError:
                return True

    def test_the_client_of_a_version_1_header_is_in_the_log(self):
        self.assertEqual(self._passes(_V1), "ipv4:192.0.2.7:56324")

    def test_the_client_of_a_version_2_header_is_in_the_log(self):
        self.assertEqual(self._passes(_v2_tcp4("192.0.2.9", 4660)), "ipv4:192.0.2.9:4660")

    def test_an_ipv6_client_of_a_version_2_header_is_in_the_log(self):
        block = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + bytes(16)
        header = _v2(1, 0x21, block + struct.pack(">HH", 56324, 443))
        self.assertRegex(self._passes(header), r"^ipv6:(\[|%5B)2001:db8::7(\]|%5D):56324$")

    def test_a_proxy_that_speaks_for_itself_stays_the_peer(self):
        self.assertRegex(self._passes(_v2(0, 0, b"")), r"^ipv4:127\.0\.0\.1:\d+$")

    def test_a_missing_or_malformed_header_closes_the_connection_and_is_counted(self):
        wrong = [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",  # Missing: a gRPC client's own first bytes.
            b"PROXY TCP4 nonsense\r\n",
            _V2_SIGNATURE + b"\x31\x11\x00\x0c" + bytes(12),  # Version 3.
            _v2(1, 0x11, b"short"),
            b"\x16\x03\x01\x02\x00",  # TLS.
        ]
        for sent in wrong:
            self.assertTrue(self._is_closed(sent), sent)
        self.assertTrue(self._is_closed(b"PROXY ", then_close=True))
        harness.eventually(
            lambda: self.proxied.metric(_REJECTED, reason="proxy_header") == len(wrong) + 1,
            "every one of them is counted",
        )
        # Others are as well as before.
        self._passes(_V1)

    def test_a_client_without_a_proxy_is_told_unavailable(self):
        load = self.loadgen(
            f"--target={self.proxied.grpc}", "--n=1", "--connect_timeout=2s"
        )
        self.assertNotEqual(load.wait(), 0)
        self.assertGreater(self.proxied.metric(_REJECTED, reason="proxy_header"), 0)

    def test_it_is_for_tcp_listeners_only(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        processor = self.keep(
            harness.Process(
                [
                    harness.runfile(harness.PROCESSOR),
                    f"--listen_address=unix:{folder.name}/socket",
                    "--proxy_protocol",
                ],
                "processor",
            )
        )
        self.assertEqual(processor.wait(), 2)
        self.assertIn("the PROXY protocol is for TCP", processor.output())


if __name__ == "__main__":
    unittest.main()
