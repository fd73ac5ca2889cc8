"""What goes wrong and when: a seed makes the same timeline each time.

Pure. Nothing here knows how a fault is done: that is `faults`.
"""

import dataclasses
import random

# The last faults of a run end so long before the run does.
QUIET_SECONDS = 10
# So long a run without any fault yet is what the others are compared with.
_CALM_SECONDS = 4


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of fault. `seconds`: between which bounds its length is drawn."""

    name: str
    targets: tuple
    seconds: tuple
    # Where it is between two: who does not hear it any more.
    peers: tuple = ()


@dataclasses.dataclass(frozen=True)
class Fault:
    """From `at`, in seconds since the start, for `seconds`."""

    at: float
    kind: str
    target: str
    seconds: float
    peer: str = ""

    @property
    def until(self):
        return self.at + self.seconds

    def __str__(self):
        whom = f"{self.target} to {self.peer}" if self.peer else self.target
        lasts = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.kind} {whom}{lasts}"


_PROCESSORS = ("p1", "p2", "p3")
_BALANCERS = ("b1", "b2")
_CLIENTS = ("crashing", "crashing-nginx")

# A processor's lease, what a balancer remembers, heartbeats and time-outs of the store are
# all shorter than the longest of these.
_COMMON = (
    Kind("kill", _BALANCERS, (0.2, 8)),
    Kind("kill", _CLIENTS, (0.1, 3)),
    Kind("freeze", _BALANCERS, (0.5, 8)),
    Kind("freeze", ("nginx", *_CLIENTS), (0.5, 6)),
    Kind("reload", ("nginx",), (0, 0)),
    Kind("kill workers of", ("nginx",), (0, 0)),
    Kind("cut", ("clients",), (0.5, 10), _BALANCERS),
    Kind("slow down", ("clients", "nginx"), (2, 8)),
    Kind("reset connections of", ("clients", "nginx", *_BALANCERS), (0, 0)),
)
FLEET = _COMMON + (
    Kind("kill", _PROCESSORS, (0.2, 6)),
    Kind("stop", _PROCESSORS, (0, 0)),
    Kind("deploy", ("fleet",), (12, 12)),
    Kind("freeze", _PROCESSORS, (0.5, 12)),
    Kind("kill workers of", ("p3",), (0, 0)),
    Kind("freeze workers of", ("p3",), (0.5, 8)),
    Kind("restart fast", ("store",), (0.1, 4)),
    Kind("restart immediately", ("store",), (0.1, 4)),
    Kind("freeze", ("store",), (0.5, 8)),
    Kind("hang and crash", ("store",), (0.2, 4)),
    Kind("end sessions of", ("store",), (0, 0)),
    # Up to longer than the time-out of a connection to the store.
    Kind("cut", _PROCESSORS, (0.5, 20), ("store", "clients", "nginx", *_BALANCERS)),
    Kind("cut one way", _PROCESSORS, (0.5, 20), ("store", "clients", "nginx", *_BALANCERS)),
    Kind("cut one way", ("clients", "store", "nginx"), (0.5, 20), _PROCESSORS),
    Kind("slow down", (*_PROCESSORS, "store"), (2, 8)),
    Kind("reset connections of", (*_PROCESSORS, "store"), (0, 0)),
)
ONE_FILE = _COMMON + (
    Kind("kill", ("p1",), (0.2, 3)),
    Kind("stop", ("p1",), (0, 0)),
    Kind("freeze", ("p1",), (0.5, 6)),
    Kind("fill", ("disk",), (0.5, 6)),
    Kind("cut", ("p1",), (0.5, 8), ("clients", "nginx", *_BALANCERS)),
    Kind("cut one way", ("p1",), (0.5, 8), ("clients", "nginx", *_BALANCERS)),
    Kind("slow down", ("p1",), (2, 6)),
    Kind("reset connections of", ("p1",), (0, 0)),
)


def timeline(seed, seconds, kinds=FLEET, every=2.5):
    """Returns the faults of a run of `seconds`, by time; one in `every` seconds on average.

    Each kind comes once before any comes twice. What is under a fault gets no second one
    until that has ended; different ones may be at a time.
    """
    chance = random.Random(seed)
    end = seconds - QUIET_SECONDS
    at = _CALM_SECONDS
    faults, bag = [], []
    while True:
        if not bag:
            bag = list(kinds)
            chance.shuffle(bag)
        fault = _draw(chance, bag.pop(), at)
        if fault.until >= end:
            if at >= end:
                return faults
        elif not any(_collide(fault, other) for other in faults[-len(kinds) :]):
            faults.append(fault)
        at += chance.uniform(0.2, 2) * every / 1.1


def _draw(chance, kind, at):
    return Fault(
        round(at, 3),
        kind.name,
        chance.choice(kind.targets),
        # Short ones are more frequent.
        round(kind.seconds[0] + (kind.seconds[1] - kind.seconds[0]) * chance.random() ** 2, 3),
        chance.choice(kind.peers) if kind.peers else "",
    )


def _collide(one, other):
    """A fleet's is everybody's."""
    if one.at > other.until or other.at > one.until:
        return False
    names = {one.target, other.target}
    return len(names) == 1 or ("fleet" in names and not names.isdisjoint(_PROCESSORS))
