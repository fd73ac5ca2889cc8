"""What a stream does next over one call after another: when and where to connect, what to write,
what is delivered, when a call is given up and when the stream ends.

    WAITING --time--> (AUTHORIZING -->) (LOCATING -->) CALLING --call ended--> WAITING ... ENDED

Its owner tells it what has happened and does what it says. Pure: no gRPC, no clock of its own.
"""

import enum
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError

from msgproc._errors import Code, Error, MessageError, StreamError, may_reconnect, stream_error
from msgproc._routing import Backoff, Destination
from msgproc._session import Phase, Session
from msgproc._values import Event, EventKind, Result, SessionState, Window
from msgproc.v1 import processor_pb2


@dataclass(frozen=True)
class Settings:
    opening: processor_pb2.Open
    # Empty: balancers are asked, and Drain's address is followed.
    target: str = ""
    window: Window = field(default_factory=Window)
    backoff: Backoff = field(default_factory=Backoff)
    connect_timeout: float = 10.0
    give_up_after: float = math.inf
    require_durable: bool = False
    # No other client has the session's token: only an older call of this stream, long under way,
    # can have taken its session over.
    own_token: bool = True
    needs_token: bool = False


class Step(enum.Enum):
    """What to do while there is no call."""

    WAIT = 0  # Until alarm().
    AUTHORIZE = 1  # Fetch a token; on_token follows.
    LOCATE = 2  # Ask for an address, not one of `destination.failed`; on_located follows.
    CALL = 3  # Call `destination.address` with `token`, write open() first; on_call_ended follows.
    END = 4


