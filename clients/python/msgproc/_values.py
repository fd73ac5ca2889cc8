"""What goes in and out of a stream."""

import enum
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from msgproc._errors import Code, Error, MessageError
from msgproc.v1 import processor_pb2

# Keys and values. Keys may repeat; order is kept.
Headers = Mapping[str, bytes] | Iterable[tuple[str, bytes]]

MAX_HEADERS = 128
MAX_HEADER_BYTES = 64 << 10


@dataclass(frozen=True)
class Window:
    """The most that may be sent or unread at once; the server's own window bounds it, too."""

    messages: int = 16_384
    # Payloads, header keys and header values.
    bytes: int = 32 << 20
    # In one frame.
    batch_messages: int = sys.maxsize

    def __post_init__(self) -> None:
        if min(self.messages, self.bytes, self.batch_messages) < 1:
            raise ValueError(f"{self}: nothing would ever fit")


class Result(NamedTuple):
    """The one result of a message."""

    sequence: int
    payload: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    # Why the message failed; None: it did not.
    error: MessageError | None = None

    @classmethod
    def of(cls, result: processor_pb2.Result) -> "Result":
        headers = tuple((each.key, each.value) for each in result.headers)
        error = None
        if result.HasField("error"):
            why = result.error
            error = MessageError(Code.of(why.code), why.message, why.retryable)
        return cls(result.sequence, result.payload, headers, error)

    @property
    def counted(self) -> int:
        """Its bytes, as windows count them."""
        return len(self.payload) + (header_bytes(self.headers) if self.headers else 0)


class EventKind(enum.Enum):
    """What happens to a stream beside its results."""

    # A server answered: `server_id`, `address`, `state`, `store_generation`.
    CONNECTED = "connected"
    # The connection is gone: `error`, None after a move. The stream connects again.
    DISCONNECTED = "disconnected"
    # The server asked the stream to go elsewhere, which it does by itself.
    DRAINING = "draining"
    # The server broke the protocol: `error` says how. The connection is given up.
    VIOLATION = "violation"
    # The end: `error`, None when all is answered.
    CLOSED = "closed"


class SessionState(enum.Enum):
    """What a server knew of the session."""

    NONE = 0
    NEW = 1
    RESUMED = 2
    # Nothing: what has no result was sent again, and may be processed twice.
    LOST = 3


@dataclass(frozen=True)
class Event:
    """Only the fields that EventKind names are meaningful."""

    kind: EventKind
    server_id: str = ""
    address: str = ""
    state: SessionState = SessionState.NONE
    # The store that keeps the session; empty: the server's memory.
    store_generation: str = ""
    error: Error | None = None
    # VIOLATION: it was a message's second result, and was not delivered.
    duplicate: bool = False


def check_headers(headers: Headers) -> tuple[tuple[str, bytes], ...]:
    """Raises MessageError for what a server would end the whole stream for."""
    pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers)
    try:
        size = header_bytes(pairs)
    except UnicodeEncodeError as error:
        text = f"the header key {str(error.object)[:64]!r} is not UTF-8"
        raise MessageError(Code.INVALID_ARGUMENT, text) from None
    if len(pairs) > MAX_HEADERS or size > MAX_HEADER_BYTES:
        most = f"at most {MAX_HEADERS} of {MAX_HEADER_BYTES} bytes are allowed"
        text = f"the message has {len(pairs)} headers of {size} bytes; {most}"
        raise MessageError(Code.INVALID_ARGUMENT, text)
    return pairs


def header_bytes(pairs: Iterable[tuple[str, bytes]]) -> int:
    """As windows count them."""
    return sum(len(key.encode()) + len(value) for key, value in pairs)
