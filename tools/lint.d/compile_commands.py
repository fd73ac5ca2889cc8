"""Turns Bazel's compile actions into compile_commands.json.

Usage: bazel aquery --output=jsonproto 'mnemonic("CppCompile", //...)' |
           compile_commands.py WORKSPACE_FOLDER >compile_commands.json

One entry for each source of ours, as a target compiles it. Editors (clangd) read
the file, and so does tools/lint. Generated headers count as system headers: what
a lint says of them is nobody's business.
"""

import json
import sys

# -Werror: clang warns of other things, and the checks choose among them. What is
# precompiled is GCC's, and would hide that a source lacks an include.
_GCC_ONLY = (
    "-fno-canonical-system-headers",
    "-Wno-free-nonheap-object",
    "-Werror",
    "-Winvalid-pch",
    "-include",
    "msgproc_system.h",
    "msgproc_tests.h",
)


def _for_clang(arguments):
    arguments = ["clang++" if i == 0 else word for i, word in enumerate(arguments)]
    result = []
    for word in arguments:
        if word in _GCC_ONLY:
            continue
        if word.startswith("-Ibazel-out/"):
            result += ["-isystem", word[2:]]
        else:
            result.append(word)
    return result


def entries(graph, folder):
    """Yields an entry for each source file of the workspace."""
    seen = set()
    for action in graph.get("actions", []):
        arguments = action["arguments"]
        source = arguments[arguments.index("-c") + 1]
        if source.startswith(("bazel-out/", "external/")) or source in seen:
            continue
        seen.add(source)
        yield {
            "directory": folder,
            "file": source,
            "arguments": _for_clang(arguments),
        }


if __name__ == "__main__":
    found = sorted(entries(json.load(sys.stdin), sys.argv[1]), key=lambda e: e["file"])
    json.dump(found, sys.stdout, indent=1)
