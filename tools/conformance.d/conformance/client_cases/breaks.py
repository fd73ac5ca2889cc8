"""Connections that break, at each point of a session's life."""

from conformance import protocol
from conformance.case import CLIENTS
from conformance.failure import Failure
from conformance.judge import Limits

_RESUME = "what was accepted is not processed again, what was not received is sent again"
_RECONNECT = "A client reconnects after UNAVAILABLE"
_SAME_FIRST = (
    "The same first request sent again, because its `Welcome` never came, is recognised: what was "
    "accepted already is not accepted twice."
)


def check_received(stream, expected, after):
    """What the caller has is what the new stream's Open says."""
    if stream.received_through != expected:
        raise Failure(
            f"{after} you sent received_through {stream.received_through}, though results up to "
            f"{expected} were delivered: the server writes again what it thinks you lack",
            rule="rule 5",
        )


def _same_first_request(first, again):
    if (again.open.session_id, again.open.session_token) != (
        first.open.session_id,
        first.open.session_token,
    ):
        raise Failure(
            "no Welcome came, and your next stream opens another session: the server may have "
            "accepted what came along with the first Open, and processes it twice"
        )
    before = [message.sequence for message in first.requests[0].messages]
    now = [message.sequence for message in again.requests[0].messages]
    if now != before:
        raise Failure(
            f"no Welcome came; the first request had messages {before}, and the one sent again has "
            f"{now}: it should be the same"
        )


@CLIENTS.case("break/before-welcome", "rule 2", _SAME_FIRST)
def before_welcome(run):
    """The first stream ends UNAVAILABLE in place of Welcome."""
    run.connect()
    run.send(3)
    first = run.accept()
    first.finish("UNAVAILABLE", "starting")
    again = run.accept(after=" after UNAVAILABLE in place of Welcome")
    _same_first_request(first, again)
    again.welcome()
    run.close_well(again)


@CLIENTS.case("break/connection-cut-before-welcome", "rule 2", _SAME_FIRST)
def cut_before_welcome(run):
    """The TCP connection is reset before Welcome."""
    run.connect()
    run.send(3)
    first = run.accept()
    first.connection.cut()
    again = run.accept(after=" after the connection was cut before Welcome")
    _same_first_request(first, again)
    again.welcome()
    run.close_well(again)


@CLIENTS.case("break/welcome-lost", "rule 2", _SAME_FIRST)
def welcome_lost(run):
    """The server has accepted what came along, and its Welcome is lost: the same request again,
    RESUMED."""
    run.connect()
    run.send(3)
    first = run.accept()
    accepted = first.judge.next_sequence - 1
    # These wait for Welcome, whichever stream it comes on.
    run.send(2)
    run.let_pass(0.2)
    first.connection.cut()
    again = run.accept(after=" after the connection was cut before Welcome")
    _same_first_request(first, again)
    again.welcome(protocol.RESUMED, accepted)
    run.close_well(again)


@CLIENTS.case("break/idle-after-welcome", "rule 8", _RECONNECT)
def idle_after_welcome(run):
    """An idle stream ends UNAVAILABLE: the client comes back by itself, and says that it was
    welcomed before."""
    stream = run.welcomed_stream()
    stream.finish("UNAVAILABLE", "cut")
    again = run.accept(after=" after an idle stream ended UNAVAILABLE")
    if again.requests[0].messages:
        raise Failure(
            "messages came along with an Open that resumes: only a session's first may carry them"
        )
    again.welcome(protocol.RESUMED, 0)
    run.send(2)
    run.close_well(again)


@CLIENTS.case(
    "break/says-that-it-resumes",
    "Open.resumes",
    "The client has been welcomed in this session before.",
)
def resumes(run):
    """After a break the client says that it was welcomed before."""
    stream = run.welcomed_stream(1)
    stream.connection.cut()
    again = run.accept(after=" after the connection was cut")
    if not again.open.resumes:
        raise Failure(
            "the client was welcomed before, and its Open has no `resumes`: a store that has lost "
            "the session takes it for a new one, and its messages are done twice"
        )
    again.welcome(protocol.RESUMED, 1)
    run.close_well(again)


@CLIENTS.case("break/amid-results", "rule 5", _RESUME)
def amid_results(run):
    """10 messages are accepted, 5 results delivered, then the connection is cut."""
    stream = run.welcomed_stream(10)
    stream.results(1, 5)
    run.await_results(5)
    stream.connection.cut()
    again = run.accept(after=" after the connection was cut amid results")
    check_received(again, 5, "after the break")
    again.welcome(protocol.RESUMED, 10)
    again.results(6, 10)
    run.await_results(10)
    run.send(2)
    run.close_well(again)


