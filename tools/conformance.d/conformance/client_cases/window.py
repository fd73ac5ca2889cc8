"""Limits that Welcome states."""

from conformance import protocol
from conformance.case import CLIENTS
from conformance.failure import Failure
from conformance.judge import Limits

_WINDOW = "Its messages beyond `received_through` are at most `max_outstanding_messages`"
_BATCH = "Messages to process, at most `max_batch_messages`, in order of sequence."
_FRAME = "A frame (one ProcessRequest or ProcessResponse) holds at most 1 MiB or one message"


def _send_one_by_one(run, payloads):
    for payload in payloads:
        run.send([payload])


@CLIENTS.case("window/messages", "rule 6", _WINDOW)
def messages(run):
    """A window of 4 messages, and 60 to send."""
    stream = run.welcomed_stream(limits=Limits(messages=4))
    run.send(60)
    stream.echo()
    run.await_results(60)
    run.close_well(stream)


@CLIENTS.case(
    "window/bytes",
    "rule 6",
    "their bytes (payloads, header keys and header values; also fields that this file does not "
    "have, at most 4 KiB a message) at most `max_outstanding_bytes`",
)
def size(run):
    """A window of 1,000 bytes, and 40 messages of 300."""
    stream = run.welcomed_stream(limits=Limits(size=1000))
    run.send([b"%03d" % i * 100 for i in range(40)])
    stream.echo()
    run.await_results(40)
    run.close_well(stream)


@CLIENTS.case(
    "window/header-bytes", "rule 6", "payloads, header keys and header values", needs=("headers",)
)
def header_bytes(run):
    """A window of 1,000 bytes, and 40 messages with 300 bytes of headers."""
    stream = run.welcomed_stream(limits=Limits(size=1000))
    run.send([b"x"] * 40, headers={"key": b"v" * 297})
    stream.echo()
    run.await_results(40)
    run.close_well(stream)


@CLIENTS.case("window/one-always-fits", "rule 6", "one message always fits")
def one_always_fits(run):
    """A window of 1,000 bytes, and messages of 3,000: each goes alone."""
    stream = run.welcomed_stream(limits=Limits(size=1000))
    run.send([b"%d" % i * 3000 for i in range(5)])
    stream.echo()
    run.await_results(5)
    run.close_well(stream)


@CLIENTS.case("window/holds-the-caller-back", "rule 6", _WINDOW)
def holds_back(run):
    """A window of 8 messages that nobody answers: the caller's sends wait, and go on afterwards."""
    stream = run.welcomed_stream(limits=Limits(messages=8))
    for _ in range(100):
        run.send(1)
    run.await_messages(stream, 8)
    run.watch(
        lambda: run.adapter.sent > 8 + protocol.MAX_MESSAGES_WITH_OPEN,
        lambda: f"the client has taken {run.adapter.sent} messages, with a window of 8 that is "
        "full: what it takes it must hold in memory; hold the caller back",
    )
    stream.echo()
    run.await_results(100)
    run.close_well(stream)


@CLIENTS.case("window/callers-own-bound", "rule 6", _WINDOW, needs=("max_outstanding_messages",))
def callers_own_bound(run):
    """The caller bounds the window to 3, below the server's."""
    run.connect(max_outstanding_messages=3)
    stream = run.accept()
    stream.welcome()
    for _ in range(10):
        run.send(1)
    run.await_messages(stream, 3)
    run.watch(
        lambda: len(stream.messages) > 3,
        lambda: f"{len(stream.messages)} messages came without a result; the caller's "
        "max_outstanding_messages is 3",
    )
    stream.echo()
    run.close_well(stream)


