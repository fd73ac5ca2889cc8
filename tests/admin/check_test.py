"""What msgproc check finds wrong with a fleet of real processes."""

import json
import socket
import unittest

from tests import harness
from tests.admin import ctl_case
from tests.fleet import fleet
from tests.identity import issuer

# HTTP/2's, with empty settings: nobody takes it for a connection that comes to nothing.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


class CheckTest(fleet.FleetTest, ctl_case.CtlCase):
    def _check(self, *servers):
        """Returns the exit code, and the findings by kind."""
        exit_code, output, error = self.run_ctl("check", "--json", server=",".join(servers))
        self.assertEqual(error, "")
        report = json.loads(output)
        worst = {"ok": 0, "warning": 1, "critical": 2}
        self.assertEqual(exit_code, worst[report["worst"]])
        return exit_code, {finding["kind"]: finding for finding in report["findings"]}

    def _balancer(self, *flags):
        return self.balancer(f"--admin_address={self.admin}", *flags)

    def test_a_fleet_that_is_well(self):
        self.members(self._balancer(), 2)
        self.assertEqual(self.ctl("check"), "OK  nothing is wrong\n")
        self.assertEqual(self._check(self.admin), (0, {}))

    def test_servers_that_are_not_there(self):
        balancer = self._balancer()
        self.assertIn("no_server", self._check(self.admin)[1])
        member = self.members(balancer, 1)[0]
        nowhere = f"unix:{self.folder}/nowhere.sock"
        exit_code, findings = self._check(self.admin, nowhere)
        self.assertEqual((exit_code, list(findings)), (2, ["no_answer"]))
        self.assertEqual(findings["no_answer"]["server"], nowhere)
        # It registers, and says that clients find it where nobody is.
        self.member(balancer, "lost", f"--advertise_address=127.0.0.1:{harness.free_port()}")
        self.await_state(balancer, "lost", "unhealthy")
        exit_code, findings = self._check(self.admin)
        self.assertEqual((exit_code, list(findings)), (2, ["unreachable"]))
        self.assertEqual(findings["unreachable"]["server"], "lost")
        self.assertTrue(member.running())

    def test_stores_that_differ(self):
        balancer = self._balancer()
        self.member(balancer, "stored", f"--session_store=sqlite:{self.folder}/sessions.db")
        self.member(balancer, "plain")
        self.await_serving(balancer, 2)
        exit_code, findings = self._check(self.admin)
        self.assertEqual((exit_code, list(findings)), (2, ["stores"]))
        self.assertRegex(findings["stores"]["text"], r"\w+ \(stored\) and memory \(plain\)")

    def test_a_certificate_that_expires_soon(self):
        # Of two days.
        certificate, key = issuer.Authority(self.folder).issue("server")
        self.served(f"--tls_cert={certificate}", f"--tls_key={key}")
        exit_code, findings = self._check(self.admin)
        self.assertEqual((exit_code, list(findings)), (2, ["certificate"]))
        self.assertIn("expires in ", findings["certificate"]["text"])

    def test_a_balancer_that_a_processor_does_not_find(self):
        balancer = self._balancer()
        admin = f"unix:{self.folder}/p1.sock"
        nowhere = f"127.0.0.1:{harness.free_port()}"
        self.processor(
            f"--balancer={balancer.grpc},{nowhere}", "--server_id=p1", f"--admin_address={admin}"
        )
        self.await_serving(balancer, 1)
        exit_code, findings = self._check(admin)
        self.assertEqual((exit_code, list(findings)), (1, ["registration"]))
        # The balancer has no idea of it.
        self.assertEqual(self._check(self.admin), (0, {}))

    def test_descriptors_near_their_limit(self):
        prefix = ("prlimit", "--nofile=512")
        processor = self.processor(f"--admin_address={self.admin}", prefix=prefix)
        host, port = processor.grpc.rsplit(":", 1)
        # Two descriptors a connection; where there are none at all it refuses some.
        for _ in range(205):
            connection = socket.create_connection((host, int(port)))
            self.addCleanup(connection.close)
            connection.sendall(_PREFACE)
        harness.eventually(
            lambda: processor.metric("process_open_fds") > 0.8 * 512, "it has taken them all"
        )
        exit_code, findings = self._check(self.admin)
        self.assertGreaterEqual(exit_code, 1)
        self.assertEqual(list(findings), ["descriptors"])

    def test_a_cordoned_server_is_only_noted(self):
        balancer = self._balancer()
        admin = f"unix:{self.folder}/p1.sock"
        self.member(balancer, "p1", f"--admin_address={admin}")
        self.member(balancer, "p2")
        self.await_serving(balancer, 2)
        self.ctl("cordon", "p1")
        self.assertIn("OK  nothing is wrong", self.ctl("check"))
        exit_code, findings = self._check(self.admin, admin)
        self.assertEqual((exit_code, list(findings)), (0, ["cordoned"]))


if __name__ == "__main__":
    unittest.main()
