"""Stands between clients and a server, until it passes nothing on any more."""

import contextlib
import pathlib
import socket
import tempfile
import threading


class Relay:
    """Passes on what connections to `listener` say, and what the server answers.

    `connect` returns a socket that is connected to the server; OSError: it is not there.
    """

    def __init__(self, listener, connect):
        self._listener = listener
        self._connect = connect
        self._cut = threading.Event()
        # Set when something was lost.
        self.swallowed = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """From now on nothing arrives, on either side, and nobody is told."""
        self._cut.set()

    def mend(self):
        """New connections pass; those that were cut are lost for ever."""
        self._cut.clear()

    def kill(self):
        # Wakes the thread that accepts.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                server = self._connect()
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one, other):
        """The other direction reads from `other`, and closes it."""
        lost = False
        with one, contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                lost = lost or self._cut.is_set()
                if lost:
                    self.swallowed.set()
                else:
                    other.sendall(data)
            if not lost and not self._cut.is_set():
                other.shutdown(socket.SHUT_RDWR)


class TcpRelay(Relay):
    """To a server at host:port; `address` is where clients connect."""

    def __init__(self, address):
        host, port = address.split(":")
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        super().__init__(listener, lambda: socket.create_connection((host, int(port))))


class SocketFileRelay(Relay):
    """To the server whose socket `name` is in a folder; `folder` is where clients look for it."""

    def __init__(self, server_folder, name):
        self._directory = tempfile.TemporaryDirectory(prefix="msgproc-relay-", dir="/tmp")
        self.folder = self._directory.name
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(pathlib.Path(self.folder, name)))
        listener.listen()

        def connect():
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(pathlib.Path(server_folder, name)))
            return server

        super().__init__(listener, connect)

    def kill(self):
        super().kill()
        self._directory.cleanup()