class Machine:
    def __init__(self, settings: Settings, now: float, random: Callable[[], float]) -> None:
        self._settings = settings
        self._random = random
        self.session = Session(
            settings.opening, settings.window, settings.connect_timeout, settings.require_durable
        )
        self.destination = Destination(settings.backoff, settings.give_up_after, now)
        self.ended = False
        self.error: StreamError | None = None  # Why it ended; None: all is answered.
        self.token = ""
        self.events: deque[Event] = deque()
        # Results for whoever iterates, and of requests.
        self.results: deque[Result] = deque()
        self.answers: deque[Result] = deque()
        self._unread_bytes = 0
        self._requests: set[int] = set()
        self._calling = self._authorizing = False
        self._broken: StreamError | None = None
        self._last_failure: Error | None = None
        self._server_id = ""

    # What the caller does.

    def append(
        self, payload: bytes, headers: Sequence[tuple[str, bytes]], request: bool = False
    ) -> int:
        """Takes a message and returns its sequence; 0: no room now. Raises if it never will."""
        if self.ended or self.session.closing:
            raise self.error or stream_error(Code.FAILED_PRECONDITION, "the stream is finished")
        if len(payload) > self.session.max_payload_bytes:
            most = f"the server's max_payload_bytes of {self.session.max_payload_bytes}"
            text = f"a payload of {len(payload)} bytes is over {most}"
            raise MessageError(Code.INVALID_ARGUMENT, text)
        unread = len(self.results)
        sequence = self.session.window.append(payload, headers, unread, self._unread_bytes)
        if request and sequence:
            self._requests.add(sequence)
        return sequence

    def take_result(self) -> Result:
        result = self.results.popleft()
        self._unread_bytes -= result.counted
        return result

    def drop_results(self) -> None:
        self.results.clear()
        self._unread_bytes = 0

    @property
    def paused(self) -> bool:
        """Whether to read nothing for now: as much waits for the caller as it may."""
        return self._unread_bytes >= self._settings.window.bytes and self.session.window.connected

    @property
    def drained(self) -> bool:
        return self.session.closing and not self.session.window.outstanding

    def finish(self) -> None:
        """No more messages: all are answered, then the stream ends."""
        self.session.closing = True
        if self.drained and not self._calling:
            self._end(None)

    def cancel(self, error: StreamError) -> None:
        if not self.ended:
            self._end(error)

    def _end(self, error: StreamError | None) -> None:
        self.ended = True
        self.error = error
        self.events.append(Event(EventKind.CLOSED, error=error))

    # While there is no call.

    def next_step(self, now: float) -> Step:
        if not self.ended and now >= self.destination.give_up_at:
            last = f"; the last attempt ended {self._last_failure}" if self._last_failure else ""
            after = self._settings.give_up_after
            self._end(stream_error(Code.UNAVAILABLE, f"no server answered within {after} s{last}"))
        if self.ended:
            return Step.END
        if now < self.destination.when:
            return Step.WAIT
        self._authorizing = self._settings.needs_token and not self.token
        if self._authorizing:
            return Step.AUTHORIZE
        if not self.destination.located:
            if not self._settings.target:
                return Step.LOCATE
            self.destination.on_located(self._settings.target)
        return Step.CALL

    def on_token(self, token: str | StreamError, now: float) -> None:
        """Also for the open call, after wants_token."""
        if self._calling:
            if isinstance(token, str):
                self.session.refresh(token)
            else:
                self.session.on_no_token(now)
        elif isinstance(token, str):
            self.token = token
        elif self._authorizing:  # Not for a call that has ended meanwhile.
            self._retry(token, now)

    def on_located(self, address: str | StreamError, now: float) -> None:
        if isinstance(address, str):
            self.destination.on_located(address)
        else:
            self._retry(address, now)

    # While there is one.

    def open(self, now: float) -> bytes:
        self._calling = True
        self._broken = None
        self.token = ""
        return self.session.open(now)

    def wants_token(self, now: float) -> bool:
        """Once for each token."""
        if not self._settings.needs_token or now < self.session.refresh_at:
            return False
        self.session.refresh_at = math.inf
        return True

    def on_frame(self, data: bytes, now: float) -> bool:
        """Returns False when the call is to be cancelled."""
        try:
            frame = processor_pb2.ProcessResponse.FromString(data)
        except DecodeError:
            text = "the server sent a frame that is no ProcessResponse"
            return self._break(stream_error(Code.INTERNAL, text))
        received = self.session.on_frame(frame, now)
        if received.welcome is not None:
            self._server_id = received.welcome.server_id
            self.destination.on_connected(now)
            state = SessionState(received.welcome.state)
            self._tell(EventKind.CONNECTED, state=state)
        if received.results:
            self.destination.on_result()
        for result in received.results:
            self._deliver(result)
        if received.drain:
            self._tell(EventKind.DRAINING)
        return self._break(received.error, received.duplicate) if received.error else True

    def _deliver(self, result: Result) -> None:
        if self._requests and result.sequence in self._requests:
            self._requests.remove(result.sequence)
            self.answers.append(result)
        else:
            self.results.append(result)
            self._unread_bytes += result.counted

    def on_time(self, due: float, now: float) -> bool:
        """As on_frame. `due`: when the owner wanted to be woken for this."""
        # Whoever was held up itself cannot say that the server was silent.
        if self.paused or now - due > self.session.interval / 2:
            self.session.on_busy(now)
        error = self.session.on_time(now)
        if error is None and now >= self.destination.give_up_at:
            error = stream_error(Code.UNAVAILABLE, "no server answered in time")
        return self._break(error) if error else True

    def alarm(self, may_write: bool) -> float:
        """When to look again: on_time and next_write in a call, next_step without one.

        `may_write`: no write is in flight.
        """
        at = self.session.alarm(may_write) if self._calling else self.destination.when
        return min(at, self.destination.give_up_at)

    def _break(self, error: StreamError, duplicate: bool = False) -> bool:
        if error.code == Code.INTERNAL:
            self._tell(EventKind.VIOLATION, error=error, duplicate=duplicate)
        self._broken = self._broken or error
        return False

    def on_call_ended(self, error: StreamError | None, now: float) -> None:
        """`error`: the call's status; None: OK."""
        session = self.session
        connected = session.window.connected
        error = self._broken or error
        moved = error is None and (session.phase is Phase.HALF_CLOSED or session.refused_by_drain)
        if error is None and not moved:
            error = stream_error(Code.UNAVAILABLE, "the server ended the stream early")
        if (
            error
            and error.code == Code.UNAUTHENTICATED
            and connected
            and self._settings.needs_token
        ):
            # One that was good a moment ago: the next call has a fresh one.
            text = f"the token does not hold any more: {error.message}"
            error = stream_error(Code.UNAVAILABLE, text)
        session.on_disconnected()
        self._calling = False
        if self.ended:
            return
        retried = error is None or self._may_retry(error)
        if self.drained and retried:
            self._end(None)
            return
        if connected and retried:
            self._tell(EventKind.DISCONNECTED, error=error)
        if error is not None:
            self._retry(error, now)
        else:
            follows = session.drain_address if not self._settings.target else ""
            self.destination.on_moved(follows, now, self._random())

    def _may_retry(self, error: Error) -> bool:
        return may_reconnect(error) or (error.code == Code.ABORTED and self._settings.own_token)

    def _retry(self, error: StreamError, now: float) -> None:
        self.token = ""  # It might expire meanwhile.
        if not self._may_retry(error):
            self._end(error)
            return
        self._last_failure = error
        self.destination.on_failed(now, self._random())

    def _tell(self, kind: EventKind, **rest: Any) -> None:
        store = self.session.store_generation
        where = (self._server_id, self.destination.address)
        self.events.append(Event(kind, *where, store_generation=store, **rest))
