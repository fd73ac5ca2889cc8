"""Clients that ask a balancer where to connect."""

import grpc

from conformance import protocol
from conformance.case import CLIENTS
from conformance.failure import Failure

_NEEDS = ("balancers",)
_ASKS = (
    "A client asks `Balancer.GetServer`, then opens its permanent socket (processor.proto) at the "
    "address it is given."
)
_EXCLUDE = "Addresses that the client just saw fail. Honoured as long as any other server is left."


@CLIENTS.case("balancer/asks", "balancer.proto", _ASKS, needs=_NEEDS)
def asks(run):
    """The client asks, and goes where it is sent."""
    server, balancer = run.server, run.another_server()
    balancer.on_get_server = lambda request: server.address
    run.connect(balancers=[balancer.address])
    stream = run.accept()
    if not balancer.asked:
        raise Failure("the client came without asking its balancer")
    if balancer.asked[0][0].exclude:
        raise Failure(
            f"the first GetServer excludes {list(balancer.asked[0][0].exclude)}, and nothing had "
            "failed"
        )
    stream.welcome()
    run.send(2)
    run.close_well(stream)


@CLIENTS.case("balancer/excludes-what-failed", "GetServerRequest.exclude", _EXCLUDE, needs=_NEEDS)
def excludes(run):
    """The server that the balancer names is dead: the client asks again, and says so."""
    server, balancer, dead = run.server, run.another_server(), run.dead_address()
    balancer.on_get_server = lambda request: server.address if dead in request.exclude else dead
    run.connect(balancers=[balancer.address])
    run.send(1)
    run.until(
        lambda: len(balancer.asked) > 1,
        f"the balancer named {dead}, where nobody listens, and the client did not ask again",
    )
    stream = run.accept(
        after=f": GetServer names {dead}, where nobody listens, until `exclude` does",
        seconds=60,
    )
    stream.welcome()
    run.close_well(stream)


@CLIENTS.case("balancer/excludes-who-refuses", "GetServerRequest.exclude", _EXCLUDE, needs=_NEEDS)
def excludes_refusing(run):
    """The server that the balancer names is full (UNAVAILABLE): the client asks for another one."""
    full, other, balancer = run.server, run.another_server(), run.another_server()
    balancer.on_get_server = (
        lambda request: other.address if full.address in request.exclude else full.address
    )
    run.connect(balancers=[balancer.address])
    run.accept(full).finish("UNAVAILABLE", "full")
    run.until(
        lambda: other.streams or len(full.streams) > 8,
        "the server refused with UNAVAILABLE, and the client did not ask for another one",
        seconds=60,
    )
    if not other.streams:
        raise Failure(
            "the client came nine times to a server that refuses, and never told the balancer "
            "(`exclude`)"
        )
    stream = run.accept(other)
    stream.welcome()
    run.send(1)
    run.close_well(stream)


@CLIENTS.case(
    "balancer/dead-balancer", "balancer.proto", "Several balancers share nothing", needs=_NEEDS
)
def dead_balancer(run):
    """The first of two balancers is dead: the second is asked."""
    server, balancer = run.server, run.another_server()
    balancer.on_get_server = lambda request: server.address
    run.connect(balancers=[run.dead_address(), balancer.address])
    stream = run.accept(
        after=": the first balancer is dead, the second names this server", seconds=60
    )
    stream.welcome()
    run.send(1)
    run.close_well(stream)


@CLIENTS.case(
    "balancer/has-no-server",
    "Balancer.GetServer",
    "UNAVAILABLE when there is none, saying so",
    needs=_NEEDS,
)
def no_server(run):
    """The balancer has no server at first: the client asks until there is one."""
    server, balancer = run.server, run.another_server()
    balancer.on_get_server = lambda request: (
        server.address if len(balancer.asked) > 3 else grpc.StatusCode.UNAVAILABLE
    )
    run.connect(balancers=[balancer.address])
    stream = run.accept(
        after=": the balancer said UNAVAILABLE three times, then named this server", seconds=60
    )
    stream.welcome()
    run.send(1)
    run.close_well(stream)


@CLIENTS.case("balancer/server-dies", "balancer.proto", _ASKS, needs=_NEEDS)
def server_dies(run):
    """The server breaks amid results and stays away: the client goes on with another one."""
    server, other, balancer = run.server, run.another_server(), run.another_server()
    balancer.on_get_server = lambda request: other.address if balancer.asked[1:] else server.address
    run.connect(balancers=[balancer.address])
    stream = run.accept()
    stream.welcome()
    run.send(5)
    run.await_messages(stream, 5)
    stream.results(1, 2)
    run.await_results(2)
    server.stop()
    again = run.accept(
        other, after=" at another server: the first one has died amid results", seconds=60
    )
    again.welcome(protocol.LOST)
    run.close_well(again)
