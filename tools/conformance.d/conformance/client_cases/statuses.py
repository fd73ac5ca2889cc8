"""How a stream ends, and whether the client comes again; how often it tries."""

import concurrent.futures

from conformance import protocol
from conformance.case import CLIENTS, Case
from conformance.failure import Failure
from conformance.relay import ENHANCE_YOUR_CALM

_RETRIED = (
    "A client reconnects after UNAVAILABLE, and after INTERNAL, UNKNOWN or CANCELLED that it did "
    "not cause; after nothing else."
)
_BEFORE = "Results of everything accepted are written before the status."


def _retried(code):
    def script(run):
        stream = run.welcomed_stream(3)
        stream.results(1, 2)
        run.await_results(2)
        stream.finish(code, "not now")
        again = run.accept(after=f" after {code}")
        again.welcome(protocol.RESUMED, 3)
        run.close_well(again)

    script.__doc__ = f"The stream ends {code}: the client comes again."
    return script


def _final(code):
    def script(run):
        stream = run.welcomed_stream(3)
        stream.results(1, 2)
        stream.finish(code, f"told so by the suite ({code})")
        run.await_ended(code, f" after {code}")
        if len(run.adapter.results) != 2:
            raise Failure(
                f"two results were written before {code}, and the caller got "
                f"{len(run.adapter.results)}"
            )
        if "told so by the suite" not in run.adapter.ended["message"]:
            raise Failure(
                f"the caller is told {code} with {run.adapter.ended['message']!r}: the server's "
                "own words say what to mend"
            )
        if len(run.server.streams) > 1:
            raise Failure(
                f"the client opened another stream after {code}: it would be told the same for ever"
            )

    script.__doc__ = f"""The stream ends {code}: the caller is told, with the server's words; the
    client does not come again."""
    return script


def _refused(code):
    def script(run):
        run.connect()
        run.accept().finish(code, f"told so by the suite ({code})")
        run.await_ended(code, f" after {code} in place of Welcome")
        if len(run.server.streams) > 1:
            raise Failure(f"the client opened another stream after {code}")

    script.__doc__ = (
        f"{code} in place of Welcome: the caller is told, and the client does not come again."
    )
    return script


for _code in ("UNAVAILABLE", "INTERNAL", "UNKNOWN", "CANCELLED"):
    CLIENTS.add(Case(f"status/{_code.lower()}", "rule 8", _RETRIED, (), _retried(_code)))
for _code in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNAUTHENTICATED", "PERMISSION_DENIED"):
    CLIENTS.add(Case(f"status/{_code.lower()}", "rule 8", _RETRIED, (), _final(_code)))
for _code in ("NOT_FOUND", "FAILED_PRECONDITION", "DATA_LOSS", "UNIMPLEMENTED"):
    CLIENTS.add(Case(f"status/{_code.lower()}", "rule 8", _RETRIED, (), _refused(_code)))


@CLIENTS.case(
    "status/reset-for-want-of-memory",
    "docs/protocol.md, How a stream ends",
    "not the server: gRPC is short of memory there",
)
def reset_for_memory(run):
    """HTTP/2 resets the stream with ENHANCE_YOUR_CALM, which gRPC calls RESOURCE_EXHAUSTED: unlike
    that of the server's own, it passes, and the client comes again."""
    stream = run.welcomed_stream(3)
    stream.results(1, 2)
    run.await_results(2)
    stream.connection.reset_stream(ENHANCE_YOUR_CALM)
    again = run.accept(after=" after RST_STREAM with ENHANCE_YOUR_CALM")
    again.welcome(protocol.RESUMED, 3)
    run.close_well(again)


@CLIENTS.case("status/ok-too-early", "rule 4", "Half-closing says that the client is finished")
def ok_too_early(run):
    """The server ends the stream OK, and the client had not half-closed: it comes again."""
    stream = run.welcomed_stream(2)
    stream.results(1, 1)
    run.await_results(1)
    stream.finish("OK")
    again = run.accept(after=" after OK in front of the half-close, with a result missing")
    again.welcome(protocol.RESUMED, 2)
    run.close_well(again)


