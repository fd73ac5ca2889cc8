"""A program's --help as a man page."""

_SECTION_NAMES = {1: "User Commands", 8: "System Administration"}


def _roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def _as_it_stands(lines):
    while lines and not lines[-1]:
        lines = lines[:-1]
    return [".nf", *(_roff(line) for line in lines), ".fi"]


def _flag(flag):
    value = "" if flag.value is None else f"={_roff(flag.value)}"
    return [".TP", f".B \\-\\-{_roff(flag.name)}{value}", _roff(flag.text)]


def write(name, section, version, said, more=""):
    """Returns the page of a help_text.Help. `more`: roff that stands at its end."""
    brief = said.summary.split(". ")[0].split(": ")[0].rstrip(".")
    lines = [
        f'.TH {name.upper()} {section} "" "msgproc {version}" "{_SECTION_NAMES[section]}"',
        ".SH NAME",
        f"{_roff(name)} \\- {_roff(brief[0].lower() + brief[1:])}",
        ".SH SYNOPSIS",
        f".B {_roff(name)}",
        _roff(said.usage),
        ".SH DESCRIPTION",
        _roff(said.summary),
    ]
    if said.commands:
        lines.append(".SH COMMANDS")
    for command in said.commands:
        lines += [".TP", f".B {_roff(command.name)} {_roff(command.argument)}", _roff(command.text)]
    for heading, text in said.sections.items():
        lines += [f".SH {heading.upper()}", *_as_it_stands(text)]
    lines.append(".SH OPTIONS")
    for flag in said.flags:
        lines += _flag(flag)
    return "\n".join(lines) + "\n" + more
