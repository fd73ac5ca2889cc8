"""Results, in order, one for each message."""

from conformance import protocol
from conformance.case import CLIENTS
from conformance.failure import Failure
from conformance.judge import Limits

_ONE_EACH = "Exactly one terminal `Result` for each accepted message, in order of sequence within"


@CLIENTS.case("results/a-thousand", "rule 3", _ONE_EACH)
def thousand(run):
    """1,000 messages, answered in frames of every size."""
    stream = run.welcomed_stream(1000)
    at, size = 1, 1
    while at <= 1000:
        through = min(1000, at + size - 1)
        stream.results(at, through)
        at, size = through + 1, size % 97 * 2 + 1
    run.await_results(1000)
    run.close_well(stream)


@CLIENTS.case(
    "results/payloads-as-they-are", "Message.payload", "Anything, up to `max_payload_bytes`."
)
def payloads(run):
    """Empty payloads, all byte values, a whole mebibyte; and results like that."""
    every = bytes(range(256))
    sent = [b"", every * 16, b"\0" * 10, b"\xff\xfe", b"z" * (1 << 20)]
    stream = run.welcomed_stream()
    for sequence, payload in enumerate(sent, 1):
        run.set_result(sequence, payload)
    run.send(sent)
    run.close_well(stream)


@CLIENTS.case(
    "results/a-failure-is-one-messages",
    "rule 3",
    "A message that fails is an `Error` in its own `Result`; its neighbours and the stream live "
    "on.",
)
def failure(run):
    """The second of three messages fails."""
    stream = run.welcomed_stream(3)
    run.set_result(2, b"")
    stream.will_answer(3)
    stream.write(
        protocol.processor.ProcessResponse(
            results=[
                run.result(1),
                protocol.processor.Result(
                    sequence=2, error=protocol.processor.Error(code=3, message="no such account")
                ),
                run.result(3),
            ]
        )
    )
    run.await_results(3)
    errors = [result.error for result in run.adapter.results]
    if errors[0] or errors[2]:
        raise Failure(f"only message 2 failed; the caller was told {errors}")
    if not errors[1] or errors[1].get("code") != "INVALID_ARGUMENT":
        raise Failure(f"message 2 failed with INVALID_ARGUMENT; its result says {errors[1]}")
    if "no such account" not in str(errors[1].get("message")):
        raise Failure(f"the error's text is 'no such account'; the caller was told {errors[1]}")
    run.send(1)
    run.close_well(stream)


@CLIENTS.case(
    "results/headers-both-ways",
    "Message.headers",
    "Metadata beside the payload",
    needs=("headers",),
)
def headers(run):
    """Headers of a message arrive, those of its result too."""
    stream = run.welcomed_stream()
    run.send([b"hi"], headers={"tenant": b"a", "binary": b"\0\xff"})
    run.await_messages(stream, 1)
    result = run.result(1)
    for key, value in (("kind", b"echo"), ("raw", b"\xfe\0")):
        result.headers.add(key=key, value=value)
    stream.will_answer(1)
    stream.write(protocol.processor.ProcessResponse(results=[result]))
    run.await_results(1)
    got = run.adapter.results[0].headers
    if got != {"kind": b"echo", "raw": b"\xfe\0"}:
        raise Failure(f"the result has the headers kind=echo and raw=fe00; the caller got {got}")
    run.close_well(stream)


@CLIENTS.case(
    "results/with-welcome",
    "ProcessResponse.welcome",
    "Answers `Open`. Once, in front of every result",
)
def with_welcome(run):
    """Welcome and results come in one response."""
    run.connect()
    run.send(3)
    stream = run.accept()
    along = stream.judge.next_sequence - 1
    response = stream.welcome_response(protocol.NEW, 0, None, 600)
    stream.will_answer(along)
    response.results.extend(run.result(sequence) for sequence in range(1, along + 1))
    stream.write(response)
    run.await_results(along)
    run.close_well(stream)


@CLIENTS.case(
    "results/empty-responses",
    "ProcessResponse",
    "A response with no field set answers a heartbeat.",
)
def empty(run):
    """Empty responses between results mean nothing."""
    stream = run.welcomed_stream(5)
    for sequence in range(1, 6):
        for _ in range(20):
            stream.write(b"")
        stream.results(sequence, sequence)
    run.await_results(5)
    run.close_well(stream)


@CLIENTS.case(
    "acknowledge/within-a-second",
    "rule 6",
    "A client sends `received_through` at the latest after half a window (messages or result "
    "bytes) or 1 s.",
)
def within_a_second(run):
    """Three results, then nothing to send: they are acknowledged all the same."""
    stream = run.welcomed_stream(3)
    stream.results(1, 3)
    run.await_results(3)
    run.until(
        lambda: stream.received_through == 3,
        lambda: f"the caller has three results, and you sent received_through "
        f"{stream.received_through}; it is due within 1 s, also where there is nothing else to "
        "send",
        seconds=10,
    )
    run.close_well(stream)


_CADENCE = "at the latest after half a window (messages or result bytes) or 1 s"
# With one acknowledgement a second each of these would take minutes.
_CADENCE_SECONDS = 40


def _answer_as_far_as_held(run, stream, total, held_messages, held_bytes):
    """Answers what came; of what is not acknowledged it holds so much, as servers do."""
    began = run.now()
    while stream.answered_through < total:
        if run.now() > began + _CADENCE_SECONDS:
            raise Failure(
                f"{stream.answered_through} of {total} messages took {_CADENCE_SECONDS} s: you "
                "acknowledge about once a second, and a server holds half a window of results; "
                "acknowledge after that, too"
            )
        first = stream.answered_through + 1
        run.until(
            lambda through=first: stream.judge.next_sequence > through,
            f"message {first} of {total} did not come: half a window of results was there to be "
            "acknowledged",
        )

        def room():
            held = stream.answered_through - stream.received_through
            size = sum(
                len(run.result(sequence).payload)
                for sequence in range(stream.received_through + 1, stream.answered_through + 1)
            )
            return held < held_messages and size < held_bytes

        run.until(
            room,
            lambda: f"results {stream.received_through + 1} to {stream.answered_through} fill half "
            f"a window, and you sent received_through {stream.received_through}",
        )
        stream.results(first, first)


def _cadence(run, stream, total, held_messages, held_bytes):
    _answer_as_far_as_held(run, stream, total, held_messages, held_bytes)
    run.close_well(stream)


@CLIENTS.case("acknowledge/half-a-window-of-messages", "rule 6", _CADENCE)
def half_of_messages(run):
    """A window of 8 messages, and 400 to send: acknowledgements do not wait for the second."""
    stream = run.welcomed_stream(limits=Limits(messages=8))
    run.send(400)
    _cadence(run, stream, 400, 4, 1 << 30)


@CLIENTS.case("acknowledge/half-a-window-of-result-bytes", "rule 6", _CADENCE)
def half_of_bytes(run):
    """Small messages with results of 1,000 bytes, and a window of 8,000 bytes."""
    stream = run.welcomed_stream(limits=Limits(size=8000))
    for sequence in range(1, 401):
        run.set_result(sequence, b"%04d" % sequence * 250)
    run.send([b"%03d" % i for i in range(400)])
    _cadence(run, stream, 400, 1 << 30, 4000)
