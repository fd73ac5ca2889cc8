"""The client's end of a session on one connection after another: what to write next, what to
make of what was read, when to speak although there is nothing to say, when to give up.

    DETACHED --open--> OPENING --Welcome--> OPEN --Drain--> DRAINING
                                             |                 |  all collected
                                             +--> HALF_CLOSED <+

On every connection anew. Pure: no gRPC, times are handed in.
"""

import enum
import math
import sys
from dataclasses import dataclass, field
from typing import Any

from msgproc._errors import Code, StreamError, stream_error
from msgproc._values import Result, SessionState, Window
from msgproc._window import SendWindow
from msgproc.v1 import processor_pb2

_SILENT_INTERVALS = 3
_TOKEN_RETRY_MIN = 0.1
_TOKEN_RETRY_MAX = 30.0
_STATES = {1: SessionState.NEW, 2: SessionState.RESUMED, 3: SessionState.LOST}


class Phase(enum.Enum):
    DETACHED = 0
    OPENING = 1
    OPEN = 2
    DRAINING = 3
    HALF_CLOSED = 4


@dataclass
class Received:
    """What a frame said. `results` count even where there is an `error`."""

    results: list[Result] = field(default_factory=list)
    welcome: processor_pb2.Welcome | None = None
    drain: bool = False
    error: StreamError | None = None  # The connection is to be given up for it.
    duplicate: bool = False


def _seconds(duration: Any) -> float:
    return float(duration.seconds) + float(duration.nanos) * 1e-9


