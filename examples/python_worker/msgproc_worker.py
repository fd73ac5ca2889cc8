"""A worker of a message processor, in Python.

serve() is all of the worker protocol (docs/worker-protocol.md): length-delimited
protobuf on standard input and output. Standard output belongs to the protocol, so
print() goes to standard error, which the processor logs.
"""

import os
import sys
import time

from msgproc.worker.v1 import worker_pb2

PROTOCOL_VERSION = 1

# A result does not wait longer than this for the others of its batch.
_PART_SECONDS = 0.001

# google.rpc.Code
INVALID_ARGUMENT = 3
INTERNAL = 13


class MessageError(Exception):
    """Raised by a handler: what is wrong with its message, for the client."""

    def __init__(self, text, code=INVALID_ARGUMENT, retryable=False):
        super().__init__(text)
        self.code = code
        self.retryable = retryable


class Context:
    """What a handler may know beside a message: the fields of worker.proto's Context."""

    def __init__(self, fields, message, traceparent=""):
        self.fields = fields
        self._sequence = message.sequence
        # The span that handling the message is (W3C Trace Context), for whom the handler asks;
        # empty: its trace is not recorded.
        self.traceparent = traceparent

    @property
    def idempotency_key(self):
        """Names the message, the same in each try and on each server; empty: nothing does."""
        scope = self.fields.idempotency_scope
        return f"{scope}/{self._sequence}" if scope else ""


def serve(handlers):
    """Answers messages until the processor closes standard input.

    Args:
      handlers: functions by handler name. A function takes a msgproc.v1.Message
        and a Context and returns the result's payload, bytes; it may raise
        MessageError. What the message does to the processor's session store it
        returns beside the payload, as one would give it to a cursor's execute():
        `return payload, [(sql, parameters), …]`, with $1, $2, … in the SQL and
        None, int, float, str or bytes for them. All of it is committed with the
        result, or nothing; if one fails, the client gets an error instead.
    """
    _serve(lambda batch, hello, sink: _answer(batch, handlers, hello, sink))


def serve_batches(handle):
    """The same for a worker that handles a batch at a time, in a transaction of its own.

    Args:
      handle: takes a WorkBatch and returns its results, a msgproc.v1.Result for each
        message. What it raises ends the worker: the processor starts another one.
    """

    def answer(batch, _hello, sink):
        if not batch.messages:
            return
        began = time.perf_counter_ns()
        answered = worker_pb2.ResultBatch(batch_id=batch.batch_id, results=handle(batch))
        answered.handler_nanoseconds = max(1, time.perf_counter_ns() - began)
        _write(sink, answered)

    _serve(answer)


def _serve(answer):
    source = sys.stdin.buffer
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr

    hello = _read(source).hello
    if hello.protocol_version != PROTOCOL_VERSION:
        sys.exit(f"the processor speaks version {hello.protocol_version}, not {PROTOCOL_VERSION}")
    ready = worker_pb2.ResultBatch()
    ready.ready.protocol_version = PROTOCOL_VERSION
    _write(sink, ready)

    # Without messages it says that some are not waited for any more: they are
    # answered by then, as this worker reads one batch after another.
    while (batch := _read(source)) is not None:
        answer(batch, hello, sink)


def _answer(batch, handlers, hello, sink):
    handler = handlers.get(batch.handler)
    part = worker_pb2.ResultBatch(batch_id=batch.batch_id)
    part_bytes = 0
    began = time.perf_counter_ns()
    traces = {trace.sequence: trace.traceparent for trace in batch.traces}
    for message in batch.messages:
        part_bytes += _handle(handler, batch, message, part, traces.get(message.sequence, ""))
        now = time.perf_counter_ns()
        if now - began > _PART_SECONDS * 1e9 or part_bytes > hello.max_frame_bytes // 2:
            part.handler_nanoseconds = now - began
            _write(sink, part)
            part = worker_pb2.ResultBatch(batch_id=batch.batch_id)
            part_bytes = 0
            began = now
    if part.results:
        part.handler_nanoseconds = max(1, time.perf_counter_ns() - began)
        _write(sink, part)


def _handle(handler, batch, message, part, traceparent=""):
    """Adds the message's result and effects to `part`; returns their size, about."""
    result = part.results.add(sequence=message.sequence)
    effects = worker_pb2.Effects(sequence=message.sequence)
    try:
        if handler is None:
            raise MessageError(f"there is no handler '{batch.handler}'")
        returned = handler(message, Context(batch.context, message, traceparent))
        payload, statements = returned if isinstance(returned, tuple) else (returned, ())
        for sql, parameters in statements:
            effects.statements.add(sql=sql, parameters=map(_value, parameters))
        result.payload = payload
    except MessageError as error:
        result.error.code = error.code
        result.error.message = str(error)
        result.error.retryable = error.retryable
    # One message's trouble, not the worker's.
    except Exception as error:  # pylint: disable=broad-exception-caught
        result.error.code = INTERNAL
        result.error.message = f"{type(error).__name__}: {error}"
    if effects.statements and not result.HasField("error"):
        part.effects.append(effects)
    return len(result.payload) + effects.ByteSize() + 64


def _value(parameter):
    """Returns a statement's parameter as a worker.proto Value."""
    if parameter is None:
        return worker_pb2.Value()
    # bool is an int, to Python and to the stores.
    for kind, field in ((int, "integer"), (float, "real"), (str, "text"), (bytes, "blob")):
        if isinstance(parameter, kind):
            return worker_pb2.Value(**{field: parameter})
    raise TypeError(f"a statement's parameter is a {type(parameter).__name__}")


def _read(source):
    """Returns the next WorkBatch, or None at the end of input."""
    size = shift = 0
    while True:
        byte = source.read(1)
        if not byte:
            return None
        size |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            break
        shift += 7
    frame = source.read(size)
    return worker_pb2.WorkBatch.FromString(frame) if len(frame) == size else None


def _write(sink, batch):
    frame = batch.SerializeToString()
    size = len(frame)
    prefix = bytearray()
    while size > 0x7F:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    prefix.append(size)
    sink.write(prefix + frame)
    sink.flush()