@CLIENTS.case("status/results-in-front-of-it", "rule 8", _BEFORE)
def results_in_front(run):
    """500 results and UNAVAILABLE right behind them: all are given to the caller, and
    acknowledged."""
    stream = run.welcomed_stream(500)
    stream.results(1, 500)
    stream.finish("UNAVAILABLE", "cut")
    again = run.accept(after=" after 500 results and UNAVAILABLE")
    if again.received_through != 500:
        raise Failure(
            "500 results came in front of the status, and you sent received_through "
            f"{again.received_through}: read to the end before you look at the status"
        )
    again.welcome(protocol.RESUMED, 500)
    run.close_well(again)


_PAUSES = "yes, with growing random pauses"


def _refuse(run, server, attempts):
    """Refuses all but the last attempt; returns that stream, and the pauses between them."""
    pauses = []
    for attempt in range(attempts):
        after = f" after UNAVAILABLE in place of Welcome, {attempt} times" if attempt else ""
        stream = run.accept(server, after=after, seconds=60)
        if attempt:
            pauses.append(stream.began_at - refused_at)
        if attempt < attempts - 1:
            stream.finish("UNAVAILABLE", "full")
            refused_at = run.now()
    return stream, pauses


def _in_words(pauses):
    return ", ".join(f"{pause * 1000:.0f} ms" for pause in pauses)


@CLIENTS.case("backoff/grows", "docs/protocol.md, How a stream ends", _PAUSES)
def grows(run):
    """A server refuses nine streams: the client pauses longer and longer, and goes on trying."""
    run.connect()
    stream, pauses = _refuse(run, run.server, 10)
    if sum(pauses[-3:]) <= 2 * sum(pauses[:3]):
        raise Failure(f"the pauses between attempts do not grow: {_in_words(pauses)}")
    stream.welcome()
    run.send(1)
    run.close_well(stream)


@CLIENTS.case("backoff/jitter", "docs/protocol.md, How a stream ends", _PAUSES)
def jitter(run):
    """Two clients are refused eleven times: they do not pause alike."""
    servers = [run.server, run.another_server()]
    for server in servers:
        run.connect(server)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        (_, first), (_, second) = pool.map(lambda server: _refuse(run, server, 12), servers)
    # The first pauses are too short to tell; and a busy machine makes one longer.
    alike = [abs(a - b) < 0.06 + 0.04 * max(a, b) for a, b in zip(first[-5:], second[-5:])]
    if sum(alike) >= 4:
        raise Failure(
            f"two clients paused alike, one {_in_words(first)}, the other {_in_words(second)}: "
            "draw pauses at random, or all clients of a server that stops come to the next one "
            "together"
        )


@CLIENTS.case("backoff/dead-server", "docs/protocol.md, How a stream ends", _PAUSES)
def dead_server(run):
    """Nobody listens when the client starts; its messages arrive once somebody does."""
    address = run.dead_address()
    run.connect(address=address)
    run.send(3)
    run.let_pass(1.0)
    server = run.serve_at(address)
    stream = run.accept(server, after=" after the server had come up", seconds=60)
    stream.welcome()
    run.close_well(stream)


@CLIENTS.case("close/unused", "rule 4", "Half-closing says that the client is finished")
def unused(run):
    """A stream that nothing was sent on is closed: half-close, and OK."""
    run.connect()
    run.finish()
    stream = run.accept()
    stream.welcome()
    run.await_half_close(stream, " after its caller had closed it")
    stream.finish()
    run.await_ended("OK", " after the half-close was answered with OK")


@CLIENTS.case(
    "close/waits-for-results", "rule 4", "everything accepted is answered, then the stream ends OK"
)
def waits(run):
    """The caller closes with 5 results missing: no half-close before they are there."""
    stream = run.welcomed_stream(5)
    run.finish()
    stream.results(1, 4)
    run.await_results(4)
    run.watch(
        lambda: stream.half_closed or run.adapter.ended,
        "you half-closed before the result of message 5 had come: the last received_through can "
        "then not be sent, and the server keeps the session until it expires",
    )
    run.close_well(stream)


@CLIENTS.case("close/cancel", "rule 8", "CANCELLED that it did not cause")
def cancel(run):
    """The caller cancels amid messages: the stream ends at once, for both."""
    stream = run.welcomed_stream(3)
    run.adapter.command("cancel")
    run.await_ended("CANCELLED", " after its caller cancelled it")
    run.until(
        lambda: stream.broken or stream.connection.closed_by_client,
        "the caller cancelled the stream, and the server was not told",
        ends=True,
    )
    if len(run.server.streams) > 1:
        raise Failure("the client opened another stream after its caller had cancelled this one")
