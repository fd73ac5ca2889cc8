"""A TCP relay between client and server that breaks connections, or stops carrying."""

import contextlib
import socket
import struct
import threading

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)
# A frame of 4 bytes, of type 3, without flags (RFC 9113, 6.4).
_RST_STREAM = b"\0\0\4\3\0"
_FIRST_STREAM = 1
ENHANCE_YOUR_CALM = 0xB


class Connection:
    """One connection through the relay.

    Attributes:
      closed_by_client: whether the client ended it, in whichever way.
    """

    def __init__(self, client, server, on_change):
        self.closed_by_client = False
        self._client = client
        self._server = server
        # Which port the server sees it come from.
        self.port = server.getsockname()[1]
        self._on_change = on_change
        self._silent = False
        self._left_to_client = None

    def start(self):
        for target in (self._to_server, self._to_client):
            threading.Thread(target=target, daemon=True).start()

    def cut(self):
        """Resets both ends."""
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut_after(self, count):
        """Cuts it once so many more bytes have gone to the client."""
        self._left_to_client = count

    def reset_stream(self, code):
        """Sends the client HTTP/2's RST_STREAM of the connection's first stream, with this error.

        Only while the server writes nothing: it must not land within a frame.
        """
        self._send(self._client, _RST_STREAM + struct.pack(">II", _FIRST_STREAM, code))

    def silence(self):
        """Loses what either end sends from now on, and keeps both open."""
        self._silent = True

    def _to_server(self):
        while data := self._receive(self._client):
            self._send(self._server, data)
        self.closed_by_client = True
        if not self._silent:
            self._end(self._server)
        self._on_change()

    def _to_client(self):
        while data := self._receive(self._server):
            left = self._left_to_client
            if left is not None:
                data = data[:left]
                self._left_to_client = left - len(data)
            self._send(self._client, data)
            if self._left_to_client == 0:
                self.cut()
        if not self._silent:
            self._end(self._client)

    def _send(self, end, data):
        if self._silent:
            return
        with contextlib.suppress(OSError):
            end.sendall(data)

    @staticmethod
    def _receive(end):
        try:
            return end.recv(1 << 16)
        except OSError:
            return b""

    @staticmethod
    def _end(end):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_WR)


class Relay:
    """Listens at `address` for a server at `port` of 127.0.0.1."""

    def __init__(self, port, on_change, listener=None):
        """`listener`: a bound socket, in place of one at a free port."""
        self._port = port
        self._on_change = on_change
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self._listener.listen()
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def connection_from(self, port):
        """Returns the connection that the server sees come from this port."""
        # Ports come again: the latest it is.
        return next(one for one in reversed(self._connections) if one.port == port)

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            connection.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                return
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(client, server, self._on_change)
            # It must be found before a byte of it arrives.
            self._connections.append(connection)
            connection.start()
