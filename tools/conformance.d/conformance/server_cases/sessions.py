"""Sessions that outlive their streams."""

from conformance import protocol
from conformance.case import SERVERS
from conformance.failure import Failure
from conformance.raw_client import check_echo, messages

_RESUME = "what was accepted is not processed again, what was not received is sent again"
_SAME = "(The same first request sent again, because its `Welcome` never came, is recognised"
_STORE = protocol.Welcome.DURABILITY_STORE


@SERVERS.case("session/resumed", "rule 5", _RESUME)
def resumed(run):
    """A break with 4 of 10 results received: RESUMED, the other 6 come again, and the session
    goes on."""
    stream = run.opened()
    stream.write(messages(1, 10))
    stream.await_results(1, 10)
    stream.cut()
    again = run.opened(protocol.RESUMED, 4)
    if again.welcome.accepted_through != 10:
        raise Failure(
            f"10 messages were answered, and accepted_through is {again.welcome.accepted_through}"
        )
    again.await_results(5, 10)
    check_echo(again.results)
    again.write(messages(11, 12, received_through=10))
    again.await_results(5, 12)


@SERVERS.case("session/resumed-idle", "rule 5", _RESUME)
def resumed_idle(run):
    """A break before anything was sent: RESUMED or NEW, and the session begins at 1."""
    run.opened().cut()
    again = run.stream()
    again.write(run.open_request())
    if again.await_welcome().state not in (protocol.RESUMED, protocol.NEW):
        raise Failure("Welcome says STATE_LOST, and the client has received nothing")
    again.write(messages(1, 1))
    again.await_results(1, 1)


@SERVERS.case(
    "session/takeover",
    "rule 5",
    "An `Open` with the right token takes the session over; the older stream ends ABORTED.",
)
def takeover(run):
    """A second stream opens the session while the first one stands: that ends ABORTED."""
    older = run.opened()
    older.write(messages(1, 3))
    older.await_results(1, 3)
    newer = run.opened(protocol.RESUMED, 1)
    older.await_status("ABORTED", "another stream's Open with the right secret")
    newer.await_results(2, 3)


@SERVERS.case(
    "session/late-open",
    "Open.attempt",
    "ends ABORTED and takes nothing over from the stream that is in use",
)
def late_open(run):
    """The first attempt's Open arrives behind the second one's, of the same instance."""
    stream = run.opened(instance=7, attempt=2)
    late = run.stream()
    late.write(run.open_request(instance=7, attempt=1))
    late.await_status("ABORTED", "an Open with attempt 1, behind attempt 2 of the same instance")
    stream.write(messages(1, 2))
    stream.await_results(1, 2)


@SERVERS.case("session/first-request-again", "rule 2", _SAME)
def first_request_again(run):
    """Open with three messages, and the same once more: they are answered once, and the session
    goes on."""
    request = run.open_request()
    request.MergeFrom(messages(1, 3))
    first = run.stream()
    first.write(request)
    first.await_results(1, 3)
    first.cut()
    again = run.stream()
    again.write(request)
    if again.await_welcome(protocol.RESUMED).accepted_through != 3:
        raise Failure(
            f"three messages came along twice; accepted_through is {again.welcome.accepted_through}"
        )
    again.await_results(1, 3)
    again.write(messages(4, 4, received_through=3))
    again.await_results(1, 4)


@SERVERS.case(
    "session/resuming-with-news", "rule 2", "Only a session's first `Open` may carry messages along"
)
def resuming_with_news(run):
    """An Open that resumes brings a message along: INVALID_ARGUMENT, and the session is as it
    was."""
    stream = run.opened()
    stream.write(messages(1, 2))
    stream.await_results(1, 2)
    stream.cut()
    news = run.open_request(2)
    news.MergeFrom(messages(3, 3))
    second = run.stream()
    second.write(news)
    second.await_status("INVALID_ARGUMENT", "an Open that resumes and brings a message along")
    if run.opened(protocol.RESUMED, 2).welcome.accepted_through != 2:
        raise Failure("a request that was refused has changed the session")


