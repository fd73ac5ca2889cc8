"""Clients that show who they are by a token."""

from conformance import protocol
from conformance.case import CLIENTS
from conformance.failure import Failure

_METADATA = "a token in the metadata of the call (`authorization: Bearer` and a JWT)"
_FRESH = "the client sends a fresh one of the same principal in `refresh_token` before that"
# Clients renew it when some of it is left: enough for a machine that is busy.
_LIFE = 16.0


def _expires_in(seconds):
    field = protocol.Welcome().token_expires_in
    protocol.set_duration(field, seconds)
    return field


def _shown(stream):
    return stream.metadata.get("authorization", "")


@CLIENTS.case("token/in-the-metadata", "rule 9", _METADATA, needs=("token",))
def in_the_metadata(run):
    """The caller gives a token: the call carries it, also the second one."""
    run.connect(token="aaa.bbb.ccc")
    stream = run.accept()
    stream.welcome()
    stream.finish("UNAVAILABLE", "cut")
    again = run.accept(after=" after UNAVAILABLE")
    for which, one in (("first", stream), ("second", again)):
        if _shown(one) != "Bearer aaa.bbb.ccc":
            raise Failure(
                f"the {which} call's metadata has authorization {_shown(one)!r}; 'Bearer "
                "aaa.bbb.ccc' is right"
            )
    again.welcome(protocol.RESUMED, 0)
    run.close_well(again)


@CLIENTS.case("token/fresh-one-in-time", "rule 9", _FRESH, needs=("tokens",))
def fresh_in_time(run):
    """The token has 16 s: a fresh one comes on the open stream before that, and again."""
    run.connect(tokens=["token.number.1", "token.number.2", "token.number.3"])
    stream = run.accept()
    if _shown(stream) != "Bearer token.number.1":
        raise Failure(
            f"the call's metadata has authorization {_shown(stream)!r}; the first token is right"
        )
    stream.welcome(token_expires_in=_expires_in(_LIFE))
    for number in (2, 3):
        run.until(
            lambda: [one for one in stream.requests if one.refresh_token],
            f"token_expires_in was {_LIFE:g} s, and no refresh_token came in that time: the "
            "server ends the stream UNAUTHENTICATED",
            seconds=_LIFE,
        )
        fresh = [one.refresh_token for one in stream.requests if one.refresh_token]
        if fresh[-1] != f"token.number.{number}":
            raise Failure(
                f"refresh_token is {fresh[-1]!r}; the provider's next token is "
                f"'token.number.{number}'"
            )
        stream.requests = [one for one in stream.requests if not one.refresh_token]
        response = protocol.processor.ProcessResponse()
        response.token_expires_in.CopyFrom(_expires_in(_LIFE))
        stream.write(response)
    run.send(1)
    run.close_well(stream)


@CLIENTS.case("token/of-a-balancer", "rule 9", _METADATA, needs=("token", "balancers"))
def of_a_balancer(run):
    """A balancer that asks for tokens gets it, too."""
    server, balancer = run.server, run.another_server()
    balancer.on_get_server = lambda request: server.address
    run.connect(token="aaa.bbb.ccc", balancers=[balancer.address])
    run.accept()
    shown = balancer.asked[0][1].get("authorization", "")
    if shown != "Bearer aaa.bbb.ccc":
        raise Failure(
            f"GetServer's metadata has authorization {shown!r}; 'Bearer aaa.bbb.ccc' is right"
        )
