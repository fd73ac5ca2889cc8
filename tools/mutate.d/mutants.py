"""Finds the places of a C++ source where one operator can be changed.

It reads text, not a syntax tree, and leans on clang-format: binary operators have
spaces around them, template brackets and references do not. A change that does
not compile costs a little time and counts for nothing.
"""

import dataclasses
import re

# Strings, comments and preprocessor lines are left alone.
OPAQUE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"\((?:.*?)\)"|"(?:\\.|[^"\\\n])*"|(?<!\d)'(?:\\.|[^'\\\n])+'"""
    r"""|^[ ]*\#[^\n]*(?:\\\n[^\n]*)*""",
    re.DOTALL | re.MULTILINE,
)

# Statements about the code rather than of it: without them it does the same.
_UNJUDGED = re.compile(
    r"\b(?:MSGPROC_D?CHECK\w*|CheckInvariants|(?:Tell)?Transition|static_assert|assert"
    r"|Log(?:Debug|Info|Warning|Error))\s*\("
)
# Tests use a named constant by its name: its value is a choice and not a decision.
_CONSTANT = re.compile(r"\bconstexpr [^;(){}]* = [^;]*;")

_SWAPS = {
    " < ": " <= ",
    " <= ": " < ",
    " > ": " >= ",
    " >= ": " > ",
    " == ": " != ",
    " != ": " == ",
    " && ": " || ",
    " || ": " && ",
    " + ": " - ",
    " - ": " + ",
    " * ": " / ",
    " / ": " * ",
    " % ": " * ",
    " += ": " -= ",
    " -= ": " += ",
    "++": "--",
    "--": "++",
    "std::min": "std::max",
    "std::max": "std::min",
    "true": "false",
    "false": "true",
}
_SWAP = re.compile(
    r"(?<=\S)(?: (?:<=|>=|==|!=|&&|\|\||\+=|-=|[<>+\-*/%])(?: |(?=\n)))"
    r"|\+\+|--|std::min\b|std::max\b|\btrue\b|\bfalse\b"
)
_NUMBER = re.compile(r"(?<![\w.'])\d+(?![\w.'])")
_CONDITION = re.compile(r"\b(?:if|while) \(")
_EXPRESSION = re.compile(
    r"(?:[\w.:\[\]*()&]|->)+ (?:=|\+=|-=|\|=|&=) [^;{}]*;"  # An assignment,
    r"|(?:\+\+|--)[\w.:\[\]>-]+;"
    r"|[\w:]+(?:(?:\.|->|::)\w+(?:\([^;{}]*\))?)*\([^;{}]*\);"  # a call,
    r"|(?:break|continue);"  # a way out.
)
_NOT_EXPRESSION = re.compile(
    r"(?:return|using|typedef|friend|delete|throw|case|default|goto|else|template|namespace)\b"
)


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change of one place."""

    start: int
    end: int
    replacement: str
    line: int
    # How reports and the list of equivalent mutants name it.
    change: str
    # "swap", "number", "condition" or "statement".
    kind: str

    def apply(self, source):
        return source[: self.start] + self.replacement + source[self.end :]


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def _one_line(text):
    return re.sub(r"\s+", " ", text).strip()


def _matching(source, opening):
    """The index behind the parenthesis that closes the one at `opening`."""
    depth = 0
    for index in range(opening, len(source)):
        if source[index] == "(":
            depth += 1
        elif source[index] == ")":
            depth -= 1
            if depth == 0:
                return index + 1
    return len(source)


def _visible(source):
    """The source with all that is not to be changed blanked out."""
    code = source
    for pattern in (OPAQUE, _CONSTANT):
        code = pattern.sub(lambda match: _blank(match.group()), code)
    while found := _UNJUDGED.search(code):
        end = _matching(code, found.end() - 1)
        code = code[: found.start()] + _blank(code[found.start() : end]) + code[end:]
    return code


def _swaps(code):
    for found in _SWAP.finditer(code):
        old = found.group()
        new = _SWAPS[old if old.strip() == old else f" {old.strip()} "]
        if not old.endswith(" "):
            new = new.rstrip()
        yield found.start(), found.end(), new


def _numbers(code):
    for found in _NUMBER.finditer(code):
        yield found.start(), found.end(), str(int(found.group()) + 1)


def _conditions(code):
    for found in _CONDITION.finditer(code):
        opening = found.end() - 1
        closing = _matching(code, opening)
        condition = code[opening + 1 : closing - 1]
        # With a declaration inside.
        if ";" in condition or re.search(r"[^=!<>]=[^=]", condition):
            continue
        # The operator's own mutant is the same.
        if re.search(r" [=!]= ", condition) and not re.search(r"&&|\|\||\?", condition):
            continue
        yield opening, closing, None


def _statements(code):
    for start in re.finditer(r"(?:(?<=[;{}])|(?<=:\n)|(?<=\)))\s+(?=\S)", code):
        found = _EXPRESSION.match(code, start.end())
        if found and not _NOT_EXPRESSION.match(found.group()):
            yield found.start(), found.end(), ";"


_FINDERS = {"swap": _swaps, "number": _numbers, "condition": _conditions, "statement": _statements}


def _mutant(source, kind, start, end, replacement):
    old = source[start:end]
    if replacement is None:
        replacement = f"(!{old})"
    line = source.count("\n", 0, start) + 1
    new = "nothing" if replacement == ";" else _one_line(replacement)
    change = f"{_one_line(old)} -> {new} in: {_one_line(source.splitlines()[line - 1])}"
    return Mutant(start, end, replacement, line, change, kind)


def mutants_of(source):
    """Every mutant of `source`, in order of place."""
    code = _visible(source)
    found = []
    for kind, finder in _FINDERS.items():
        found += [_mutant(source, kind, *place) for place in finder(code)]
    return sorted(found, key=lambda mutant: (mutant.start, mutant.end))
