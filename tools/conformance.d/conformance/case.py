"""The cases, by name."""

import fnmatch
import importlib
import pkgutil


class Case:
    """One rule, and what is done to see whether it is kept.

    Attributes:
      name: GROUP/WHAT.
      rule: which it proves: "rule 5", "Open", "docs/protocol.md, …".
      quote: its words, as the contract has them.
      needs: capabilities without which it is skipped.
      script: does it; raises Failure.
      what: in a line, for people.
    """

    def __init__(self, name, rule, quote, needs, script):
        self.name = name
        self.rule = rule
        self.quote = " ".join(quote.split())
        self.needs = frozenset(needs)
        self.script = script
        self.what = " ".join((script.__doc__ or "").split())


class Suite:
    """Cases that are registered by their modules.

    Attributes:
      cases: by name, in order of registration.
    """

    def __init__(self, package):
        self.cases = {}
        self._package = package

    def case(self, name, rule, quote, needs=()):
        """Registers the function below it."""

        def register(script):
            self.add(Case(name, rule, quote, needs, script))
            return script

        return register

    def add(self, case):
        if case.name in self.cases:
            raise ValueError(f"two cases are called {case.name}")
        if not case.what:
            raise ValueError(f"case {case.name} does not say what it does")
        self.cases[case.name] = case

    def load(self):
        """Imports the package's modules, which register their cases."""
        package = importlib.import_module(self._package)
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda one: one.name):
            importlib.import_module(f"{self._package}.{module.name}")
        return self

    def matching(self, globs):
        """Returns the cases that one of the globs fits; all, if there are none."""
        return [
            case
            for case in self.cases.values()
            if not globs or any(fnmatch.fnmatch(case.name, glob) for glob in globs)
        ]


CLIENTS = Suite("conformance.client_cases")
SERVERS = Suite("conformance.server_cases")
