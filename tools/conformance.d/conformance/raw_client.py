"""A client without a library: writes what it is told, and reads what comes."""

import os
import queue
import threading

import grpc

from conformance import protocol
from conformance.failure import Failure, Skip

# How long a server on a busy machine may take for what it does at once.
PATIENCE = 30.0
_MAX_BYTES = 64 << 20
_SOME_PAYLOAD = 64


class Access:
    """Where a server is, and what opens a channel to it.

    `credentials`: grpc.ChannelCredentials, None for plaintext; `metadata`: of each call.
    """

    def __init__(self, address, credentials=None, metadata=(), handler=""):
        self.address = address
        self.credentials = credentials
        self.metadata = metadata
        self.handler = handler

    def channel(self):
        """Returns one with a connection of its own."""
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.enable_http_proxy", 0),
        ]
        if self.credentials is None:
            return grpc.insecure_channel(self.address, options=options)
        return grpc.secure_channel(self.address, self.credentials, options=options)


class RawStream:
    """One call of Process on a connection of its own.

    Attributes, under `changed`:
      welcome, drain: once they have come.
      results: all that came, in order.
      empty: how many responses had no field set.
      status: (code, text) once the call has ended.
      metadata: whether initial metadata has come.
    """

    def __init__(self, access):
        self.changed = threading.Condition()
        self.welcome = None
        self.drain = None
        self.results = []
        self.empty = 0
        self.status = None
        self.metadata = False
        self._requests = queue.Queue()
        self._channel = access.channel()
        call = self._channel.stream_stream(protocol.PROCESS)
        self._call = call(
            iter(self._requests.get, None), metadata=access.metadata, wait_for_ready=True
        )
        for target in (self._read, self._await_metadata):
            threading.Thread(target=target, daemon=True).start()

    # What a case does.

    def write(self, request):
        """Writes a ProcessRequest, or bytes in place of one."""
        self._requests.put(request if isinstance(request, bytes) else request.SerializeToString())

    def half_close(self):
        self._requests.put(None)

    def cut(self):
        """Closes the connection, without a word."""
        self._channel.close()
        self._requests.put(None)

    def acknowledge(self, through):
        self.write(protocol.processor.ProcessRequest(received_through=through))

    def await_welcome(self, state=None):
        """Returns Welcome, which must be the first thing but for a Drain."""
        self.until(lambda: self.welcome, "Open was not answered with Welcome")
        if state is not None and self.welcome.state != state:
            wanted, got = map(protocol.Welcome.State.Name, (state, self.welcome.state))
            raise Failure(f"Welcome says {got}; {wanted} is right")
        return self.welcome

    def await_results(self, first, last):
        """Waits for these messages' results, in order, and no others."""
        count = last - first + 1
        self.until(
            lambda: len(self.results) >= count,
            lambda: f"{len(self.results)} of the results of messages {first} to {last} came",
        )
        got = [result.sequence for result in self.results]
        if got != list(range(first, last + 1)):
            at = next(
                (i for i, sequence in enumerate(got) if sequence != first + i), min(len(got), count)
            )
            came = got[at] if at < len(got) else None
            raise Failure(
                f"the results of messages {first} to {last} are due, in order: that of "
                f"{first + at} was due, and that of {came} came",
                rule="rule 3",
            )

    def await_status(self, code, after, words=""):
        """The call ends so. `after`: what it was that should have ended it."""
        self.until(
            lambda: self.status,
            f"the stream goes on after {after}; it should have ended {code}",
            ends=True,
        )
        got, text = self.status
        if got != code:
            raise Failure(f"the stream ended {got} ({text}) after {after}; {code} is right")
        if words not in text:
            raise Failure(
                f"the stream ended {code} after {after}, with {text!r}: it should say {words!r}, "
                "so that a client's author knows what to mend"
            )

    def limit(self, name):
        """Returns what Welcome says of a limit."""
        if value := getattr(self.welcome, name):
            return value
        raise Failure(f"Welcome does not say {name}: a client cannot know what it may send")

    def until(self, condition, otherwise, seconds=PATIENCE, ends=False):
        """Waits for a condition; fails where it does not come true, or the call ends before."""
        with self.changed:
            self.changed.wait_for(lambda: condition() or self.status, seconds)
            if condition():
                return
            text = otherwise() if callable(otherwise) else otherwise
            status = self.status
        if status and not ends:
            raise Failure(f"{text}; the stream had ended {status[0]} ({status[1]})")
        raise Failure(f"{text} (waited {seconds:g} s)")

    def watch(self, wrong, otherwise, seconds=0.6):
        with self.changed:
            if self.changed.wait_for(wrong, seconds):
                raise Failure(otherwise)

    def close(self):
        self._call.cancel()
        self._requests.put(None)
        self._channel.close()

    # What gRPC's threads do.

    def _await_metadata(self):
        try:
            self._call.initial_metadata()
            with self.changed:
                # It returns at the end of the call, too.
                self.metadata = self._call.is_active()
                self.changed.notify_all()
        except grpc.RpcError:
            pass

    def _read(self):
        try:
            for raw in self._call:
                self._on_response(protocol.processor.ProcessResponse.FromString(raw))
        except (grpc.RpcError, ValueError):
            # It has a status, or its channel was closed.
            pass
        with self.changed:
            code = self._call.code()
            self.status = (code.name if code else "CANCELLED", self._call.details() or "")
            self.changed.notify_all()

    def _on_response(self, response):
        with self.changed:
            if response.HasField("welcome"):
                self.welcome = response.welcome
            if response.HasField("drain"):
                self.drain = response.drain
            self.results.extend(response.results)
            if not response.ByteSize():
                self.empty += 1
            self.changed.notify_all()


