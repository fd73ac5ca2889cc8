"""A client of msgproc: one permanent socket, and exactly one result for each message.

async with msgproc.connect(target="127.0.0.1:50051") as stream:
    await stream.send(b"hi")
    async for result in stream:
        ...
"""

from msgproc._errors import (
    Cancelled,
    Code,
    DataLoss,
    Error,
    MessageError,
    StreamError,
    TakenOver,
    Unavailable,
)
from msgproc._routing import Backoff
from msgproc._stream import Stream
from msgproc._values import Event, EventKind, Headers, Result, SessionState, Window

connect = Stream  # pylint: disable=invalid-name

__all__ = [
    "Backoff",
    "Cancelled",
    "Code",
    "DataLoss",
    "Error",
    "Event",
    "EventKind",
    "Headers",
    "MessageError",
    "Result",
    "SessionState",
    "Stream",
    "StreamError",
    "TakenOver",
    "Unavailable",
    "Window",
    "connect",
]
