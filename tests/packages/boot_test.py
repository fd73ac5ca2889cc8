"""The services as packages install them, under a real systemd that boots a fresh root."""

import pathlib
import shutil
import tempfile
import unittest

from tests import harness
from tests.packages import newer, root
from tests.systemd import machine

_NO_MACHINE = root.why_not() or machine.why_not()
_MESSAGES = "msgproc_processor_messages_total"
# Of an administrator.
_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"


class _Service:
    """Of a package, on a machine."""

    def __init__(self, booted, name):
        self._booted, self.name = booted, name

    def property(self, name):
        command = ("systemctl", "show", "--value", f"--property={name}", self.name)
        return self._booted.run(*command)[1]

    def active(self):
        return self.property("ActiveState") == "active"


class _Page(harness.Server):
    """The metrics of a server that systemd starts and stops."""

    # pylint: disable-next=super-init-not-called
    def __init__(self, http):
        self.http = http


@unittest.skipIf(_NO_MACHINE, f"no machine with systemd here: {_NO_MACHINE}")
class BootTest(harness.ProcessTest):
    def setUp(self):
        root.enter_mount_namespace()
        self.root = root.Root()
        self.addCleanup(self.root.close)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="newer-"))
        self.addCleanup(shutil.rmtree, self.folder)

    @staticmethod
    def deb(package):
        return harness.runfile(f"tools/package.d/{package}.deb")

    def do_there(self, *command):
        code, output = self.machine.run("/usr/bin/env", _PATH, *command)
        self.assertEqual(code, 0, output)
        return output

    def test_services_start_with_the_machine_and_survive_a_crash_and_an_upgrade_under_load(self):
        packages = ("msgproc-processor", "msgproc-balancer", "msgproc-tools")
        self.root.install(*(self.deb(package) for package in packages), more=("systemd",))
        addresses = [f"127.0.0.1:{harness.free_port()}" for _ in range(4)]
        store = "--session_store=sqlite:/var/lib/msgproc/sessions.db"
        for i, (name, more) in enumerate((("processor", store), ("balancer", ""))):
            grpc, http = addresses[2 * i : 2 * i + 2]
            self.root.set_flags(name, f"--listen_address={grpc} --http_address={http} {more}")
        self.machine = machine.Machine(
            "msgproc-processor", [harness.runfile("tests/packages/boot"), self.root.path]
        )
        self.addCleanup(self.machine.kill)
        processor, balancer = (_Service(self.machine, package) for package in packages[:2])
        for service in (processor, balancer):
            harness.eventually(service.active, f"{service.name} starts by itself")

        # As the user that the package has made, which owns what it keeps.
        pid = processor.property("MainPID")
        self.assertEqual(self.do_there("stat", "--format=%U", f"/proc/{pid}"), "msgproc")
        kept = self.do_there("stat", "--format=%U %a", "/var/lib/msgproc")
        self.assertEqual(kept, "msgproc 750")

        # Each has a socket for operators, where only root and its own user get in.
        for service in (processor, balancer):
            look = f"msgproc status --server=unix:$(echo /run/{service.name}/*.admin.sock)"
            self.assertIn("version", self.do_there("sh", "-c", look))

        load = self.keep(
            harness.Process(
                ["/usr/sbin/chroot", str(self.root.path), "/usr/bin/msgproc-loadgen"]
                + [f"--target={addresses[0]}", "--rate=1000", "--n=20000", "--give_up_after=60s"],
                "loadgen",
            )
        )
        page = _Page(addresses[1])
        harness.eventually(lambda: page.metric(_MESSAGES) > 1000, "it is under load")
        self.do_there("systemctl", "kill", "--kill-who=main", "--signal=KILL", processor.name)
        harness.eventually(lambda: processor.property("NRestarts") == "1", "it starts anew")
        harness.eventually(processor.active, "it serves again")

        pid = balancer.property("MainPID")
        self.do_there("systemctl", "restart", balancer.name)
        self.assertNotEqual(balancer.property("MainPID"), pid, "clients' sockets do not notice")

        before = {service: service.property("MainPID") for service in (processor, balancer)}
        for package in packages[:2]:
            _, deb = newer.make(self.deb(package), self.folder, "")
            copy = self.root.put(deb, f"newer-{package}.deb")
            self.do_there("dpkg", "--force-confold", "--install", copy)
        for service in (processor, balancer):
            harness.eventually(service.active, "the new version serves")
            self.assertNotEqual(service.property("MainPID"), before[service], "it is a new process")
        self.assertTrue(load.running(), load.describe("was to go on"))

        # 4: it was late with some, on a busy machine: its figures mean nothing, its answers do.
        self.assertIn(load.wait(120), (0, 4), load.describe("failed"))
        right = "0 lost, 0 duplicated, 0 failed, 0 wrong, 0 out of order"
        self.assertIn(right, load.output())

        self.do_there("systemctl", "disable", "--now", "msgproc-balancer")
        _, deb = newer.make(self.deb("msgproc-balancer"), self.folder / "again", "")
        self.do_there("dpkg", "--install", self.root.put(deb, "again.deb"))
        self.assertEqual(balancer.property("UnitFileState"), "disabled")
        self.do_there("dpkg", "--remove", "msgproc-processor")
        self.assertFalse(processor.active())
        self.assertTrue((self.root.path / "var/lib/msgproc/sessions.db").exists())


if __name__ == "__main__":
    unittest.main()
