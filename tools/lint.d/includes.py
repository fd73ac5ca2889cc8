"""Holds the C++ sources to the layout that ARCHITECTURE.md draws.

Usage: includes.py   (in the repository's root)

  - A folder includes only from the folders that stand below it.
  - What goes into a program includes nothing from a testing/ folder. Tests, and what
    stands in testing/, may include from anywhere.
  - A namespace is named after the first folder that has a meaning of its own.
  - A file of a program has at most 400 lines, and a class has its definitions in one
    file: one that is too big for a file has more than one duty.
  - client/ leaves locking to scopes.
"""

import pathlib
import re
import sys

import repository

MOST_LINES = 400

_SHARED = ("services/base", "client", "sqlite", "wire", "proto", "common")
_PROCESSOR = "services/processor"
_LOADGEN = "tools/loadgen"

# What a folder may include from, besides itself and the system.
_BELOW = {
    "common": (),
    "sqlite": ("common",),
    "wire": ("proto", "common"),
    "client": ("sqlite", "wire", "proto", "common"),
    "services/base": ("wire", "proto", "common"),
    "services/etcd": ("services/base", "wire", "proto", "common"),
    "services/balancer": ("services/etcd", "services/base", "wire", "proto", "common"),
    f"{_PROCESSOR}/handlers": ("services/base", "wire", "proto", "common"),
    f"{_PROCESSOR}/executors": (f"{_PROCESSOR}/handlers", "services/base", "wire", "proto", "common"),
    f"{_PROCESSOR}/workers": (
        f"{_PROCESSOR}/executors",
        f"{_PROCESSOR}/handlers",
        "services/base",
        "wire",
        "proto",
        "common",
    ),
    f"{_PROCESSOR}/store": (
        f"{_PROCESSOR}/executors",
        f"{_PROCESSOR}/handlers",
        "services/base",
        "sqlite",
        "wire",
        "proto",
        "common",
    ),
    f"{_PROCESSOR}/session": (
        f"{_PROCESSOR}/store",
        f"{_PROCESSOR}/executors",
        f"{_PROCESSOR}/handlers",
        "services/base",
        "wire",
        "proto",
        "common",
    ),
    f"{_PROCESSOR}/stream": (
        f"{_PROCESSOR}/session",
        f"{_PROCESSOR}/store",
        f"{_PROCESSOR}/executors",
        f"{_PROCESSOR}/handlers",
        "services/base",
        "wire",
        "proto",
        "common",
    ),
    # It locates balancers as a client does.
    f"{_PROCESSOR}/registration": (f"{_PROCESSOR}/session", "services/etcd", *_SHARED),
    f"{_PROCESSOR}/admin": (
        f"{_PROCESSOR}/workers",
        f"{_PROCESSOR}/stream",
        f"{_PROCESSOR}/session",
        "services/base",
        "wire",
        "proto",
        "common",
    ),
    _PROCESSOR: (
        f"{_PROCESSOR}/admin",
        f"{_PROCESSOR}/registration",
        f"{_PROCESSOR}/stream",
        f"{_PROCESSOR}/session",
        f"{_PROCESSOR}/store",
        f"{_PROCESSOR}/workers",
        f"{_PROCESSOR}/executors",
        f"{_PROCESSOR}/handlers",
        "services/etcd",
        *_SHARED,
    ),
    "tools/files": _SHARED,
    "tools/report": _SHARED,
    "tools/ctl": _SHARED,
    "tools/conformance.d": _SHARED,
    "tools/cluster": ("tools/files", *_SHARED),
    "tools/compare": ("tools/cluster", "tools/files", "tools/report", *_SHARED),
    f"{_LOADGEN}/stats": ("tools/files", *_SHARED),
    f"{_LOADGEN}/schedule": (f"{_LOADGEN}/stats", "tools/files", *_SHARED),
    f"{_LOADGEN}/plan": (f"{_LOADGEN}/schedule", f"{_LOADGEN}/stats", "tools/files", *_SHARED),
    f"{_LOADGEN}/report": (
        f"{_LOADGEN}/plan",
        f"{_LOADGEN}/schedule",
        f"{_LOADGEN}/stats",
        "tools/files",
        "tools/report",
        *_SHARED,
    ),
    # One of its targets is a processor in its own process.
    f"{_LOADGEN}/target": (f"{_LOADGEN}/plan", _PROCESSOR, f"{_PROCESSOR}/handlers", *_SHARED),
    f"{_LOADGEN}/stream": (
        f"{_LOADGEN}/report",
        f"{_LOADGEN}/plan",
        f"{_LOADGEN}/schedule",
        f"{_LOADGEN}/stats",
        "tools/files",
        *_SHARED,
    ),
    _LOADGEN: (
        f"{_LOADGEN}/target",
        f"{_LOADGEN}/stream",
        f"{_LOADGEN}/report",
        f"{_LOADGEN}/plan",
        f"{_LOADGEN}/schedule",
        f"{_LOADGEN}/stats",
        "tools/files",
        "tools/report",
        *_SHARED,
    ),
}
# Programs about the product and planted faults; nothing of the product includes them.
_ANYTHING_GOES = ("benchmarks", "examples", "tests", "bazel", "tools/lint.d", "tools/mutate.d")
# Where the namespace is not the folder's name.
_NAMESPACES = {
    "tests/fuzz": "msgproc::fuzz",
    "tests/simulation": "msgproc::simulation",
    "common": "msgproc",
    # Inside what it measures.
    "benchmarks/balancer": "msgproc::balancer",
    # What somebody else's code looks like.
    "examples/grpc_backend": "example",
    "examples/ledger": "example",
    "examples/word_count": "example",
    "tests/api": "example",
    "tests/sanitizers": "msgproc",
    "tools/conformance.d": "msgproc::conformance",
    "tools/lint.d": "msgproc",
}

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
_NAMESPACE = re.compile(r"^(?:inline )?namespace (msgproc[\w:]*|example) \{")
_CLASS = re.compile(r"^(?:class|struct) (?:\w+\([^)]*\) )?(\w+)(?: final)?(?: :[^:].*|)\s*\{?$")
# The outermost class of a definition that begins a line.
_DEFINITION = re.compile(r"^(?![\s#/}])(?:[^=;(]*?[\s*&])?(\w+)::(?:\w+::)*(?:~?\w+|operator\S+)\(")
_BY_HAND = re.compile(r"(?:\.|->)\s*(?:Unlock|Lock)\(\)")


