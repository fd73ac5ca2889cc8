"""What the programs call themselves, how they are set up, and their odd signals."""

import os
import pathlib
import signal
import tempfile
import unittest

from tests import harness

_WORD_COUNT = "examples/word_count/word_count"


class ProgramsTest(harness.ProcessTest):
    def _says(self, path, flag, **env):
        program = self.keep(harness.Process([path, flag], "program", env=env))
        self.assertEqual(program.wait(), 0)
        return program.output()

    def _installed(self, program, name):
        folder = tempfile.mkdtemp(prefix="installed-")
        os.symlink(harness.runfile(program), f"{folder}/{name}")
        return f"{folder}/{name}"

    def test_usage_is_that_of_an_installed_program_or_of_bazel(self):
        for program, name in (
            (harness.PROCESSOR, "msgproc-processor"),
            (harness.BALANCER, "msgproc-balancer"),
            (harness.LOADGEN, "msgproc-loadgen"),
        ):
            help_text = self._says(self._installed(program, name), "--help")
            self.assertIn(f"Usage: {name} ", help_text)
            self.assertNotIn("bazel run", help_text.split("Flags:")[0])
            target = os.path.dirname(program)
            help_text = self._says(
                harness.runfile(program), "--help", BUILD_WORKING_DIRECTORY="/tmp"
            )
            self.assertIn(f"Usage: bazel run //{target} -- ", help_text)

    def test_a_processor_of_somebodys_own_says_its_own_name(self):
        program = harness.runfile(_WORD_COUNT)
        self.assertRegex(self._says(program, "--version"), r"^word_count, built with msgproc \d")
        help_text = self._says(program, "--help")
        self.assertTrue(help_text.startswith("word_count: "), help_text)
        self.assertIn("Usage: word_count [flags]", help_text)
        self.assertNotIn("msgproc-processor", help_text)
        server = self.keep(harness.Server(_WORD_COUNT, [], "word_count", "127.0.0.1:0"))
        harness.eventually(lambda: "server=word_count" in server.output(), "its log has its name")
        version = self._says(harness.runfile(harness.PROCESSOR), "--version")
        self.assertRegex(version, r"^msgproc-processor \d")

    def test_flags_come_from_a_file(self):
        file = pathlib.Path(tempfile.mkdtemp(prefix="flags-"), "flags")
        file.write_text("# Mine.\n--server_id=from_a_file\n--log_format=json\n", encoding="utf-8")
        balancer = self.balancer()
        self.processor(f"--flagfile={file}", f"--balancer={balancer.grpc}")
        harness.eventually(lambda: "from_a_file" in balancer.get("/list")[1], "it is registered")

    def test_user_signals_end_nothing(self):
        for server in (self.processor("--workers=1"), self.balancer()):
            for number in (signal.SIGUSR1, signal.SIGUSR2):
                server.signal(number)
            harness.eventually(
                lambda server=server: "log_level=info" in server.output(), "the level is that of before"
            )
            self.assertEqual(server.get("/readyz")[0], 200)


if __name__ == "__main__":
    unittest.main()
