"""A newcomer's ten minutes: the example of each client's README, from installed packages only.

Each sends 10,000 messages to the packaged processor, in a fresh root, that is killed (-9) and
started again meanwhile, and gets one result each, in order.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import zipfile

from tests import harness
from tests.packages import root

_NO_ROOT = root.why_not()
_MESSAGES = "msgproc_processor_messages_total"
# So that it can be killed in the middle, whatever the machine.
_ACCESS = """
rules { sources: SOURCE_ANONYMOUS handlers: "*" limits { messages_per_second: 2500 } }
"""


def _example(page, language):
    return re.search(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[1]


@unittest.skipIf(_NO_ROOT, f"no fresh root here: {_NO_ROOT}")
class NewcomerTest(harness.ProcessTest):
    @classmethod
    def setUpClass(cls):
        root.enter_mount_namespace()
        cls.root = root.Root()
        cls.addClassCleanup(cls.root.close)
        cls.root.install(harness.runfile("tools/package.d/msgproc-processor.deb"))
        (cls.root.path / "etc/msgproc/access.txtpb").write_text(_ACCESS, encoding="utf-8")
        cls.root.set_flags("processor", "--access_file=/etc/msgproc/access.txtpb")

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="newcomer-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        # Nothing that leads to the source tree.
        self.environment = {"HOME": folder.name, "PATH": "/usr/bin:/bin"}

    def succeed(self, *argv, **options):
        done = subprocess.run(
            [str(each) for each in argv],
            cwd=self.folder,
            env={**self.environment, **options},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        self.assertEqual(done.returncode, 0, f"{argv}: {done.stdout}{done.stderr}")
        return done.stdout

    def serve(self, address):
        return self.keep(self.root.serve("processor", "msgproc:msgproc", listen_address=address))

    def through_kills(self, start):
        """Returns what a program printed. `start`: starts it, given the processor's address."""
        address = f"127.0.0.1:{harness.free_port()}"
        server = self.serve(address)
        program = self.keep(start(address))
        for _ in range(2):
            harness.eventually(
                lambda s=server: s.metric(_MESSAGES) > 1000, "it is in the middle", 60
            )
            server.kill()
            self.assertTrue(program.running(), program.describe("was to be in the middle"))
            server = self.serve(address)
        self.assertEqual(program.wait(120), 0, program.describe("failed"))
        return program.output()

    def start(self, *argv):
        return harness.Process(
            ["/usr/bin/env", "--ignore-environment", f"--chdir={self.folder}"]
            + [f"{name}={value}" for name, value in self.environment.items()]
            + [str(each) for each in argv],
            "program",
        )

    def test_node(self):
        installed = pathlib.Path(
            os.path.realpath(harness.runfile("clients/node/package-lock.json"))
        ).parent
        node = os.path.realpath(installed / "node_modules/.bin/node")
        npm = os.path.realpath(installed / "node_modules/.bin/npm")
        self.environment["PATH"] = f"{pathlib.Path(node).parent}:/usr/bin:/bin"
        tarball = shutil.copy(harness.runfile("clients/node/msgproc.tgz"), self.folder)
        # Without a network: what the package depends on comes from folders.
        listed = subprocess.run(
            [npm, "ls", "--omit=dev", "--all", "--parseable"],
            cwd=installed,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        options = ("--offline", "--install-links", "--ignore-scripts", "--no-audit", "--no-fund")
        self.succeed(
            npm,
            "install",
            *options,
            tarball,
            *listed.split()[1:],
            npm_config_update_notifier="false",
        )
        page = (self.folder / "node_modules/msgproc/README.md").read_text(encoding="utf-8")
        (self.folder / "url.mjs").write_text(_example(page, "js"), encoding="utf-8")
        said = self.through_kills(lambda address: self.start(node, "url.mjs", address, 10_000))
        self.assertIn("10000 messages, 10000 results, 0 failed\n", said)
        self.assertIn("lost 127.0.0.1:", said)

    def test_python(self):
        (wheel,) = pathlib.Path(harness.runfile("clients/python/dist")).glob("*.whl")
        self.succeed("/usr/bin/python3", "-m", "venv", "--system-site-packages", "venv")
        python = self.folder / "venv/bin/python"
        self.succeed(
            python, "-m", "pip", "install", "--no-index", wheel, PIP_DISABLE_PIP_VERSION_CHECK="1"
        )
        with zipfile.ZipFile(wheel) as content:
            (name,) = (name for name in content.namelist() if name.endswith("/METADATA"))
            page = content.read(name).decode()
        (self.folder / "program.py").write_text(_example(page, "python"), encoding="utf-8")
        said = self.through_kills(lambda address: self.start(python, "program.py", address))
        self.assertEqual(said, "10000 results\n")

    def test_cmake_and_pkg_config(self):
        # In the fresh root, which has no headers but what the package brings.
        self.root.install(
            harness.runfile("tools/package.d/libmsgproc-dev.deb"),
            more=("cmake", "g++", "make"),
        )
        folder = self.root.path / "var/tmp/send"
        folder.mkdir()
        for name in ("CMakeLists.txt", "Makefile", "main.cc"):
            shutil.copy(harness.runfile(f"examples/cmake/{name}"), folder)
        self.root.run("cmake", "-S", "/var/tmp/send", "-B", "/var/tmp/send/build")
        self.root.run("cmake", "--build", "/var/tmp/send/build")
        self.root.run("make", "-C", "/var/tmp/send")
        for program in ("/var/tmp/send/build/send", "/var/tmp/send/send"):
            said = self.through_kills(
                lambda address, program=program: harness.Process(
                    ["/usr/sbin/chroot", str(self.root.path), program, address], "send"
                )
            )
            self.assertEqual(said, "10000 results, 0 failed: OK\n")


if __name__ == "__main__":
    unittest.main()
