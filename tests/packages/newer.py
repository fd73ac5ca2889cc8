"""The next version of a Debian package."""

import pathlib
import subprocess


def make(deb, folder, setting):
    """Returns the version and the file, in `folder`, of a .deb that differs from another by that.

    `setting` is a line more at the end of each of its files in /etc.
    """
    deb, folder = pathlib.Path(deb), pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    tree, newer = folder / deb.stem, folder / deb.name
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    text = control.read_text(encoding="utf-8")
    version = text.split("\nVersion: ", 1)[1].split("\n", 1)[0]
    control.write_text(
        text.replace(f"Version: {version}\n", f"Version: {version}+1\n"), encoding="utf-8"
    )
    for file in tree.glob("etc/msgproc/*.env"):
        file.write_text(file.read_text(encoding="utf-8") + setting, encoding="utf-8")
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, newer],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return f"{version}+1", newer
