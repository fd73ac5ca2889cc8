"""Runs cases, several at a time."""

import concurrent.futures
import shlex
import subprocess
import threading
import time

import grpc

from conformance.adapter import Adapter
from conformance.failure import QUOTES, AdapterFault, Failure, Skip
from conformance.raw_client import ServerRun
from conformance.run import PATIENCE, Run

PASSED, FAILED, SKIPPED, BROKEN = "passed", "failed", "skipped", "broken"


class Outcome:
    """What became of a case.

    Attributes:
      result: PASSED, FAILED (a rule was broken), SKIPPED (a capability is missing),
        BROKEN (the adapter, or the suite, did not do its part).
      text: why, in words.
      errors: what the adapter wrote to standard error.
    """

    def __init__(self, case, result, text="", rule=None, seconds=0.0, errors=""):
        self.case = case
        self.result = result
        self.text = text
        self.rule = rule or case.rule
        self.quote = QUOTES[rule] if rule else case.quote
        self.seconds = seconds
        self.errors = errors


class Column:
    """What became of all cases with one client (or server)."""

    def __init__(self, name, outcomes):
        self.name = name
        self.outcomes = outcomes

    def count(self, result):
        return sum(outcome.result == result for outcome in self.outcomes)

    @property
    def good(self):
        return self.count(FAILED) == self.count(BROKEN) == 0 < self.count(PASSED)


class Client:
    """A client under test, by its adapter's command line."""

    def __init__(self, command):
        """AdapterFault: it does not say `ready`."""
        self.command = shlex.split(command)
        changed = threading.Condition()
        adapter = Adapter(self.command, changed)
        with changed:
            changed.wait_for(lambda: adapter.client or adapter.fault, PATIENCE)
        errors = adapter.close()
        if adapter.client is None:
            why = adapter.fault or "it did not say `ready`"
            raise AdapterFault(f"{command}: {why}\n{errors}")
        self.name = adapter.client
        self.capabilities = adapter.capabilities

    def outcome(self, case):
        """Runs the case; bounded in time by what its waits are."""
        if missing := sorted(case.needs - self.capabilities):
            return Outcome(case, SKIPPED, f"this client has no {', '.join(missing)}")
        return _outcome(case, Run(self.command))


class Server:
    """A server under test, by its Access.

    `drain_with`: a command line that tells it to stop; None: it is not to be stopped.
    OSError: it cannot be reached.
    """

    def __init__(self, access, drain_with=None):
        self.name = access.address
        self._access = access
        self._drain_with = drain_with
        with access.channel() as channel:
            try:
                grpc.channel_ready_future(channel).result(PATIENCE)
            except grpc.FutureTimeoutError:
                raise OSError(f"nobody answers at {access.address} within {PATIENCE:g} s") from None

    def outcome(self, case):
        if case.needs and self._drain_with is None:
            return Outcome(case, SKIPPED, "how the server is stopped was not said (--drain_with)")
        return _outcome(case, ServerRun(self._access, self._drain))

    def _drain(self):
        subprocess.run(shlex.split(self._drain_with), check=True)


def _outcome(case, run):
    began = time.monotonic()
    result, text, rule = PASSED, "", None
    try:
        case.script(run)
    except Failure as failure:
        result, text, rule = FAILED, str(failure), failure.rule
    except Skip as skip:
        result, text = SKIPPED, str(skip)
    except AdapterFault as fault:
        result, text = BROKEN, f"the adapter does not keep its contract: {fault}"
    except Exception as error:  # pylint: disable=broad-except
        result, text = BROKEN, f"the suite's own fault: {error!r}"
        if run.failure():
            result, text, rule = FAILED, str(run.failure()), run.failure().rule
    errors = run.close()
    return Outcome(case, result, text, rule, time.monotonic() - began, errors)


def run_all(subject, cases, jobs, on_outcome=lambda outcome: None):
    """Returns the Column of a Client (or Server), with `jobs` cases at a time.

    Cases that end a server come last, one by one.
    """

    def one(case):
        outcome = subject.outcome(case)
        on_outcome(outcome)
        return outcome

    last = [case for case in cases if "drain_with" in case.needs]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        outcomes = list(pool.map(one, [case for case in cases if case not in last]))
    return Column(subject.name, outcomes + [one(case) for case in last])