@CLIENTS.case("break/amid-a-frame", "rule 5", _RESUME)
def amid_a_frame(run):
    """The connection is cut in the middle of a frame of results: half a frame is none."""
    stream = run.welcomed_stream(4)
    for sequence in range(1, 5):
        run.set_result(sequence, bytes([48 + sequence]) * (100 << 10))
    stream.results(1, 2)
    run.await_results(2)
    stream.connection.cut_after(60 << 10)
    stream.results(3, 4)
    again = run.accept(after=" after the connection was cut amid a frame")
    check_received(again, 2, "after the break")
    again.welcome(protocol.RESUMED, 4)
    run.close_well(again)


@CLIENTS.case("break/amid-messages", "rule 5", _RESUME)
def amid_messages(run):
    """The server has accepted 4 of 10 messages: the client goes on with the fifth."""
    stream = run.welcomed_stream(10)
    stream.connection.cut()
    again = run.accept(after=" after the connection was cut amid messages")
    again.welcome(protocol.RESUMED, 4)
    run.await_messages(again, 10)
    run.close_well(again)


@CLIENTS.case("break/after-the-last-result", "rule 5", _RESUME)
def after_the_last_result(run):
    """All results were delivered, and nothing acknowledged: the next Open says it."""
    stream = run.welcomed_stream(5)
    stream.results(1, 5)
    run.await_results(5)
    stream.connection.cut()
    again = run.accept(after=" after the connection was cut behind the last result")
    check_received(again, 5, "after the break")
    again.welcome(protocol.RESUMED, 5)
    run.close_well(again)


@CLIENTS.case(
    "break/while-closing", "rule 4", "everything accepted is answered, then the stream ends OK"
)
def while_closing(run):
    """The caller has closed, three results are missing, and the connection breaks."""
    stream = run.welcomed_stream(5)
    stream.results(1, 2)
    run.await_results(2)
    run.finish()
    stream.connection.cut()
    again = run.accept(after=" after a break while the caller's close waited for three results")
    check_received(again, 2, "after the break")
    again.welcome(protocol.RESUMED, 5)
    run.close_well(again)


@CLIENTS.case(
    "break/amid-the-half-close",
    "rule 4",
    "Half-closing says that the client is finished: everything accepted is answered, then the "
    "stream ends OK.",
)
def amid_half_close(run):
    """The client has every result and has half-closed; then the stream breaks: the caller has
    lost nothing."""
    stream = run.welcomed_stream(3)
    stream.echo()
    run.finish()
    run.await_half_close(stream, " after its caller had closed it")
    run.check_acknowledged(stream)
    stream.finish("UNAVAILABLE", "cut")
    _let_it_say_goodbye(run)
    run.check_all_delivered()


def _let_it_say_goodbye(run):
    """The stream ends OK; a client may open another one first, to be told that all is well."""
    server = run.server

    def happened():
        return run.adapter.ended or (
            len(server.streams) > server.accepted and server.streams[server.accepted].requests
        )

    run.until(
        happened, "the stream neither ended for its caller nor was it opened again", ends=True
    )
    if not run.adapter.ended:
        again = run.accept()
        again.welcome(protocol.LOST)
        run.await_half_close(again)
        again.finish()
    run.await_ended("OK", " (every message had its result)")


@CLIENTS.case("break/two-hundred", "rule 5", _RESUME)
def two_hundred(run):
    """4,000 messages over 200 broken connections, of every kind: one result each."""
    total, breaks = 4000, 200
    stream = run.welcomed_stream(limits=Limits(messages=200))
    run.send(total)
    for number in range(1, breaks + 1):
        through = total * number // (breaks + 1)
        run.await_messages(stream, through)
        stream.results(stream.answered_through + 1, through)
        if number % 3:
            # Else what was written may be lost.
            run.await_results(through)
        if number % 2:
            stream.connection.cut()
        else:
            stream.finish("UNAVAILABLE", "cut")
        sent = stream.judge.next_sequence - 1
        # No server has accepted less than it has answered.
        accepted = max(through, sent - sent % 2)
        stream = run.accept(after=f" after break {number} of {breaks}")
        if number % 5:
            stream.welcome(protocol.RESUMED, accepted, Limits(messages=200))
        else:
            stream.welcome(protocol.LOST, limits=Limits(messages=200))
    run.close_well(stream)
