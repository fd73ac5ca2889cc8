"""How a case ends that did not go well."""

# Rules that one may break in any case, in the contract's words.
QUOTES = {
    "rule 2": "the next sequence is 1 after STATE_NEW, accepted_through + 1 after STATE_RESUMED, "
    "received_through + 1 after STATE_LOST, and rises by one with each message.",
    "rule 3": "Exactly one terminal `Result` for each accepted message, in order of sequence "
    "within a session.",
    "rule 4": "So a client sends its last `received_through` before it half-closes.",
    "rule 5": "what was accepted is not processed again, what was not received is sent again",
    "rule 6": "Its messages beyond `received_through` are at most `max_outstanding_messages`",
    "rule 8": "A client reconnects after UNAVAILABLE, and after INTERNAL, UNKNOWN or CANCELLED "
    "that it did not cause",
    "frames": "A frame (one ProcessRequest or ProcessResponse) holds at most 1 MiB or one message",
    "Open.moved_for": "Why the client comes, when the last server it was with sent it away by a "
    "`Drain`",
}


class Failure(Exception):
    """What was done wrong, in words that tell its author what to mend.

    Attributes:
      rule: which rule says so, of QUOTES, where that is another than the case's own.
    """

    def __init__(self, text, rule=None):
        super().__init__(text)
        assert rule is None or rule in QUOTES, rule
        self.rule = rule


class AdapterFault(Exception):
    """The adapter does not keep its contract (docs/conformance.md): nothing is known of the
    client."""


class Skip(Exception):
    """Why the case cannot be tried with this subject."""
