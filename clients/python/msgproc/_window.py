"""The messages of a session from `send` until their results.

       received         sent               unsent
    ---------|-------------------|---------------------|
             received_through                          next_sequence

A new connection makes unsent what was sent. Pure: no gRPC, no clock of its own.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence

from msgproc._errors import Code, StreamError, stream_error
from msgproc._values import Result, SessionState, Window, header_bytes
from msgproc.v1 import processor_pb2

MAX_FRAME_BYTES = 1 << 20
# What a session's first Open may carry along.
MAX_OPEN_MESSAGES = 64
MAX_OPEN_BYTES = 64 << 10
# How long the server waits at most to be told `received_through`.
ACKNOWLEDGE_AFTER = 1.0
# Beside the messages in a frame: `received_through`.
_HEAD_BYTES = 16
# A window travels in a few frames: the server works on one while others are under way.
_FRAMES_PER_WINDOW = 4
_SMALL_FRAME_MESSAGES = 256


# A message as it travels, a request of its own, for encoded requests add up; and its bytes as
# the window counts them.
_Entry = tuple[bytes, int]


def _new_request() -> processor_pb2.ProcessRequest:
    return processor_pb2.ProcessRequest(messages=[processor_pb2.Message()])


class SendWindow:
    def __init__(self, own: Window) -> None:
        self._own = own
        # Until a server has answered, what its first request may carry.
        self._server = Window(messages=MAX_OPEN_MESSAGES)
        self.welcomed = False
        self.connected = False
        self._sent: deque[_Entry] = deque()
        self._sent_bytes = 0
        self._unsent: deque[_Entry] = deque()
        self._unsent_bytes = 0
        self._encoded_bytes = 0  # Before a server has answered.
        self._opened_with = -1  # Messages along with the first Open.
        self.received_through = 0
        self._given_through = 0  # The most that any connection was given.
        # Of the present connection: what its Open said, and which of these came again.
        self._received_at_open = 0
        self._repeated_through = 0
        self._told_through = 0
        self._untold_bytes = 0
        # When the server must be told `received_through`.
        self.acknowledge_by = math.inf
        self._request = _new_request()
        self._limit()

    def _limit(self) -> None:
        self._messages = max(1, min(self._own.messages, self._server.messages))
        self._bytes = min(self._own.bytes, self._server.bytes)
        frame = max(self._messages // _FRAMES_PER_WINDOW, _SMALL_FRAME_MESSAGES)
        self._batch = max(1, min(self._own.batch_messages, self._server.batch_messages, frame))

    @property
    def outstanding(self) -> int:
        return len(self._sent) + len(self._unsent)

    @property
    def next_sequence(self) -> int:
        return self.received_through + self.outstanding + 1

    @property
    def acknowledged(self) -> bool:
        return self._told_through == self.received_through

    @property
    def collected(self) -> bool:
        """Whether the present connection owes no result."""
        return not self._sent

    @property
    def frame_full(self) -> bool:
        """Whether what waits makes whole frames, and the next message would begin another."""
        return bool(self._unsent) and len(self._unsent) % self._batch == 0

    def append(
        self,
        payload: bytes,
        headers: Sequence[tuple[str, bytes]],
        unread: int,
        unread_bytes: int,
    ) -> int:
        """Takes a message and returns its sequence; 0: no room now.

        `unread`: results that wait for the caller; they fill the window as well.
        """
        counted = len(payload) + (header_bytes(headers) if headers else 0)
        held = self.outstanding + unread
        held_bytes = self._sent_bytes + self._unsent_bytes + unread_bytes
        # One message always fits.
        if held and (held >= self._messages or held_bytes + counted > self._bytes):
            return 0
        sequence = self.next_sequence
        # The one at hand is twice as fast as a new one.
        request = _new_request() if headers else self._request
        message = request.messages[0]
        message.sequence, message.payload = sequence, payload
        for key, value in headers:
            message.headers.add(key=key, value=value)
        encoded = request.SerializeToString()
        if not self.welcomed:
            if self._encoded_bytes + len(encoded) > MAX_OPEN_BYTES:
                return 0
            self._encoded_bytes += len(encoded)
        self._unsent.append((encoded, counted))
        self._unsent_bytes += counted
        return sequence

    def open(self) -> bytes:
        """A connection begins. Returns what goes along with its Open, encoded."""
        self._received_at_open = self.received_through
        self._repeated_through = 0
        messages: list[bytes] = []
        if not self.welcomed:
            # The very request again that a server may have read: it is recognised.
            if self._opened_with < 0:
                self._opened_with = len(self._unsent)
            messages = [self._give() for _ in range(self._opened_with)]
        return self.acknowledgement() + b"".join(messages)

    def on_welcome(
        self, state: SessionState, accepted_through: int, server: Window
    ) -> StreamError | None:
        received = f"results are received up to {self.received_through}"
        if state is SessionState.RESUMED:
            if accepted_through < self.received_through:
                text = f"messages are accepted up to {accepted_through}, it says; {received}"
                return stream_error(Code.INTERNAL, text)
            if accepted_through > self._given_through:
                # Trying again would not help: the session is not this stream's alone.
                text = (
                    f"messages are accepted up to {accepted_through}, this stream has sent them up "
                    f"to {self._given_through}: another stream uses the session, or did before; "
                    "open one with a new session_id"
                )
                return stream_error(Code.FAILED_PRECONDITION, text)
            for _ in range(accepted_through - self.received_through - len(self._sent)):
                self._give()
        elif state is not SessionState.LOST and self.received_through:
            text = f"the server begins the session anew; {received}"
            return stream_error(Code.INTERNAL, text)
        self.welcomed = self.connected = True
        self._server = server
        self._limit()
        return None

    def can_send(self) -> bool:
        """Whether a message waits, and the server's window has room for it.

        It may be smaller than that of the last server, from which messages are left.
        """
        if not self.connected or not self._unsent:
            return False
        return not self._sent or (
            len(self._sent) < self._server.messages
            and self._sent_bytes + self._unsent[0][1] <= self._server.bytes
        )

    def take(self) -> bytes:
        """Returns the next frame of messages, encoded. It must be written."""
        frame = [self.acknowledgement()]
        size = _HEAD_BYTES
        for _ in range(self._batch):
            if not self.can_send():
                break
            size += len(self._unsent[0][0])
            if size > MAX_FRAME_BYTES and len(frame) > 1:
                break
            frame.append(self._give())
        return b"".join(frame)

    def acknowledgement(self) -> bytes:
        """Returns a frame without messages. It must be written."""
        self._told_through = self.received_through
        self._untold_bytes = 0
        self.acknowledge_by = math.inf
        request = processor_pb2.ProcessRequest(received_through=self.received_through)
        return bytes(request.SerializeToString())

    def _give(self) -> bytes:
        entry = encoded, counted = self._unsent.popleft()
        self._unsent_bytes -= counted
        self._sent.append(entry)
        self._sent_bytes += counted
        self._given_through = max(self._given_through, self.received_through + len(self._sent))
        return encoded

    def on_results(
        self, results: Iterable[processor_pb2.Result], now: float
    ) -> tuple[list[Result], StreamError | None, bool]:
        """Returns the new results of a frame; what breaks the order behind them; whether
        it does so as a message's second result.

        In front of a connection's first new result those that its Open had said are
        received are dropped; any other repeat is an error.
        """
        new: list[Result] = []
        error = None
        duplicate = False
        for result in results:
            sequence = result.sequence
            if sequence == self.received_through + 1 and self._sent:
                self.received_through = sequence
                self._sent_bytes -= self._sent.popleft()[1]
                new.append(Result.of(result))
                self._untold_bytes += new[-1].counted
            elif (
                self.received_through == self._received_at_open
                and self._repeated_through < sequence <= self._received_at_open
            ):
                self._repeated_through = sequence
            else:
                due = self.received_through + 1
                duplicate = 0 < sequence < due
                how = "twice" if duplicate else f"where that of {due} was due"
                text = f"the server sent the result of message {sequence} {how}"
                error = stream_error(Code.INTERNAL, text)
                break
        if new:
            self._plan_acknowledgement(now)
        return new, error, duplicate

    def _plan_acknowledgement(self, now: float) -> None:
        untold = self.received_through - self._told_through
        half_a_window = untold >= max(1, self._server.messages // 2) or self._untold_bytes >= max(
            1, self._server.bytes // 2
        )
        by = -math.inf if half_a_window else now + ACKNOWLEDGE_AFTER
        self.acknowledge_by = min(self.acknowledge_by, by)

    def on_disconnected(self) -> None:
        self.connected = False
        self.acknowledge_by = math.inf
        self._unsent.extendleft(reversed(self._sent))
        self._unsent_bytes += self._sent_bytes
        self._sent.clear()
        self._sent_bytes = 0
