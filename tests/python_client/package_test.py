"""The package as a user gets it: built offline, installed, and what its README says, run."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from tests import harness

_MESSAGES = "msgproc_processor_messages_total"
_SOURCES = ("clients/python", "proto/msgproc/v1", "bazel/version.bzl")


def _run(*argv, **options):
    """Returns what a program wrote; it inherits nothing that leads to the source tree."""
    environment = {
        "HOME": os.environ.get("HOME", "/tmp"),
        "PATH": "/usr/bin:/bin",
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    ended = subprocess.run(
        [str(each) for each in argv],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        **options,
    )
    if ended.returncode:
        raise AssertionError(f"{argv} ended {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def _blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


class PackageTest(harness.ProcessTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="python-package-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.source = cls.folder / "tree" / "clients/python"
        for name in _SOURCES:
            origin, copy = pathlib.Path(harness.runfile(name)), cls.folder / "tree" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if origin.is_dir():
                shutil.copytree(origin, copy)
            else:
                shutil.copy(origin, copy)
        # What the build of our own tests has made: the package makes it itself.
        for made in cls.source.rglob("*_pb2.py*"):
            made.unlink()
        # An sdist from the tree, and the wheel from the sdist alone.
        cls.dist = cls.folder / "dist"
        _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", cls.dist, cls.source)
        (cls.wheel,) = cls.dist.glob("*.whl")
        cls.python = cls.folder / "venv/bin/python"
        _run(sys.executable, "-m", "venv", "--system-site-packages", cls.folder / "venv")
        _run(cls.python, "-m", "pip", "install", "--no-deps", cls.wheel)
        cls.page = (cls.source / "README.md").read_text(encoding="utf-8")

    def example(self, block, *arguments):
        """Runs an example of the README; returns what it printed, line by line."""
        file = self.folder / "example.py"
        file.write_text(block, encoding="utf-8")
        return _run(self.python, file, *arguments, cwd=self.folder).splitlines()

    def test_its_version_is_the_programs(self):
        text = pathlib.Path(harness.runfile("bazel/version.bzl")).read_text(encoding="utf-8")
        version = re.search(r'VERSION = "(.*)"', text)[1]
        self.assertEqual(self.wheel.name, f"msgproc-{version}-py3-none-any.whl")
        self.assertTrue((self.dist / f"msgproc-{version}.tar.gz").exists())

    def test_the_examples_of_its_readme_do_what_it_says(self):
        server = self.processor()
        to_address, requests, events = _blocks(self.page, "python")
        self.assertEqual(self.example(to_address, server.grpc), ["10000 results"])
        said = self.example(requests, server.grpc)
        self.assertEqual(said[:4], ["1 ONE", "2 TWO", "3 THREE", "refused: INVALID_ARGUMENT"])
        self.assertRegex(said[4], "^ended: NOT_FOUND: .*none-such.* trying again does not help")
        said = self.example(events, server.grpc)
        self.assertEqual(said, ["connected: NEW", "closed: None"])

    def test_a_newcomers_10000_messages_while_the_processor_is_killed_and_started_again(self):
        program = _blocks(self.page, "python")[0].replace(
            "await stream.send(", "await asyncio.sleep(0.0002)\n                await stream.send("
        )
        address = f"127.0.0.1:{harness.free_port()}"
        server = self.processor(listen_address=address)
        answers = []
        running = threading.Thread(target=lambda: answers.extend(self.example(program, address)))
        running.start()
        self.addCleanup(running.join)
        for _ in range(2):
            harness.eventually(lambda s=server: s.metric(_MESSAGES) > 500, "it answers", 120)
            server.kill()
            self.assertTrue(running.is_alive(), "it was to be killed in the middle")
            server = self.processor(listen_address=address)
        running.join()
        self.assertEqual(answers, ["10000 results"])

    def test_they_are_typed_and_so_is_the_package(self):
        settings = self.source / "pyproject.toml"
        installed = self.folder / "installed"
        _run(self.python, "-m", "pip", "install", "--no-deps", "--target", installed, self.wheel)
        said = _run("mypy", "--config-file", settings, "-p", "msgproc", cwd=installed)
        self.assertRegex(said, "^Success: no issues found in 1[0-9] source files")
        for i, block in enumerate(_blocks(self.page, "python")):
            file = self.folder / f"typed_{i}.py"
            file.write_text(block, encoding="utf-8")
            options = ("--python-executable", self.python, "--config-file", os.devnull)
            _run("mypy", "--strict", *options, file, cwd=self.folder)
        # A checker that finds nothing may be one that does not run.
        file.write_text("import msgproc\n\nmsgproc.connect(target=7)\n", encoding="utf-8")
        with self.assertRaisesRegex(AssertionError, 'incompatible type "int"; expected "str"'):
            _run("mypy", "--strict", *options, file, cwd=self.folder)

    def test_the_benchmark_runs(self):
        server = self.processor()
        said = _run(self.python, self.source / "benchmark/throughput.py", server.grpc, "0.2")
        self.assertRegex(said, r"times as fast \(median of 3\)\n$")


if __name__ == "__main__":
    unittest.main()
