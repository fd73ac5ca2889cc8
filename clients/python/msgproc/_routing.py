"""Where a stream connects next, and when. Pure: random numbers (0 to 1) and times are handed in."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgproc._errors import Code, Error, StreamError, may_reconnect, stream_error

# A balancer takes 64 addresses to avoid; the last few are those worth avoiding.
_MOST_FAILED = 8


@dataclass(frozen=True)
class Backoff:
    """Full jitter: a random part of `initial`, doubled with each failure up to `maximum`."""

    initial: float = 0.05
    maximum: float = 5.0


class Destination:
    """After a break the same address once, at once; then others, with growing random pauses.

    A connection that broke before it was of any use does not count as one, so a server that
    welcomes and fails is not asked without pause.
    """

    def __init__(self, backoff: Backoff, give_up_after: float, now: float) -> None:
        self._backoff = backoff
        self._give_up_after = give_up_after
        self._failures = 0
        self._connected_since: float | None = None
        self._useful = False
        self._without_server_since = now
        self.when = now
        self.address = ""
        self.located = False  # Whether `address` is where to connect next.
        self.failed: list[str] = []  # That just failed, or asked the stream to leave.

    @property
    def give_up_at(self) -> float:
        return self._without_server_since + self._give_up_after

    def on_located(self, address: str) -> None:
        self.address = address
        self.located = True

    def on_connected(self, now: float) -> None:
        self._connected_since = now
        self._without_server_since = math.inf
        self._useful = False
        self.failed.clear()

    def on_result(self) -> None:
        self._useful = True

    def on_failed(self, now: float, random: float) -> None:
        self.located = self._plan(now, random)
        if not self.located:
            self._avoid()

    def on_moved(self, address: str, now: float, random: float) -> None:
        """The server asked to move: to `address`, or anywhere else where that is empty."""
        # One that sends away whoever comes must not be asked without pause.
        self._plan(now, random)
        self.located = bool(address)
        if address:
            self.address = address
        else:
            self._avoid()

    def _plan(self, now: float, random: float) -> bool:
        """The connection is over; whether it was of use, and the next one is due at once."""
        since, self._connected_since = self._connected_since, None
        useful = since is not None and (self._useful or now - since >= self._backoff.maximum)
        if since is not None:
            self._without_server_since = now
        if useful:
            self._failures = 0
            self.when = now
        else:
            most = min(
                self._backoff.maximum, self._backoff.initial * 2.0 ** min(self._failures, 20)
            )
            self._failures += 1
            self.when = now + most * random
        return useful

    def _avoid(self) -> None:
        if self.address:
            self.failed = [*self.failed, self.address][-_MOST_FAILED:]


class Locator:
    """Whom to ask for a server: a round over the balancers for each question, from the one that
    answered last. When none has a server, those of the last answer are tried in turn, so that
    balancers may be down while servers are not.
    """

    def __init__(self, balancers: Sequence[str]) -> None:
        self._balancers = balancers
        self._preferred = 0
        self._remembered: list[str] = []
        self._turn = 0

    def round(self) -> Iterable[str]:
        for i in range(len(self._balancers)):
            yield self._balancers[(self._preferred + i) % len(self._balancers)]

    def on_answer(self, balancer: str, addresses: list[str]) -> str:
        """`balancer` has given these, best first. Returns the one to go to."""
        self._preferred = self._balancers.index(balancer)
        self._remembered = addresses
        return addresses[0]

    def on_no_answer(self, errors: list[Error], failed: Sequence[str]) -> str | StreamError:
        """Every balancer of a round has failed so."""
        for address in self._remembered:
            if address not in failed:
                return address
        if self._remembered:
            self._turn += 1
            return self._remembered[(self._turn - 1) % len(self._remembered)]
        texts = (f"; {name}: {error.message}" for name, error in zip(self.round(), errors))
        passing = (Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED)
        may_pass = any(may_reconnect(error) or error.code in passing for error in errors)
        code = Code.UNAVAILABLE if may_pass else errors[-1].code
        return stream_error(code, "no balancer gave a server" + "".join(texts))
