"""Whether what clients saw and what the store has agree. Believes nobody else.

Each line of a client is `transfer FROM TO AMOUNT`, and no two lines of a run have the same
amount, so that a change of an account names the message that made it. A trigger keeps all
changes (`moves`), in the order in which they were made. What is promised:

  money       an account has what its changes come to, and the sum is what it was
  once        each transfer took effect once and whole, and is one that was sent
  answered    whatever took effect has its result, once all has been answered
  no promise  whatever has a result took effect
  in order    a client's results come in the order of its lines, none is missing, and one
              that comes again (its client was killed) is the same
  in turn     a client's messages took effect in the order of its lines
  agree       a result is what the account had left
"""

import dataclasses
import pathlib

# What a worker that cannot read the store answers instead of what is left.
_MOVED = "moved"
# So many findings are told; the others are counted.
_MOST_TOLD = 20


@dataclasses.dataclass(frozen=True)
class Journal:
    """The files of one client: `lines` was written before it sent, `results` as they came."""

    name: str
    lines: pathlib.Path
    results: pathlib.Path
    # It ended by itself: every line has its result.
    whole: bool = False


@dataclasses.dataclass(frozen=True)
class Move:
    """One change of an account. `number` rises with time."""

    number: int
    account: str
    change: int
    left: int


class Findings(list):
    """Sentences, and how many are too many to be told."""

    def __init__(self):
        super().__init__()
        self.untold = 0

    def add(self, rule, text):
        if len(self) < _MOST_TOLD:
            self.append(f"{rule}: {text}")
        else:
            self.untold += 1


@dataclasses.dataclass
class _Effect:
    """What has an amount changed so far?"""

    source: str = ""
    target: str = ""
    left: int = 0
    number: int = 0


def check(journals, accounts, moves, balance):
    """Returns (findings, the number of transfers that were answered).

    Args:
      accounts: what each has in the end, by name.
      moves: all changes in the order of their numbers.
      balance: what each account began with.
    """
    findings = Findings()
    effects = _effects(accounts, moves, balance, findings)
    answered = 0
    for journal in journals:
        answered += _check_journal(journal, effects, findings)
    for amount, effect in effects.items():
        findings.add("once", f"nobody sent what moved {amount} from {effect.source}")
    return findings, answered


def _effects(accounts, moves, balance, findings):
    """Returns each amount's effect; goes through all changes."""
    has = dict.fromkeys(accounts, balance)
    effects = {}
    for move in moves:
        if move.account not in has:
            findings.add("money", f"there is no {move.account}, and it has changed")
            continue
        has[move.account] += move.change
        if has[move.account] != move.left:
            findings.add("money", f"{move} should leave {has[move.account]}")
            has[move.account] = move.left
        effect = effects.setdefault(abs(move.change), _Effect())
        effect.number = move.number
        if move.change < 0 and not effect.source:
            effect.source, effect.left = move.account, move.left
        elif move.change > 0 and not effect.target:
            effect.target = move.account
        else:
            findings.add("once", f"{move} is there again")
    for account, left in accounts.items():
        if has[account] != left:
            findings.add("money", f"{account} has {left}, and its changes come to {has[account]}")
    if sum(accounts.values()) != balance * len(accounts):
        findings.add("money", f"the sum is {sum(accounts.values())}")
    return effects


def _check_journal(journal, effects, findings):
    """Takes its effects out of `effects`. Returns how many lines have a result."""
    results = _results(journal, findings)
    answered = len(results)
    count = before = 0
    with open(journal.lines, encoding="utf-8") as lines:
        for count, line in enumerate(lines, start=1):
            _, source, target, amount = line.split()
            effect = effects.pop(int(amount), None)
            what = f"line {count} of {journal.name} ({line.strip()})"
            result = results.pop(count, None)
            if result is None and journal.whole:
                findings.add("answered", f"{what} has no result")
            if effect is None:
                if result is not None:
                    findings.add("no promise", f"{what} has a result and no effect")
                continue
            if (effect.source, effect.target) != (source, target):
                findings.add("once", f"{what} did {effect}")
            if effect.number < before:
                findings.add("in turn", f"{what} took effect before the one before it")
            before = effect.number
            if result is None:
                if not journal.whole:
                    findings.add("answered", f"{what} took effect, and has no result")
            elif result not in (_MOVED, str(effect.left)):
                findings.add("agree", f"{what} left {effect.left}; its result says {result!r}")
    for number in results:
        findings.add("in order", f"{journal.name} has a result for line {number} of {count}")
    return answered


def _results(journal, findings):
    """Returns the results by the numbers of their lines."""
    results = {}
    if not journal.results.exists():
        return results
    with open(journal.results, encoding="utf-8") as file:
        for line in file:
            number, _, text = line.rstrip("\n").partition("\t")
            number = int(number)
            if number in results:
                if results[number] != text:
                    findings.add(
                        "in order",
                        f"{journal.name}: line {number} has {text!r} after {results[number]!r}",
                    )
            elif number != len(results) + 1:
                findings.add(
                    "in order", f"{journal.name}: {number} comes after {len(results)} results"
                )
            results[number] = text
    return results
