"""etcd servers of a test's own, what can happen to them, and fleets that are registered there."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.request

from tests import harness
from tests.fleet import fleet

PREFIX = "shop/fleet"


class Member(harness.Process):
    """One etcd server, alone or of a cluster. Serves when `await_healthy` returns."""

    def __init__(self, name, ports, cluster, flags=(), scheme="http"):
        self._folder = tempfile.mkdtemp(prefix="msgproc-etcd-")
        self.scheme = scheme
        self.address = f"127.0.0.1:{ports[0]}"
        client = f"{scheme}://{self.address}"
        peer = f"http://127.0.0.1:{ports[1]}"
        super().__init__(
            [
                "etcd",
                f"--name={name}",
                f"--data-dir={self._folder}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster={cluster}",
                "--logger=zap",
                "--log-level=warn",
                *flags,
            ],
            name,
        )

    def kill(self):
        super().kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def crash(self):
        """kill -9; `start_again` finds its data."""
        super().kill()

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)


class Etcd:
    """A cluster of one or several members."""

    def __init__(self, test, members=1, flags=(), scheme="http"):
        ports = [(harness.free_port(), harness.free_port()) for _ in range(members)]
        cluster = ",".join(f"m{i}=http://127.0.0.1:{peer}" for i, (_, peer) in enumerate(ports))
        self.members = [
            test.keep(Member(f"m{i}", pair, cluster, flags, scheme)) for i, pair in enumerate(ports)
        ]
        self.control_flags = ()
        addresses = ",".join(member.address for member in self.members)
        self.url = f"etcd://{addresses}/{PREFIX}"

    def await_healthy(self):
        for member in self.members:
            harness.eventually(
                lambda m=member: self._healthy(m), f"{member.name} serves", 30
            )
        return self

    def _healthy(self, member):
        if not member.running():
            raise AssertionError(member.describe("ended"))
        with contextlib.suppress(OSError, ValueError):
            url = f"http://{member.address}/health"
            with urllib.request.urlopen(url, timeout=2) as page:
                return json.loads(page.read())["health"] == "true"
        return False

    def control(self, *arguments, check=True, endpoints=None):
        """Returns what etcdctl prints."""
        members = endpoints or self.members
        urls = ",".join(f"{m.scheme}://{m.address}" for m in members)
        ran = subprocess.run(
            ["etcdctl", f"--endpoints={urls}", *self.control_flags, *arguments],
            env={**os.environ, "ETCDCTL_API": "3"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if check and ran.returncode:
            raise AssertionError(f"etcdctl {arguments}: {ran.stdout}{ran.stderr}")
        return ran.stdout

    def read(self, key):
        """Returns a key's value; empty: there is none."""
        return self.control("get", "--print-value-only", key).rstrip("\n")

    def record(self, server_id):
        value = self.read(f"{PREFIX}/{server_id}")
        return json.loads(value) if value else None

    def compact(self):
        status = json.loads(self.control("endpoint", "status", "--write-out=json"))
        self.control("compact", str(status[0]["Status"]["header"]["revision"]))

    def leader(self):
        """Returns the member that leads."""
        for member in self.members:
            if not member.running():
                continue
            out = self.control(
                "endpoint", "status", "--write-out=json", check=False, endpoints=[member]
            )
            with contextlib.suppress(ValueError, IndexError):
                status = json.loads(out)[0]["Status"]
                if status["leader"] == status["header"]["member_id"]:
                    return member
        return None


class EtcdTest(fleet.FleetTest):
    """A test with processors and balancers that meet in etcd."""

    def etcd(self, members=1, **options):
        return Etcd(self, members, **options).await_healthy()

    def reader(self, etcd, *flags, **options):
        """Starts a balancer that reads the registry."""
        url = etcd if isinstance(etcd, str) else etcd.url
        return self.balancer(f"--registry={url}", *flags, **options)

    def writer(self, etcd, server_id, *flags, **options):
        """Starts a processor that writes itself there."""
        url = etcd if isinstance(etcd, str) else etcd.url
        return self.processor(
            f"--registry={url}", f"--server_id={server_id}", *flags, name=server_id, **options
        )

    def writers(self, etcd, balancers, count, *flags):
        started = [self.writer(etcd, f"p{i + 1}", *flags) for i in range(count)]
        for balancer in balancers:
            self.await_serving(balancer, count)
        return started

    def in_step(self, balancer):
        return balancer.metric("msgproc_balancer_registry_in_step") == 1

    def await_in_step(self, balancers, seconds=20):
        for balancer in balancers:
            harness.eventually(
                lambda b=balancer: self.in_step(b), f"{balancer.name} is in step", seconds
            )

    def moving(self, balancers):
        """Returns the balancers that say that they move sessions."""
        name = "msgproc_balancer_registry_mover"
        return [b for b in balancers if b.running() and b.metric(name) == 1]

    def await_mover(self, balancers, seconds=20):
        """Returns the one balancer that moves sessions."""
        harness.eventually(lambda: len(self.moving(balancers)) == 1, "one is elected", seconds)
        return self.moving(balancers)[0]

    def look_ups(self, balancer):
        """Looks servers up until the block ends; every look-up must find one."""
        return _LookUps(self, balancer)

    def assert_no_socket_noticed(self, report, processors):
        self.assertEqual(report["interruptions"]["count"], 0)
        opens = "msgproc_processor_session_opens_total"
        for state in ("resumed", "lost"):
            self.assertEqual(sum(p.metric(opens, state=state) for p in processors), 0, state)


class _LookUps:
    def __init__(self, test, balancer):
        self._test = test
        self._balancer = balancer
        self._stop = threading.Event()
        self._failed = []
        self.count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._test.assertEqual(self._failed, [], "look-ups that found no server")
        self._test.assertGreater(self.count, 0)

    def _run(self):
        while not self._stop.wait(0.02):
            code, answer = self._test.get_server(self._balancer)
            self.count += 1
            if code != 200:
                self._failed.append(answer)


def log_lines(process, pattern):
    """Returns how many lines of a process's output match."""
    return len(re.findall(pattern, process.output()))
