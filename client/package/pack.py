"""Makes the tar of libmsgproc-dev: pack FILES OUT.tar, as archive.bzl calls it.

Headers are installed under include/msgproc, and include one another by that path: the
paths that they have in the repository (client/, common/) are names that a program may
have itself, and whose file was meant would be up to the order of its include folders.
"""

import io
import json
import pathlib
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile

_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def needed_headers(public, text_of):
    """Returns the text of each header that is needed to include the `public` ones.

    `text_of`: the repository's headers by path. What is not there is the system's.
    """
    texts, waiting = {}, list(public)
    while waiting:
        path = waiting.pop()
        if path in texts:
            continue
        text = text_of[path]
        waiting += [each for each in _INCLUDE.findall(text) if each in text_of]
        texts[path] = _INCLUDE.sub(
            lambda found: f'#include "msgproc/{found[1]}"' if found[1] in text_of else found[0],
            text,
        )
    return texts


def merged(archives):
    """Returns the bytes of one static library with the objects of all."""
    with tempfile.TemporaryDirectory() as folder:
        library = pathlib.Path(folder, "libmsgproc.a")
        script = [f"CREATE {library}", *(f"ADDLIB {each}" for each in archives), "SAVE", "END", ""]
        subprocess.run(["ar", "-M"], input="\n".join(script), text=True, check=True)
        # Line tables name the folders of whoever built it. D: no times, so that the same
        # sources make the same file.
        subprocess.run(["strip", "--strip-debug", "-D", library], check=True)
        subprocess.run(["ranlib", "-D", library], check=True)
        return library.read_bytes()


def contents(files):
    """Yields (path, bytes) of everything that is installed, below usr."""

    def read(path):
        return pathlib.Path(path).read_text(encoding="utf-8")

    headers = {path: read(file) for path, file in files["headers"].items()}
    for path, text in needed_headers(files["public_headers"], headers).items():
        yield f"include/msgproc/{path}", text.encode()
    for path, file in files["contracts"].items():
        yield f"include/{path}", read(file).encode()
    libraries = f"lib/{sysconfig.get_config_var('MULTIARCH')}"
    yield f"{libraries}/libmsgproc.a", merged(files["archives"])
    folders = {".pc": "pkgconfig", ".cmake": "cmake/msgproc"}
    for name, file in files["configs"].items():
        name = name.removesuffix(".in")
        text = read(file).replace("@VERSION@", files["version"])
        text = text.replace("@MODULES@", " ".join(files["modules"]))
        yield f"{libraries}/{folders[pathlib.Path(name).suffix]}/{name}", text.encode()


def main(files_path, out):
    with open(files_path, encoding="utf-8") as file:
        files = json.load(file)
    with tarfile.open(out, "w") as tar:
        for path, content in sorted(contents(files)):
            member = tarfile.TarInfo(f"usr/{path}")
            member.size = len(content)
            member.mode = 0o644
            member.uname = member.gname = "root"
            tar.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
