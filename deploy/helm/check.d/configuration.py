"""Writes what the ConfigMaps of objects have: configuration.py OBJECTS.yaml FOLDER."""

import pathlib
import sys

import yaml


def main(objects, folder):
    text = pathlib.Path(objects).read_text(encoding="utf-8")
    found = [item for item in yaml.safe_load_all(text) if item and item["kind"] == "ConfigMap"]
    for item in found:
        for name, content in item["data"].items():
            pathlib.Path(folder, name).write_text(content, encoding="utf-8")
    return 0 if found else f"{objects} has no ConfigMap"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
