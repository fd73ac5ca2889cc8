"""Tests as programs that are compiled and linked anew where a source differs.

Bazel builds a test once and is asked for its command lines; what a mutant changes is
compiled and linked with them directly, into a folder of its own.
"""

import dataclasses
import json
import os
import pathlib
import resource
import signal
import subprocess
import time

_BAZEL = "/usr/bin/bazel"
_QUIET = ("--noshow_progress", "--ui_event_filters=-info,-warning")
# Compiles in half the time. A mutant may well leave something unused.
_CHEAP = ("-O0", "-g0", "-w", "-Wno-narrowing", "-fmax-errors=0")
_MOST_MEMORY = 4 << 30


def _run(*command, cwd=None):
    return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a program ended."""

    exit_code: int
    processor_seconds: float


class Folder:
    """What is compiled and linked where some sources differ. `files`: {name: text}."""

    def __init__(self, path, files):
        self.path = path
        self.sources = path / "source"
        for name, text in files.items():
            target = self.sources / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self.files = set(files)

    def object_for(self, name):
        return self.path / "objects" / name


class Programs:
    """The tests of one class, built."""

    def __init__(self, targets, jobs, options=()):
        self._targets = targets
        subprocess.run((_BAZEL, "build", *_QUIET, *options, f"--jobs={jobs}", "--", *targets), check=True)
        self._root = pathlib.Path(_run(_BAZEL, "info", *_QUIET, *options, "execution_root").strip())
        deps = " + ".join(f"deps({target})" for target in targets)
        graph = _run(
            _BAZEL, "aquery", *_QUIET, *options, "--output=jsonproto", f'mnemonic("Cpp(Compile|Link)", {deps})'
        )
        # {object: arguments}, {target: arguments}
        self._compile, self._link = {}, {}
        for action in json.loads(graph)["actions"]:
            # Behind the arguments the file with the same ones.
            arguments = [argument for argument in action["arguments"] if not argument.startswith("@")]
            if "-o" not in arguments:
                continue
            output = arguments[arguments.index("-o") + 1]
            if action["mnemonic"] == "CppCompile":
                self._compile[output] = arguments
            elif "-shared" not in arguments:
                folder, _, name = output.split("/bin/", 1)[1].rpartition("/")
                self._link[f"//{folder}:{name}"] = arguments

    def _reads(self, output, names):
        """Whether what was compiled to `output` includes one of `names`, or is one."""
        dependencies = self._root / (output.removesuffix(".o") + ".d")
        return dependencies.exists() and bool(names & set(dependencies.read_text().split()))

    def commands(self, folder, *, header=None):
        """What to run to compile what differs in `folder`: the rest is there."""
        commands = []
        for output, arguments in self._compile.items():
            if not self._reads(output, folder.files):
                continue
            # Nothing is written where Bazel keeps what it built.
            arguments, target = list(arguments), folder.object_for(output)
            target.parent.mkdir(parents=True, exist_ok=True)
            arguments[arguments.index("-o") + 1] = str(target)
            arguments[arguments.index("-MF") + 1] = str(target) + ".d"
            source = arguments.index("-c") + 1
            if arguments[source] in folder.files:
                arguments[source] = str(folder.sources / arguments[source])
            included = ("-include", str(header)) if header else ()
            arguments[source - 1 : source - 1] = (*_CHEAP, *included)
            arguments[1:1] = ("-iquote", str(folder.sources))
            commands.append(arguments)
        return commands

    def compile(self, command):
        """Its messages; none where it did compile."""
        done = subprocess.run(command, cwd=self._root, check=False, stderr=subprocess.PIPE, text=True)
        return done.stderr or "failed" if done.returncode else ""

    def link(self, target, folder):
        """The program, or nothing where linking failed."""
        arguments = list(self._link[target])
        program = folder.path / target.rpartition(":")[2]
        arguments[arguments.index("-o") + 1] = str(program)
        for index, argument in enumerate(arguments):
            if folder.object_for(argument).is_file():
                arguments[index] = str(folder.object_for(argument))
        done = subprocess.run(arguments, cwd=self._root, check=False, capture_output=True)
        return program if done.returncode == 0 else None

    def run(self, program, target, mutant, limit):
        """Runs a test; `limit`: seconds on a processor. In any case it ends."""
        folder = program.parent / f"run{mutant}"
        folder.mkdir(exist_ok=True)
        runfiles = self._root / "bazel-out/k8-opt/bin" / (target[2:].replace(":", "/") + ".runfiles") / "msgproc"
        environment = {
            **os.environ,
            "MSGPROC_MUTANT": str(mutant),
            "GTEST_FAIL_FAST": "1",
            "TEST_TMPDIR": str(folder),
        }

        def bound():
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit)))
            resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))

        started = time.monotonic()
        # No thread here holds a lock that `bound` needs.
        child = subprocess.Popen(  # pylint: disable=subprocess-popen-preexec-fn
            [program],
            cwd=runfiles if runfiles.is_dir() else folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=bound,
        )
        # One that waits uses no processor, on a busy machine neither.
        while True:
            ended, status, usage = os.wait4(child.pid, os.WNOHANG)
            seconds = time.monotonic() - started
            if ended:
                child.returncode = os.waitstatus_to_exitcode(status)
                return Outcome(child.returncode, usage.ru_utime + usage.ru_stime)
            if seconds > 20 + limit * 5:
                os.killpg(child.pid, signal.SIGKILL)
            time.sleep(0.005)
