"""Streams without a session, and what every stream has."""

from conformance import protocol
from conformance.case import SERVERS
from conformance.failure import Failure
from conformance.raw_client import check_echo, messages, payload_of

_NO_OPEN = (
    "Without `Open` the stream is a session of its own: sequences are the client's own (any value, "
    "also repeated) and are echoed back in the order of arrival"
)
_HEARTBEAT = (
    "A request with neither `open` nor `messages` is a heartbeat; at least one response follows it."
)
_GARBAGE = "INVALID_ARGUMENT garbage, a gap or repeat in the sequences"


@SERVERS.case("stream/without-open", "rule 1", _NO_OPEN)
def without_open(run):
    """Sequences of the client's own, in any order, also repeated, come back with their results."""
    stream = run.stream()
    sequences = [5, 5, 0, 1 << 63, 2]
    stream.write(
        protocol.processor.ProcessRequest(
            messages=[
                protocol.processor.Message(sequence=sequence, payload=payload_of(sequence))
                for sequence in sequences
            ]
        )
    )
    stream.until(
        lambda: len(stream.results) >= len(sequences),
        lambda: f"{len(stream.results)} results of {len(sequences)} messages came",
    )
    got = [result.sequence for result in stream.results]
    if got != sequences:
        raise Failure(f"messages {sequences} were sent without Open; results of {got} came")
    check_echo(stream.results)
    stream.half_close()
    stream.await_status("OK", "the half-close")


@SERVERS.case(
    "stream/metadata-at-once",
    "Processor.Process",
    "Initial metadata goes out at once, before any message.",
)
def metadata(run):
    """Initial metadata comes though nothing was sent."""
    stream = run.stream()
    stream.until(
        lambda: stream.metadata,
        "no initial metadata came: a client, and every proxy, waits for it to know that the "
        "stream stands",
    )


@SERVERS.case(
    "stream/half-close", "rule 4", "everything accepted is answered, then the stream ends OK"
)
def half_close(run):
    """500 messages and the half-close right behind them: 500 results, then OK."""
    stream = run.stream()
    stream.write(messages(1, 250))
    stream.write(messages(251, 500))
    stream.half_close()
    stream.await_status("OK", "the half-close")
    stream.await_results(1, 500)
    check_echo(stream.results)


@SERVERS.case("stream/heartbeat", "ProcessRequest", _HEARTBEAT)
def heartbeat(run):
    """Three empty requests, without and with a session: three responses each."""
    for stream in (run.stream(), run.opened()):
        for count in range(1, 4):
            stream.write(protocol.processor.ProcessRequest())
            stream.until(
                lambda one=stream, most=count: one.empty >= most,
                "an empty request was not answered: a client that hears nothing takes the server "
                "for dead",
            )


@SERVERS.case(
    "stream/unknown-fields", "docs/protocol.md, A session", "Fields that one end does not know"
)
def unknown_fields(run):
    """A request and a message with fields of a later version."""
    stream = run.opened()
    later = b"\xa0\x06\x07\xaa\x06\x03new"
    request = messages(1, 1)
    request.messages[0].MergeFromString(later)
    stream.write(request.SerializeToString() + later)
    stream.await_results(1, 1)
    check_echo(stream.results)


@SERVERS.case("stream/garbage", "rule 8", _GARBAGE)
def garbage(run):
    """Bytes that are no ProcessRequest, first and later: INVALID_ARGUMENT, behind the results
    that are due."""
    first = run.stream()
    first.write(b"\xff\xff\xff\xff garbage")
    first.await_status("INVALID_ARGUMENT", "a first request that is no protobuf")
    later = run.opened()
    later.write(messages(1, 3))
    later.write(b"\x12\x7f")
    later.await_status("INVALID_ARGUMENT", "a request that is no protobuf")
    later.await_results(1, 3)


@SERVERS.case(
    "stream/key-that-is-not-utf8",
    "docs/protocol.md, How a stream ends",
    "also a header's key that is not UTF-8",
)
def key_not_utf8(run):
    """A header's key that is not UTF-8 is refused at the door."""
    stream = run.opened()
    stream.write(b"\x12\x0c\x08\x01\x1a\x08\x0a\x02\xff\xfe\x12\x02ok")
    stream.await_status("INVALID_ARGUMENT", "a header's key that is not UTF-8")


@SERVERS.case(
    "stream/beyond-what-is-read-at-all",
    "rule 8",
    "a request over what gRPC is set to receive: 4 MiB, or twice `max_payload_bytes` and 256 KiB "
    "if that is more",
)
def beyond_all(run):
    """A request that gRPC does not take in: RESOURCE_EXHAUSTED."""
    stream = run.opened()
    most = max(4 << 20, 2 * stream.limit("max_payload_bytes") + (256 << 10))
    run.skip_unless(most <= 128 << 20, f"the server reads requests of {most} bytes")
    stream.write(messages(1, 1, most + 1024))
    stream.await_status("RESOURCE_EXHAUSTED", f"a request of over {most} bytes")
