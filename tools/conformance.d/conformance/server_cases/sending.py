"""Messages, their limits, and the window."""

from conformance import protocol
from conformance.case import SERVERS
from conformance.failure import Failure
from conformance.raw_client import check_echo, messages

_BAD_SEQUENCE = "a gap or repeat in the sequences"
_OVER = "a batch, a payload or headers over the limit"
_BEYOND = "Beyond that the stream ends RESOURCE_EXHAUSTED."
_MOST = 70_000


@SERVERS.case("messages/in-order", "rule 3", "in order of sequence within a session")
def in_order(run):
    """5,000 messages, acknowledged on the way: one result each, in order."""
    stream = run.opened()
    batch = min(500, stream.limit("max_batch_messages"), stream.limit("max_outstanding_messages"))
    for first in range(1, 5001, batch):
        last = min(5000, first + batch - 1)
        stream.write(messages(first, last, received_through=first - 1))
        stream.await_results(1, last)
    check_echo(stream.results)
    stream.acknowledge(5000)
    stream.half_close()
    stream.await_status("OK", "the half-close")


@SERVERS.case("messages/gap", "rule 8", _BAD_SEQUENCE)
def gap(run):
    """1, 2, 4: two results, then INVALID_ARGUMENT that says which sequence was the next."""
    stream = run.opened()
    request = messages(1, 2)
    request.MergeFrom(messages(4, 4))
    stream.write(request)
    stream.await_status("INVALID_ARGUMENT", "message 4 where 3 was the next", "3")
    stream.await_results(1, 2)


@SERVERS.case("messages/repeat", "rule 8", _BAD_SEQUENCE)
def repeat(run):
    """1, 2, 2: two results, then INVALID_ARGUMENT."""
    stream = run.opened()
    stream.write(messages(1, 2))
    stream.write(messages(2, 2))
    stream.await_status("INVALID_ARGUMENT", "message 2 where 3 was the next")
    stream.await_results(1, 2)


@SERVERS.case("messages/batch-too-large", "rule 8", _OVER)
def batch_too_large(run):
    """One message more than max_batch_messages in a request: INVALID_ARGUMENT."""
    stream = run.opened()
    most = stream.limit("max_batch_messages")
    run.skip_unless(most < _MOST, f"max_batch_messages is {most}")
    stream.write(messages(1, most + 1, 1))
    stream.await_status(
        "INVALID_ARGUMENT", f"{most + 1} messages in a request; max_batch_messages is {most}"
    )


@SERVERS.case("messages/payload-too-large", "rule 8", _OVER)
def payload_too_large(run):
    """A payload of max_payload_bytes is answered, one byte more is INVALID_ARGUMENT."""
    stream = run.opened()
    most = stream.limit("max_payload_bytes")
    run.skip_unless(most <= 16 << 20, f"max_payload_bytes is {most}")
    stream.write(messages(1, 1, most))
    stream.await_results(1, 1)
    check_echo(stream.results, most)
    stream.write(messages(2, 2, most + 1, received_through=1))
    stream.await_status(
        "INVALID_ARGUMENT", f"a payload of {most + 1} bytes; max_payload_bytes is {most}"
    )


@SERVERS.case(
    "messages/headers-too-many",
    "Message.headers",
    "At most 128; keys and values together at most 64 KiB.",
)
def headers_too_many(run):
    """128 headers are taken, 129 and 65 KiB of them are not."""
    stream = run.opened()
    right = messages(1, 1)
    for number in range(128):
        right.messages[0].headers.add(key=f"key {number}", value=b"v")
    stream.write(right)
    stream.await_results(1, 1)
    many = messages(2, 2)
    for number in range(129):
        many.messages[0].headers.add(key=f"key {number}", value=b"v")
    stream.write(many)
    stream.await_status("INVALID_ARGUMENT", "a message of 129 headers")
    much = messages(2, 2)
    much.messages[0].headers.add(key="key", value=b"v" * (65 << 10))
    again = run.opened(protocol.RESUMED, 1)
    again.write(much)
    again.await_status("INVALID_ARGUMENT", "a message with 65 KiB of headers")


