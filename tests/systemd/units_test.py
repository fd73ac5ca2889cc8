"""The unit files under a real systemd."""

import unittest

from tests import harness
from tests.systemd import machine

_NO_MACHINE = machine.why_not()


class _Served(harness.Server):
    """A server that somebody else starts and stops."""

    def __init__(self, grpc, http):
        self.grpc, self.http = grpc, http


@unittest.skipIf(_NO_MACHINE, f"no machine with systemd here: {_NO_MACHINE}")
class UnitTest(harness.ProcessTest):
    def boot(self, name, program, *flags, tls=None):
        grpc, http = (f"127.0.0.1:{harness.free_port()}" for _ in range(2))
        self.server = _Served(grpc, http)
        flags = (f"--listen_address={grpc}", f"--http_address={http}", *flags)
        self.machine = machine.Machine(
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