def _under(path, folder):
    return path.startswith(folder + "/")


def _is_test(path):
    return bool(re.search(r"_(test|benchmark)\.cc$|(^|/)testing/", path))


def _folder_of(path, folders):
    """The innermost of `folders` that `path` is in, or None."""
    return max((f for f in folders if _under(path, f)), key=len, default=None)


def _layer_of(include):
    """The folder that an include counts as; None: the system's."""
    if include.startswith("msgproc/"):
        return "proto"
    return _folder_of(include, (*_BELOW, *_ANYTHING_GOES))


def namespace_of(path):
    """The namespace that a file's folder gives it."""
    if special := _folder_of(path, _NAMESPACES):
        return _NAMESPACES[special]
    parts = path.split("/")
    return "msgproc::" + (parts[1] if parts[0] in ("services", "tools") else parts[0])


def _includes_upwards(path, lines):
    layer = _folder_of(path, _BELOW)
    for number, line in enumerate(lines, 1):
        found = _INCLUDE.match(line)
        included = found and _layer_of(found.group(1))
        if not included:
            continue
        if "/testing/" in found.group(1):
            yield number, f'includes "{found.group(1)}", which is for tests'
        elif included != layer and included not in _BELOW[layer]:
            yield number, f'includes "{found.group(1)}": {layer} knows nothing of {included}'


def _wrong_namespaces(path, lines):
    wanted = namespace_of(path)
    for number, line in enumerate(lines, 1):
        if found := _NAMESPACE.match(line):
            name = found.group(1)
            if name != wanted and not name.startswith(wanted + "::"):
                yield number, f"namespace {name}: its folder says {wanted}"
            # Anything may stand below msgproc, but not another folder's name.
            elif wanted == "msgproc" and name not in ("msgproc", "msgproc::internal"):
                yield number, f"namespace {name}: its folder says {wanted}"


def _torn_classes(files):
    """Classes that a header declares and more than one .cc defines."""
    declared = set()
    for path, text in files.items():
        if path.endswith(".h"):
            for line in text.splitlines():
                if found := _CLASS.match(line):
                    declared.add((namespace_of(path), found.group(1)))
    defined = {}
    for path, text in files.items():
        if not path.endswith(".cc"):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            found = _DEFINITION.match(line)
            if found and (namespace_of(path), found.group(1)) in declared:
                name = namespace_of(path), found.group(1)
                defined.setdefault(name, {}).setdefault(path, number)
    for (_, name), places in sorted(defined.items()):
        first, *others = sorted(places)
        for other in others:
            yield other, places[other], f"defines {name}, and so does {first}"


def findings(files):
    """Yields (path, line, what is wrong) for {path: text} of C++ sources."""
    products = {}
    for path, text in sorted(files.items()):
        lines = text.splitlines()
        for number, wrong in _wrong_namespaces(path, lines):
            yield path, number, wrong
        if _is_test(path) or _folder_of(path, _ANYTHING_GOES):
            continue
        products[path] = text
        if _folder_of(path, _BELOW) is None:
            yield path, 1, "stands in a folder that tools/lint.d/includes.py does not know"
            continue
        for number, wrong in _includes_upwards(path, lines):
            yield path, number, wrong
        if len(lines) > MOST_LINES:
            yield path, len(lines), f"{len(lines)} lines; {MOST_LINES} is the most"
        if _under(path, "client"):
            for number, line in enumerate(lines, 1):
                if _BY_HAND.search(line):
                    yield path, number, "locks by hand; client/ leaves it to MutexLock's scope"
    yield from _torn_classes(products)


def main():
    """The exit code."""
    files = {path: pathlib.Path(path).read_text(encoding="utf-8") for path in repository.files("*.h", "*.cc")}
    failed = not files
    for path, line, wrong in findings(files):
        print(f"{path}:{line}: {wrong}")
        failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
