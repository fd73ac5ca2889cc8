"""Drain: the server wants the client elsewhere."""

from conformance import protocol
from conformance.case import CLIENTS
from conformance.client_cases.breaks import check_received
from conformance.failure import Failure

_DRAIN = (
    "The client stops sending, collects what is in flight, half-closes, opens a stream elsewhere "
    "(always on a new connection) and resumes."
)
_ADDRESS = (
    "Followed only by clients that came through a balancer; others open their own target again."
)


def _moved(run, old, reason, server=None):
    """The client has come again, in order, on a new connection."""
    new = run.accept(server, after=" after a Drain and the half-close")
    if new.connection is old.connection:
        raise Failure(
            "the stream after a Drain came on the old connection: whoever holds that sends it "
            "there again"
        )
    if new.open.moved_for != reason:
        raise Failure(
            f"the client left nothing behind, as the Drain with reason {reason} wanted, and its "
            f"Open has moved_for {new.open.moved_for}: the server takes a planned move for a loss",
            rule="Open.moved_for",
        )
    return new


@CLIENTS.case("drain/idle", "Drain", _DRAIN)
def idle(run):
    """An idle stream is drained: half-close, and another stream on another connection."""
    stream = run.welcomed_stream()
    stream.drain(protocol.Drain.REASON_REBALANCE)
    run.await_half_close(stream, " after Drain")
    stream.finish()
    new = _moved(run, stream, protocol.Drain.REASON_REBALANCE)
    new.welcome(protocol.RESUMED, 0)
    run.send(2)
    run.close_well(new)


@CLIENTS.case("drain/amid-messages", "Drain", _DRAIN)
def amid_messages(run):
    """Three messages are under way at the Drain: they are answered here, what is sent later goes
    elsewhere."""
    stream = run.welcomed_stream(3)
    stream.drain()
    # The caller has these, so the client has read the Drain in front of them.
    stream.results(1, 2)
    run.await_results(2)
    run.send(2)
    run.watch(
        lambda: len(stream.messages) > 3,
        lambda: f"message {stream.messages[3].sequence} was sent on the drained stream: stop "
        "sending at Drain, it goes elsewhere",
    )
    if stream.half_closed:
        raise Failure(
            "you half-closed before the result of message 3 had come: collect what is in flight "
            "first"
        )
    stream.results(3, 3)
    run.await_half_close(stream, " once it had every result, after Drain")
    if stream.received_through < 3:
        raise Failure(
            f"you half-closed with received_through {stream.received_through} after a Drain, and "
            "had results through 3: the server keeps the session until it expires",
            rule="rule 4",
        )
    stream.finish()
    new = _moved(run, stream, protocol.Drain.REASON_SHUTDOWN)
    check_received(new, 3, "after the drain")
    new.welcome(protocol.LOST)
    run.await_messages(new, 5)
    run.close_well(new)


@CLIENTS.case(
    "drain/before-welcome",
    "ProcessResponse.welcome",
    "a Drain may come before it, upon which the client waits for the Welcome all the same",
)
def before_welcome(run):
    """Drain, then Welcome: the client collects what came along with its Open, and moves."""
    run.connect()
    stream = run.accept()
    along = stream.judge.next_sequence - 1
    stream.drain(protocol.Drain.REASON_AGE)
    stream.welcome()
    if along:
        stream.results(1, along)
    run.await_half_close(stream, " after Drain and Welcome")
    if len(stream.messages) > along:
        raise Failure(f"message {stream.messages[-1].sequence} was sent behind a Drain")
    stream.finish()
    new = _moved(run, stream, protocol.Drain.REASON_AGE)
    new.welcome(protocol.RESUMED, along)
    run.send(2)
    run.close_well(new)


@CLIENTS.case(
    "drain/in-place-of-welcome",
    "ProcessResponse.welcome",
    "a Drain may come before it, upon which the client waits for the Welcome all the same",
)
def in_place_of_welcome(run):
    """Drain, and the stream ends without Welcome: the client comes again with its first request."""
    run.connect()
    stream = run.accept()
    stream.drain()
    stream.finish("UNAVAILABLE", "the server is stopping")
    new = run.accept(after=" after a Drain in place of Welcome")
    new.welcome()
    run.send(2)
    run.close_well(new)


@CLIENTS.case("drain/own-target-again", "Drain.server_address", _ADDRESS)
def own_target(run):
    """The Drain names another server; a client that came by a target of its own opens that
    again."""
    stream = run.welcomed_stream()
    other = run.another_server()
    stream.drain(address=other.address)
    run.await_half_close(stream, " after Drain")
    stream.finish()
    run.until(
        lambda: other.streams or len(run.server.streams) > 1,
        "no stream came after a Drain and the half-close",
    )
    if other.streams:
        raise Failure(
            "the client went to the Drain's server_address though it came by a target of its own: "
            "that address may not be reachable from where it is"
        )
    run.accept().welcome(protocol.RESUMED, 0)