class ServerRun:
    """One case with one server."""

    def __init__(self, access, drain_with=None):
        """`drain_with`: has the server stop."""
        self.access = access
        self.drain = drain_with
        self.session_id = f"conformance-{os.urandom(8).hex()}"
        self.token = os.urandom(32)
        self._streams = []

    def stream(self):
        self._streams.append(RawStream(self.access))
        return self._streams[-1]

    def open_request(self, received_through=0, **fields):
        """Returns the request that opens this case's session; `fields`: of Open."""
        given = {
            "session_id": self.session_id,
            "session_token": self.token,
            "handler": self.access.handler,
            "client_name": "conformance",
            **fields,
        }
        return protocol.processor.ProcessRequest(
            open=protocol.processor.Open(**given), received_through=received_through
        )

    def opened(self, state=protocol.NEW, received_through=0, **fields):
        """Returns a stream, opened and welcomed so."""
        stream = self.stream()
        stream.write(self.open_request(received_through, **fields))
        stream.await_welcome(state)
        return stream

    def close(self):
        for stream in self._streams:
            stream.close()
        return ""

    @staticmethod
    def skip_unless(true, why):
        if not true:
            raise Skip(why)

    @staticmethod
    def failure():
        return None


def payload_of(sequence, size=_SOME_PAYLOAD):
    return (b"%d " % sequence).ljust(size, b".")[: max(size, 0)]


def messages(first, last, size=_SOME_PAYLOAD, **fields):
    """Returns a request with these messages."""
    return protocol.processor.ProcessRequest(
        messages=[
            protocol.processor.Message(sequence=sequence, payload=payload_of(sequence, size))
            for sequence in range(first, last + 1)
        ],
        **fields,
    )


def check_echo(results, size=_SOME_PAYLOAD):
    """The handler is "echo"."""
    for result in results:
        if result.HasField("error"):
            raise Failure(f"message {result.sequence} failed: {result.error.message}")
        if result.payload != payload_of(result.sequence, size):
            raise Failure(
                f"the result of message {result.sequence} is {result.payload[:40]!r}; a handler "
                "that echoes is assumed (--handler)"
            )
