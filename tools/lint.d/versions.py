"""What the packages call their version is what the programs do, and what was released.

The programs, the Debian packages and the Python client have it from bazel/version.bzl.
"""

import json
import pathlib
import re
import sys

# What else names it, and how: the first group is the version.
_TEXT = {
    "deploy/helm/msgproc/Chart.yaml": r"^(?:version|appVersion): (\S+)$",
    "deploy/kubernetes/kustomization.yaml": r"^    newTag: (\S+)$",
    "deploy/compose/compose.yaml": r"^  image: msgproc:(\S+)$",
}
_JSON = ("clients/node/package.json", "clients/node/package-lock.json")


def versions(root):
    """Returns where a version stands, and which."""
    found = {}
    for name in _JSON:
        content = json.loads((root / name).read_text(encoding="utf-8"))
        found[name] = content["version"]
        if "packages" in content:
            found[f"{name}, packages"] = content["packages"][""]["version"]
    for name, pattern in _TEXT.items():
        text = (root / name).read_text(encoding="utf-8")
        stand = re.findall(pattern, text, re.MULTILINE) or [None]
        found.update({f"{name}, {i + 1}": version for i, version in enumerate(stand)})
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found["CHANGELOG.md, the last release"] = re.search(r"^## (\d\S*)", changes, re.MULTILINE)[1]
    return found


def main(root):
    text = (root / "bazel/version.bzl").read_text(encoding="utf-8")
    programs = re.search(r'^VERSION = "(.*)"$', text, re.MULTILINE)[1]
    wrong = {where: version for where, version in versions(root).items() if version != programs}
    for where, version in wrong.items():
        print(f"{where} says {version}, and bazel/version.bzl {programs}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
