"""Calls of Processor.Process without generated code."""

import collections

import grpc

PROCESS = "/msgproc.v1.Processor/Process"
# {"messages": [{"sequence": 1, "payload": "hi"}]}
ONE_MESSAGE = b"\x12\x06\x08\x01\x12\x02hi"

Outcome = collections.namedtuple("Outcome", "responses code details")


def one_message_then(release):
    """Yields a message, and ends once the event `release` is set."""
    yield ONE_MESSAGE
    release.wait()


def open_stream(channel, requests, timeout=20, metadata=()):
    """Returns the call, an iterator of raw responses."""
    return channel.stream_stream(
        PROCESS, request_serializer=lambda raw: raw, response_deserializer=lambda raw: raw
    )(iter(requests), timeout=timeout, metadata=metadata)


def call(address, requests, metadata=()):
    """Returns the Outcome of a stream of raw requests."""
    with grpc.insecure_channel(address) as channel:
        stream = channel.stream_stream(
            PROCESS, request_serializer=lambda raw: raw, response_deserializer=lambda raw: raw
        )(iter(requests), metadata=metadata, timeout=20)
        responses = []
        try:
            responses.extend(stream)
        except grpc.RpcError:
            pass
        return Outcome(responses, stream.code(), stream.details())
