"""Open, and Welcome."""

from conformance import protocol
from conformance.case import SERVERS
from conformance.failure import Failure
from conformance.raw_client import check_echo, messages

_ALONG = "Only a session's first `Open` may carry messages along: at most 64 messages and 64 KiB"
_FIRST_ONLY = "Opens or resumes a session. In the first request of a stream only."


@SERVERS.case(
    "open/welcome",
    "Welcome.max_outstanding_messages",
    "Most messages beyond `received_through`; see rule 6.",
)
def welcome(run):
    """Welcome says the session, its state, and every limit."""
    stream = run.opened()
    said = stream.welcome
    if said.session_id != run.session_id or said.session_token != run.token:
        raise Failure("Welcome has another session_id or session_token than the client chose")
    if said.accepted_through:
        raise Failure(f"accepted_through is {said.accepted_through} in a session that is new")
    for limit in (
        "max_batch_messages",
        "max_payload_bytes",
        "max_outstanding_messages",
        "max_outstanding_bytes",
    ):
        stream.limit(limit)
    if said.heartbeat_interval.ToNanoseconds() <= 0:
        raise Failure(
            "Welcome does not say heartbeat_interval: a client cannot know when it must speak"
        )


@SERVERS.case(
    "open/server-chooses",
    "Open.session_token",
    "Empty: the server chooses, and the session can be resumed once `Welcome` has arrived.",
)
def server_chooses(run):
    """Open without name and secret: the server makes them, and they resume the session."""
    stream = run.opened(session_id="", session_token=b"")
    said = stream.welcome
    if not 1 <= len(said.session_id) <= 128 or not 16 <= len(said.session_token) <= 64:
        raise Failure(
            f"the server chose a session_id of {len(said.session_id)} and a session_token of "
            f"{len(said.session_token)} bytes; 1 to 128 and 16 to 64 are needed"
        )
    stream.write(messages(1, 2))
    stream.await_results(1, 2)
    stream.cut()
    run.opened(protocol.RESUMED, 2, session_id=said.session_id, session_token=said.session_token)


@SERVERS.case("open/messages-along", "rule 2", _ALONG)
def along(run):
    """64 messages of 64 KiB in all come along with Open: every server takes them."""
    stream = run.stream()
    request = run.open_request()
    request.MergeFrom(messages(1, 64, 1024))
    stream.write(request)
    if stream.await_welcome(protocol.NEW).accepted_through != 64:
        raise Failure(
            f"64 messages came along, and accepted_through is {stream.welcome.accepted_through}"
        )
    stream.await_results(1, 64)
    check_echo(stream.results, 1024)
    stream.write(messages(65, 65, 1024))
    stream.await_results(1, 65)


@SERVERS.case("open/too-many-along", "rule 2", _ALONG)
def too_many_along(run):
    """65 messages, and 65,537 bytes: INVALID_ARGUMENT, and nothing was opened."""
    for last, size in ((65, 8), (2, (32 << 10) + 1)):
        stream = run.stream()
        request = run.open_request()
        request.MergeFrom(messages(1, last, size))
        stream.write(request)
        stream.await_status("INVALID_ARGUMENT", f"{last} messages of {size} bytes along with Open")
    run.opened(protocol.NEW)


@SERVERS.case("open/late", "ProcessRequest.open", _FIRST_ONLY)
def late(run):
    """Open in the second request, of a stream without and with a session: INVALID_ARGUMENT."""
    for stream in (run.stream(), run.opened()):
        stream.write(messages(1, 2))
        stream.write(run.open_request())
        stream.await_status("INVALID_ARGUMENT", "Open in the second request")
        stream.await_results(1, 2)


@SERVERS.case("open/malformed", "Open.session_token", "16 to 64 random bytes, chosen by the client")
def malformed(run):
    """Secrets of 15 and 65 bytes, and a name of 129: INVALID_ARGUMENT."""
    for fields in (
        {"session_token": b"t" * 15},
        {"session_token": b"t" * 65},
        {"session_id": "n" * 129},
    ):
        stream = run.stream()
        stream.write(run.open_request(**fields))
        [(name, value)] = fields.items()
        stream.await_status("INVALID_ARGUMENT", f"a {name} of {len(value)} bytes")


@SERVERS.case("open/unknown-handler", "rule 8", "NOT_FOUND unknown handler")
def unknown_handler(run):
    """A handler that is not there: NOT_FOUND, with its name."""
    stream = run.stream()
    stream.write(run.open_request(handler="no-such-handler"))
    stream.await_status("NOT_FOUND", "Open with a handler that is not there", "no-such-handler")


@SERVERS.case("open/wrong-secret", "rule 8", "PERMISSION_DENIED wrong session token")
def wrong_secret(run):
    """Another secret does not open the session, and its owner does not notice."""
    owner = run.opened()
    thief = run.stream()
    thief.write(run.open_request(session_token=b"?" * 20))
    thief.await_status("PERMISSION_DENIED", "Open with another session_token than the session's")
    owner.write(messages(1, 2))
    owner.await_results(1, 2)