class Session:
    def __init__(
        self,
        opening: processor_pb2.Open,
        window: Window,
        connect_timeout: float,
        require_durable: bool = False,
    ) -> None:
        self._open = opening
        self._connect_timeout = connect_timeout
        self._require_durable = require_durable
        self.window = SendWindow(window)
        self.phase = Phase.DETACHED
        self.closing = False  # Half-close once all have their results.
        self.max_payload_bytes = sys.maxsize
        self._begin(0.0)

    def _begin(self, now: float) -> None:
        self.interval = math.inf  # Of heartbeats.
        self._opened = self._written = self._read = now
        self._end_by = math.inf  # Drained, or half-closed.
        self.drain_address = ""
        self._drain_reason = 0
        self._drained_early = False  # Before Welcome.
        self._token_expires = self.refresh_at = math.inf
        self._refresh_token = ""

    @property
    def refused_by_drain(self) -> bool:
        return self.phase is Phase.OPENING and self._drained_early

    @property
    def store_generation(self) -> str:
        return self._open.store_generation

    def open(self, now: float) -> bytes:
        """A connection begins. Returns its first frame."""
        assert self.phase is Phase.DETACHED
        self._begin(now)
        self.phase = Phase.OPENING
        self._open.attempt += 1
        request = processor_pb2.ProcessRequest(open=self._open).SerializeToString()
        return bytes(request) + self.window.open()

    def next_write(self, now: float) -> tuple[bytes | None, bool]:
        """Returns a frame, if there is one, and whether to half-close behind it.

        To be called when no write is in flight; what it gives must be written.
        """
        if self.phase not in (Phase.OPEN, Phase.DRAINING):
            return None, False
        window = self.window
        send = self.phase is Phase.OPEN and window.can_send()
        half_close = window.collected and (
            self.phase is Phase.DRAINING or (self.closing and not window.outstanding)
        )
        acknowledge = now >= window.acknowledge_by or (half_close and not window.acknowledged)
        heartbeat = now >= self._written + self.interval and not half_close
        frame = None
        if send or acknowledge or heartbeat or self._refresh_token:
            frame = window.take() if send else window.acknowledgement()
            if self._refresh_token:
                request = processor_pb2.ProcessRequest(refresh_token=self._refresh_token)
                frame += request.SerializeToString()
                self._refresh_token = ""
            self._written = now
        if half_close:
            self.phase = Phase.HALF_CLOSED
            self._end_by = min(self._end_by, now + self._connect_timeout)
        return frame, half_close

    def on_frame(self, frame: processor_pb2.ProcessResponse, now: float) -> Received:
        received = Received()
        self._read = now
        if frame.HasField("welcome"):
            received.error = self._on_welcome(frame.welcome, now)
            if received.error is not None:
                return received
            received.welcome = frame.welcome
            received.drain = self._drained_early
        elif self.phase is Phase.OPENING and (not frame.HasField("drain") or frame.results):
            text = "the server's first response has no Welcome: is it a msgproc.v1.Processor?"
            received.error = stream_error(Code.INTERNAL, text)
            return received
        if frame.HasField("token_expires_in"):
            self._on_token_expires_in(_seconds(frame.token_expires_in), now)
        if frame.results:
            new = self.window.on_results(frame.results, now)
            received.results, received.error, received.duplicate = new
        if received.error is None and frame.HasField("drain"):
            self._on_drain(frame.drain, now, received)
        return received

    def _on_welcome(self, welcome: processor_pb2.Welcome, now: float) -> StreamError | None:
        if self.phase is not Phase.OPENING:
            return stream_error(Code.INTERNAL, "the server sent a second Welcome")
        state = _STATES.get(welcome.state)
        if state is None:
            text = f"the server sent a Welcome with the unknown state {welcome.state}"
            return stream_error(Code.INTERNAL, text)
        stored = welcome.durability == processor_pb2.Welcome.DURABILITY_STORE
        known, generation = self.store_generation, welcome.store_generation
        if known and generation != known:
            # What was sent may have been done, and a server that cannot know must not have it.
            text = f"the session is kept in store {known!r}, the server's is {generation!r}"
            return stream_error(Code.DATA_LOSS, text)
        if self._require_durable and not stored:
            text = "the server keeps sessions in memory; start it with --session_store"
            return stream_error(Code.FAILED_PRECONDITION, text)
        limits = Window(
            welcome.max_outstanding_messages or sys.maxsize,
            welcome.max_outstanding_bytes or sys.maxsize,
            welcome.max_batch_messages or sys.maxsize,
        )
        error = self.window.on_welcome(state, welcome.accepted_through, limits)
        if error is not None:
            return error
        self.max_payload_bytes = welcome.max_payload_bytes or sys.maxsize
        self.interval = _seconds(welcome.heartbeat_interval) or math.inf
        if welcome.HasField("token_expires_in"):
            self._on_token_expires_in(_seconds(welcome.token_expires_in), now)
        self._open.resumes = True
        self._open.store_generation = generation
        self._open.ClearField("moved_for")
        self.phase = Phase.DRAINING if self._drained_early else Phase.OPEN
        return None

    def _on_drain(self, drain: processor_pb2.Drain, now: float, received: Received) -> None:
        if self.phase not in (Phase.OPENING, Phase.OPEN):
            return
        self.drain_address = drain.server_address
        self._drain_reason = drain.reason
        if drain.HasField("grace"):
            self._end_by = now + _seconds(drain.grace)
        if self.phase is Phase.OPENING:
            self._drained_early = True
        else:
            self.phase = Phase.DRAINING
            received.drain = True

    def _on_token_expires_in(self, left: float, now: float) -> None:
        self._token_expires = now + left
        # A provider that gives the same token again does not make this hurry.
        self.refresh_at = now + max(left * 3 / 4, _TOKEN_RETRY_MIN)

    def refresh(self, token: str) -> None:
        """There is a fresh token, for the next write."""
        self._refresh_token = token
        self.refresh_at = math.inf

    def on_no_token(self, now: float) -> None:
        left = (self._token_expires - now) / 4
        self.refresh_at = now + min(max(left, _TOKEN_RETRY_MIN), _TOKEN_RETRY_MAX)

    def on_busy(self, now: float) -> None:
        """The caller has been too busy to read: any silence is its own."""
        self._read = now

    def on_time(self, now: float) -> StreamError | None:
        """Why the connection must be given up."""
        if self.phase is Phase.OPENING and now >= self._opened + self._connect_timeout:
            text = f"no server answered within {self._connect_timeout} s"
        elif now >= self._read + _SILENT_INTERVALS * self.interval:
            text = f"nothing was heard from the server for {now - self._read:.1f} s"
        elif now < self._end_by:
            return None
        elif self.phase is Phase.HALF_CLOSED:
            text = "the server did not end the stream after the half-close"
        else:
            text = "the time to drain ran out before all results had come"
        return stream_error(Code.UNAVAILABLE, text)

    def alarm(self, may_write: bool) -> float:
        """When on_time or next_write will have something, unless something happens before."""
        at = min(self._end_by, self._read + _SILENT_INTERVALS * self.interval)
        if self.phase is Phase.OPENING:
            return min(at, self._opened + self._connect_timeout)
        if self.phase is not Phase.HALF_CLOSED and may_write:
            at = min(at, self._written + self.interval, self.window.acknowledge_by)
        return min(at, self.refresh_at)

    def on_disconnected(self) -> None:
        left_in_order = (
            self.refused_by_drain
            or self.phase is Phase.HALF_CLOSED
            or (self.phase is Phase.DRAINING and self.window.collected)
        )
        if self._drain_reason and left_in_order:
            self._open.moved_for = self._drain_reason  # type: ignore[assignment]
        self.phase = Phase.DETACHED
        self.window.on_disconnected()
