"""Servers that do not keep the rules, and servers of later versions."""

from conformance import protocol
from conformance.case import CLIENTS
from conformance.client_cases.breaks import check_received
from conformance.failure import Failure

_ONCE = (
    "On one stream no result comes twice: a client may break a stream that repeats one, and should "
    "say so."
)
_IN_ORDER = "Results, in order of sequence."
# Fields 100 and 101 of any message: a number, and a text.
_UNKNOWN = b"\xa0\x06\x07\xaa\x06\x03new"


def _gives_up(run, stream, what):
    """The client breaks the stream, or its caller is told the end."""
    run.until(
        lambda: stream.broken or run.adapter.ended,
        f"the server sent {what}, and the client goes on with this stream: break it, and resume "
        "on another",
        ends=True,
    )
    if run.adapter.ended:
        raise Failure(
            f"the server sent {what}, and the stream ended with {run.adapter.ended['code']} for "
            "its caller: break the call only, and resume; the next server may be right"
        )
    return run.accept(after=f" after {what}")


@CLIENTS.case(
    "garbage/no-protobuf",
    "rule 8",
    "and after INTERNAL, UNKNOWN or CANCELLED that it did not cause",
)
def no_protobuf(run):
    """A response that is no ProcessResponse: the client breaks the call and resumes."""
    stream = run.welcomed_stream(2)
    stream.results(1, 1)
    run.await_results(1)
    stream.write(b"\xff\xff\xff garbage")
    again = _gives_up(run, stream, "garbage")
    check_received(again, 1, "after garbage")
    again.welcome(protocol.RESUMED, 2)
    run.close_well(again)


@CLIENTS.case(
    "garbage/results-before-welcome", "ProcessResponse.welcome", "Once, in front of every result"
)
def results_before_welcome(run):
    """Results where Welcome is due: none is given to the caller."""
    run.connect()
    run.send(1)
    stream = run.accept()
    stream.write(
        protocol.processor.ProcessResponse(
            results=[protocol.processor.Result(sequence=1, payload=b"early")]
        )
    )
    again = _gives_up(run, stream, "a result in front of Welcome")
    again.welcome()
    run.close_well(again)


@CLIENTS.case("garbage/repeated-result", "rule 5", _ONCE)
def repeated(run):
    """The result of message 1 comes twice on a stream: it is given once, and nothing is lost."""
    stream = run.welcomed_stream(3)
    stream.results(1, 1)
    run.await_results(1)
    stream.write(protocol.processor.ProcessResponse(results=[run.result(1)]))
    stream.results(2, 2)
    server = run.server
    run.until(
        lambda: stream.broken or len(run.adapter.results) > 1,
        "a result came twice on a stream, and the client neither went on nor broke it",
    )
    if stream.broken or stream.half_closed:
        stream = run.accept(server, after=" after the client broke a stream that repeated a result")
        stream.welcome(protocol.RESUMED, 3)
    run.close_well(stream)


@CLIENTS.case("garbage/result-out-of-order", "ProcessResponse.results", _IN_ORDER)
def out_of_order(run):
    """The result of message 3 comes where that of 2 is due."""
    stream = run.welcomed_stream(3)
    stream.results(1, 1)
    run.await_results(1)
    run.set_result(3, b"third")
    stream.write(protocol.processor.ProcessResponse(results=[run.result(3)]))
    again = _gives_up(run, stream, "the result of message 3 where that of 2 was due")
    check_received(again, 1, "after a result out of order")
    again.welcome(protocol.RESUMED, 3)
    run.close_well(again)


@CLIENTS.case("garbage/result-of-nothing", "ProcessResponse.results", _IN_ORDER)
def of_nothing(run):
    """A result of message 3, and only two were sent."""
    stream = run.welcomed_stream(2)
    stream.results(1, 2)
    run.await_results(2)
    stream.write(
        protocol.processor.ProcessResponse(
            results=[protocol.processor.Result(sequence=3, payload=b"of nothing")]
        )
    )
    again = _gives_up(run, stream, "a result of message 3, which was never sent")
    again.welcome(protocol.RESUMED, 2)
    run.close_well(again)


@CLIENTS.case(
    "forward/unknown-fields", "docs/protocol.md, A session", "Fields that one end does not know"
)
def unknown_fields(run):
    """Welcome, results and responses with fields of a later version: they are passed over."""
    stream = run.welcomed_stream(2, extra=_UNKNOWN)
    stream.will_answer(2)
    result = run.result(1)
    result.MergeFromString(_UNKNOWN)
    response = protocol.processor.ProcessResponse(results=[result, run.result(2)])
    response.MergeFromString(_UNKNOWN)
    stream.write(_UNKNOWN)
    stream.write(response)
    run.await_results(2)
    run.send(1)
    run.close_well(stream)
