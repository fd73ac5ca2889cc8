"""Makes a .deb of what Bazel has built: deb.py --help.

Debian's tools put it together (dpkg-shlibdeps, dpkg-deb); nothing in it depends on who
builds it, or when.
"""

import argparse
import gzip
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import completions
import help_text
import man_page

_SCRIPTS = ("postinst", "prerm", "postrm")
# Of all that is in a package, for the same .deb tomorrow: 2026-01-01.
_EPOCH = 1767225600


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--version", required=True)
    parser.add_argument("--control", required=True, type=pathlib.Path, help="a template")
    parser.add_argument("--changelog", required=True, type=pathlib.Path)
    parser.add_argument("--copyright", required=True, type=pathlib.Path)
    parser.add_argument(
        "--program",
        action="append",
        default=[],
        metavar="FILE=PATH",
        help="with its man page and completions",
    )
    parser.add_argument(
        "--page", action="append", default=[], metavar="FILE=NAME", help="ends its man page"
    )
    parser.add_argument("--section", default=1, type=int, help="of the man pages")
    parser.add_argument("--file", action="append", default=[], metavar="FILE=PATH")
    parser.add_argument(
        "--tar", action="append", default=[], type=pathlib.Path, help="unpacked at /"
    )
    for script in _SCRIPTS:
        parser.add_argument(f"--{script}", action="append", default=[], type=pathlib.Path)
    return parser.parse_args()


def _run(*argv, **options):
    return subprocess.run([str(each) for each in argv], check=True, text=True, **options)


def _write(path, content, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def _compressed(content):
    return gzip.compress(content, mtime=0)


class _Package:
    """A package's tree in a temporary folder."""

    def __init__(self, folder, arguments):
        self._folder = folder
        self._arguments = arguments
        self._control = arguments.control.read_text(encoding="utf-8")
        self._name = self._control.split("Package: ", 1)[1].split("\n", 1)[0]
        # Where dpkg-shlibdeps wants to see it, and by what it knows it.
        self._root = folder / "debian" / self._name
        (self._root / "DEBIAN").mkdir(parents=True)
        self._programs = []

    def add_file(self, source, path):
        # Settings may have a password in them.
        mode = 0o640 if path.startswith("etc/") else 0o644
        _write(self._root / path, pathlib.Path(source).read_bytes(), mode)

    def add_program(self, source, path):
        program = self._root / path
        _write(program, pathlib.Path(source).read_bytes(), 0o755)
        _run("strip", "--strip-unneeded", program)
        self._programs.append(program)
        name, section = program.name, self._arguments.section
        said = help_text.ask(program)
        pages = dict(reversed(each.split("=", 1)) for each in self._arguments.page)
        more = pathlib.Path(pages[name]).read_text(encoding="utf-8") if name in pages else ""
        page = man_page.write(name, section, self._arguments.version, said, more)
        share = self._root / "usr/share"
        _write(share / f"man/man{section}/{name}.{section}.gz", _compressed(page.encode()))
        bash = completions.bash(name, said)
        _write(share / f"bash-completion/completions/{name}", bash.encode())
        zsh = completions.zsh(name, said)
        _write(share / f"zsh/vendor-completions/_{name}", zsh.encode())

    def add_tar(self, tar):
        _run("tar", "--extract", f"--directory={self._root}", "--no-same-owner", f"--file={tar}")

    def add_documents(self):
        folder = self._root / "usr/share/doc" / self._name
        changelog = self._arguments.changelog.read_bytes()
        _write(folder / "changelog.gz", _compressed(changelog))
        _write(folder / "copyright", self._arguments.copyright.read_bytes())

    def _library_dependencies(self):
        """What dpkg-shlibdeps finds, or nothing where there are no programs."""
        if not self._programs:
            return ""
        # It wants to stand in a source package.
        _write(
            self._folder / "debian/control",
            b"Source: msgproc\n\nPackage: msgproc\nArchitecture: any\n",
        )
        said = _run(
            "dpkg-shlibdeps",
            "-O",
            "--warnings=0",
            *(f"-e{program}" for program in self._programs),
            cwd=self._folder,
            stdout=subprocess.PIPE,
        ).stdout
        return said.split("shlibs:Depends=", 1)[1].strip()

    def _files(self):
        return sorted(
            path
            for path in self._root.rglob("*")
            if path.is_file() and path.parent.name != "DEBIAN"
        )

    def add_control(self):
        files = self._files()
        paths = [str(path.relative_to(self._root)) for path in files]
        settings = "".join(f"/{path}\n" for path in paths if path.startswith("etc/"))
        sums = "".join(
            f"{hashlib.md5(file.read_bytes()).hexdigest()}  {path}\n"
            for file, path in zip(files, paths)
            if not path.startswith("etc/")
        )
        kibibytes = sum(-(-file.stat().st_size // 1024) for file in files)
        architecture = _run("dpkg", "--print-architecture", stdout=subprocess.PIPE).stdout.strip()
        control = self._control
        for name, value in (
            ("@VERSION@", self._arguments.version),
            ("@ARCHITECTURE@", architecture),
            ("@INSTALLED_SIZE@", str(kibibytes)),
            ("@LIBRARIES@", self._library_dependencies()),
        ):
            control = control.replace(name, value)
        folder = self._root / "DEBIAN"
        _write(folder / "control", control.encode())
        _write(folder / "md5sums", sums.encode())
        if settings:
            _write(folder / "conffiles", settings.encode())
        for script in _SCRIPTS:
            parts = [part.read_text(encoding="utf-8") for part in getattr(self._arguments, script)]
            if parts:
                text = "#!/bin/sh\nset -e\n\n" + "\n".join(parts).replace("@PACKAGE@", self._name)
                _write(folder / script, text.encode(), 0o755)

    def build(self, out):
        for path in [self._root, *self._root.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)
            os.utime(path, (_EPOCH, _EPOCH), follow_symlinks=False)
        _run(
            "dpkg-deb",
            "--root-owner-group",
            "-Zxz",
            "--build",
            self._root,
            out,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(_EPOCH)},
            stdout=subprocess.DEVNULL,
        )


def main():
    arguments = _arguments()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="deb-"))
    try:
        package = _Package(folder, arguments)
        for tar in arguments.tar:
            package.add_tar(tar)
        for program in arguments.program:
            package.add_program(*program.split("=", 1))
        for file in arguments.file:
            package.add_file(*file.split("=", 1))
        package.add_documents()
        package.add_control()
        package.build(arguments.out.absolute())
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
