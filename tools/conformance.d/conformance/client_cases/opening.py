"""The first request of a stream."""

import base64

from conformance import protocol
from conformance.case import CLIENTS
from conformance.failure import Failure

_FIRST = "Only a session's first `Open` may carry messages along: at most 64 messages and 64 KiB"


@CLIENTS.case(
    "open/names-and-secret",
    "Open.session_id, Open.session_token",
    "The secret that resumes the session: 16 to 64 random bytes, chosen by the client",
)
def names_and_secret(run):
    """Connects: the first request names the session and brings its secret."""
    run.connect()
    stream = run.accept()
    name, secret = stream.open.session_id.encode(), stream.open.session_token
    if not 1 <= len(name) <= 128:
        raise Failure(
            f"Open.session_id has {len(name)} bytes; choose 1 to 128: a name that only Welcome "
            "tells is lost with that Welcome"
        )
    if not 16 <= len(secret) <= 64:
        raise Failure(
            f"Open.session_token has {len(secret)} bytes; choose 16 to 64 random ones: without "
            "your own a lost Welcome locks you out of the session"
        )
    if stream.received_through:
        raise Failure(f"received_through is {stream.received_through} in a session that is new")
    if stream.open.resumes or stream.open.store_generation:
        raise Failure("Open.resumes or store_generation is set in a session that is new")
    stream.welcome()
    run.send(1)
    run.close_well(stream)


@CLIENTS.case(
    "open/secrets-differ",
    "Open.session_token",
    "16 to 64 random bytes, chosen by the client",
)
def secrets_differ(run):
    """Starts the client twice: nobody can guess the second session's name and secret from the
    first's."""
    opens = []
    for _ in range(2):
        run.connect()
        opens.append(run.accept().open)
    if opens[0].session_token == opens[1].session_token:
        raise Failure("two sessions have the same session_token: draw it at random")
    if opens[0].session_id == opens[1].session_id:
        raise Failure("two sessions have the same session_id: the second takes the first one over")
    if opens[0].instance and opens[0].instance == opens[1].instance:
        raise Failure("two clients have the same Open.instance: draw it at random, or leave it out")


@CLIENTS.case(
    "open/own-name-and-secret",
    "Open.session_id",
    "chosen by the client and identical in every `Open` of the session, on every server",
    needs=("session_id", "session_token"),
)
def own_name_and_secret(run):
    """The caller gives name and secret: they are used as they are."""
    secret = bytes(range(200, 232))
    run.connect(session_id="till-7", session_token=base64.b64encode(secret).decode())
    stream = run.accept()
    if stream.open.session_id != "till-7" or stream.open.session_token != secret:
        raise Failure(
            f"Open has session_id {stream.open.session_id!r} and session_token "
            f"{stream.open.session_token!r}; the caller gave 'till-7' and {secret!r}"
        )


@CLIENTS.case(
    "open/handler-and-client-name",
    "Open.handler",
    "The handler that processes the session's messages.",
    needs=("handler", "client_name"),
)
def handler_and_client_name(run):
    """The caller names a handler and itself."""
    run.connect(handler="uppercase", client_name="till 7")
    opened = run.accept().open
    if opened.handler != "uppercase" or opened.client_name != "till 7":
        raise Failure(
            f"Open has handler {opened.handler!r} and client_name {opened.client_name!r}; the "
            "caller gave 'uppercase' and 'till 7'"
        )


@CLIENTS.case("open/messages-along", "rule 2", _FIRST)
def messages_along(run):
    """The caller sends 30 messages and, before Welcome, 170: these wait for it."""
    run.connect()
    run.send(30)
    stream = run.accept()
    run.send(170)
    run.watch(
        lambda: len(stream.requests) > 1,
        "another request came before Welcome: a client waits for it before it sends more",
    )
    stream.welcome()
    run.close_well(stream)


@CLIENTS.case("open/bytes-along", "rule 2", _FIRST)
def bytes_along(run):
    """The caller sends 12 messages of 20 KiB at once: at most 64 KiB come along with Open."""
    run.connect()
    run.send([bytes([65 + i]) * (20 << 10) for i in range(12)])
    stream = run.accept()
    run.watch(
        lambda: len(stream.requests) > 1,
        "another request came before Welcome: a client waits for it before it sends more",
    )
    stream.welcome()
    run.close_well(stream)


@CLIENTS.case(
    "open/again",
    "Open.attempt",
    "Counts the client's `Open`s of the session from 1, on whichever server.",
)
def again(run):
    """The stream breaks three times: each Open has the same name and secret, and counts on."""
    stream = run.welcomed_stream()
    first = stream.open
    for attempt in range(2, 5):
        stream.finish("UNAVAILABLE", "cut")
        stream = run.accept(after=f" after break {attempt - 1} of 3 with UNAVAILABLE")
        opened = stream.open
        if (opened.session_id, opened.session_token) != (first.session_id, first.session_token):
            raise Failure("the second Open has another session_id or session_token than the first")
        if opened.instance != first.instance:
            raise Failure(
                "the second Open has another instance: it is drawn once, when the client begins"
            )
        if opened.instance and opened.attempt != attempt:
            raise Failure(f"Open number {attempt} has attempt {opened.attempt}")
        stream.welcome(protocol.RESUMED)
    run.close_well(stream)
