"""Each fault that is planted in a client is found, by the case that is there for it."""

import concurrent.futures
import shlex
import unittest

from conformance import case as cases
from conformance import runner
from tests import harness, sharding

_FOUND_BY = {
    "acknowledges every second only": "acknowledge/half-a-window-of-messages",
    "acknowledges what it sent": "results/a-thousand",
    "acknowledges with heartbeats only": "acknowledge/within-a-second",
    "begins at 1 after LOST": "session/lost",
    "believes any sequence": "garbage/result-out-of-order",
    "closes at once": "close/waits-for-results",
    "comes again after UNAVAILABLE only": "status/internal",
    "comes again after anything": "status/permission_denied",
    "counts no result bytes": "acknowledge/half-a-window-of-result-bytes",
    "does not back off": "backoff/grows",
    "does not count its attempts": "open/again",
    "does not notice silence": "silence/of-the-network",
    "does not reconnect": "break/idle-after-welcome",
    "does not say that it moved": "drain/idle",
    "does not say that it resumes": "break/says-that-it-resumes",
    "does not tell the server of a cancel": "close/cancel",
    "does not wait for Welcome": "open/messages-along",
    "fights for its session": "session/taken-over",
    "follows Drain's address": "drain/own-target-again",
    "forgets its store": "store/generation-is-told",
    "forgets the last acknowledgement": "results/empty-responses",
    "forgets what it received": "break/amid-results",
    "forgets what was not accepted": "break/amid-messages",
    "gives repeats to its caller": "session/resumed-with-repeats",
    "goes on after NEW": "session/new-again",
    "goes on after garbage": "garbage/no-protobuf",
    "goes on with any store": "store/another",
    "has no heartbeat": "heartbeat/idle",
    "has no jitter": "backoff/jitter",
    "hides errors": "results/a-failure-is-one-messages",
    "ignores Drain": "drain/idle",
    "ignores a Drain that it does not know": "drain/age",
    "ignores the batch": "window/batch",
    "ignores the window's bytes": "window/bytes",
    "ignores the window's messages": "window/another-servers-is-smaller",
    "is impatient": "silence/of-the-server",
    "keeps its connection": "drain/idle",
    "leaves at once": "drain/amid-messages",
    "makes its first request anew": "break/welcome-lost",
    "makes large frames": "window/frame-of-a-mebibyte",
    "never sends a large message": "window/one-always-fits",
    "opens another session": "open/again",
    "same secret": "open/secrets-differ",
    "sends again what was accepted": "break/amid-results",
    "sends what is too large": "window/payload-too-large",
    "sends while draining": "drain/amid-messages",
    "short secret": "open/names-and-secret",
    "takes HTTP/2's word for the server's": "status/reset-for-want-of-memory",
    "takes every Drain for a shutdown": "drain/rebalance-and-an-address",
    "takes everything": "window/holds-the-caller-back",
}
_JOBS = 8


class PlantedFaultsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cases = cases.CLIENTS.load()
        cls.program = harness.runfile("tests/conformance/faulty_client")

    def _try(self, fault, name):
        client = runner.Client(shlex.join([self.program, fault]))
        return client.outcome(self.cases.cases[name])

    def test_each_is_found_by_its_case(self):
        with concurrent.futures.ThreadPoolExecutor(_JOBS) as pool:
            outcomes = pool.map(self._try, _FOUND_BY, _FOUND_BY.values())
        for fault, outcome in zip(_FOUND_BY, outcomes):
            with self.subTest(fault):
                print(f"{fault}: {outcome.text}")
                self.assertEqual(outcome.result, runner.FAILED, outcome.text + outcome.errors)

    def test_a_client_without_one_passes_every_case_that_it_is_not_skipped_in(self):
        client = runner.Client(self.program)
        column = runner.run_all(client, list(self.cases.cases.values()), _JOBS)
        wrong = [
            (outcome.case.name, outcome.text, outcome.errors)
            for outcome in column.outcomes
            if outcome.result not in (runner.PASSED, runner.SKIPPED)
        ]
        self.assertEqual(wrong, [])
        self.assertGreater(column.count(runner.PASSED), 80)


if __name__ == "__main__":
    sharding.main()
