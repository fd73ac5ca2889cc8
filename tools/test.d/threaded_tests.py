"""Names the tests in which something may start a thread, a line each.

Usage: threaded_tests.py TARGET_PATTERN...     (in the repository's root)

Elsewhere nothing races, and ThreadSanitizer has nothing to say. A test counts as threaded
when it, or whatever it stands on or runs, has a source that includes a header with which
threads are started, or a library that starts them.
"""

import pathlib
import re
import subprocess
import sys

_STARTS_THREADS = re.compile(
    r'^\s*#\s*include\s+[<"]'
    r"(thread|future|threads\.h|pthread\.h|grpc/|grpcpp/|microhttpd\.h|prometheus/|benchmark/"
    r"|[^>\"]*\.grpc\.pb\.h)",
    re.MULTILINE,
)
_LIBRARIES = ("benchmark", "grpc++", "microhttpd", "prometheus", "prometheus_pull")


def starts_threads(source):
    """Whether a source includes what threads are started with."""
    return bool(_STARTS_THREADS.search(source))


def _run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _query(expression):
    return _run(
        "/usr/bin/bazel",
        "query",
        "--noshow_progress",
        "--ui_event_filters=-info",
        expression,
    ).split()


def _path(label):
    """The file that a label of the workspace names, or None."""
    if not label.startswith("//"):
        return None
    path = pathlib.Path(label[2:].replace(":", "/").lstrip("/"))
    return path if path.is_file() else None


def threaded_tests(patterns):
    """Returns the labels, sorted."""
    everything = " + ".join(patterns)
    sources = [
        label
        for label in _query(f"kind('source file', deps({everything}))")
        if label.endswith((".cc", ".h"))
        and (path := _path(label))
        and starts_threads(path.read_text(encoding="utf-8"))
    ]
    threads = " ".join([*sources, *(f"'@system//:{library}'" for library in _LIBRARIES)])
    return sorted(_query(f"tests({everything}) intersect rdeps({everything}, set({threads}))"))


if __name__ == "__main__":
    found = threaded_tests(sys.argv[1:])
    print("\n".join(found))
    sys.exit(0 if found else "No test starts a thread: that cannot be.")