@CLIENTS.case("drain/to-the-address", "Drain.server_address", _ADDRESS, needs=("balancers",))
def to_the_address(run):
    """A client that came through a balancer goes where the Drain says."""
    server, other, balancer = run.server, run.another_server(), run.another_server()
    balancer.on_get_server = lambda request: server.address
    run.connect(balancers=[balancer.address])
    stream = run.accept()
    stream.welcome()
    run.send(2)
    run.await_messages(stream, 2)
    stream.drain(protocol.Drain.REASON_REBALANCE, address=other.address)
    stream.results(1, 2)
    run.await_half_close(stream, " after Drain")
    stream.finish()
    new = _moved(run, stream, protocol.Drain.REASON_REBALANCE, other)
    new.welcome(protocol.LOST)
    run.send(2)
    run.close_well(new)


@CLIENTS.case(
    "drain/grace-is-over",
    "Drain.grace",
    "How long the server waits for the half-close before it ends the stream.",
)
def grace(run):
    """A result does not come in time, and the server ends the drained stream UNAVAILABLE: a break
    like any other."""
    stream = run.welcomed_stream(2)
    stream.drain(grace=0.5)
    stream.results(1, 1)
    run.await_results(1)
    run.let_pass(0.7)
    stream.finish("UNAVAILABLE", "the drain timeout is over")
    new = run.accept(after=" after a drained stream ended UNAVAILABLE")
    check_received(new, 1, "after the drain")
    if new.open.moved_for:
        raise Failure(
            "moved_for says that nothing was left behind at the drained server, and message 2 had "
            "no result",
            rule="Open.moved_for",
        )
    new.welcome(protocol.LOST)
    run.close_well(new)


@CLIENTS.case("drain/while-closing", "Drain", _DRAIN)
def while_closing(run):
    """The caller closes, and the server drains: the last result, half-close, the end."""
    stream = run.welcomed_stream(2)
    run.finish()
    stream.drain()
    stream.results(1, 2)
    run.await_half_close(stream, " after Drain and the caller's close")
    run.check_acknowledged(stream)
    stream.finish()
    server = run.server
    run.until(
        lambda: run.adapter.ended or len(server.streams) > 1, "the stream did not end", ends=True
    )
    if not run.adapter.ended:
        new = run.accept()
        new.welcome(protocol.LOST)
        run.await_half_close(new)
        new.finish()
    run.await_ended("OK", " (every message had its result)")


def _for_each_reason(reason):
    """Registers what holds for a Drain whatever its reason: where the client goes."""
    name = protocol.Drain.Reason.Name(reason)
    group = f"drain/{name.removeprefix('REASON_').lower()}"

    def leave(run, stream, other, address=""):
        """The client has been sent away, and comes where it should: to `other`."""
        stream.drain(reason, address=address)
        run.await_half_close(stream, f" after Drain ({name})")
        stream.finish()
        new = _moved(run, stream, reason, other)
        new.welcome(protocol.RESUMED if other is run.server else protocol.LOST, 0)
        run.send(1)
        run.close_well(new)

    def balanced_stream(run, balancer):
        """A stream that came to the run's server through the balancer."""
        server = run.server
        balancer.on_get_server = lambda request: server.address
        run.connect(balancers=[balancer.address])
        stream = run.accept()
        stream.welcome()
        return stream

    def own_target_without_address(run):
        leave(run, run.welcomed_stream(), run.server)

    def own_target_with_address(run):
        stream, other = run.welcomed_stream(), run.another_server()
        leave(run, stream, run.server, other.address)

    def balanced_without_address(run):
        other, balancer = run.another_server(), run.another_server()
        stream = balanced_stream(run, balancer)
        balancer.on_get_server = lambda request: other.address
        leave(run, stream, other)

    def balanced_with_address(run):
        other, balancer = run.another_server(), run.another_server()
        leave(run, balanced_stream(run, balancer), other, other.address)

    for what, script, where, needs in (
        ("", own_target_without_address, "the client opens its own target again", ()),
        ("-and-an-address", own_target_with_address, "the client, with a target, opens that", ()),
        ("-balanced", balanced_without_address, "the client asks its balancer", ("balancers",)),
        (
            "-balanced-and-an-address",
            balanced_with_address,
            "the client, which has a balancer, goes to the Drain's address",
            ("balancers",),
        ),
    ):
        script.__doc__ = f"An idle stream is drained with {name}: {where}."
        rule = ("Drain.server_address", _ADDRESS) if "address" in what else ("Drain", _DRAIN)
        CLIENTS.case(group + what, *rule, needs=needs)(script)


for _reason in (
    protocol.Drain.REASON_SHUTDOWN,
    protocol.Drain.REASON_REBALANCE,
    protocol.Drain.REASON_AGE,
):
    _for_each_reason(_reason)
