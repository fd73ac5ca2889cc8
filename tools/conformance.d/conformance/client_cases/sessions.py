"""What a server knows of the session: NEW, RESUMED, LOST; stores; another stream that has it."""

import base64

from conformance import protocol
from conformance.case import CLIENTS
from conformance.client_cases.breaks import check_received
from conformance.failure import Failure

_LOST = (
    "Resuming on another server answers STATE_LOST, and the client sends again what has no result."
)
_STORE = protocol.Welcome.DURABILITY_STORE
_SENDS_NOTHING = (
    "A client sends nothing again by itself then, and neither does it go on where a server has "
    "another store, or none."
)
_OWN = {"session_id": "shared", "session_token": base64.b64encode(b"known to two of us").decode()}


@CLIENTS.case(
    "session/resumed-with-repeats", "rule 5", "a client that drops results at or below its"
)
def repeats(run):
    """After RESUMED the server writes results again that were delivered: each is given once."""
    stream = run.welcomed_stream(6)
    stream.results(1, 3)
    run.await_results(3)
    stream.connection.cut()
    again = run.accept(after=" after the connection was cut")
    again.welcome(protocol.RESUMED, 6)
    again.results(1, 6)
    run.await_results(6)
    run.close_well(again)


@CLIENTS.case("session/lost", "rule 5", _LOST)
def lost(run):
    """5 messages are under way, 2 results delivered; the next server knows nothing."""
    stream = run.welcomed_stream(5)
    stream.results(1, 2)
    run.await_results(2)
    stream.connection.cut()
    again = run.accept(after=" after the connection was cut")
    check_received(again, 2, "after the break")
    again.welcome(protocol.LOST)
    run.await_messages(again, 5)
    run.close_well(again)


@CLIENTS.case(
    "session/lost-is-told",
    "Welcome.STATE_LOST",
    "The server does not know the session, though the client has received something",
    needs=("lost",),
)
def lost_is_told(run):
    """The caller hears that the session's state was lost: handlers may see messages again."""
    stream = run.welcomed_stream(2)
    stream.results(1, 1)
    run.await_results(1)
    stream.connection.cut()
    again = run.accept(after=" after the connection was cut")
    again.welcome(protocol.LOST)
    run.until(
        lambda: run.adapter.lost == 1,
        "Welcome said STATE_LOST, and the caller was not told (event `lost`)",
    )
    run.close_well(again)


@CLIENTS.case(
    "session/new-again", "Welcome.STATE_NEW", "The session begins here: the next sequence is 1."
)
def new_again(run):
    """Nothing was delivered yet, and the next server knows nothing: NEW, and all from 1."""
    stream = run.welcomed_stream(5)
    stream.connection.cut()
    again = run.accept(after=" after the connection was cut")
    if again.requests[0].messages:
        raise Failure(
            "messages came along with the second Open, though the first was welcomed: only a "
            "session's first may carry them",
            rule="rule 2",
        )
    again.welcome(protocol.NEW)
    run.await_messages(again, 5)
    run.close_well(again)


@CLIENTS.case(
    "session/journey-and-back",
    "Welcome.STATE_RESUMED",
    "The session is known: the next sequence is `accepted_through` + 1, and results beyond the "
    "client's",
)
def journey(run):
    """A has 6 of 8 messages, B has lost all, and back at A: RESUMED with A's 6, though B answered
    4."""
    here = run.welcomed_stream(8)
    here.results(1, 1)
    run.await_results(1)
    here.finish("UNAVAILABLE", "cut")
    there = run.accept(after=" after a break with UNAVAILABLE")
    check_received(there, 1, "after the break")
    there.welcome(protocol.LOST)
    run.await_messages(there, 8)
    there.results(2, 4)
    run.await_results(4)
    there.finish("UNAVAILABLE", "cut")
    back = run.accept(after=" after the second break with UNAVAILABLE")
    check_received(back, 4, "after the second break")
    back.welcome(protocol.RESUMED, 6)
    run.await_messages(back, 8)
    run.close_well(back)


@CLIENTS.case(
    "session/accepted-falls",
    "rule 5",
    "with an `accepted_through` that may be lower than one that the client was told before",
)
def accepted_falls(run):
    """A store had committed less than the server had said: what is beyond is sent again."""
    store = {"durability": _STORE, "store_generation": "9f3c"}
    stream = run.welcomed_stream(10, **store)
    stream.connection.cut()
    second = run.accept(after=" after the connection was cut")
    second.welcome(protocol.RESUMED, 8, **store)
    run.await_messages(second, 10)
    second.results(1, 2)
    run.await_results(2)
    second.connection.cut()
    third = run.accept(after=" after the connection was cut twice")
    third.welcome(protocol.RESUMED, 5, **store)
    run.await_messages(third, 10)
    run.close_well(third)


