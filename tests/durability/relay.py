"""Stands between processors and PostgreSQL, until it swallows whatever is said."""

import contextlib
import pathlib
import socket
import tempfile
import threading


class Relay:
    """Listens when the constructor returns; `folder` is the server's for clients."""

    _NAME = ".s.PGSQL.5432"

    def __init__(self, server_folder):
        self._server = str(pathlib.Path(server_folder, self._NAME))
        self._directory = tempfile.TemporaryDirectory(prefix="msgproc-relay-", dir="/tmp")
        self.folder = self._directory.name
        self._swallows = threading.Event()
        # Set when something was.
        self.swallowed = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(pathlib.Path(self.folder, self._NAME)))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self):
        """From now on nothing arrives, on either side, and nobody is told."""
        self._swallows.set()

    def kill(self):
        # Wakes the thread that accepts.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._directory.cleanup()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one, other):
        """The other direction reads from `other`, and closes it."""
        with one, contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                if self._swallows.is_set():
                    self.swallowed.set()
                else:
                    other.sendall(data)
            if not self._swallows.is_set():
                other.shutdown(socket.SHUT_RDWR)
