"""Runs clang-tidy over the sources in compile_commands.json, two at a time.

Usage: clang_tidy.py CLANG_TIDY [--changed_since=COMMIT]

A source that passed is not looked at again until it, a header of ours or a .proto
that it includes, the checks or the tools change; what passed is remembered in
~/.cache/msgproc/clang-tidy. Run it in the workspace's root.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

_CACHE = pathlib.Path(
    os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"),
    "msgproc/clang-tidy",
)
_KEPT_SECONDS = 30 * 24 * 3600
_INCLUDE = re.compile(r'^\s*(?:#\s*include|import)\s+"([^"]+)"', re.MULTILINE)
# A header that protoc makes stands for its .proto.
_FROM_PROTO = re.compile(r"(.*?)(?:\.grpc)?\.pb\.h|(.*)\.proto")
_PROTO_ROOT = "proto"


def _run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@functools.lru_cache(maxsize=None)
def _contents(path):
    return pathlib.Path(path).read_bytes()


@functools.lru_cache(maxsize=None)
def _includes(path):
    names = _INCLUDE.findall(_contents(path).decode("utf-8", "replace"))
    return [file for file in map(_file_of, names) if os.path.isfile(file)]


def _file_of(name):
    made = _FROM_PROTO.fullmatch(name)
    if made is None:
        return name
    return os.path.join(_PROTO_ROOT, (made[1] or made[2]) + ".proto")


def sources_of(path):
    """Returns `path` and every file of the workspace that it includes, sorted."""
    found, waiting = set(), [path]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += _includes(current)
    return sorted(found)


def _common_key(clang_tidy):
    """Hashes what every source depends on."""
    digest = hashlib.sha256()
    digest.update(_run(clang_tidy, "--version").encode())
    digest.update(_run("dpkg-query", "--show", "lib*-dev").encode())
    for path in [".clang-tidy", __file__]:
        digest.update(_contents(path))
    return digest.digest()


def _key(common, entry):
    digest = hashlib.sha256(common)
    digest.update(json.dumps(entry["arguments"]).encode())
    for path in sources_of(entry["file"]):
        digest.update(path.encode() + b"\0" + hashlib.sha256(_contents(path)).digest())
    return digest.hexdigest()


def _check(clang_tidy, entry):
    """Returns (passed, what clang-tidy said)."""
    command = [clang_tidy, "--quiet", "-p", ".", "--extra-arg=-Wthread-safety"]
    if entry["file"].endswith("_test.cc"):
        # It does not see that ASSERT_TRUE(x.has_value()) is a check.
        command.append("--checks=-bugprone-unchecked-optional-access")
    command.append(entry["file"])
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = [
        line
        for line in done.stdout.splitlines()
        if not re.match(r"\d+ warnings?( and \d+ errors?)? generated", line)
    ]
    return done.returncode == 0, "\n".join(said)


def _forget_old():
    for path in _CACHE.iterdir():
        if path.stat().st_mtime < time.time() - _KEPT_SECONDS:
            path.unlink()


def _changed_files(commit):
    changed = _run("git", "diff", "--name-only", commit).split()
    new = _run("git", "ls-files", "--others", "--exclude-standard").split()
    return set(changed + new)


def main(clang_tidy, *options):
    with open("compile_commands.json", encoding="utf-8") as commands:
        entries = json.load(commands)
    for option in options:
        changed = _changed_files(option.removeprefix("--changed_since="))
        entries = [e for e in entries if changed.intersection(sources_of(e["file"]))]

    _CACHE.mkdir(parents=True, exist_ok=True)
    _forget_old()
    common = _common_key(clang_tidy)
    waiting = [(e, _CACHE / _key(common, e)) for e in entries]
    waiting = [(e, stamp) for e, stamp in waiting if not stamp.exists()]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        checks = [pool.submit(_check, clang_tidy, e) for e, _ in waiting]
        for (entry, stamp), check in zip(waiting, checks):
            passed, said = check.result()
            if passed:
                stamp.touch()
            else:
                failed += 1
                print(f"{entry['file']}:\n{said}", flush=True)
    print(
        f"clang-tidy: {len(entries)} sources, {len(waiting)} of them new or changed, "
        f"{failed} with findings"
    )
    return 1 if failed or (not entries and not options) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
