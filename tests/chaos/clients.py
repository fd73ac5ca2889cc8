"""Clients that move money all the time, and keep journals.

Each is a loadgen with an outbox: its lines are in a file before it starts, its results are
appended to another one as they come. Killed and started again, it goes on where it was.
"""

import itertools
import pathlib
import random
import signal

from tests import harness
from tests.chaos import checker, cluster

# No fault lasts so long. Attempts to connect take as long as they do by default: a client
# leaves a server that has vanished.
_GIVE_UP = ("--give_up_after=10m", "--stall_timeout=10m")
# Its figures may be late on a busy machine; its answers are not.
_GOOD_ENDS = (0, 4)


class Client:
    """One socket after another. A member that faults can kill and freeze."""

    # No two lines of a run have the same amount.
    _amounts = itertools.count(1)

    def __init__(self, name, where, prefix, rate, lines, folder):
        """`where`: --balancer or --target. A socket is for `lines` messages, `rate` a second."""
        self.name = name
        self.journals = []
        self.findings = []
        self._where = where
        self._prefix = prefix
        self._rate = rate
        self._lines = lines
        self._folder = pathlib.Path(folder)
        self._chance = random.Random(name)
        self._down = False
        self._killed = False
        self._stopping = False
        # Whether this process knows, or none has to.
        self._told = False
        self._offset = 0
        # How much of what it has said is of its earlier lives.
        self._heard = 0
        self.process = None
        self._begin()

    def pids(self):
        return [self.process.pid]

    def kill(self):
        """At once, and it stays down until `revive`."""
        self._down = self._killed = True
        self.process.signal(signal.SIGKILL)

    def revive(self):
        self._down = False

    def tick(self):
        """Starts it again after a kill, or a next one behind one that is through."""
        if self.process.running():
            # One that has just begun would not know the signal yet.
            if self._stopping and not self._told and (self.new_results() or self._offset):
                self._told = True
                self.process.signal(signal.SIGINT)
            return
        if self._down or self.findings:
            return
        code = self.process.wait()
        if self._killed and code == -signal.SIGKILL:
            self._killed = False
            self._start_again()
            return
        self._killed = False
        said = self.process.output()[self._heard :]
        if code == 1 and "Verdict:" not in said:
            # It found no server to begin with, and has sent nothing.
            self._start_again()
        elif code not in _GOOD_ENDS:
            self.findings.append(self.process.describe(f"exited {code}"))
        elif not self._told:
            self._end_journal()
            self._told = self._stopping
            if not self._stopping:
                self._begin()

    def new_results(self):
        """Returns how many have come since this was asked last."""
        try:
            with open(self.journals[-1].results, "rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return 0
        self._offset += len(text)
        return text.count(b"\n")

    def finish(self):
        """Sends no more, and collects what it has sent."""
        self._stopping = True

    def finished(self):
        return not self.process.running()

    def abandon(self):
        if self.process.running():
            self.process.kill()

    def _start_again(self):
        self._heard = len(self.process.output())
        self.process.start_again()

    def _begin(self):
        number = len(self.journals) + 1
        path = self._folder / f"{self.name}-{number}"
        journal = checker.Journal(f"{self.name}-{number}", path, path.with_suffix(".results"))
        with open(journal.lines, "w", encoding="utf-8") as file:
            for _ in range(self._lines):
                source, target = self._chance.sample(cluster.ACCOUNTS, 2)
                file.write(f"transfer {source} {target} {next(self._amounts)}\n")
        self.journals.append(journal)
        self._offset = self._heard = 0
        argv = [
            *self._prefix,
            harness.runfile(harness.LOADGEN),
            self._where,
            f"--input={journal.lines}",
            f"--output={journal.results}",
            f"--outbox={path.with_suffix('.outbox')}",
            "--handler=ledger",
            "--connections=1",
            "--max_outstanding=64",
            f"--rate={self._rate}",
            *_GIVE_UP,
        ]
        self.process = harness.Process(argv, f"{self.name}-{number}")

    def _end_journal(self):
        last = self.journals[-1]
        self.journals[-1] = checker.Journal(last.name, last.lines, last.results, whole=True)


def start(fleet, rate, seconds, folder):
    """Returns all clients of a fleet, which send `rate` messages a second together."""
    by_name = f"--balancer={fleet.balancers}"
    by_nginx = f"--target={fleet.front}"
    each = rate / 6
    # More than it can send in the time.
    endless = int(each * (seconds + 120))
    made = []
    for name, where, lines in (
        ("steady-1", by_name, endless),
        ("steady-2", by_name, endless),
        ("steady-nginx", by_nginx, endless),
        ("short", by_name, int(each * 5)),
        ("crashing", by_name, int(each * 30)),
        ("crashing-nginx", by_nginx, int(each * 30)),
    ):
        made.append(Client(name, where, fleet.hosts["clients"].prefix, each, lines, folder))
    return made
