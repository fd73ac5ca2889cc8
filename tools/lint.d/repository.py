"""The files that the lints look at."""

import pathlib
import subprocess


def files(*patterns):
    """Those that git knows of or would, by the patterns of git; as they are now."""
    listed = subprocess.run(
        ("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.splitlines()
    return [path for path in listed if pathlib.Path(path).is_file()]