@CLIENTS.case(
    "window/callers-own-bytes",
    "Welcome.max_outstanding_bytes",
    "Most bytes (payloads, header keys and values) beyond `received_through`.",
    needs=("max_outstanding_bytes",),
)
def callers_own_bytes(run):
    """The caller bounds the window to 1,000 bytes, below the server's."""
    run.connect(max_outstanding_bytes=1000)
    stream = run.accept()
    stream.welcome()
    for number in range(10):
        run.send([b"%d" % number * 300])
    run.await_messages(stream, 3)
    run.watch(
        lambda: len(stream.messages) > 3,
        lambda: f"{300 * len(stream.messages)} bytes came without a result; the caller's "
        "max_outstanding_bytes is 1,000",
    )
    stream.echo()
    run.close_well(stream)


@CLIENTS.case("window/another-servers-is-smaller", "rule 6", _WINDOW)
def shrinks(run):
    """30 messages are under way; the next server has lost them, and a window of 5."""
    stream = run.welcomed_stream(30)
    stream.results(1, 1)
    run.await_results(1)
    stream.finish("UNAVAILABLE", "cut")
    stream = run.accept(after=" after a break with UNAVAILABLE")
    stream.welcome(protocol.LOST, limits=Limits(messages=5))
    stream.echo()
    run.await_results(30)
    run.close_well(stream)


@CLIENTS.case("window/batch", "ProcessRequest.messages", _BATCH)
def batch(run):
    """max_batch_messages is 3, and 50 messages are sent at once."""
    stream = run.welcomed_stream(limits=Limits(batch=3))
    run.send(50)
    run.close_well(stream)


@CLIENTS.case("window/frame-of-a-mebibyte", "frames", _FRAME)
def frame(run):
    """40 messages of 100 KiB are sent at once: no request is over 1 MiB."""
    stream = run.welcomed_stream()
    run.send([bytes([40 + i]) * (100 << 10) for i in range(40)])
    run.close_well(stream)


@CLIENTS.case("window/large-message-alone", "frames", _FRAME)
def large_alone(run):
    """Small messages around one of 2 MiB: that one is a frame of its own."""
    stream = run.welcomed_stream(limits=Limits(payload=3 << 20))
    run.send([b"before", b"L" * (2 << 20), b"after", b"M" * (2 << 20), b"last"])
    run.set_result(2, b"large")
    run.set_result(4, b"large")
    run.close_well(stream)


@CLIENTS.case(
    "window/payload-too-large",
    "Welcome.max_payload_bytes",
    "Most bytes in one payload, of a message and of a result.",
)
def payload_too_large(run):
    """A payload over max_payload_bytes: the caller is told, the server does not see it."""
    stream = run.welcomed_stream(limits=Limits(payload=1000))
    stream.echo()
    run.send(1)
    run.await_results(1)
    run.send([b"x" * 1001], refused=True)
    _expect_refused(run, "a payload of 1001 bytes, with max_payload_bytes 1000,")
    run.send([b"y" * 1000])
    run.await_results(2)
    run.close_well(stream)


@CLIENTS.case(
    "window/too-many-headers",
    "Message.headers",
    "At most 128; keys and values together at most 64 KiB.",
    needs=("headers",),
)
def too_many_headers(run):
    """129 headers, and 65 KiB of them: the caller is told, the server does not see them."""
    stream = run.welcomed_stream()
    stream.echo()
    run.send([b"many"], headers={f"key {i}": b"v" for i in range(129)}, refused=True)
    _expect_refused(run, "a message of 129 headers")
    run.send([b"much"], headers={"key": b"v" * (65 << 10)}, refused=True)
    _expect_refused(run, "a message with 65 KiB of headers", 2)
    run.send([b"right"], headers={f"key {i}": b"v" for i in range(128)})
    run.await_results(1)
    run.close_well(stream)


def _expect_refused(run, what, count=1):
    run.until(
        lambda: len(run.adapter.refused) >= count,
        f"{what} was sent by the caller, and the client did not refuse it (event `refused`)",
    )
    code = run.adapter.refused[count - 1].get("code")
    if code != "INVALID_ARGUMENT":
        raise Failure(f"{what} was refused with {code}; INVALID_ARGUMENT is what it is")
