"""Makes one source of all mutants of a file: which of them it is, if any, is decided when it runs.

Compiling takes seconds and a test takes milliseconds, so all mutants are compiled at once.
Like mutants.py it reads text and leans on clang-format. Where it takes an operand for
longer or shorter than it is, that does not compile, and the mutant is built alone.
"""

import re

import mutants

_PRECEDENCE = {
    **dict.fromkeys(("*", "/", "%"), 10),
    **dict.fromkeys(("+", "-"), 9),
    **dict.fromkeys(("<<", ">>"), 8),
    "<=>": 7,
    **dict.fromkeys(("<", "<=", ">", ">="), 6),
    **dict.fromkeys(("==", "!="), 5),
    "&": 4,
    "^": 3,
    "|": 2,
    "&&": 1.5,
    "||": 1,
}
_ASSIGNMENT = 0
_SPACED = re.compile(
    r"(?<=\S)\s(<<=|>>=|<=>|&&|\|\||[<>=!+\-*/%&|^]=|<<|>>|[<>=+\-*/%&|^?:])(?=\s)"
)
_CONDITIONAL = re.compile(r"\b(?:if|if constexpr|while|for|switch) $")
_WORD_BEFORE_EXPRESSION = re.compile(r"\b(?:return|case|else|co_return|throw|do)\s+$")
_NAMES = {
    "<": "Less",
    "<=": "LessEqual",
    ">": "Greater",
    ">=": "GreaterEqual",
    "==": "Equal",
    "!=": "NotEqual",
    "+": "Plus",
    "-": "Minus",
    "*": "Times",
    "/": "Divided",
    "%": "Modulo",
    "+=": "PlusAssign",
    "-=": "MinusAssign",
}
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_OPENING = {closing: opening for opening, closing in _PAIRS.items()}


class _Operands:
    """Where the operands of an operator begin and end."""

    def __init__(self, source):
        # Strings are operands, comments are nothing.
        self._code = mutants.OPAQUE.sub(
            lambda match: re.sub(r"[^\n]", " " if match.group()[0] in "/# " else "S", match.group()), source
        )
        self._precedence = {}
        for found in _SPACED.finditer(self._code):
            self._precedence[found.start(1)] = (found.group(1), found.end(1))

    def left(self, start, own):
        """Where the operand before `start` begins."""
        code, index, depth, closed = self._code, start, 0, start
        while index > 0:
            here = code[index - 1]
            if here in _OPENING:
                closed = index if depth == 0 else closed
                depth += 1
            elif here in _PAIRS:
                if depth == 0:
                    break
                depth -= 1
                # The statement behind a condition.
                if depth == 0 and here == "(" and _CONDITIONAL.search(code, max(0, index - 15), index - 1):
                    index = closed
                    break
            elif depth == 0:
                if here in ";,?":
                    break
                if here == ":" and code[index - 2] != ":" and code[index : index + 1] != ":":
                    break
                operator = self._operator_ending(index)
                if operator and _PRECEDENCE.get(operator, _ASSIGNMENT) < own:
                    break
                if here.isspace() and _WORD_BEFORE_EXPRESSION.search(code, max(0, index - 20), index):
                    break
            index -= 1
        while code[index].isspace():
            index += 1
        return index

    def _operator_ending(self, end):
        for length in (1, 2, 3):
            operator, behind = self._precedence.get(end - length, (None, 0))
            if behind == end:
                return operator
        return None

    def right(self, end, own):
        """Where the operand behind `end` ends."""
        code, index, depth = self._code, end, 0
        while index < len(code):
            here = code[index]
            if here in _PAIRS:
                depth += 1
            elif here in _OPENING:
                if depth == 0:
                    break
                depth -= 1
            elif depth == 0:
                if here in ";,":
                    break
                if own > _ASSIGNMENT:
                    if here == "?" or (here == ":" and code[index + 1] != ":" and code[index - 1] != ":"):
                        break
                    operator, _ = self._precedence.get(index, (None, 0))
                    if operator and _PRECEDENCE.get(operator, _ASSIGNMENT) <= own:
                        break
            index += 1
        while code[index - 1].isspace():
            index -= 1
        return index

    def name_behind(self, start):
        """Where the name, with calls and members, that begins at `start` ends."""
        code, index = self._code, start
        while found := re.compile(r"\w+|\.|->|::|[(\[*]").match(code, index):
            if found.group() in _PAIRS:
                depth = 0
                while True:
                    depth += (code[index] in _PAIRS) - (code[index] in _OPENING)
                    index += 1
                    if depth == 0:
                        break
            else:
                index = found.end()
        return index

    def name_before(self, end):
        """Where the name that ends at `end` begins."""
        return re.search(r"(?:[\w.]|->|::)*$", self._code[:end]).start()


def _edits(source, operands, ident, mutant):
    """(begin, end, text in front, text behind, [(begin, end, text instead)])"""
    start, end, old = mutant.start, mutant.end, source[mutant.start : mutant.end]
    operator = old.strip()
    call = "::mutant_switch::"
    if mutant.kind == "number":
        return start, end, f"{call}Number({ident}, ", ")", []
    if mutant.kind == "condition":
        return start + 1, end - 1, f"{call}Flip({ident}, ", ")", []
    if mutant.kind == "statement":
        return start, end, f"{{ if (!{call}On({ident})) ", " }", []
    if operator in ("true", "false"):
        return start, end, f"{call}Flip({ident}, ", ")", []
    if operator in ("std::min", "std::max"):
        least = "true" if operator == "std::min" else "false"
        return start, end, "", "", [(start, end, f"{call}Extreme<{ident}, {least}>::Of")]
    if operator in ("++", "--"):
        name = "Increment" if operator == "++" else "Decrement"
        if re.match(r"[\w(*]", source[end : end + 1]):
            return start, operands.name_behind(end), f"{call}Pre{name}({ident}, ", ")", [(start, end, "")]
        return operands.name_before(start), end, f"{call}Post{name}({ident}, ", ")", [(start, end, "")]
    own = _PRECEDENCE.get(operator, _ASSIGNMENT)
    left, right = operands.left(start, own), operands.right(end, own)
    if operator in ("&&", "||"):
        # a || b is !(!a && !b): each is evaluated once, and no more of them than must be.
        flip = f"{call}Flip({ident}, "
        return left, right, flip * 2, "))", [(start, end, f") {operator} {flip}")]
    return left, right, f"{call}{_NAMES[operator]}({ident}, ", ")", [(start, end, ", ")]


def switched(source, numbered):
    """`source` with all mutants of `numbered`, {number: mutant}, in it. Lines stay where they are."""
    operands = _Operands(source)
    opening, closing, instead = [], [], {}
    for ident, mutant in numbered.items():
        begin, end, front, behind, replaced = _edits(source, operands, ident, mutant)
        opening.append((begin, -end, ident, front))
        closing.append((end, -begin, -ident, behind))
        for start, stop, text in replaced:
            instead[start] = (stop, text + "\n" * source.count("\n", start, stop))
    opening.sort(reverse=True)
    closing.sort(reverse=True)
    parts, index = [], 0
    while True:
        while closing and closing[-1][0] == index:
            parts.append(closing.pop()[3])
        while opening and opening[-1][0] == index:
            parts.append(opening.pop()[3])
        if index in instead:
            index, text = instead[index]
            parts.append(text)
        elif index < len(source):
            parts.append(source[index])
            index += 1
        else:
            return "".join(parts)
