"""What is measured beyond a bound, and with what."""

import contextlib
import dataclasses
import pathlib
import signal
import socket
import tempfile
import threading
import time
import typing

import grpc

from tests import harness
from tests.nginx import raw_call

_NEIGHBOUR_RATE = 500
_NEIGHBOUR_CONNECTIONS = 2


@dataclasses.dataclass(frozen=True)
class Bound:
    """A row of docs/limits.md."""

    # What --only takes.
    name: str
    # As an operator sets it: a flag, a file, a command.
    set_by: str
    # A flag's name, whose default the programs know; or the default itself.
    default: str
    # What happens, in words that `measure` checks.
    beyond: str
    # Goes beyond it, and returns the figures. An AssertionError says what was otherwise.
    measure: typing.Callable[["Bench"], str]
    # Needs a file system of its own to fill.
    mounts: bool = False


class Bench:
    """Servers and clients of one measurement, which end with it."""

    def __init__(self, quick=False, say=lambda line: None):
        """`quick`: as small as shows the behaviour. `say` gets lines of progress."""
        self._quick = quick
        self._exits = contextlib.ExitStack()
        self.say = say

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._exits.close()

    def scale(self, full, quick):
        return quick if self._quick else full

    def at_exit(self, act, *arguments):
        self._exits.callback(act, *arguments)

    def _keep(self, process):
        self._exits.callback(process.kill)
        return process

    def processor(self, *flags, prefix=(), listen_address="127.0.0.1:0"):
        return self._keep(
            harness.Server(harness.PROCESSOR, flags, "processor", listen_address, prefix=prefix)
        )

    def balancer(self, *flags, prefix=()):
        return self._keep(
            harness.Server(harness.BALANCER, flags, "balancer", "127.0.0.1:0", prefix=prefix)
        )

    def loadgen(self, *flags, prefix=()):
        return self._keep(harness.Loadgen(flags, prefix=prefix))

    def folder(self):
        return pathlib.Path(
            self._exits.enter_context(tempfile.TemporaryDirectory(prefix="limits-"))
        )

    def answers(self, *flags, messages=1000):
        """Sends messages, which are all answered once. Returns loadgen's report."""
        load = self.loadgen(f"--n={messages}", *flags)
        code, report = load.report()
        assert code in (0, 4), load.describe(f"exited {code}")
        all_answered(report, load)
        return report

    @contextlib.contextmanager
    def neighbour(self, server, *flags, rate=_NEIGHBOUR_RATE, prefix=()):
        """A client that keeps to the rules, for as long as the block lasts.

        Whatever happens meanwhile, its sockets stay and all that it sends is answered. Yields a
        Neighbour, whose figures are there after the block.
        """
        name = "msgproc_processor_messages_total"
        before = server.metric(name)
        load = self.loadgen(
            f"--target={server.grpc}",
            *(f"--rate={rate}", "--duration=10m", f"--connections={_NEIGHBOUR_CONNECTIONS}"),
            *flags,
            prefix=prefix,
        )
        harness.eventually(
            lambda: server.metric(name) > before + rate / 10, "the neighbour's messages come"
        )
        neighbour = Neighbour()
        try:
            yield neighbour
        finally:
            if load.running():
                load.signal(signal.SIGINT)
        _, report = load.report()
        all_answered(report, load)
        assert report["interruptions"]["count"] == 0, load.describe("was interrupted")
        neighbour.latency_us = report["latency_us"]


class Neighbour:
    """How a client fared."""

    latency_us = {}

    def __str__(self):
        p50, p99 = (in_ms(self.latency_us[which]) for which in ("p50", "p99"))
        return f"neighbour: p50 {p50} ms, p99 {p99} ms"


def in_ms(microseconds):
    """As many digits as say something."""
    return f"{microseconds / 1000:.{0 if microseconds >= 10_000 else 2}f}"


def all_answered(report, load):
    assert report["messages"] > 0, load.describe("sent nothing")
    assert report["answered"] == report["messages"], load.describe("got no answer for some")
    for wrong in ("lost", "duplicated", "failed", "wrong", "out_of_order"):
        assert report[wrong] == 0, load.describe(f"has {report[wrong]} {wrong}")


def timed(condition, what, seconds=20):
    """Returns after how many seconds the condition held."""
    began = time.monotonic()
    harness.eventually(condition, what, seconds)
    return time.monotonic() - began


class Sockets:
    """Connections that say nothing."""

    def __init__(self):
        self._open = []

    def connect(self, address, count, source=None):
        host, port = address.rsplit(":", 1)
        for _ in range(count):
            self._open.append(
                socket.create_connection(
                    (host, int(port)), timeout=10, source_address=source and (source, 0)
                )
            )

    def closed(self):
        """Returns how many the other end has closed, of those that are here."""
        return sum(map(_is_closed, self._open))

    def close(self):
        while self._open:
            self._open.pop().close()


def _is_closed(connection):
    connection.setblocking(False)
    try:
        # A server that takes it begins with its settings, which stay where they are.
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


class Call:
    """A stream of Process by hand: frames go out, what comes is kept. One connection each."""

    def __init__(self, address, metadata=(), channel=None):
        self._outgoing = []
        self._changed = threading.Condition()
        self._ended = False
        self.received = []
        self._own = None if channel else channel_to(address)
        self._call = raw_call.open_stream(
            channel or self._own, self._requests(), timeout=120, metadata=metadata
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _requests(self):
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._outgoing or self._ended)
                if not self._outgoing:
                    return
                frame = self._outgoing.pop(0)
            yield frame

    def _read(self):
        with contextlib.suppress(grpc.RpcError):
            for response in self._call:
                self.received.append(response)

    def send(self, *frames):
        with self._changed:
            self._outgoing += frames
            self._changed.notify()
        return self

    def half_close(self):
        with self._changed:
            self._ended = True
            self._changed.notify()
        return self

    def answered(self):
        """Waits for a first response, or for the end."""
        harness.eventually(lambda: self.received or self._call.done(), "the stream is answered")
        return self

    def done(self):
        return self._call.done()

    def status(self, seconds=20):
        """Waits for the end. Returns (code's name, details)."""
        harness.eventually(self._call.done, "the stream ends", seconds)
        return self._call.code().name, self._call.details()

    def leave(self):
        self.half_close()
        self._call.cancel()
        if self._own:
            self._own.close()


def channel_to(address):
    """A connection of its own."""
    return grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