@CLIENTS.case(
    "session/taken-over",
    "rule 8",
    "another stream took the session over",
    needs=("session_id", "session_token"),
)
def taken_over(run):
    """The session's name and secret are the caller's, and another stream has it: ABORTED ends
    this one."""
    run.connect(**_OWN)
    stream = run.accept()
    stream.welcome()
    run.send(1)
    run.await_messages(stream, 1)
    stream.finish("ABORTED", "another stream took the session over")
    run.await_ended(
        "ABORTED", " after another stream took the session over: two that reconnect fight for ever"
    )
    _no_other_stream(run)


def _no_other_stream(run, server=None):
    server = server or run.server
    if len(server.streams) > server.accepted:
        raise Failure("the client opened another stream though this one had ended for good")


@CLIENTS.case(
    "session/not-this-clients-alone",
    "Welcome.accepted_through",
    "The highest accepted sequence. Everything up to it needs no sending again.",
    needs=("session_id", "session_token"),
)
def not_alone(run):
    """RESUMED with more than this client ever sent: somebody else sends in this session."""
    run.connect(**_OWN)
    stream = run.accept()
    stream.welcome(protocol.RESUMED, 100)
    run.until(
        lambda: stream.broken or stream.half_closed or run.adapter.ended,
        "the server says that it has accepted messages up to 100, the client has sent none, and "
        "goes on: its first message would be taken for one that was answered",
        ends=True,
    )
    if run.adapter.results:
        raise Failure("the caller sent nothing, and was given a result")


@CLIENTS.case(
    "session/new-though-received",
    "Welcome.STATE_NEW",
    "The session begins here: the next sequence is 1.",
)
def new_though_received(run):
    """A server that begins anew though it was told of results: it is not believed."""
    stream = run.welcomed_stream(4)
    stream.results(1, 2)
    run.await_results(2)
    stream.connection.cut()
    again = run.accept(after=" after the connection was cut")
    again.write(
        protocol.processor.ProcessResponse(
            welcome=protocol.Welcome(
                server_id="liar", state=protocol.NEW, max_outstanding_messages=10
            )
        )
    )
    run.until(
        lambda: again.broken or again.half_closed or run.adapter.ended,
        "Welcome said STATE_NEW though you said received_through 2, and the stream goes on: break "
        "it, the two of you do not mean the same messages",
        ends=True,
    )
    if not run.adapter.ended:
        third = run.accept(after=" after a Welcome that made no sense")
        third.welcome(protocol.LOST)
        run.close_well(third)


@CLIENTS.case(
    "store/generation-is-told",
    "Open.store_generation",
    "The last `Welcome.store_generation` that the client saw in this session, if any.",
)
def generation(run):
    """The next Open says which store had the session."""
    stream = run.welcomed_stream(2, durability=_STORE, store_generation="9f3c")
    stream.connection.cut()
    again = run.accept(after=" after the connection was cut")
    if again.open.store_generation != "9f3c":
        raise Failure(
            "Welcome.store_generation was '9f3c', and the next Open has "
            f"{again.open.store_generation!r}: a store that was replaced cannot tell that it lost "
            "the session"
        )
    again.welcome(protocol.RESUMED, 2, durability=_STORE, store_generation="9f3c")
    run.close_well(again)


def _goes_no_further(run, what, **welcome):
    stream = run.welcomed_stream(3, durability=_STORE, store_generation="9f3c")
    stream.results(1, 1)
    run.await_results(1)
    stream.connection.cut()
    again = run.accept(after=" after the connection was cut")
    again.welcome(protocol.LOST, **welcome)
    run.await_ended("DATA_LOSS", f" when the next server had {what}")
    if again.messages:
        raise Failure(
            f"message {again.messages[0].sequence} was sent again to a server with {what}: it may "
            "have been done, and this server cannot know"
        )


@CLIENTS.case("store/another", "docs/protocol.md, A server with a store", _SENDS_NOTHING)
def another_store(run):
    """A server with another store welcomes the client: the stream ends DATA_LOSS, nothing is sent
    again."""
    _goes_no_further(run, "another store", durability=_STORE, store_generation="77aa")


@CLIENTS.case("store/none", "docs/protocol.md, A server with a store", _SENDS_NOTHING)
def no_store(run):
    """A server without a store welcomes the client: the same."""
    _goes_no_further(run, "no store")


@CLIENTS.case("store/data-loss", "rule 8", "the client sends nothing again by itself")
def data_loss(run):
    """The store has lost the session: DATA_LOSS, for the application to decide."""
    stream = run.welcomed_stream(3, durability=_STORE, store_generation="9f3c")
    stream.connection.cut()
    again = run.accept(after=" after the connection was cut")
    again.finish("DATA_LOSS", "the store knows nothing of this session")
    run.await_ended("DATA_LOSS", " after DATA_LOSS")
    _no_other_stream(run)
