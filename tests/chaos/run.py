"""One run: a cluster, its clients and the nemesis for so long, then the checker."""

import contextlib
import dataclasses
import pathlib
import time

from tests import harness
from tests.chaos import checker, clients, cluster, faults, looks, nemesis

# Once no fault is left, so soon everybody is answered.
_ANSWER_SECONDS = 60
_STEP_SECONDS = 0.05


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run is. The same seed makes the same faults at the same times."""

    seed: int
    seconds: float
    in_one_file: bool = False
    # Messages a second, over all clients.
    rate: float = 240
    # Seconds between two faults on average.
    every: float = 1.5
    # Seconds between two looks at memory and descriptors.
    look_every: float = 1

    @property
    def commits(self):
        """Whether p3's workers commit by themselves, or return what is to be committed."""
        return self.seed % 2 == 1

    def timeline(self):
        kinds = nemesis.ONE_FILE if self.in_one_file else nemesis.FLEET
        return nemesis.timeline(self.seed, self.seconds, kinds, self.every)


class Run:
    """`findings` says what is wrong, `record` all that a report shows. One thread."""

    def __init__(self, plan, folder, say=print):
        """`folder`: for the journals. `say`: gets a line a fault."""
        self._plan = plan
        self._folder = pathlib.Path(folder)
        self._say = say
        self._stopped = False
        self._begun = []
        self.findings = []
        self.record = {}

    def stop(self):
        """Ends the faults early, also from a signal handler. What was done is still checked."""
        self._stopped = True

    def execute(self, progress=lambda now, look: None):
        """Returns whether nothing is wrong. `progress` is called all the time."""
        plan = self._plan
        with contextlib.ExitStack() as exits:
            fleet = cluster.Cluster(self._folder, plan.in_one_file, plan.commits)
            exits.callback(fleet.close)
            everybody = clients.start(fleet, plan.rate, plan.seconds, self._folder)
            for client in everybody:
                exits.callback(client.abandon)
            nemesis_of_run = faults.Faults(fleet, everybody, plan.timeline())
            # What stands still could not be stopped.
            exits.callback(nemesis_of_run.end_all)
            look = looks.Looks(fleet, everybody, plan.look_every)
            self._rage(fleet, everybody, nemesis_of_run, look, progress)
            self._await_end(fleet, everybody)
            answered = self._judge(fleet, everybody)
        self._keep_record(look, answered)
        return not self.findings

    def _rage(self, fleet, everybody, nemesis_of_run, look, progress):
        began = time.monotonic()
        while (now := time.monotonic() - began) < self._plan.seconds and not self._stopped:
            for fault in nemesis_of_run.advance(now):
                self._begun.append(fault)
                self._say(f"{now:7.1f} s  {fault}")
            self._step(fleet, everybody)
            look(now)
            progress(now, look)
        nemesis_of_run.end_all()
        self._say(f"{now:7.1f} s  no faults any more")

    def _step(self, fleet, everybody):
        fleet.tick()
        for client in everybody:
            client.tick()
        time.sleep(_STEP_SECONDS)

    def _await_end(self, fleet, everybody):
        """Everybody gets a result, then sends no more and gets the rest."""
        waiting = {client.name: client for client in everybody}
        for client in everybody:
            client.new_results()
        began = time.monotonic()
        while waiting and not harness.late(began, _ANSWER_SECONDS):
            self._step(fleet, everybody)
            for client in [*waiting.values()]:
                # One that has ended over something says so below.
                if client.new_results() or client.findings:
                    del waiting[client.name]
        self._say(f"everybody gets results, {time.monotonic() - began:.1f} s after the last fault")
        for name in waiting:
            self.findings.append(f"answered: {name} gets no results in {_ANSWER_SECONDS} s")
        for client in everybody:
            client.finish()
        began = time.monotonic()
        while not all(client.finished() for client in everybody):
            if harness.late(began, _ANSWER_SECONDS):
                break
            self._step(fleet, everybody)
        for client in everybody:
            client.tick()
            if not client.finished():
                self.findings.append(f"answered: {client.process.describe('still waits')}")
            self.findings += client.findings

    def _judge(self, fleet, everybody):
        ends = fleet.ends()
        self.findings += [what for what, allowed in ends if not allowed]
        if waited := sum(allowed for _, allowed in ends):
            self._say(f"{waited} times a processor could not start, for want of its store")
        for name, code in fleet.stop_processors().items():
            if code != 0:
                self.findings.append(fleet.members[name].process.describe(f"stopped with {code}"))
        journals = [journal for client in everybody for journal in client.journals]
        found, answered = checker.check(journals, fleet.accounts(), fleet.moves(), cluster.BALANCE)
        self.findings += found
        if found.untold:
            self.findings.append(f"and {found.untold} findings more")
        if answered == 0:
            self.findings.append("nobody has sent anything")
        return answered

    def _keep_record(self, look, answered):
        usual = self._plan.rate
        recoveries = looks.recoveries(look.answered(), self._begun, usual)
        self.record = {
            "seed": self._plan.seed,
            "store": "sqlite" if self._plan.in_one_file else "postgresql",
            "workers": "commit by themselves" if self._plan.commits else "return effects",
            "rate": usual,
            "answered": answered,
            "results": look.results,
            "faults": [
                dataclasses.asdict(fault) | {"what": str(fault), "recovery": recovery}
                for fault, recovery in zip(self._begun, recoveries)
            ],
            "usage": look.usage,
            "findings": self.findings,
        }
