"""The C++ client shows who it is: by loadgen, at real servers."""

import threading
import time
import unittest

from tests import harness
from tests.identity import identity_case
from tests.identity import issuer as issuing

_TOKEN_SECONDS = 6


class ClientLibraryTest(identity_case.IdentityTest):
    def setUp(self):
        super().setUp()
        self.token = self.folder / "token"

    def _write_token(self, **claims):
        fresh = self.token.with_suffix(".new")
        fresh.write_text(self.issuer.token(**claims) + "\n")
        fresh.rename(self.token)

    def _keep_fresh(self):
        """Writes a token of self.issuer that does not live long, again and again."""
        stopped = threading.Event()

        def write():
            while True:
                self._write_token(exp=int(time.time()) + _TOKEN_SECONDS)
                if stopped.wait(0.5):
                    return

        self._write_token(exp=int(time.time()) + _TOKEN_SECONDS)
        writer = threading.Thread(target=write)
        writer.start()
        self.addCleanup(writer.join)
        self.addCleanup(stopped.set)

    def test_fresh_tokens_keep_streams_that_outlive_theirs(self):
        processor = self.processor(*self.flags, f"--access_file={self.access}")
        self._keep_fresh()
        loadgen = self.loadgen(
            f"--target={processor.grpc}",
            f"--token_file={self.token}",
            f"--duration={3 * _TOKEN_SECONDS}s",
            "--max_outstanding=1",
            "--connections=3",
        )
        report = self.assert_all_answered_once(loadgen)
        self.assertEqual(report["interruptions"]["count"], 0, report)
        self.assertEqual(processor.output().count("principal=alice"), 3)

    def _take_over(self, processor, *issuers):
        """Has the processor know the keys of these issuers, and no others."""
        name = "msgproc_processor_reloads_total"
        before = processor.metric(name, files="jwt_keys")
        issuing.write_jwks(self.keys, *issuers)
        harness.eventually(
            lambda: processor.metric(name, files="jwt_keys") > before, "the keys are reloaded"
        )

    def test_keys_are_rotated_and_nobody_under_load_notices(self):
        processor = self.processor(*self.flags, f"--access_file={self.access}")
        self._keep_fresh()
        loadgen = self.loadgen(
            f"--target={processor.grpc}",
            f"--token_file={self.token}",
            *("--duration=30s", "--rate=2000", "--connections=3"),
        )
        harness.eventually(
            lambda: processor.metric("msgproc_processor_messages_total") > 1000, "it sends"
        )
        for name in ("k2", "k3"):
            before, after = self.issuer, issuing.Issuer(self.folder, name)
            self._take_over(processor, before, after)
            self.issuer = after
            # Once the last token of the key before is over, nobody shows one.
            over = time.time() + _TOKEN_SECONDS + 1
            harness.eventually(lambda end=over: time.time() > end, "its tokens have expired")
            self._take_over(processor, after)
        self.assertTrue(loadgen.running(), "it was to send all along")
        report = self.assert_all_answered_once(loadgen)
        self.assertEqual(report["interruptions"]["count"], 0, report)
        self.assertEqual(processor.metric("msgproc_processor_rejected_total"), 0)

    def test_a_token_that_is_never_renewed_ends_its_stream(self):
        processor = self.processor(*self.flags, f"--access_file={self.access}")
        self._write_token(exp=int(time.time()) + _TOKEN_SECONDS)
        loadgen = self.loadgen(
            f"--target={processor.grpc}",
            f"--token_file={self.token}",
            "--duration=60s",
            "--max_outstanding=1",
        )
        self.assertNotEqual(loadgen.wait(60), 0)
        self.assertIn("expired", loadgen.output())
        self.assertIn("rule=unauthenticated", processor.output())

    def test_balancers_are_shown_the_token_too(self):
        balancer = self.balancer(*self.flags, "--authenticate_lookups")
        self.processor(*self.flags, f"--access_file={self.access}", f"--balancer={balancer.grpc}")
        self._write_token()
        arguments = [f"--balancer={balancer.grpc}", "--n=500"]
        self.assert_all_answered_once(
            self.loadgen(*arguments, f"--token_file={self.token}"), 500
        )
        without = self.loadgen(*arguments, "--connect_timeout=20s")
        self.assertNotEqual(without.wait(60), 0)
        self.assertIn("UNAUTHENTICATED", without.output().upper())

    def test_a_client_without_rights_is_told_so_and_does_not_try_for_ever(self):
        processor = self.processor(*self.flags, f"--access_file={self.access}")
        loadgen = self.loadgen(f"--target={processor.grpc}", "--n=10")
        self.assertNotEqual(loadgen.wait(60), 0)
        self.assertIn("anonymous", loadgen.output())


if __name__ == "__main__":
    unittest.main()