@SERVERS.case(
    "messages/frame-too-large",
    "frames",
    "A frame (one ProcessRequest or ProcessResponse) holds at most 1 MiB or one message",
)
def frame_too_large(run):
    """Two messages of 600 KiB in a request: INVALID_ARGUMENT."""
    stream = run.opened()
    run.skip_unless(
        stream.limit("max_payload_bytes") >= 600 << 10, "max_payload_bytes is below 600 KiB"
    )
    stream.write(messages(1, 2, 600 << 10))
    stream.await_status("INVALID_ARGUMENT", "a request of 1,200 KiB with two messages")


def _fill(stream, count, size=0):
    """Sends so many messages as fit, in batches."""
    batch = min(4096, stream.limit("max_batch_messages"), max(1, (1 << 19) // (size + 32)))
    for first in range(1, count + 1, batch):
        stream.write(messages(first, min(count, first + batch - 1), size))


@SERVERS.case("window/messages", "rule 6", _BEYOND)
def window_messages(run):
    """One message more than max_outstanding_messages: a window of results, then
    RESOURCE_EXHAUSTED."""
    stream = run.opened()
    most = stream.limit("max_outstanding_messages")
    run.skip_unless(most <= _MOST, f"max_outstanding_messages is {most}")
    _fill(stream, most + 1)
    stream.await_status(
        "RESOURCE_EXHAUSTED", f"{most + 1} messages; max_outstanding_messages is {most}"
    )
    stream.await_results(1, most)


@SERVERS.case("window/bytes", "rule 6", _BEYOND)
def window_bytes(run):
    """More than max_outstanding_bytes: RESOURCE_EXHAUSTED."""
    stream = run.opened()
    most = stream.limit("max_outstanding_bytes")
    run.skip_unless(most <= 128 << 20, f"max_outstanding_bytes is {most}")
    size = min(64 << 10, stream.limit("max_payload_bytes"))
    count = most // size + 1
    run.skip_unless(
        count <= stream.limit("max_outstanding_messages"),
        "the window of messages is the smaller one",
    )
    _fill(stream, count, size)
    stream.await_status(
        "RESOURCE_EXHAUSTED", f"{count * size} bytes; max_outstanding_bytes is {most}"
    )


@SERVERS.case("window/makes-room", "rule 6", "Its messages beyond `received_through` are at most")
def makes_room(run):
    """Two windows and a half, each acknowledged with the messages of the next."""
    stream = run.opened()
    window = stream.limit("max_outstanding_messages")
    run.skip_unless(window <= _MOST, f"max_outstanding_messages is {window}")
    total = window * 5 // 2
    batch = min(stream.limit("max_batch_messages"), window)
    received = 0
    for first in range(1, total + 1, batch):
        last = min(total, first + batch - 1)
        if last - received > window:
            stream.await_results(1, first - 1)
            received = first - 1
        stream.write(messages(first, last, 8, received_through=received))
    stream.await_results(1, total)


@SERVERS.case(
    "received/beyond-what-exists",
    "ProcessRequest.received_through",
    "Never falls (a lower value is ignored), never exceeds what was accepted.",
)
def beyond_what_exists(run):
    """received_through 3 after two messages: INVALID_ARGUMENT."""
    stream = run.opened()
    stream.write(messages(1, 2))
    stream.await_results(1, 2)
    stream.acknowledge(3)
    stream.await_status("INVALID_ARGUMENT", "received_through 3 with two messages accepted")


@SERVERS.case(
    "received/lower-is-ignored",
    "ProcessRequest.received_through",
    "Never falls (a lower value is ignored), never exceeds what was accepted.",
)
def lower_is_ignored(run):
    """received_through 3, then 1: the stream goes on, and what was received does not come again."""
    stream = run.opened()
    stream.write(messages(1, 4))
    stream.await_results(1, 4)
    stream.acknowledge(3)
    stream.acknowledge(1)
    stream.until(
        lambda: stream.empty >= 2, "acknowledgements are heartbeats: two were not answered"
    )
    stream.write(messages(5, 5))
    stream.await_results(1, 5)
    stream.cut()
    again = run.opened(protocol.RESUMED, 4)
    again.await_results(5, 5)
    if again.welcome.accepted_through != 5:
        raise Failure(
            f"five messages were accepted, and accepted_through is {again.welcome.accepted_through}"
        )
