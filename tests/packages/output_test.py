"""What tools/package leaves in its folder, and the image of the servers there.

What the image says of itself, and that what is in it serves.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest

from tests import harness

_DEBS = ("libmsgproc-dev", "msgproc-balancer", "msgproc-processor", "msgproc-tools")


def _why_no_image():
    if shutil.which("buildah") is None:
        return "there is no buildah"
    return None if os.geteuid() == 0 else "buildah needs root here"


def _why_no_podman():
    missing = [name for name in ("podman", "runc") if shutil.which(name) is None]
    return f"there is no {missing[0]}" if missing else None


def _run(*argv, cwd=None):
    done = subprocess.run(
        [str(each) for each in argv],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        raise AssertionError(f"{argv} ended {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _collect(out, *options):
    built = harness.runfile("")
    _run(harness.runfile("tools/package.d/collect"), built, out, *options)


class FolderTest(unittest.TestCase):
    def test_it_has_each_package_by_its_version_and_right_sums(self):
        with tempfile.TemporaryDirectory(prefix="packages-") as folder:
            _collect(folder)
            said = _run("sha256sum", "--check", "--strict", "--", "SHA256SUMS", cwd=folder)
            deb = harness.runfile("tools/package.d/msgproc-tools.deb")
            version = _run("dpkg-deb", "--field", deb, "Version").strip()
            architecture = _run("dpkg", "--print-architecture").strip()
            expected = {f"{name}_{version}_{architecture}.deb" for name in _DEBS}
            expected |= {
                f"msgproc-{version}{end}" for end in (".tgz", ".tar.gz", "-py3-none-any.whl")
            }
            self.assertEqual({line.split(": ")[0] for line in said.splitlines()}, expected)
            self.assertEqual(set(os.listdir(folder)), expected | {"SHA256SUMS"})


@unittest.skipIf(_why_no_image(), f"no image here: {_why_no_image()}")
class ImageTest(harness.ProcessTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="image-"))
        # Storage has folders that only root may remove, and so does this.
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        _collect(cls.folder / "out", "--image")
        (cls.archive,) = (cls.folder / "out").glob("msgproc-*.oci.tar")
        (tools,) = (cls.folder / "out").glob("msgproc-tools_*.deb")
        _run("dpkg-deb", "--extract", tools, cls.folder)

    def json_of(self, digest):
        with tarfile.open(self.archive) as archive:
            name = "blobs/" + digest.replace(":", "/") if ":" in digest else digest
            return json.load(archive.extractfile(name))

    def assert_serves(self, address):
        loadgen = self.folder / "usr/bin/msgproc-loadgen"
        said = _run(loadgen, f"--target={address}", "--n=10000")
        self.assertIn("0 lost, 0 duplicated, 0 failed, 0 wrong, 0 out of order", said)

    def test_it_runs_the_processor_as_nobody(self):
        (manifest,) = self.json_of("index.json")["manifests"]
        config = self.json_of(self.json_of(manifest["digest"])["config"]["digest"])["config"]
        self.assertEqual(config["User"], "65534:65534")
        self.assertEqual(config["Entrypoint"], ["/usr/bin/msgproc-processor"])

    def test_its_programs_find_all_that_they_need_in_it(self):
        storage = (
            "buildah",
            "--storage-driver=vfs",
            f"--root={self.folder}/s",
            f"--runroot={self.folder}/r",
        )
        container = _run(*storage, "from", f"oci-archive:{self.archive}").strip()
        root = pathlib.Path(_run(*storage, "mount", container).strip())
        self.addCleanup(_run, *storage, "umount", container)
        self.assertFalse((root / "bin/sh").exists(), "it is of what the packages have")
        chroot = ("/usr/sbin/chroot", "--userspec=65534:65534", str(root))
        said = _run(*chroot, "/usr/bin/msgproc-balancer", "--version")
        self.assertTrue(said.startswith("msgproc-balancer "), said)
        address = f"127.0.0.1:{harness.free_port()}"
        flags = (f"--listen_address={address}", "--http_address=")
        server = self.keep(
            harness.Process([*chroot, "/usr/bin/msgproc-processor", *flags], "processor")
        )
        self.assert_serves(address)
        self.assertEqual(server.stop(), 0)

    @unittest.skipIf(_why_no_podman(), f"no containers here: {_why_no_podman()}")
    def test_podman_runs_it(self):
        podman = [
            "podman",
            f"--root={self.folder}/podman",
            f"--runroot={self.folder}/podman-run",
            f"--tmpdir={self.folder}/podman-tmp",
            "--storage-driver=vfs",
            "--runtime=runc",
            "--cgroup-manager=cgroupfs",
        ]
        _run(*podman, "load", "--input", self.archive)
        address = f"127.0.0.1:{harness.free_port()}"
        flags = [f"--listen_address={address}", "--http_address="]
        name = f"msgproc-test-{os.getpid()}"
        options = ["--network=host", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000"]
        self.addCleanup(_run, *podman, "rm", "--force", "--ignore", name)
        _run(*podman, "run", "--detach", f"--name={name}", *options, "localhost/msgproc", *flags)
        self.assert_serves(address)
        _run(*podman, "stop", "--time=30", name)
        said = _run(*podman, "inspect", "--format={{.State.ExitCode}}", name)
        self.assertEqual(said.strip(), "0", "it drained")


if __name__ == "__main__":
    unittest.main()
