"""What one of our programs says of itself with --help, taken apart."""

import re
import subprocess
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Flag:
    name: str  # Without the two dashes.
    value: str  # Behind the "=": its default, or what is to stand there. None: takes no value.
    text: str

    @property
    def boolean(self):
        return self.value in ("true", "false")


@dataclass(frozen=True)
class Command:
    name: str
    argument: str  # As "SESSION" or "[SERVER]"; empty: none.
    text: str


@dataclass
class Help:
    summary: str = ""
    usage: str = ""  # Behind the program's name.
    commands: list = field(default_factory=list)
    sections: dict = field(default_factory=dict)  # A heading's lines, as they stand there.
    flags: list = field(default_factory=list)


_FLAGS = re.compile(r"--([a-z_]+)(?:=(.*))?")
_COMMAND = re.compile(r"  ([a-z]+)((?: \[?[A-Z]+\]?| --[a-z]+=[A-Z]+)?) +(\S.*)")
_HEADING = re.compile(r"([A-Z][a-z ]+):(.*)")


def ask(program):
    """Returns the Help of a program, by running it."""
    said = subprocess.run(
        [program, "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    return parse(said.stdout)


def parse(said):
    """Raises ValueError where it is not as our programs write it."""
    head, _, flags = said.partition("\nFlags:\n")
    found = Help(flags=list(_read_flags(flags)))
    summary, _, rest = head.partition("\n\n")
    found.summary = " ".join(summary.split(": ", 1)[-1].split())
    lines = None
    for line in rest.splitlines():
        heading = _HEADING.fullmatch(line)
        if heading and heading[1] == "Usage":
            _, _, found.usage = heading[2].strip().partition(" ")
        elif heading:
            lines = found.sections.setdefault(heading[1], [])
        elif lines is not None:
            lines.append(line)
        elif command := _COMMAND.fullmatch(line):
            found.commands.append(Command(command[1], command[2].strip(), command[3]))
        elif line:
            raise ValueError(f"a line of no section: {line}")
    if not (found.summary and found.usage and found.flags):
        raise ValueError(f"no summary, no usage or no flags in: {said[:200]}")
    return found


def _read_flags(text):
    names, words = [], []
    for line in text.splitlines():
        if line.startswith("  --"):
            yield from _flags_of(names, words)
            names, words = line.strip().split(", --"), []
        elif line.startswith("      "):
            words.append(line.strip())
        elif line:
            raise ValueError(f"neither a flag nor what it does: {line}")
    yield from _flags_of(names, words)


def _flags_of(names, words):
    for name in names:
        match = _FLAGS.fullmatch("--" + name.removeprefix("--"))
        if match is None:
            raise ValueError(f"not a flag: {name}")
        yield Flag(match[1], match[2], " ".join(words))
