"""HTTP/2 frames by hand, to misbehave with (RFC 9113)."""

import contextlib
import socket
import struct
import threading

DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4
REFUSED_STREAM = 7


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header(name, value, indexed=False):
    """A literal without Huffman code (RFC 7541, 6.2.1 and 6.2.2).

    `indexed`: it is entry 62 of the other end's table from then on.
    """
    encoded = b"\x40" if indexed else b"\x00"
    for text in (name, value):
        size = len(text)
        encoded += bytes([size]) if size < 127 else b"\x7f" + _rest(size - 127)
        encoded += text.encode()
    return encoded


def _rest(number):
    encoded = b""
    while number >= 128:
        encoded += bytes([number % 128 + 128])
        number //= 128
    return encoded + bytes([number])


INDEX_62 = b"\xbe"  # All of that header again, in one byte.


def process_headers(authority):
    """The header block of a call of Processor.Process."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/msgproc.v1.Processor/Process",
        ":authority": authority,
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(header(name, value) for name, value in fields.items())


class Connection:
    """A connection whose answers are read and thrown away."""

    def __init__(self, address, settings=b"", reads=True):
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self.ended = threading.Event()
        self.bytes_sent = 0
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings))
        if reads:
            threading.Thread(target=self._read, daemon=True).start()

    def send(self, data):
        """Returns whether the other end still takes it."""
        try:
            self._socket.sendall(data)
        except OSError:
            self.ended.set()
            return False
        self.bytes_sent += len(data)
        return not self.ended.is_set()

    def next_frame(self):
        """Returns (kind, stream, payload) of the next frame, None at the end. Without `reads`."""
        head = self._receive(9)
        if head is None:
            return None
        size = int.from_bytes(head[:3], "big")
        kind, _, stream = struct.unpack(">BBI", head[3:])
        payload = self._receive(size)
        return None if payload is None else (kind, stream, payload)

    def _receive(self, size):
        received = b""
        while len(received) < size:
            try:
                more = self._socket.recv(size - len(received))
            except OSError:
                return None
            if not more:
                return None
            received += more
        return received

    def close(self):
        self._socket.close()

    def _read(self):
        with contextlib.suppress(OSError):
            while self._socket.recv(1 << 16):
                pass
        self.ended.set()
