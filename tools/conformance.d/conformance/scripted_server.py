"""A gRPC server whose streams do what a case tells them."""

import concurrent.futures
import os
import queue
import threading
import time

# Adapters are started by vfork, with gRPC's threads running.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
import grpc  # pylint: disable=wrong-import-position

from conformance import protocol  # pylint: disable=wrong-import-position
from conformance.failure import Failure  # pylint: disable=wrong-import-position
from conformance.judge import Judge, Limits  # pylint: disable=wrong-import-position
from conformance.relay import Relay  # pylint: disable=wrong-import-position

_THREADS = 64
_MESSAGES_A_FRAME = 1024
_UNTIL_CANCELLED = 0.05
# No case waits for a heartbeat unless it says so.
QUIET = 600.0


class Stream:
    """One call of Process, read at once and judged; written to by the case.

    What has happened is read under the run's lock, as run.until does.

    Attributes:
      requests: all that came, the first one with `open`.
      messages: all that came.
      read_at, began_at: when the last request was read, when the call began; monotonic.
      half_closed, broken: how the client ended it, if it did.
    """

    def __init__(self, run, context, connection):
        self.requests = []
        self.messages = []
        self.began_at = self.read_at = time.monotonic()
        self.half_closed = False
        self.broken = False
        self.connection = connection
        self.metadata = dict(context.invocation_metadata())
        self.echoes = False
        self.answers_heartbeats = True
        self.written = 0
        self.answered_through = 0
        self.judge = Judge(run.results_through)
        self._run = run
        self._context = context
        self._responses = queue.Queue()
        self._status = ("OK", "")
        self._finished = False

    @property
    def open(self):
        return self.requests[0].open

    @property
    def received_through(self):
        return self.judge.received_through

    # What a case does.

    def write(self, response):
        """Writes a ProcessResponse, or bytes in place of one."""
        raw = response if isinstance(response, bytes) else response.SerializeToString()
        self._responses.put(raw)

    def welcome(
        self,
        state=protocol.NEW,
        accepted_through=0,
        limits=None,
        heartbeat=QUIET,
        extra=b"",
        **fields
    ):
        """Writes Welcome. `extra`: bytes behind its own; `fields`: more of its fields."""
        self.write(
            self.welcome_response(state, accepted_through, limits, heartbeat, extra, **fields)
        )

    def welcome_response(self, state, accepted_through, limits, heartbeat, extra=b"", **fields):
        limits = limits or Limits()
        with self._run.changed:
            accepted = self.judge.on_welcome(state, accepted_through, limits, self._run.sizes)
            self.answered_through = self.received_through
            self._run.welcomed = True
        welcome = protocol.Welcome(
            server_id="scripted",
            session_id=self.open.session_id,
            session_token=self.open.session_token,
            state=state,
            accepted_through=accepted,
            max_batch_messages=limits.batch,
            max_payload_bytes=limits.payload,
            max_outstanding_messages=limits.messages,
            max_outstanding_bytes=limits.size,
            **fields,
        )
        protocol.set_duration(welcome.heartbeat_interval, heartbeat)
        welcome.MergeFromString(extra)
        return protocol.processor.ProcessResponse(welcome=welcome)

    def results(self, first, last):
        """Writes these messages' results."""
        for at in range(first, last + 1, _MESSAGES_A_FRAME):
            through = min(last, at + _MESSAGES_A_FRAME - 1)
            self.will_answer(through)
            self.write(
                protocol.processor.ProcessResponse(
                    results=[self._run.result(sequence) for sequence in range(at, through + 1)]
                )
            )

    def will_answer(self, through):
        """Results up to here are about to be written: the client may acknowledge them."""
        with self._run.changed:
            self.answered_through = max(self.answered_through, through)
            self.judge.on_results(through)
            self._run.results_through = max(self._run.results_through, through)

    def drain(self, reason=protocol.Drain.REASON_SHUTDOWN, address="", grace=QUIET):
        drain = protocol.Drain(reason=reason, server_address=address)
        protocol.set_duration(drain.grace, grace)
        self.write(protocol.processor.ProcessResponse(drain=drain))

    def echo(self):
        """Answers all that came, and all that comes from now on."""
        with self._run.changed:
            self.echoes = True
            self._answer_new()

    def finish(self, code="OK", details=""):
        """Ends the call with a status, behind what was written."""
        self._status = (code, details)
        self._finished = True
        self._responses.put(None)

    # What gRPC's threads do.

    def read_all(self, iterator):
        try:
            for raw in iterator:
                self._on_request(raw)
            # gRPC may end the requests of a cancelled call like this, and say so right after.
            time.sleep(_UNTIL_CANCELLED)
            if not self.broken:
                self._change(half_closed=True)
        except Exception:  # pylint: disable=broad-except
            # gRPC raises nothing more exact where the client has gone.
            self._change(broken=True)

    def responses(self):
        while True:
            raw = self._responses.get()
            if raw is None:
                self._context.set_code(grpc.StatusCode[self._status[0]])
                self._context.set_details(self._status[1])
                return
            yield raw
            self.written += len(raw)

    def on_done(self):
        if not self._finished:
            self._change(broken=True, half_closed=False)
        self._responses.put(None)

    def _change(self, **attributes):
        with self._run.changed:
            for name, value in attributes.items():
                setattr(self, name, value)
            self._run.changed.notify_all()

    def _on_request(self, raw):
        with self._run.changed:
            try:
                request = protocol.processor.ProcessRequest.FromString(raw)
                self.judge.on_request(request, len(raw))
                for message in request.messages:
                    self._run.on_message(message)
            except Failure as failure:
                self._run.fail(failure)
            self.read_at = time.monotonic()
            self.requests.append(request)
            self.messages.extend(request.messages)
            if self.echoes:
                self._answer_new()
            if len(self.requests) > 1 and self.answers_heartbeats and not request.messages:
                self.write(protocol.processor.ProcessResponse())
            self._run.changed.notify_all()

    def _answer_new(self):
        last = self.judge.next_sequence - 1
        if last > self.answered_through:
            self.results(self.answered_through + 1, last)


