"""What can go wrong, typed: each error has gRPC's code and says what to do."""

import enum


class Code(enum.IntEnum):
    """gRPC's status codes (google.rpc.Code)."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @classmethod
    def of(cls, number: int) -> "Code":
        """Returns UNKNOWN for numbers that gRPC does not have."""
        return cls(number) if number in cls._value2member_map_ else cls.UNKNOWN


class Error(Exception):
    """`code`, `message`: what was wrong; `advice`: what to do about it."""

    advice = ""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        advice = f" ({self.advice})" if self.advice else ""
        return f"{self.code.name}: {self.message}{advice}"


class MessageError(Error):
    """The one message failed; the stream lives on."""

    advice = "mend the message"

    def __init__(self, code: Code, message: str, retryable: bool = False) -> None:
        super().__init__(code, message)
        # Whether the same message, sent as a new one, may succeed.
        self.retryable = retryable
        if retryable:
            self.advice = "send it again, as a new message"


class StreamError(Error):
    """The stream has ended; messages without a result may have been processed.

    The class itself: a server or balancer refuses the stream for good.
    """

    advice = "mend what the message names; trying again does not help"


class Unavailable(StreamError):
    """No server answered within `give_up_after`."""

    advice = "check the address and that servers run, then open another stream"


class TakenOver(StreamError):
    """Another stream has opened the session with its id and token."""

    advice = "use one stream for a session; without session_token it has a token of its own"


class DataLoss(StreamError):
    """The store knows less of the session than this client; nothing was sent again."""

    advice = "find out what was done of the messages without a result; send in a new session"


class Cancelled(StreamError):
    """The stream was cancelled here."""

    advice = ""


_TYPES = {
    Code.CANCELLED: Cancelled,
    Code.UNAVAILABLE: Unavailable,
    Code.ABORTED: TakenOver,
    Code.DATA_LOSS: DataLoss,
}


def stream_error(code: Code, message: str) -> StreamError:
    return _TYPES.get(code, StreamError)(code, message)


def may_reconnect(error: Error) -> bool:
    """Whether a stream that ended so is opened again (rule 8)."""
    if error.code == Code.RESOURCE_EXHAUSTED:
        # HTTP/2's ENHANCE_YOUR_CALM, from gRPC that is short of memory; not the server's word.
        return "RST_STREAM" in error.message
    return error.code in (Code.UNAVAILABLE, Code.INTERNAL, Code.UNKNOWN, Code.CANCELLED)
