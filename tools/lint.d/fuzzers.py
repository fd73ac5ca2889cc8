"""Checks that every fuzzer has a fault that it must find, a row in the docs, and a corpus that is small.

A fault is a change of one place in a source (tests/fuzz/plants.json): where that source
has changed, the fault has to be planted anew. `tools/fuzz --plant` looks whether it is found.
"""

import json
import pathlib
import sys

_MOST_FILES = 200
_MOST_BYTES = 300_000


def problems(root):
    """What is wrong, a line each."""
    folder = root / "tests/fuzz"
    names = sorted(path.name.removesuffix("_fuzzer.cc") for path in folder.glob("*_fuzzer.cc"))
    plants = json.loads((folder / "plants.json").read_text())
    docs = (root / "docs/fuzzing.md").read_text()
    found = [f"tests/fuzz/plants.json: there is no fuzzer {name}" for name in sorted(set(plants) - set(names))]
    for name in names:
        if f"`{name}`" not in docs:
            found.append(f"docs/fuzzing.md: has no row for {name}")
        sizes = [path.stat().st_size for path in (folder / "corpus" / name).glob("*")]
        if not sizes or len(sizes) > _MOST_FILES or sum(sizes) > _MOST_BYTES:
            found.append(
                f"tests/fuzz/corpus/{name}: has {len(sizes)} files, {sum(sizes)} bytes; "
                f"1 to {_MOST_FILES} files, up to {_MOST_BYTES} bytes are right"
            )
        if name not in plants:
            found.append(f"tests/fuzz/plants.json: has no fault for {name}")
            continue
        plant = plants[name]
        times = (root / plant["file"]).read_text().count(plant["old"])
        if times != 1 or plant["old"] == plant["new"]:
            found.append(f"tests/fuzz/plants.json: {name}: {plant['file']} has {times} times {plant['old']!r}")
    return found


def main():
    """Says what is wrong."""
    found = problems(pathlib.Path(__file__).resolve().parents[2])
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
