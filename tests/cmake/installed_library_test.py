"""libmsgproc-dev's content: programs of examples/cmake are built with it and run."""

import pathlib
import re
import shutil
import subprocess
import sysconfig
import tarfile
import tempfile
import unittest

from tests import harness

_EXAMPLE = "examples/cmake"
# Enough that a processor can be killed before the last one.
_MANY = 1_000_000


class InstalledLibraryTest(harness.ProcessTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="libmsgproc-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        with tarfile.open(harness.runfile("client/package/libmsgproc_dev.tar")) as tar:
            tar.extractall(cls.folder / "root")
        cls.usr = cls.folder / "root/usr"
        cls.libraries = cls.usr / "lib" / sysconfig.get_config_var("MULTIARCH")
        cls.source = cls.folder / "source"
        cls.source.mkdir()
        for name in ("CMakeLists.txt", "Makefile", "main.cc"):
            shutil.copy(harness.runfile(f"{_EXAMPLE}/{name}"), cls.source)

    @classmethod
    def run_command(cls, *argv, succeeds=True):
        """Returns what a program wrote; it inherits nothing that leads to the source tree."""
        ended = subprocess.run(
            [str(each) for each in argv],
            env={
                "HOME": str(cls.folder),
                "PATH": "/usr/bin:/bin",
                "PKG_CONFIG_PATH": str(cls.libraries / "pkgconfig"),
            },
            cwd=cls.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        if (ended.returncode == 0) != succeeds:
            raise AssertionError(f"{argv} ended {ended.returncode}:\n{ended.stdout}")
        return ended.stdout

    def configure(self, source, build, succeeds=True):
        return self.run_command(
            "cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={self.usr}", succeeds=succeeds
        )

    def test_a_cmake_program_has_one_result_each_though_the_processor_is_killed(self):
        build = self.folder / "build"
        self.configure(self.source, build)
        self.run_command("cmake", "--build", build)
        address = f"127.0.0.1:{harness.free_port()}"
        server = self.processor(listen_address=address)
        send = self.keep(harness.Process([str(build / "send"), address, str(_MANY)], "send"))
        harness.eventually(
            lambda: server.metric("msgproc_processor_messages_total", outcome="ok") > 0,
            "the processor has handled messages",
        )
        server.kill()
        self.assertTrue(send.running(), send.describe("ended before the processor was killed"))
        server.start_again()
        self.assertEqual(send.wait(120), 0, send.describe("failed"))
        self.assertEqual(send.output(), f"{_MANY} results, 0 failed: OK\n")

    def test_a_makefile_finds_it_by_pkg_config(self):
        self.run_command("make", "-C", self.source)
        server = self.processor()
        said = self.run_command(self.source / "send", server.grpc, "1000")
        self.assertEqual(said, "1000 results, 0 failed: OK\n")

    def test_each_header_can_be_included_alone_under_its_installed_path(self):
        headers = sorted((self.usr / "include").rglob("*.h"))
        names = [str(header.relative_to(self.usr / "include")) for header in headers]
        self.assertIn("msgproc/client/message_stream.h", names)
        self.assertIn("msgproc/common/callback_threads.h", names)
        for name in names:
            self.assertRegex(name, "^msgproc/")
            source = self.folder / "alone.cc"
            source.write_text(f'#include "{name}"\nint main() {{}}\n', encoding="utf-8")
            # Warnings of ours would be every program's; ours is C++20, theirs may be 17.
            self.run_command(
                *("g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"),
                f"-I{self.usr}/include",
                source,
            )

    def test_everything_in_the_library_is_ours(self):
        symbols = self.run_command("nm", "-AC", "--defined-only", self.libraries / "libmsgproc.a")
        functions = re.findall(r" T (.*)", symbols)
        self.assertTrue(any("MessageStream::Open" in name for name in functions))
        foreign = [name for name in functions if "msgproc" not in name]
        self.assertEqual(foreign, [])

    def test_the_version_is_the_programs_and_another_series_is_refused(self):
        text = pathlib.Path(harness.runfile("bazel/version.bzl")).read_text(encoding="utf-8")
        version = re.search(r'VERSION = "(.*)"', text)[1]
        self.assertEqual(self.run_command("pkg-config", "--modversion", "msgproc").strip(), version)
        for wanted, found in ((version, True), ("", True), ("0.99", False), ("9.0", False)):
            source = self.folder / "wants"
            source.mkdir(exist_ok=True)
            (source / "CMakeLists.txt").write_text(
                "cmake_minimum_required(VERSION 3.16)\n"
                "project(wants CXX)\n"
                f"find_package(msgproc {wanted} REQUIRED)\n"
                "message(STATUS found=${msgproc_VERSION})\n",
                encoding="utf-8",
            )
            said = self.configure(source, self.folder / f"wants-{wanted}", succeeds=found)
            self.assertEqual(f"found={version}" in said, found, said)


if __name__ == "__main__":
    unittest.main()
