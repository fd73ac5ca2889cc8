"""Our processor keeps every rule, in each model; a toy server is told what to mend."""

import pathlib
import tempfile

from tests import harness, sharding
from tests.conformance import suite
from tests.nginx import front

# So that silence takes seconds.
_FLAGS = ("--heartbeat_interval=1s",)


class ServersTest(suite.SuiteTest, front.FrontTest):
    def _assert_keeps_all(self, processor, address=None, skipped=(), flags=()):
        report = self.conformance(
            f"--server={address or processor.grpc}",
            f"--drain_with=kill -TERM {processor.pid}",
            *flags,
        )
        self.assertEqual(report.named("failed") | report.named("broken"), set(), report.output)
        self.assertEqual(report.named("skipped"), set(skipped), report.output)
        self.assertEqual(report.exit_code, 0)
        self.assertGreater(len(report.cases), 35)

    def test_model_1_keeps_every_rule(self):
        self._assert_keeps_all(self.processor(*_FLAGS))

    def test_model_2_keeps_every_rule(self):
        self._assert_keeps_all(self.processor(*_FLAGS, "--workers=2"))

    def test_a_processor_with_a_store_keeps_every_rule(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="store-"))
        processor = self.processor(*_FLAGS, f"--session_store=sqlite:{folder}/sessions")
        # A store remembers names for a while.
        self._assert_keeps_all(processor, skipped=("session/forgotten-when-finished",))

    def test_behind_nginx_every_rule_is_kept(self):
        processor = self.processor(*_FLAGS)
        proxied = self.processor(*_FLAGS, "--proxy_protocol")
        self._assert_keeps_all(processor, self.nginx([processor], [proxied]).grpc)

    def test_behind_a_proxy_of_tcp_every_rule_is_kept(self):
        processor = self.processor(*_FLAGS)
        proxied = self.processor(*_FLAGS, "--proxy_protocol")
        self._assert_keeps_all(proxied, self.nginx([processor], [proxied]).stream)

    def test_over_tls_every_rule_is_kept(self):
        certificate = front.Certificate()
        processor = self.processor(
            *_FLAGS,
            f"--tls_cert={certificate.certificate}",
            f"--tls_key={certificate.key}",
        )
        self._assert_keeps_all(processor, flags=(f"--tls_ca={certificate.certificate}",))

    def test_a_toy_server_is_told_what_to_mend(self):
        toy = self.keep(
            harness.Process([harness.runfile("tools/conformance.d/toy_server")], "toy_server")
        )
        address = harness.eventually(toy.output, "the toy server serves").strip()
        report = self.conformance(f"--server={address}", "--jobs=40")
        self.assertEqual(report.exit_code, 1)
        self.assertEqual(report.named("broken"), set(), report.output)
        good = {"messages/in-order", "session/resumed-idle", "stream/half-close"}
        self.assertLess(good, report.named("passed"))
        self.assertLess(len(report.named("passed")), 10, report.output)
        for name, said in {
            "messages/gap": "goes on after message 4 where 3 was the next; it should have ended",
            "open/messages-along": "64 messages came along, and accepted_through is 0",
            "open/wrong-secret": "goes on after Open with another session_token than the session's",
            "session/lost": "Welcome says STATE_NEW; STATE_LOST is right",
            "session/resumed": "Welcome says STATE_NEW; STATE_RESUMED is right",
            "session/silent-client": "goes on after three heartbeat intervals (1 s) of silence",
            "stream/heartbeat": "an empty request was not answered",
            "window/messages": "goes on after 5001 messages; max_outstanding_messages is 5000",
        }.items():
            self.assertIn(said, report.cases[name]["text"])
        self.assertEqual(report.named("skipped"), {"drain/last"})

    def test_a_server_that_is_not_there_is_no_result(self):
        page = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()), "page.html")
        process = self.keep(
            harness.Process(
                [
                    harness.runfile(suite.CONFORMANCE),
                    f"--server=127.0.0.1:{harness.free_port()}",
                    f"--html={page}",
                ],
                "conformance",
            )
        )
        self.assertEqual(process.wait(100), 2)
        self.assertIn("nobody answers at 127.0.0.1:", process.output())
        self.assertFalse(page.exists())


if __name__ == "__main__":
    sharding.main()
