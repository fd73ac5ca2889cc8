"""What leads to a server: channels of grpc.aio, balancers' answers, tokens."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc

from msgproc._errors import Code, Error, StreamError, stream_error
from msgproc._routing import Locator
from msgproc.v1 import balancer_pb2

_PROCESS = "/msgproc.v1.Processor/Process"
_GET_SERVER = "/msgproc.v1.Balancer/GetServer"
_LOOK_UP_SECONDS = 2.0
_MOST_TOKEN_BYTES = 7 << 10
# docs/decisions/0013-grpc-defaults.md gives the reasons, option by option.
_CHANNEL_OPTIONS = {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.dns_min_time_between_resolutions_ms": 500,
    "grpc.http2.bdp_probe": 0,
    "grpc.http2.lookahead_bytes": 512 << 10,
    "grpc.keepalive_time_ms": 300_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.max_receive_message_length": 64 << 20,
}


def error_of_rpc(error: Any) -> StreamError:
    # grpc.aio's errors hold themselves, and by their traceback the call and its connection.
    error.args = ()
    return stream_error(Code.of(error.code().value[0]), error.details() or "")


def _metadata(token: str) -> Any:
    return (("authorization", f"Bearer {token}"),) if token else ()


class Transport:
    """Of one stream. Each channel is a connection of its own, and its user closes it."""

    def __init__(
        self,
        credentials: grpc.ChannelCredentials | None,
        options: Sequence[tuple[str, Any]],
        balancers: Sequence[str],
        affinity_key: str,
    ) -> None:
        self._credentials = credentials
        self._options = list({**_CHANNEL_OPTIONS, **dict(options)}.items())
        self._locator = Locator(balancers)
        self._affinity_key = affinity_key

    def channel(self, address: str) -> Any:
        if self._credentials is None:
            return grpc.aio.insecure_channel(address, self._options)
        return grpc.aio.secure_channel(address, self._credentials, self._options)

    def process(self, channel: Any, token: str) -> Any:
        """Returns a call of Process, in bytes."""
        return channel.stream_stream(_PROCESS)(metadata=_metadata(token))

    async def locate(self, failed: Sequence[str], token: str) -> str | StreamError:
        """Asks balancers for an address, not one of `failed`."""
        request = balancer_pb2.GetServerRequest(affinity_key=self._affinity_key, exclude=failed)
        errors: list[Error] = []
        for balancer in self._locator.round():
            async with self.channel(balancer) as channel:
                get_server = channel.unary_unary(
                    _GET_SERVER,
                    request_serializer=balancer_pb2.GetServerRequest.SerializeToString,
                    response_deserializer=balancer_pb2.GetServerResponse.FromString,
                )
                options = {"timeout": _LOOK_UP_SECONDS, "metadata": _metadata(token)}
                try:
                    answer = await get_server(request, **options)
                except grpc.RpcError as error:
                    errors.append(error_of_rpc(error))
                else:
                    addresses = [each.address for each in (answer.server, *answer.alternatives)]
                    return self._locator.on_answer(balancer, addresses)
        return self._locator.on_no_answer(errors, failed)


async def fetch_token(provider: Callable[[], Awaitable[str]], timeout: float) -> str | StreamError:
    """Returns a token that a header can carry."""
    try:
        token = await asyncio.wait_for(provider(), timeout)
    except Error as error:
        return stream_error(error.code, error.message)
    except OSError as error:  # TimeoutError is one.
        return stream_error(Code.UNAVAILABLE, f"token_provider raised {error!r}")
    except Exception as error:  # pylint: disable=broad-exception-caught
        return stream_error(Code.INVALID_ARGUMENT, f"token_provider raised {error!r}")
    if 0 < len(token) <= _MOST_TOKEN_BYTES and all("!" <= each <= "~" for each in token):
        return token
    text = f"token_provider gave a token of {len(token)} characters that is empty, over "
    text += f"{_MOST_TOKEN_BYTES}, or has one that a header cannot carry"
    return stream_error(Code.INVALID_ARGUMENT, text)
