"""What is in the Debian packages, beside the programs: man pages, completions, settings."""

import gzip
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import help_text
from tests import harness

_SERVERS = ("msgproc-processor", "msgproc-balancer")
_ALL = (*_SERVERS, "msgproc-tools", "libmsgproc-dev")
_PROGRAMS = {"msgproc-processor": 8, "msgproc-balancer": 8, "msgproc-loadgen": 1, "msgproc": 1}

# What readline does with a line before it calls a completion.
_COMPLETE = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
compopt() { :; }
"$(complete -p "$1" | sed 's/.*-F \\([^ ]*\\) .*/\\1/')" "$1" "${@: -1}" "${@: -2:1}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def _run(*argv, **options):
    done = subprocess.run(
        [str(each) for each in argv],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )
    if done.returncode != 0:
        raise AssertionError(f"{argv} ended {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class DebTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="debs-")
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        for package in _ALL:
            _run("dpkg-deb", "--extract", cls.deb(package), cls.root)

    @staticmethod
    def deb(package):
        return harness.runfile(f"tools/package.d/{package}.deb")

    def field(self, package, name):
        return _run("dpkg-deb", "--field", self.deb(package), name).strip()

    def complete(self, *words):
        file = self.root / "usr/share/bash-completion/completions" / words[0]
        return _run("bash", "-c", _COMPLETE, "bash", file, *words, cwd=self.root).split()

    def test_the_version_is_what_the_programs_say(self):
        for name in _PROGRAMS:
            said = _run(self.root / "usr/bin" / name, "--version")
            for package in _ALL:
                self.assertTrue(said.startswith(f"{name} {self.field(package, 'Version')} ("), said)

    def test_settings_are_the_administrators_and_closed_to_others(self):
        for package in _SERVERS:
            listed = _run("dpkg-deb", "--info", self.deb(package), "conffiles")
            name = f"/etc/msgproc/{package.removeprefix('msgproc-')}.env"
            self.assertEqual(listed, f"{name}\n")
            self.assertEqual((self.root / name[1:]).stat().st_mode & 0o777, 0o640)
        self.assertIn("adduser", self.field("msgproc-processor", "Depends"))

    def test_everything_belongs_to_root_and_has_the_time_of_the_package(self):
        for package in _ALL:
            for line in _run("dpkg-deb", "--contents", self.deb(package)).splitlines():
                self.assertRegex(line, r"^\S+ root/root +\d+ 2026-01-01 00:00 \./", package)

    def test_a_man_page_has_every_flag_and_no_fault(self):
        for name, section in _PROGRAMS.items():
            page = self.root / f"usr/share/man/man{section}/{name}.{section}.gz"
            text = gzip.decompress(page.read_bytes()).decode()
            self.assertEqual(_run("groff", "-man", "-ww", "-Tutf8", "-z", input=text), "")
            said = _run("groff", "-man", "-Tutf8", "-P-cbou", input=text)
            for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"):
                self.assertIn(f"\n{heading}\n", said)
            for flag in help_text.ask(self.root / "usr/bin" / name).flags:
                self.assertIn(f"--{flag.name}", said)
        self.assertIn("forget SESSION\n", said, "msgproc's commands")

    def test_bash_completes_flags_values_and_commands(self):
        flags = self.complete("msgproc-processor", "--max_pay")
        self.assertEqual(flags, ["--max_payload_bytes="])
        self.assertIn("--help", self.complete("msgproc-processor", "--"))
        self.assertEqual(self.complete("msgproc-processor", "--channelz", "=", "t"), ["true"])
        self.assertEqual(self.complete("msgproc-processor", "--channelz", "="), ["true", "false"])
        self.assertEqual(self.complete("msgproc-processor", "--access_file", "=", "et"), ["etc"])
        self.assertEqual(self.complete("msgproc", "fo"), ["forget"])
        self.assertEqual(self.complete("msgproc", "forget", "fo"), [])
        self.assertEqual(self.complete("msgproc", "ls", "--js"), ["--json"])

    @unittest.skipUnless(shutil.which("zsh"), "there is no zsh")
    def test_zsh_takes_the_specifications(self):
        said_of = {name: help_text.ask(self.root / "usr/bin" / name) for name in _PROGRAMS}
        for name, said in said_of.items():
            file = self.root / f"usr/share/zsh/vendor-completions/_{name}"
            # What it would hand over to zsh's own: a specification for each flag.
            given = _run(
                "zsh", "-fc", '_arguments() { print -rl -- "$@" }; source "$1"', "zsh", file
            )
            given = given.splitlines()
            more = 2 if said.commands else 0
            self.assertEqual(len(given), len(said.flags) + more)
            for flag, specification in zip(said.flags, given):
                self.assertRegex(specification, rf"^--{flag.name}=?\[.*\](:value:_files)?$")


class HelpTextTest(unittest.TestCase):
    def test_what_our_programs_do_not_write_is_refused(self):
        flags = "Flags:\n  --one=1\n      A flag\n      of two lines.\n"
        good = f"a: Does it.\n\nUsage: a [flags]\n\n{flags}"
        flag = help_text.parse(good).flags[0]
        self.assertEqual((flag.name, flag.value, flag.text), ("one", "1", "A flag of two lines."))
        for bad in (
            good.replace("Usage", "How"),
            good.replace("  --one", "--one"),
            good.replace("--one", "--One"),
            good.replace("[flags]\n", "[flags]\n\nof no section\n"),
        ):
            with self.assertRaises(ValueError, msg=bad):
                help_text.parse(bad)


if __name__ == "__main__":
    unittest.main()
