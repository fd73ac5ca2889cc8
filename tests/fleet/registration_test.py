"""Who may register, who is handed out, and in which order a processor leaves."""

import pathlib
import queue
import signal
import subprocess
import tempfile
import unittest

from tests import harness
from tests.fleet import fleet, reflection

_TOKEN = "a-token-of-enough-bytes"


class Authority:
    """A certificate authority, and certificates of it for this machine, in files."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="authority-")
        self.certificate = f"{self._folder.name}/ca.pem"
        self._key = f"{self._folder.name}/ca.key"
        self._openssl(
            *"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1".split(),
            *("-subj", "/CN=test authority", "-keyout", self._key, "-out", self.certificate),
        )

    def issue(self, name):
        """Returns (certificate, key)."""
        path = f"{self._folder.name}/{name}"
        self._openssl(
            *"req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(),
            *("-subj", f"/CN={name}", "-keyout", f"{path}.key", "-out", f"{path}.csr"),
        )
        pathlib.Path(f"{path}.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._openssl(
            *("x509", "-req", "-days", "1", "-in", f"{path}.csr", "-out", f"{path}.pem"),
            *("-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial"),
            *("-extfile", f"{path}.ext"),
        )
        return f"{path}.pem", f"{path}.key"

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def remove(self):
        self._folder.cleanup()


class WhoMayRegisterTest(fleet.FleetTest):
    def file(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
            file.write(text)
        self.addCleanup(pathlib.Path(file.name).unlink)
        return file.name

    def authority(self):
        made = Authority()
        self.addCleanup(made.remove)
        return made

    def assert_says(self, process, *words):
        def said():
            return any(
                all(word in line for word in words) for line in process.output().splitlines()
            )

        harness.eventually(said, f"{process.name} says {words}")

    def test_only_those_with_the_token_may_register(self):
        balancer = self.balancer(f"--register_token_file={self.file(_TOKEN)}")
        wrong = self.member(
            balancer, "wrong", f"--register_token_file={self.file('x' * len(_TOKEN))}"
        )
        missing = self.member(balancer, "missing")
        for refused in (wrong, missing):
            self.assert_says(refused, "not registered", balancer.grpc, "PERMISSION_DENIED")
        self.assert_says(balancer, "registration denied")
        right = self.member(balancer, "right", f"--register_token_file={self.file(_TOKEN)}")
        self.await_serving(balancer, 1)
        # They go on trying, and go on being refused.
        denied = balancer.metric("grpc_server_handled_total", grpc_code="PermissionDenied")
        harness.eventually(
            lambda: balancer.metric("grpc_server_handled_total", grpc_code="PermissionDenied")
            > denied + 2,
            "they try again",
        )
        self.assertEqual(self.servers(balancer).keys(), {"right"})
        self.assertEqual(self.get_server(balancer)[1]["address"], right.grpc)
        self.assertGreater(balancer.metric("msgproc_balancer_registrations_denied_total"), 2)
        for processor, state in ((right, "registered"), (wrong, "unregistered")):
            self.assertEqual(processor.metric("msgproc_processor_balancers", state=state), 1)
        # What may not register serves those who know it all the same.
        self.assert_all_answered_once(self.loadgen(f"--target={wrong.grpc}", "--n=100"), 100)

    def test_a_token_file_that_cannot_be_read_stops_the_start(self):
        for binary in (harness.BALANCER, harness.PROCESSOR):
            process = self.keep(
                harness.Process(
                    [
                        harness.runfile(binary),
                        "--listen_address=127.0.0.1:0",
                        "--http_address=",
                        "--balancer=127.0.0.1:1" if binary == harness.PROCESSOR else "--servers=",
                        "--register_token_file=/no/such/file",
                    ],
                    "refuses",
                )
            )
            self.assertNotEqual(process.wait(), 0, process.describe("should not start"))
            self.assertIn("/no/such/file", process.output())

    def test_registration_by_mutual_tls(self):
        authority = self.authority()

        def own(name):
            certificate, key = authority.issue(name)
            return f"--tls_cert={certificate}", f"--tls_key={key}"

        balancer = self.balancer(
            *own("balancer"),
            f"--tls_client_ca={authority.certificate}",
            f"--tls_ca={authority.certificate}",
            "--register_allowed=known",
        )
        to_balancer = f"--balancer_ca={authority.certificate}"
        known = self.member(
            balancer,
            "known",
            *own("known"),
            to_balancer,
            f"--tls_client_ca={authority.certificate}",
        )
        stranger = self.authority()
        certificate, key = stranger.issue("stranger")
        unknown = self.member(
            balancer, "unknown", f"--tls_cert={certificate}", f"--tls_key={key}", to_balancer
        )
        nobody = self.member(balancer, "nobody", to_balancer)
        for refused in (unknown, nobody):
            self.assert_says(refused, "not registered", balancer.grpc, "UNAVAILABLE")
        # The balancer knows of them no more than that: who they are, and why not.
        for reason in ("unknown_ca", "no_certificate"):
            self.assert_says(balancer, "TLS handshake failed", reason, "peer=ipv4:127.0.0.1:")
            failed = "msgproc_balancer_tls_handshakes_failed_total"
            self.assertGreater(balancer.metric(failed, reason=reason), 0)
        # Whose certificate is good, but not for this, takes nobody's place.
        client = self.member(balancer, "client", *own("a-client"), to_balancer)
        self.assert_says(client, "not registered", "PERMISSION_DENIED", "--register_allowed")
        self.assert_says(balancer, "registration denied", "a-client", "peer=ipv4:127.0.0.1:")
        self.assertGreater(balancer.metric("msgproc_balancer_registrations_denied_total"), 0)
        self.await_serving(balancer, 1)
        self.assertEqual(self.get_server(balancer)[1]["address"], known.grpc)
        load = self.loadgen(
            f"--balancer={balancer.grpc}",
            "--n=1000",
            f"--tls_ca={authority.certificate}",
            *own("client"),
        )
        self.assert_all_answered_once(load, 1000)
        self.assertEqual(self.servers(balancer).keys(), {"known"})

    def test_a_processor_refuses_a_balancer_of_another_authority(self):
        theirs, ours = self.authority(), self.authority()
        certificate, key = theirs.issue("balancer")
        balancer = self.balancer(f"--tls_cert={certificate}", f"--tls_key={key}")
        processor = self.member(balancer, "careful", f"--balancer_ca={ours.certificate}")
        self.assert_says(processor, "not registered", balancer.grpc)
        self.assertEqual(self.servers(balancer), {})

    def test_an_address_that_does_not_answer_the_balancer_is_never_handed_out(self):
        balancer = self.balancer()
        nowhere = f"127.0.0.1:{harness.free_port()}"
        self.member(balancer, "nowhere", f"--advertise_address={nowhere}")
        self.await_state(balancer, "nowhere", "unhealthy")
        self.assertEqual(self.get_server(balancer)[0], 503)
        self.assert_says(balancer, "nowhere", nowhere)
        there = self.member(balancer, "there")
        self.await_state(balancer, "there", "serving")
        harness.eventually(lambda: self.get_server(balancer)[0] == 200, "one is handed out")
        for _ in range(50):
            code, answer = self.get_server(balancer, exclude=there.grpc)
            self.assertEqual((code, answer["address"]), (200, there.grpc))
            self.assertEqual(answer["alternatives"], [])
        # As soon as something answers there, it is.
        self.processor(listen_address=nowhere)
        self.await_state(balancer, "nowhere", "serving")

    def test_an_address_that_no_client_could_reach_is_refused(self):
        balancer = self.balancer()
        processor = self.member(balancer, "wild", "--advertise_address=0.0.0.0:1")
        self.assert_says(processor, "not registered", "INVALID_ARGUMENT", "0.0.0.0:1")


class LeavingTest(fleet.FleetTest):
    def test_the_balancers_hear_it_first_then_the_clients_and_what_is_open_is_finished(self):
        balancers = [self.balancer(), self.balancer()]
        (processor,) = self.members(balancers, 1)
        requests = queue.Queue()
        with reflection.Client(processor.grpc) as client:
            answers = client.stream("msgproc.v1.Processor", "Process", iter(requests.get, None))
            requests.put({"open": {"handler": "echo"}})
            self.assertEqual(next(answers)["welcome"]["server_id"], "p1")
            processor.signal(signal.SIGTERM)
            drain = next(answers)["drain"]
            # They had answered before the client was told.
            for balancer in balancers:
                self.assertEqual(self.state(balancer, "p1"), "draining")
                self.assertEqual(self.get_server(balancer)[0], 503)
            self.assertEqual(drain["reason"], "REASON_SHUTDOWN")
            # What arrives until the half-close is still processed.
            requests.put({"messages": [{"sequence": 1, "payload": "aGk="}]})
            results = []
            while not results:
                results = next(answers).get("results", [])
            self.assertEqual(results, [{"sequence": "1", "payload": "aGk="}])
            for balancer in balancers:
                self.assertEqual(self.state(balancer, "p1"), "draining")
            self.assertTrue(processor.running())
            requests.put({"received_through": 1})
            requests.put(None)
            for _ in answers:
                pass
        self.assertEqual(processor.wait(), 0, processor.describe("did not drain"))
        for balancer in balancers:
            harness.eventually(lambda at=balancer: not self.servers(at), "it has left")
            self.assertIn("event=left", balancer.output())


if __name__ == "__main__":
    unittest.main()
