"""Plants faults into a source: which of them it has, if any, is decided when it runs.

  planting.py FILE SOURCE    prints SOURCE, which is FILE of the repository, with all its faults

The product's sources stay as they are. Of each fault what was there and what is there
instead are compiled side by side, behind the switch of tools/mutate.d/mutant_switch.h:
statements as an if, an expression as a conditional.
"""

import sys

import plants

_SWITCH = "tools/mutate.d/mutant_switch.h"


class Gone(Exception):
    """What a fault changes is not in its file any more, or is there more than once."""


def _place(source, fault):
    """Where the text of `fault` begins."""
    start = 0
    if fault.behind:
        start = source.find(fault.behind)
        if start < 0:
            raise Gone(f"{fault.name}: '{fault.behind}' is gone from {fault.file}: mend the list")
    found = source.find(fault.before, start)
    if found < 0:
        raise Gone(f"{fault.name}: the line is gone from {fault.file}: mend the list")
    if not fault.behind and source.find(fault.before, found + 1) >= 0:
        raise Gone(f"{fault.name}: the line is in {fault.file} twice: say what it is behind")
    return found


def _both(fault, number):
    on = f"::mutant_switch::On({number})"
    if fault.before.endswith((";", "}")):
        return f"{{ if ({on}) {{ {fault.after} }} else {{ {fault.before} }} }}"
    return f"({on} ? ({fault.after}) : ({fault.before}))"


def planted(file, source, numbered):
    """`source` with those of `numbered`, {number: fault}, that are faults of `file`."""
    places = sorted(
        (
            (_place(source, fault), number, fault)
            for number, fault in numbered.items()
            if fault.file == file
        ),
        reverse=True,
    )
    behind = len(source)
    for start, number, fault in places:
        end = start + len(fault.before)
        if end > behind:
            raise Gone(f"{fault.name}: overlaps another fault of {file}")
        source = source[:start] + _both(fault, number) + source[end:]
        behind = start
    # What aborts names the product's file.
    return f'#include "{_SWITCH}"\n#line 1 "{file}"\n{source}'


def main(argv):
    """Prints it."""
    file, path = argv
    with open(path, encoding="utf-8") as opened:
        source = opened.read()
    try:
        sys.stdout.write(planted(file, source, plants.numbered()))
    except Gone as gone:
        sys.exit(str(gone))


if __name__ == "__main__":
    main(sys.argv[1:])
