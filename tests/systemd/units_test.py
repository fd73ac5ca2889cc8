"""The unit files under a real systemd."""

import pathlib
import re
import shutil
import socket
import ssl
import tempfile
import unittest

from tests import harness
from tests.nginx import front
from tests.systemd import machine

_NO_MACHINE = machine.why_not()


class _Served(harness.Server):
    """A server that somebody else starts and stops."""

    # pylint: disable-next=super-init-not-called
    def __init__(self, grpc, http):
        self.grpc, self.http = grpc, http


@unittest.skipIf(_NO_MACHINE, f"no machine with systemd here: {_NO_MACHINE}")
class UnitTest(harness.ProcessTest):
    def boot(self, name, program, *flags, tls=None):
        grpc, http = (f"127.0.0.1:{harness.free_port()}" for _ in range(2))
        self.server = _Served(grpc, http)
        flags = (f"--listen_address={grpc}", f"--http_address={http}", *flags)
        self.machine = machine.of_unit(
            harness.runfile(f"deploy/systemd/{name}.service"),
            harness.runfile(program),
            flags,
            tls,
        )
        self.addCleanup(self.machine.kill)

    def systemctl(self, verb):
        code, output = self.machine.systemctl(verb)
        self.assertEqual(code, 0, self.machine.describe(f"{verb} said: {output}"))

    def assert_unit(self, **properties):
        found = {name: self.machine.property(name) for name in properties}
        self.assertEqual(found, properties, self.machine.describe("not so"))

    def assert_stopped_by_itself(self):
        self.assert_unit(
            ActiveState="inactive",
            Result="success",
            ExecMainCode="1",  # It exited, and no signal ended it.
            ExecMainStatus="0",
            NRestarts="0",
        )


class TlsTest(UnitTest):
    """A key that root alone may read (tls.conf)."""

    def boot_with_tls(self, name, program, *flags):
        self.certificate = front.Certificate()
        folder = tempfile.TemporaryDirectory(prefix="tls-")
        self.addCleanup(folder.cleanup)
        shutil.copy(harness.runfile("deploy/systemd/tls.conf"), folder.name)
        shutil.copy(self.certificate.certificate, f"{folder.name}/cert.pem")
        shutil.copy(self.certificate.key, f"{folder.name}/key.pem")
        self.boot(name, program, *flags, tls=folder.name)

    def assert_served_over_tls(self, certificate):
        """With this certificate, which signs itself, and no other."""
        context = ssl.create_default_context(cafile=certificate.certificate)
        context.set_alpn_protocols(["h2"])
        host, port = self.server.grpc.split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            with context.wrap_socket(connection, server_hostname="localhost") as tls:
                self.assertEqual(tls.selected_alpn_protocol(), "h2")

    def test_a_processor_serves_with_it_and_takes_a_renewed_one_when_restarted(self):
        self.boot_with_tls("msgproc-processor", harness.PROCESSOR)
        self.systemctl("start")
        main = self.machine.property("MainPID")
        status = self.machine.run("cat", f"/proc/{main}/status")[1]
        uid = int(re.search(r"^Uid:\t(\d+)", status, re.MULTILINE)[1])
        self.assertGreaterEqual(uid, 61184)
        owner = self.machine.run("stat", "--format=%u %a", "/etc/msgproc/tls/key.pem")[1]
        self.assertEqual(owner, "0 600")
        load = self.loadgen(
            f"--target={self.server.grpc}", f"--tls_ca={self.certificate.certificate}", "--n=10000"
        )
        self.assert_all_answered_once(load, 10000)

        renewed = front.Certificate()
        for name, path in (("cert", renewed.certificate), ("key", renewed.key)):
            text = pathlib.Path(path).read_text(encoding="utf-8")
            self.machine.write(f"/etc/msgproc/tls/{name}.pem", text)
        self.assert_served_over_tls(self.certificate)
        self.systemctl("restart")
        self.assert_served_over_tls(renewed)
        self.systemctl("stop")
        self.assert_stopped_by_itself()

    def test_a_balancer_serves_with_it(self):
        self.boot_with_tls("msgproc-balancer", harness.BALANCER)
        self.systemctl("start")
        self.assert_served_over_tls(self.certificate)
        self.systemctl("stop")
        self.assert_stopped_by_itself()

    def test_without_the_drop_in_the_units_user_cannot_read_it(self):
        self.boot_with_tls("msgproc-processor", harness.PROCESSOR)
        self.machine.drop_in(
            "tls",
            "[Service]\nEnvironment='MSGPROC_TLS_FLAGS="
            "--tls_cert=/etc/msgproc/tls/cert.pem --tls_key=/etc/msgproc/tls/key.pem'\n"
            "StandardError=append:/run/said",
        )
        self.assertNotEqual(self.machine.systemctl("start")[0], 0)
        said = self.machine.run("cat", "/run/said")[1]
        self.assertRegex(said, "key.pem.*Permission denied")


