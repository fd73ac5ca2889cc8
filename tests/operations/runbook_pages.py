"""Reads the sections of a runbook: what to run, and what it says."""

import collections
import re

# `expected`: what stands in the block of text below the command.
Command = collections.namedtuple("Command", "text expected")

_BLOCKS = re.compile(r"^```sh\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(page):
    """Returns {heading: [Command]}."""
    sections = re.split(r"^## (\w+)$", page, flags=re.MULTILINE)[1:]
    return {
        heading: [Command(*block) for block in _BLOCKS.findall(text)]
        for heading, text in zip(sections[::2], sections[1::2])
    }


def pattern_of(expected):
    """The regular expression of an answer: `…` is anything, on a line of its own any lines.

    One space is any number of them, so that tables may be as wide as they like.
    """
    lines = []
    for line in expected.splitlines():
        if line == "…":
            lines.append(r"(?:.*\n)*?")
            continue
        words = re.escape(line.strip()).replace("…", ".*")
        lines.append(r" *" + re.sub(r"(?:\\ )+", " +", words) + r" *\n")
    return re.compile("".join(lines))
