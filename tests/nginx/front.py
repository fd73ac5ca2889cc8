"""NGINX with the shipped configuration, as a process of a test."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile

from tests import harness

_RENDER = "deploy/nginx/render"
# Another version's, for one run: --test_env=MSGPROC_NGINX=/path/to/nginx.
NGINX = os.environ.get("MSGPROC_NGINX", "/usr/sbin/nginx")


class Nginx(harness.Process):
    """Listens on `grpc` and `stream` (and `tls`) when the constructor returns."""

    # `host`: a networks.Host to run and listen on, instead of this one's loopback.
    def __init__(self, processors=(), proxied=(), certificate=None, settings=(), host=None):
        self._folder = tempfile.TemporaryDirectory(prefix="nginx-")
        address = host.address if host else "127.0.0.1"
        self.grpc, self.stream, self.tls = (
            f"{address}:{harness.free_port()}" for _ in range(3)
        )
        self._certificate = certificate
        # A worker that is left over must not hold the test up.
        self._settings = ["worker_shutdown_timeout=2s", *settings]
        self.render(processors, proxied)
        super().__init__(
            [
                *(host.prefix if host else ()),
                *(NGINX, "-e", "stderr", "-c", self.conf, "-g", "daemon off;"),
            ],
            "nginx",
        )
        listening = [self.grpc, self.stream] + ([self.tls] if certificate else [])
        for address in listening:
            harness.eventually(lambda at=address: self._accepts(at), f"NGINX listens on {address}")

    @property
    def conf(self):
        """The path of its nginx.conf."""
        return f"{self._folder.name}/nginx.conf"

    def render(self, processors=(), proxied=()):
        """Writes the configuration, for these addresses; `reload` reads it."""
        flags = [
            f"--folder={self._folder.name}",
            f"--grpc={self.grpc}",
            f"--stream={self.stream}",
            *(f"--set={setting}" for setting in self._settings),
        ]
        if os.geteuid() == 0:
            # Bazel's sandbox knows no other user to give the workers to.
            flags.append("--user=root")
        if processors:
            flags.append(f"--processors={','.join(processors)}")
        if proxied:
            flags.append(f"--proxied_processors={','.join(proxied)}")
        if self._certificate:
            flags += [
                f"--tls={self.tls}",
                f"--tls_cert={self._certificate.certificate}",
                f"--tls_key={self._certificate.key}",
            ]
        subprocess.run([harness.runfile(_RENDER), *flags], check=True)

    def reload(self):
        self.signal(signal.SIGHUP)

    def workers(self):
        """Returns the pids of the worker processes."""
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return {int(pid) for pid in children.read_text(encoding="utf-8").split()}

    def log(self, name):
        """Returns a log: access, stream or error."""
        path = pathlib.Path(self._folder.name, f"{name}.log")
        return path.read_text(errors="replace", encoding="utf-8") if path.exists() else ""

    def kill(self):
        """Ends it and its workers, which a killed master would leave behind."""
        if self.running():
            self.stop()
        self._folder.cleanup()

    def _accepts(self, address):
        if not self.running():
            raise AssertionError(self.describe("ended before it served"))
        host, port = address.rsplit(":", 1)
        with socket.socket() as client:
            return client.connect_ex((host, int(port))) == 0


class Certificate:
    """A self-signed certificate for localhost, in files."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="certificate-")
        self.certificate = f"{self._folder.name}/cert.pem"
        self.key = f"{self._folder.name}/key.pem"
        subprocess.run(
            [
                *"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1".split(),
                *"-nodes -days 1 -subj /CN=localhost".split(),
                *"-addext subjectAltName=DNS:localhost,IP:127.0.0.1".split(),
                *("-keyout", self.key, "-out", self.certificate),
            ],
            check=True,
            capture_output=True,
        )


class FrontTest(harness.ProcessTest):
    """A test with an NGINX in front of processors."""

    def nginx(self, processors=(), proxied=(), **options):
        return self.keep(
            Nginx(
                [processor.grpc for processor in processors],
                [processor.grpc for processor in proxied],
                **options,
            )
        )

    def answered(self, processor):
        """Returns how many messages a processor has answered."""
        return processor.metric("msgproc_processor_messages_total", outcome="ok")
