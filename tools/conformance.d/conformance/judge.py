"""What a client may write on one stream, by rules 2, 4 and 6."""

from conformance import protocol
from conformance.failure import Failure


class Limits:
    """Those that a Welcome states."""

    def __init__(self, batch=4096, payload=1 << 20, messages=65536, size=64 << 20):
        self.batch = batch
        self.payload = payload
        self.messages = messages
        self.size = size


class Judge:
    """Looks at each request of a stream. Pure; not thread-safe.

    Attributes:
      next_sequence: that of the next message.
      received_through: the highest that the client has said on this stream.
    """

    def __init__(self, results_through=0):
        """`results_through`: up to here the client was written every result, on earlier streams."""
        self.next_sequence = 1
        self.received_through = 0
        self._first = True
        self._limits = None
        self._results_through = results_through
        self._outstanding = {}

    def on_results(self, through):
        self._results_through = max(self._results_through, through)

    def on_welcome(self, state, accepted_through, limits, sizes):
        """Returns through which message the server has accepted.

        `sizes`: of the messages that were seen so far, by sequence.
        """
        received = self.received_through
        if state == protocol.LOST:
            accepted_through = received
        elif state == protocol.RESUMED:
            # What came along with a first request sent again is recognised.
            accepted_through = max(accepted_through, self.next_sequence - 1)
        else:
            accepted_through = self.next_sequence - 1
        self.next_sequence = accepted_through + 1
        self._limits = limits
        self._outstanding = {
            sequence: sizes.get(sequence, 0)
            for sequence in range(received + 1, accepted_through + 1)
        }
        return accepted_through

    def on_request(self, request, size):
        """Raises Failure where the request breaks a rule."""
        if self._first:
            self._on_first(request)
        else:
            self._on_later(request)
        self._first = False
        if size > protocol.MAX_FRAME_BYTES and len(request.messages) > 1:
            raise Failure(
                f"a request of {size} bytes has {len(request.messages)} messages: a frame holds "
                f"at most {protocol.MAX_FRAME_BYTES} bytes or one message",
                rule="frames",
            )
        self._on_received(request.received_through)
        for message in request.messages:
            self._on_message(message)

    def _on_first(self, request):
        if not request.HasField("open"):
            raise Failure(
                "the first request has no `open`: a client that must not lose anything opens a "
                "session",
                rule="rule 2",
            )
        size = sum(protocol.window_bytes(message) for message in request.messages)
        if (
            len(request.messages) > protocol.MAX_MESSAGES_WITH_OPEN
            or size > protocol.MAX_BYTES_WITH_OPEN
        ):
            raise Failure(
                f"{len(request.messages)} messages of {size} bytes came along with `open`; at "
                f"most {protocol.MAX_MESSAGES_WITH_OPEN} and {protocol.MAX_BYTES_WITH_OPEN} bytes "
                "may",
                rule="rule 2",
            )

    def _on_later(self, request):
        if request.HasField("open"):
            raise Failure("`open` came in another than a stream's first request", rule="rule 8")
        if request.messages and self._limits is None:
            raise Failure(
                f"message {request.messages[0].sequence} was sent after the first request and "
                "before `welcome`: wait for it, only it says which sequence is the next and how "
                "many may be sent",
                rule="rule 2",
            )
        if self._limits is not None and len(request.messages) > self._limits.batch:
            raise Failure(
                f"a request has {len(request.messages)} messages; Welcome.max_batch_messages is "
                f"{self._limits.batch}",
                rule="rule 8",
            )

    def _on_received(self, through):
        if through > self._results_through:
            raise Failure(
                f"you sent received_through {through}, and have got results through "
                f"{self._results_through}: what you say you have, the server forgets",
                rule="rule 5",
            )
        if through <= self.received_through:
            return
        for sequence in range(self.received_through + 1, through + 1):
            self._outstanding.pop(sequence, None)
        self.received_through = through

    def _on_message(self, message):
        if message.sequence != self.next_sequence:
            raise Failure(
                f"message {message.sequence} was sent where {self.next_sequence} is the next "
                "sequence",
                rule="rule 2",
            )
        self.next_sequence += 1
        size = protocol.window_bytes(message)
        self._outstanding[message.sequence] = size
        if self._limits is None:
            return
        self._check_message(message)
        limits, outstanding = self._limits, self._outstanding
        if len(outstanding) > limits.messages:
            raise Failure(
                f"message {message.sequence} is the {len(outstanding)}th beyond received_through "
                f"{self.received_through}; Welcome.max_outstanding_messages is {limits.messages}: "
                "hold your caller back until you have got results and said so",
                rule="rule 6",
            )
        total = sum(outstanding.values())
        if total > limits.size and len(outstanding) > 1:
            raise Failure(
                f"with message {message.sequence} {total} bytes are beyond received_through "
                f"{self.received_through}; Welcome.max_outstanding_bytes is {limits.size}",
                rule="rule 6",
            )

    def _check_message(self, message):
        if len(message.payload) > self._limits.payload:
            raise Failure(
                f"message {message.sequence} has {len(message.payload)} bytes; "
                f"Welcome.max_payload_bytes is {self._limits.payload}: tell your caller instead, "
                "the server ends the stream for it",
                rule="rule 8",
            )
        headers = protocol.window_bytes(message) - len(message.payload)
        if len(message.headers) > protocol.MAX_HEADERS or headers > protocol.MAX_HEADER_BYTES:
            raise Failure(
                f"message {message.sequence} has {len(message.headers)} headers of {headers} "
                f"bytes; at most {protocol.MAX_HEADERS} and {protocol.MAX_HEADER_BYTES} bytes: "
                "tell your caller instead",
                rule="rule 8",
            )
