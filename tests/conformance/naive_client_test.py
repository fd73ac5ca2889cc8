"""A client that does only the obvious is told, case by case, what to mend."""

import unittest

from tests import harness
from tests.conformance import suite

# What it does right.
_GOOD = {
    "close/cancel",
    "close/unused",
    "open/secrets-differ",
    "status/data_loss",
    "status/failed_precondition",
    "status/invalid_argument",
    "status/not_found",
    "status/permission_denied",
    "status/resource_exhausted",
    "status/unauthenticated",
    "status/unimplemented",
}
_SAID = {
    "acknowledge/within-a-second": "it is due within 1 s, also where there is nothing else to send",
    "break/amid-results": "the client opened no stream after the connection was cut amid results",
    "close/waits-for-results": "you half-closed before the result of message 5 had come",
    "drain/amid-messages": "message 4 was sent on the drained stream: stop sending at Drain",
    "garbage/repeated-result": "gave its caller the result of message 1 a second time",
    "heartbeat/idle": "send an empty request when there is nothing to say",
    "open/messages-along": "message 1 was sent after the first request and before `welcome`: wait "
    "for it",
    "open/names-and-secret": "Open.session_token has 4 bytes; choose 16 to 64 random ones",
    "results/a-failure-is-one-messages": "message 2 failed with INVALID_ARGUMENT; its result says "
    "None",
    "results/a-thousand": "send a last received_through before the half-close",
    "silence/of-the-server": "the client opened no stream after three heartbeat intervals of 0.5 s",
    "window/bytes": "with message 4 1200 bytes are beyond received_through 0; "
    "Welcome.max_outstanding_bytes is 1000",
    "window/messages": "message 5 is the 5th beyond received_through 0; "
    "Welcome.max_outstanding_messages is 4",
    "window/payload-too-large": "message 2 has 1001 bytes; Welcome.max_payload_bytes is 1000: tell "
    "your caller instead",
}


class NaiveClientTest(suite.SuiteTest):
    def test_fails_with_what_to_mend(self):
        naive = harness.runfile("tools/conformance.d/naive_client")
        report = self.conformance(f"--adapter={naive}", "--jobs=16")
        self.assertEqual(report.exit_code, 1)
        self.assertEqual(report.named("broken"), set(), report.output)
        self.assertEqual(report.named("passed"), _GOOD, report.output)
        for name, said in _SAID.items():
            self.assertIn(said, report.cases[name]["text"])
            self.assertIn(said, report.output)
        self.assertIn("balancer/asks", report.named("skipped"))
        self.assertEqual(report.cases["balancer/asks"]["text"], "this client has no balancers")
        self.assertEqual(report.cases["results/a-thousand"]["rule"], "rule 4")


if __name__ == "__main__":
    unittest.main()
