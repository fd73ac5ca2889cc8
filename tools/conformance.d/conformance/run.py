"""One case with one client: what its script speaks to."""

import base64
import contextlib
import socket
import threading
import time

from conformance import protocol
from conformance.adapter import Adapter
from conformance.failure import AdapterFault, Failure
from conformance.scripted_server import ScriptedServer

# How long something may take that is promised at once, on a busy machine.
PATIENCE = 30.0
# What has happened at the client and is still on its way here.
_ON_ITS_WAY = 5.0
# How long something is watched that must not happen.
_WATCHED = 0.6


class Run:
    """The servers, the adapter, and what the client has sent and got.

    Attributes:
      changed: held by whoever looks at what happened; notified of each change.
      sizes: of the messages seen on the wire, by sequence, as the window counts them.
      results_through: every result up to here was written, on whichever stream.
      welcomed: whether a Welcome was written.
    """

    def __init__(self, command, patience=PATIENCE):
        self.changed = threading.Condition()
        self.sizes = {}
        self.results_through = 0
        self.welcomed = False
        self.adapter = None
        self._command = command
        self._patience = patience
        self._servers = []
        self._adapters = []
        self._sockets = {}
        self._expected = []
        self._results = {}
        self._headers = {}
        self._seen = {}
        self._failure = None

    # The client.

    def connect(self, server=None, address=None, **options):
        """Starts the adapter and has it connect, to the first server if no other is given."""
        self.adapter = self._start_adapter()
        command = {"options": options}
        if "balancers" not in options:
            command["target"] = address or (server or self.server).address
        self.adapter.command("connect", **command)

    def _start_adapter(self):
        adapter = Adapter(self._command, self.changed)
        self._adapters.append(adapter)
        adapter.on_result = self._on_result
        with self.changed:
            if (
                not self._wait(lambda: adapter.client or adapter.fault, self._patience)
                or adapter.fault
            ):
                raise AdapterFault(adapter.fault or "the adapter did not say `ready`")
        return adapter

    def send(self, messages, headers=None, refused=False):
        """Has the client send: so many messages, or these payloads.

        `refused`: the client is expected not to take them.
        """
        if isinstance(messages, int):
            begin = len(self._expected)
            messages = [f"message {begin + i + 1}".encode() for i in range(messages)]
        with self.changed:
            if not refused:
                self._expected += [(payload, headers or {}) for payload in messages]
        wire = []
        for payload in messages:
            message = {"payload": base64.b64encode(payload).decode()}
            if headers:
                message["headers"] = {
                    key: base64.b64encode(value).decode() for key, value in headers.items()
                }
            wire.append(message)
        self.adapter.command("send", messages=wire)

    def finish(self):
        self.adapter.command("finish")

    def await_results(self, through):
        """Waits until the client has given its caller these results; it may be slow, not stuck."""
        results = self.adapter.results
        while (got := len(results)) < through:
            self.until(
                lambda before=got: len(results) > before,
                lambda: f"results through {through} were written, and the client gave its caller "
                f"{len(results)}",
            )

    def await_ended(self, code="OK", after=""):
        """The client's stream ends for its caller, so; and its process with it."""
        self.until(
            lambda: self.adapter.ended,
            f"the stream should have ended with {code} for its caller{after}, and it goes on",
            ends=True,
        )
        ended = self.adapter.ended
        if ended["code"] != code:
            raise Failure(
                f"the stream ended with {ended['code']} ({ended['message']}) for its "
                f"caller{after}; it should with {code}"
            )
        exit_code = self.adapter.exit_code()
        if exit_code is None:
            raise AdapterFault("it goes on after `ended`: it should exit")
        if exit_code != 0:
            raise AdapterFault(f"it exited with {exit_code} after `ended`; 0 is expected")

    def close_well(self, stream):
        """The caller wants no more: all is answered, acknowledged, half-closed, and ends OK."""
        stream.echo()
        self.finish()
        self.await_half_close(stream, " after its caller had closed it")
        self.check_acknowledged(stream)
        stream.finish()
        self.await_ended("OK", " after the half-close was answered with OK")
        self.check_all_delivered()

    def await_half_close(self, stream, after=""):
        self.until(
            lambda: stream.half_closed,
            lambda: f"the client did not half-close{after}"
            + (": it broke the stream" if stream.broken else ""),
            ends=True,
        )

    def check_acknowledged(self, stream):
        """The server may forget the session."""
        last = stream.judge.next_sequence - 1
        if stream.received_through < last:
            raise Failure(
                f"you half-closed with received_through {stream.received_through}, and results "
                f"through {last} had come: the server keeps the session until it expires; send a "
                "last received_through before the half-close",
                rule="rule 4",
            )

    def check_all_delivered(self):
        with self.changed:
            self._check()
            got, sent = len(self.adapter.results), len(self._expected)
        if got != sent:
            raise Failure(f"the caller sent {sent} messages and got {got} results", rule="rule 3")

    # The servers.

    @property
    def server(self):
        return self._servers[0] if self._servers else self.another_server()

    def another_server(self):
        self._servers.append(ScriptedServer(self))
        return self._servers[-1]

    def dead_address(self):
        """Nobody listens there, and nobody else can."""
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        self._sockets[address] = taken
        return address

    def serve_at(self, dead_address):
        """Returns a server that listens there from now on."""
        server = ScriptedServer(self, self._sockets.pop(dead_address))
        self._servers.append(server)
        return server

    def accept(self, server=None, after="", seconds=None):
        """Returns the next stream, whose first request has come."""
        server = server or self.server
        at = server.accepted

        def arrived():
            return len(server.streams) > at and server.streams[at].requests

        self.until(
            arrived,
            f"the client opened no stream{after}"
            + (": it should, by itself, and resume the session" if after else ""),
            seconds=seconds,
            rule="rule 8" if after else None,
        )
        server.accepted += 1
        return server.streams[at]

    def welcomed_stream(self, messages=0, **welcome):
        """Connects with default options, welcomes, sends, and waits for what was sent."""
        self.connect()
        stream = self.accept()
        stream.welcome(**welcome)
        if messages:
            self.send(messages)
            self.await_messages(stream, messages)
        return stream

    def await_messages(self, stream, through):
        """Waits until the client has sent these on the stream, or others had come before."""
        self.until(
            lambda: stream.judge.next_sequence > through,
            lambda: f"message {stream.judge.next_sequence} did not come, of {through} that were "
            "sent and fit the window",
        )

    def result(self, sequence):
        """Returns the Result that a server gives for a message that it has seen."""
        with self.changed:
            payload = self._results.get(sequence)
            if payload is None:
                payload = b"re:" + self._seen.get(sequence, (b"", None))[0]
                self._results[sequence] = payload
        return protocol.processor.Result(sequence=sequence, payload=payload)

    def set_result(self, sequence, payload):
        """The result of a message is this from now on."""
        with self.changed:
            self._results[sequence] = payload

    # Waiting.

    def until(self, condition, otherwise, seconds=None, ends=False, rule=None):
        """Waits for a condition, and returns its value.

        `otherwise`: why it should have come true: text, or a function that returns one.
        `ends`: the client's end may be what is waited for.
        `rule`: which says so, if not the case's own.
        """
        with self.changed:
            seconds = seconds or self._patience
            deadline = time.monotonic() + seconds
            value = self._wait(lambda: condition() or self._over(), seconds)
            if not self._failure and not condition() and self.adapter and self.adapter.ended:
                # What it did before it ended may still be on its way.
                value = self._wait(condition, min(_ON_ITS_WAY, deadline - time.monotonic()))
            self._check()
            if value := condition():
                return value
            text = otherwise() if callable(otherwise) else otherwise
            ended = self.adapter.ended if self.adapter else {}
        if ended and not ends:
            text += f"; your client had ended the stream: {_status(ended)}"
        elif not ended:
            text += f" (waited {seconds:g} s)"
        raise Failure(text, rule)

    def watch(self, wrong, otherwise, seconds=_WATCHED):
        """Fails if a condition comes true within a while."""
        with self.changed:
            happened = self._wait(lambda: wrong() or self._over(), seconds)
            self._check()
            if happened and wrong():
                raise Failure(otherwise() if callable(otherwise) else otherwise)

    def let_pass(self, seconds):
        """Waits, unless the client ends or breaks a rule."""
        self.watch(lambda: False, "", seconds)

    @staticmethod
    def now():
        return time.monotonic()

    def failure(self):
        """Returns the Failure that a stream's judge found, if it did."""
        return self._failure

    def _wait(self, condition, seconds):
        return self.changed.wait_for(condition, max(0.0, seconds))

    def _over(self):
        adapter = self.adapter
        return self._failure or (adapter and (adapter.fault or adapter.ended))

    def _check(self):
        if self._failure:
            raise self._failure
        for adapter in self._adapters:
            if adapter.fault:
                raise AdapterFault(adapter.fault)

    # What threads tell.

    def notify(self):
        with self.changed:
            self.changed.notify_all()

    def fail(self, failure):
        with self.changed:
            self._failure = self._failure or failure
            self.changed.notify_all()

    def on_message(self, message):
        """A message has come: what the caller sent, in its place, as it came before."""
        with self.changed:
            self.sizes[message.sequence] = protocol.window_bytes(message)
            headers = [(header.key, header.value) for header in message.headers]
            came = (message.payload, headers)
            if self._seen.setdefault(message.sequence, came) != came:
                raise Failure(
                    f"message {message.sequence} was sent again with another payload or other "
                    "headers: its sequence is its name",
                    rule="rule 2",
                )
            if not 1 <= message.sequence <= len(self._expected):
                raise Failure(
                    f"message {message.sequence} came, and the caller has sent "
                    f"{len(self._expected)}"
                )
            payload, wanted = self._expected[message.sequence - 1]
            if message.payload != payload or dict(headers) != wanted:
                raise Failure(
                    f"message {message.sequence} is not what the caller sent in that place: its "
                    f"payload is {_short(message.payload)}, its headers {headers}; the caller's "
                    f"was {_short(payload)}, and {wanted}"
                )

    def _on_result(self, result):
        """Under the lock: each result once, in order, as the server made it."""
        due = len(self.adapter.results)
        if result.sequence != due:
            how = "a second time" if result.sequence < due else f"where that of {due} was due"
            self.fail(
                Failure(
                    f"the client gave its caller the result of message {result.sequence} {how}: "
                    "one each, in order, whatever the server repeats",
                    rule="rule 3",
                )
            )
            return
        payload = self._results.get(result.sequence)
        if payload is None:
            self.fail(
                Failure(
                    f"the client gave its caller a result of message {result.sequence} that no "
                    "server wrote"
                )
            )
        elif result.error is None and result.payload != payload:
            self.fail(
                Failure(
                    f"the result of message {result.sequence} is {_short(payload)}, and the client "
                    f"gave its caller {_short(result.payload)}"
                )
            )

    def close(self):
        """Ends everything; returns what adapters wrote to standard error."""
        errors = "".join(adapter.close() for adapter in self._adapters)
        for server in self._servers:
            with contextlib.suppress(OSError):
                server.close()
        for one in self._sockets.values():
            one.close()
        return errors


def _status(ended):
    return f"{ended['code']} ({ended['message']})"


def _short(payload):
    return f"{payload[:40]!r}" + (f" ({len(payload)} bytes)" if len(payload) > 40 else "")
