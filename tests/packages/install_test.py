"""The Debian packages in a fresh root: installed, used, upgraded, removed, purged."""

import pathlib
import subprocess
import tempfile
import unittest

from tests import harness
from tests.packages import newer, root

_NO_ROOT = root.why_not()
_SERVERS = ("msgproc-processor", "msgproc-balancer")
_ALL = (*_SERVERS, "msgproc-tools")
# What starts with the machine.
_WANTED = "/etc/systemd/system/multi-user.target.wants"


def _deb(package):
    return harness.runfile(f"tools/package.d/{package}.deb")


@unittest.skipIf(_NO_ROOT, f"no fresh root here: {_NO_ROOT}")
class InstallTest(harness.ProcessTest):
    @classmethod
    def setUpClass(cls):
        root.enter_mount_namespace()

    def setUp(self):
        self.root = root.Root()
        self.addCleanup(self.root.close)

    def path(self, name):
        return self.root.path / name.lstrip("/")

    def serve(self, name, user, **options):
        return self.keep(self.root.serve(name, user, **options))

    def users(self):
        return self.path("/etc/passwd").read_text(encoding="utf-8")

    def traces(self):
        """Returns what there is of ours, but for what the test has brought along."""
        found = self.root.run("find", "/etc", "/usr", "/var", "/opt", "-name", "*msgproc*").split()
        return [path for path in found if not path.startswith("/var/tmp/")]

    def loadgen_says(self, *flags):
        said = self.root.run("msgproc-loadgen", "--n=10000", *flags)
        self.assertIn("0 lost, 0 duplicated, 0 failed, 0 wrong, 0 out of order", said)

    def test_servers_and_tools_work_together(self):
        self.root.install(*(_deb(package) for package in _ALL))
        for package in _ALL:
            self.assertEqual(self.root.status(package), "installed")
        balancer = self.serve("balancer", "nobody")
        self.root.set_flags(
            "processor",
            f"--balancer={balancer.grpc} --admin_address=unix:/tmp/admin-{balancer.pid}",
        )
        processor = self.serve("processor", "msgproc:msgproc")
        harness.eventually(
            lambda: balancer.metric("msgproc_balancer_servers", state="serving") == 1,
            "it has registered",
        )
        self.loadgen_says(f"--balancer={balancer.grpc}")
        self.assertEqual(processor.metric("msgproc_processor_messages_total", outcome="ok"), 10000)
        said = self.root.run("msgproc", "status", f"--server=unix:/tmp/admin-{balancer.pid}")
        self.assertRegex(said, r"(?m)^messages +10000$")
        for server in (processor, balancer):
            self.assertEqual(server.stop(), 0)

    def test_a_service_is_enabled_and_its_user_owns_what_it_keeps(self):
        self.root.install(*(_deb(package) for package in _SERVERS))
        for package in _SERVERS:
            wanted = self.path(f"{_WANTED}/{package}.service")
            self.assertTrue(wanted.is_symlink(), package)
            self.assertEqual(
                wanted.readlink(), pathlib.Path(f"/lib/systemd/system/{package}.service")
            )
        state = self.root.run("stat", "--format=%U:%G %a", "/var/lib/msgproc").strip()
        self.assertEqual(state, "msgproc:msgproc 750")
        self.assertRegex(
            self.users(), r"(?m)^msgproc:x:\d{3}:\d+:.*:/var/lib/msgproc:/usr/sbin/nologin$"
        )
        self.root.set_flags("processor", "--session_store=sqlite:/var/lib/msgproc/sessions.db")
        check = "msgproc-processor --check_config $MSGPROC_FLAGS"
        said = self.root.run("sh", "-c", f". /etc/msgproc/processor.env && {check}")
        self.assertEqual(said, "ok\n")
        address = f"127.0.0.1:{harness.free_port()}"
        processor = self.serve("processor", "msgproc:msgproc", listen_address=address)
        self.root.install(_deb("msgproc-tools"))
        self.loadgen_says(f"--target={processor.grpc}")
        self.assertTrue(self.path("/var/lib/msgproc/sessions.db").exists())

    def test_an_upgrade_keeps_what_an_administrator_has_changed(self):
        self.root.install(*(_deb(package) for package in _SERVERS))
        self.root.set_flags("processor", "--log_level=debug")
        # As `systemctl disable` does, of an administrator who wants no balancer now.
        self.path(f"{_WANTED}/msgproc-balancer.service").unlink()
        self.path("/var/lib/msgproc/kept").write_text("data", encoding="utf-8")
        folder = pathlib.Path(tempfile.mkdtemp(prefix="newer-"))
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], check=True)
        version = None
        for package in _SERVERS:
            version, deb = newer.make(_deb(package), folder, "# New in this version.\n")
            # What apt does where nobody is asked: what was changed stays.
            self.root.run(
                "dpkg", "--force-confold", "--install", self.root.put(deb, f"{package}.deb")
            )
        for package in _SERVERS:
            found = self.root.run("dpkg-query", "--show", "--showformat=${Version}", package)
            self.assertEqual(found, version)
        changed = self.path("/etc/msgproc/processor.env").read_text(encoding="utf-8")
        self.assertIn("--log_level=debug", changed)
        self.assertNotIn("New in this version", changed)
        self.assertTrue(self.path("/etc/msgproc/processor.env.dpkg-dist").exists())
        unchanged = self.path("/etc/msgproc/balancer.env").read_text(encoding="utf-8")
        self.assertIn("New in this version", unchanged)
        self.assertEqual(self.path("/var/lib/msgproc/kept").read_text(encoding="utf-8"), "data")
        enabled = [unit.name for unit in self.path(_WANTED).glob("msgproc-*")]
        self.assertEqual(enabled, ["msgproc-processor.service"], "disabled is the other one")

    def test_removal_leaves_settings_and_data_and_purge_only_the_user(self):
        self.assertEqual(self.traces(), [])
        self.root.install(*(_deb(package) for package in _ALL))
        self.path("/var/lib/msgproc/sessions.db").write_text("data", encoding="utf-8")
        self.root.run("apt-get", "--yes", "remove", *_ALL)
        for package in _SERVERS:
            self.assertEqual(self.root.status(package), "config-files")
        for name in (
            "/etc/msgproc/processor.env",
            "/etc/msgproc/balancer.env",
            "/var/lib/msgproc/sessions.db",
        ):
            self.assertTrue(self.path(name).exists(), name)
        for name in ("bin/msgproc-processor", "lib/systemd/system/msgproc-processor.service"):
            self.assertFalse(self.path(f"/usr/{name}").exists(), name)
        self.root.run("apt-get", "--yes", "purge", *_ALL)
        for package in _ALL:
            self.assertEqual(self.root.status(package), "not-installed")
        self.assertIn("\nmsgproc:", self.users(), "a number of a user is not given away")
        self.assertEqual(self.traces(), [])

    def test_they_depend_on_what_their_programs_link_and_on_nothing_unknown(self):
        said = self.root.run(
            "apt-get", "--simulate", "install", self.root.put(_deb("msgproc-processor"), "p.deb")
        )
        self.assertIn("Inst libgrpc++1.51 ", said)
        self.root.install(*(_deb(package) for package in _ALL))
        for program in ("msgproc-processor", "msgproc-balancer", "msgproc-loadgen", "msgproc"):
            version = self.root.run(program, "--version")
            self.assertRegex(version, rf"^{program} \d+\.\d+\.\d+ ")
        self.assertEqual(self.root.run("dpkg", "--audit"), "")
        self.assertEqual(self.root.run("dpkg", "--verify", *_ALL), "")


if __name__ == "__main__":
    unittest.main()