@SERVERS.case(
    "session/lost", "Welcome.STATE_LOST", "the next sequence is the client's `received_through` + 1"
)
def lost(run):
    """A session that this server does not know, with results received elsewhere: LOST, and on from
    there. A store should know it: DATA_LOSS."""
    known = run.opened(session_id=run.session_id + "-known")
    if known.welcome.durability == _STORE:
        stream = run.stream()
        stream.write(run.open_request(5))
        stream.await_status("DATA_LOSS", "an Open with results of which the store knows nothing")
        return
    stream = run.opened(protocol.LOST, 5)
    stream.write(messages(6, 8))
    stream.await_results(6, 8)
    check_echo(stream.results)


@SERVERS.case(
    "session/kept-after-the-half-close",
    "rule 4",
    "The session is forgotten once `received_through` covers everything accepted; until then, and "
    "after a broken stream, it stays",
)
def kept(run):
    """A half-close without the last acknowledgement: OK, and the session is still there."""
    stream = run.opened()
    stream.write(messages(1, 3))
    stream.half_close()
    stream.await_status("OK", "the half-close")
    stream.await_results(1, 3)
    run.opened(protocol.RESUMED, 1).await_results(2, 3)


@SERVERS.case(
    "session/forgotten-when-finished",
    "rule 4",
    "The session is forgotten once `received_through` covers everything accepted",
)
def forgotten(run):
    """The last acknowledgement and the half-close: OK, and the session is gone."""
    stream = run.opened()
    run.skip_unless(stream.welcome.durability != _STORE, "a store keeps names for a while")
    stream.write(messages(1, 3))
    stream.await_results(1, 3)
    stream.acknowledge(3)
    stream.half_close()
    stream.await_status("OK", "the half-close")
    run.opened(protocol.LOST, 3)


@SERVERS.case(
    "session/silent-client",
    "rule 6",
    "An opened session that is silent for 3 heartbeat intervals is detached and its stream ends",
)
def silent(run):
    """A client that says nothing is given up after three intervals; the session stays, and one
    that speaks is not."""
    quiet = run.opened()
    interval = quiet.welcome.heartbeat_interval.ToNanoseconds() / 1e9
    run.skip_unless(
        interval <= 2, f"heartbeat_interval is {interval:g} s; up to 2 s are waited for"
    )
    speaks = run.opened(session_id=run.session_id + "-speaks")
    for _ in range(12):
        speaks.write(protocol.processor.ProcessRequest())
        speaks.watch(
            lambda: speaks.status,
            "a client that sends a heartbeat three times an interval was given up",
            seconds=interval / 3,
        )
    quiet.await_status("UNAVAILABLE", f"three heartbeat intervals ({interval:g} s) of silence")
    again = run.opened(protocol.RESUMED)
    again.write(messages(1, 1))
    again.await_results(1, 1)


@SERVERS.case(
    "drain/last",
    "rule 7",
    "A server that stops sends `Drain`, still accepts what arrives until the half-close",
    needs=("drain_with",),
)
def drain(run):
    """The server is told to stop: each stream hears Drain, what still arrives is answered, and
    the half-close ends it OK."""
    opened = run.opened()
    plain = run.stream()
    plain.write(messages(1, 1))
    plain.await_results(1, 1)
    run.drain()
    for stream in (opened, plain):
        stream.until(
            lambda one=stream: one.drain,
            "the server was told to stop, and the stream did not hear Drain: its client is cut "
            "off amid its messages",
        )
        if stream.drain.reason != protocol.Drain.REASON_SHUTDOWN:
            raise Failure(f"Drain has reason {stream.drain.reason}; REASON_SHUTDOWN is right")
        if stream.drain.grace.ToNanoseconds() <= 0:
            raise Failure("Drain does not say its grace: a client cannot know how long it has")
    opened.write(messages(1, 3))
    opened.await_results(1, 3)
    plain.write(messages(2, 3))
    plain.await_results(1, 3)
    opened.acknowledge(3)
    for stream in (opened, plain):
        stream.half_close()
        stream.await_status("OK", "the half-close that a Drain asks for")