class WatchdogTest(UnitTest):
    def test_a_processor_whose_serving_threads_stand_still_is_replaced(self):
        self.boot(
            "msgproc-processor",
            "tests/operations/stalling_processor",
            *("--stall_unready=1s", "--stall_unhealthy=2s"),
        )
        # As the unit has it, and sooner; and time to see why it ended.
        self.machine.drop_in(
            "sooner", "[Service]\nWatchdogSec=2\nRestartSec=5\nEnvironment=STALL_FILE=/run/stall"
        )
        self.systemctl("start")
        main = self.machine.property("MainPID")
        # What serves is left alone, well beyond both times.
        load = self.loadgen(f"--target={self.server.grpc}", "--rate=1000", "--duration=6s")
        exit_code, report = load.report()
        self.assertIn(exit_code, (0, 4), load.describe(f"exited {exit_code}"))
        self.assertEqual(report["interruptions"]["count"], 0)
        self.assert_unit(ActiveState="active", MainPID=main, NRestarts="0")

        self.machine.write("/run/stall", "")
        # Streams that block one callback thread each; gRPC has 16 at most.
        load = self.loadgen(
            f"--target={self.server.grpc}", "--n=20", "--connections=20", "--give_up_after=5m"
        )
        harness.eventually(
            lambda: self.machine.property("Result") == "watchdog",
            "systemd's watchdog ends it",
            seconds=60,
        )
        self.machine.run("rm", "/run/stall")
        harness.eventually(
            lambda: self.machine.property("ActiveState") == "active", "it starts anew", seconds=60
        )
        self.assert_unit(NRestarts="1")
        self.assertNotEqual(self.machine.property("MainPID"), main)
        self.assert_all_answered_once(load, 20)


class BalancerTest(UnitTest):
    def test_started_is_serving_and_stopped_ended_well(self):
        self.boot("msgproc-balancer", harness.BALANCER)
        self.systemctl("start")
        self.assert_unit(ActiveState="active")
        self.assertEqual(self.server.get("/healthz")[0], 200)
        self.systemctl("stop")
        self.assert_stopped_by_itself()


class ProcessorTest(UnitTest):
    def setUp(self):
        self.boot("msgproc-processor", harness.PROCESSOR, "--workers=2")

    def workers(self):
        """Returns the processes of the service but for the first one."""
        pids = self.machine.processes()
        return set(pids) - {self.machine.property("MainPID")}

    def load(self, seconds):
        """A load under way."""
        load = self.loadgen(
            f"--target={self.server.grpc}",
            "--connections=4",
            "--max_outstanding=64",
            f"--duration={seconds}s",
        )
        harness.eventually(lambda: self.answered() > 1000, "1,000 messages are answered")
        return load

    def answered(self):
        return self.server.metric("msgproc_processor_messages_total", outcome="ok")

    def test_started_is_serving_and_stopped_is_drained(self):
        self.systemctl("start")
        self.assert_unit(ActiveState="active", NRestarts="0")
        self.assertIn(self.server.grpc, self.machine.property("StatusText"))
        self.assertEqual(len(self.workers()), 2)
        load = self.loadgen(f"--target={self.server.grpc}", "--n=10000")
        self.assert_all_answered_once(load, 10000)
        self.systemctl("stop")
        self.assert_stopped_by_itself()

    def test_reloading_replaces_the_workers_and_no_message_notices(self):
        self.systemctl("start")
        main = self.machine.property("MainPID")
        load = self.load(seconds=4)
        replaced = set()
        while load.running():
            before = self.workers()
            self.systemctl("reload")
            harness.eventually(
                lambda: len(self.workers()) == 2 and not before & self.workers(),
                "new workers are there, and the old ones gone",
            )
            replaced |= before
        report = self.assert_all_answered_once(load)
        self.assertEqual(report["interruptions"]["count"], 0)
        self.assertGreater(len(replaced), 3)
        self.assertEqual(self.server.metric("msgproc_processor_worker_retries_total"), 0)
        self.assert_unit(ActiveState="active", MainPID=main)

    def test_restarting_under_load_loses_nothing(self):
        self.systemctl("start")
        main = self.machine.property("MainPID")
        load = self.load(seconds=3)
        self.systemctl("restart")
        self.assertTrue(load.running(), load.describe("ended too early"))
        self.assert_all_answered_once(load)
        self.assertGreater(self.answered(), 0)
        self.assert_unit(ActiveState="active", Result="success", NRestarts="0")
        self.assertNotEqual(self.machine.property("MainPID"), main)

    def test_a_crash_is_followed_by_a_new_start(self):
        self.systemctl("start")
        main = self.machine.property("MainPID")
        before = self.workers()
        load = self.load(seconds=3)
        self.machine.run("kill", "-KILL", main)
        harness.eventually(lambda: self.machine.property("NRestarts") == "1", "it starts anew")
        self.assert_all_answered_once(load)
        self.assert_unit(ActiveState="active")
        self.assertEqual(len(self.workers()), 2)
        self.assertFalse(before & self.workers())

    def test_its_processes_may_do_little(self):
        self.systemctl("start")
        for pid in self.machine.processes():
            _, status = self.machine.run("cat", f"/proc/{pid}/status")
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            # One of the users that systemd makes up.
            self.assertGreaterEqual(int(fields["Uid"].split()[0]), 61184)
            self.assertEqual(int(fields["CapEff"], 16), 0)
            self.assertEqual(fields["NoNewPrivs"], "1")
            self.assertEqual(fields["Seccomp"], "2")

    def test_flags_that_are_wrong_fail_the_start(self):
        self.machine.run("sh", "-c", "echo MSGPROC_FLAGS=--workers=x >/etc/msgproc/processor.env")
        self.assertNotEqual(self.machine.systemctl("start")[0], 0)
        self.assert_unit(ExecMainCode="1", ExecMainStatus="2")


if __name__ == "__main__":
    unittest.main()