class ScriptedServer:
    """Listens at `address`; its streams are in `streams`, in order of arrival."""

    def __init__(self, run, listener=None):
        self.streams = []
        # How many of them the case has been given.
        self.accepted = 0
        # Says where to connect, an address or a status; until it is set, this is no balancer.
        self.on_get_server = lambda request: grpc.StatusCode.UNIMPLEMENTED
        self.asked = []
        self._run = run
        self._pool = concurrent.futures.ThreadPoolExecutor(_THREADS)
        self._server = grpc.server(
            self._pool,
            options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)],
        )
        self._server.add_generic_rpc_handlers([_Handlers(self)])
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._relay = Relay(port, run.notify, listener)
        self.address = self._relay.address
        self._server.start()

    def stop(self):
        """Dies: connections are reset, and nobody listens any more."""
        self._relay.close()

    def close(self):
        for stream in self.streams:
            stream.finish("UNAVAILABLE", "the case is over")
        self._relay.close()
        self._server.stop(None)
        self._pool.shutdown(wait=False)

    def process(self, iterator, context):
        connection = self._relay.connection_from(int(context.peer().rsplit(":", 1)[1]))
        stream = Stream(self._run, context, connection)
        context.send_initial_metadata(())
        context.add_callback(stream.on_done)
        with self._run.changed:
            self.streams.append(stream)
        threading.Thread(target=stream.read_all, args=(iterator,), daemon=True).start()
        yield from stream.responses()

    def get_server(self, request, context):
        with self._run.changed:
            self.asked.append((request, dict(context.invocation_metadata())))
            self._run.changed.notify_all()
            answer = self.on_get_server(request)
        if isinstance(answer, str):
            server = protocol.balancer.Server(server_id=answer, address=answer)
            return protocol.balancer.GetServerResponse(server=server)
        context.set_code(answer)
        context.set_details("there is no server")
        return protocol.balancer.GetServerResponse()


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, server):
        self._server = server

    def service(self, handler_call_details):
        if handler_call_details.method == protocol.PROCESS:
            return grpc.stream_stream_rpc_method_handler(self._server.process)
        if handler_call_details.method == protocol.GET_SERVER:
            return grpc.unary_unary_rpc_method_handler(
                self._server.get_server,
                request_deserializer=protocol.balancer.GetServerRequest.FromString,
                response_serializer=protocol.balancer.GetServerResponse.SerializeToString,
            )
        return None
