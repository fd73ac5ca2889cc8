"""What the environment and DNS say: proxies are ignored, names are looked up anew."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from tests import harness
from tests.fleet import fleet

_HOSTS = "MSGPROC_TEST_HOSTS"
_NAME = "moving.test"
# Nothing listens there.
_PROXY = "http://127.0.0.1:9"
# gRPC's own pause between two look-ups is 30 s.
_SECONDS = 15


def _enter_own_hosts_file():
    """Runs the program anew where /etc/hosts is a file of its own.

    Returns None there, or why that cannot be.
    """
    if os.environ.get(_HOSTS):
        done = subprocess.run(
            ["mount", "--bind", os.environ[_HOSTS], "/etc/hosts"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr.strip() or None
    why = []
    for unshare in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        try:
            done = subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return "there is no unshare"
        if done.returncode:
            why.append(done.stderr.strip())
            continue
        with tempfile.NamedTemporaryFile(prefix="hosts-", delete=False) as file:
            os.environ[_HOSTS] = file.name
        os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])
    return "; ".join(why)


_NO_HOSTS = _enter_own_hosts_file()


def _point_name_at(address):
    # In place: what is mounted is the file and not its name.
    pathlib.Path(os.environ[_HOSTS]).write_text(f"127.0.0.1 localhost\n{address} {_NAME}\n", encoding="utf-8")


@unittest.skipIf(_NO_HOSTS, f"no hosts file of one's own here: {_NO_HOSTS}")
class NamesTest(fleet.FleetTest):
    def test_a_balancer_whose_name_gets_another_address_is_found_there(self):
        port = harness.free_port()
        _point_name_at("127.0.0.2")
        first = self.balancer(listen_address=f"127.0.0.2:{port}")
        self.processor(f"--balancer={_NAME}:{port}", "--server_id=p")
        self.await_serving(first, 1)
        second = self.balancer(listen_address=f"127.0.0.3:{port}")
        _point_name_at("127.0.0.3")
        first.kill()
        self.await_serving(second, 1, seconds=_SECONDS)

    def test_a_static_server_whose_name_gets_another_address_is_found_there(self):
        port = harness.free_port()
        _point_name_at("127.0.0.2")
        first = self.processor(listen_address=f"127.0.0.2:{port}")
        balancer = self.balancer(f"--servers={_NAME}:{port}")
        self.await_serving(balancer, 1)
        first.kill()
        self.await_serving(balancer, 0)
        self.processor(listen_address=f"127.0.0.3:{port}")
        _point_name_at("127.0.0.3")
        self.await_serving(balancer, 1, seconds=_SECONDS)

    def test_clients_follow_the_balancers_name(self):
        port = harness.free_port()
        _point_name_at("127.0.0.2")
        first = self.balancer(listen_address=f"127.0.0.2:{port}")
        second = self.balancer(listen_address=f"127.0.0.3:{port}")
        before = self.member([first], "before")
        after = self.member([second], "after")
        self.await_serving(first, 1)
        self.await_serving(second, 1)
        load = self.loadgen(
            f"--balancer={_NAME}:{port}", "--duration=1h", f"--give_up_after={_SECONDS}s"
        )
        opens = "msgproc_processor_session_opens_total"
        harness.eventually(lambda: before.metric(opens) == 1, "it is connected")
        _point_name_at("127.0.0.3")
        first.kill()
        before.kill()
        harness.eventually(lambda: after.metric(opens) == 1, "it has moved", _SECONDS)
        load.kill()


class ProxyTest(fleet.FleetTest):
    def setUp(self):
        for variable in ("http_proxy", "https_proxy", "grpc_proxy"):
            os.environ[variable] = _PROXY
            self.addCleanup(os.environ.pop, variable)
        # Not for the harness's own look-ups.
        urllib.request.install_opener(
            urllib.request.build_opener(urllib.request.ProxyHandler({}))
        )

    def test_the_environments_proxies_are_ignored(self):
        balancer = self.balancer()
        self.member(balancer, "p")
        for target in ("--balancer=" + balancer.grpc, None):
            load = self.loadgen("--n=100", *([target] if target else []))
            self.assert_all_answered_once(load, 100)

    def test_they_are_used_when_asked_to(self):
        processor = self.processor()
        load = self.loadgen(
            f"--target={processor.grpc}", "--n=1", "--use_http_proxy", "--connect_timeout=1s"
        )
        self.assertNotEqual(load.wait(), 0)


if __name__ == "__main__":
    unittest.main()
