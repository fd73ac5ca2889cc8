"""deploy/kubernetes, without a cluster: each pod a network namespace, each name in a hosts file.

The servers run with the arguments that fleet.yaml gives them, and NGINX with its configuration.
What a cluster does by itself (endpoint lists, probes, who may talk to whom) is not tried.
"""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

from tests import harness
from tests.fleet import fleet, networks

_NO_NETWORKS = networks.enter_own_namespace()
_NO_GROUPS = pathlib.Path("/proc/self/setgroups").read_text(encoding="utf-8") == "deny\n"
_FLEET = "deploy/kubernetes/fleet.yaml"
_BALANCERS = "msgproc-balancer.msgproc.svc.cluster.local"
_PROCESSORS = "msgproc-processor.msgproc.svc.cluster.local"
# As docs/fleet.md has them, "Names in certificates".
_NAMES = ("processors", _BALANCERS, f"*.{_BALANCERS}", _PROCESSORS, f"*.{_PROCESSORS}")
_NGINX = os.environ.get("MSGPROC_NGINX", "/usr/sbin/nginx")
_OUTSIDE = "fleet.example.org"
# A hosts file of one's own, and then the program, whose process id stays what it was.
_WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'


def _objects():
    text = pathlib.Path(harness.runfile(_FLEET)).read_text(encoding="utf-8")
    return {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(text)}


class Authority:
    """Signs certificates, in a folder that is laid out as the Secrets are."""

    def __init__(self, folder):
        self._folder = folder
        self._openssl(
            *"req -x509 -nodes -days 1 -subj /CN=authority".split(),
            *("-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.crt"),
        )

    def issue(self, secret, names):
        """Writes tls.crt, tls.key and ca.crt into the folder `secret`."""
        folder = self._folder / secret
        folder.mkdir()
        (folder / "ca.crt").write_bytes((self._folder / "ca.crt").read_bytes())
        request, extensions = folder / "request", folder / "extensions"
        extensions.write_text(f"subjectAltName={','.join(f'DNS:{name}' for name in names)}\n")
        self._openssl(
            *"req -nodes -subj /CN=msgproc".split(),
            *("-keyout", folder / "tls.key", "-out", request),
        )
        authority = ("-CA", self._folder / "ca.crt", "-CAkey", self._folder / "ca.key")
        subprocess.run(
            ["openssl", "x509", "-req", "-days", "1", "-in", request, "-out", folder / "tls.crt"]
            + [*authority, "-CAcreateserial", "-extfile", extensions],
            check=True,
            capture_output=True,
        )

    @staticmethod
    def _openssl(command, *arguments):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        subprocess.run(["openssl", command, *key, *arguments], check=True, capture_output=True)


@unittest.skipIf(_NO_NETWORKS, f"no network namespaces here: {_NO_NETWORKS}")
class KubernetesTest(fleet.FleetTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.authority = Authority(self.folder)
        self.authority.issue("tls", _NAMES)
        self.authority.issue("client", ["client"])
        self.authority.issue("server", [_OUTSIDE])
        self.hosts_file = self.folder / "hosts"
        self.hosts_file.write_text("127.0.0.1 localhost\n")
        self.objects = _objects()
        # Names first: a real pod's name, too, is there before the pod serves.
        self.pods = {
            kind: self.pods_of(f"msgproc-{kind}", domain)
            for kind, domain in (("balancer", _BALANCERS), ("processor", _PROCESSORS))
        }
        self.balancers = [self.start("balancer", name) for name in self.pods["balancer"]]
        self.processors = [self.start("processor", name) for name in self.pods["processor"]]

    def pods_of(self, name, domain):
        """Returns a host for each pod of a StatefulSet, by the pod's name."""
        replicas = self.objects["StatefulSet", name]["spec"]["replicas"]
        hosts = {f"{name}-{i}": self.keep(networks.Host()) for i in range(replicas)}
        for pod, host in hosts.items():
            self.add_name(host, f"{pod}.{domain}", domain)
        return hosts

    def add_name(self, host, *names):
        # In place: what is mounted is the file and not its name.
        with open(self.hosts_file, "a", encoding="utf-8") as file:
            file.write(f"{host.address} {' '.join(names)}\n")

    def prefix(self, host):
        hosts = ["unshare", "--mount", "sh", "-c", _WITH_HOSTS, str(self.hosts_file)]
        return [*host.prefix, *hosts]

    def start(self, component, pod, *more):
        """Starts a pod's container with the arguments that it has in fleet.yaml."""
        host = self.pods[component][pod]
        workload = self.objects["StatefulSet", f"msgproc-{component}"]
        (container,) = workload["spec"]["template"]["spec"]["containers"]
        known = {"$(POD_NAME)": pod, "$(POD_IP)": host.address, "=/tls/": f"={self.folder}/tls/"}
        arguments = [
            re.sub("|".join(map(re.escape, known)), lambda found: known[found[0]], text)
            for text in container["args"]
        ]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        start = getattr(self, component)
        server = start(*arguments, *more, name=pod, prefix=self.prefix(host))
        server.http = f"{host.address}:{ports['http']}"
        self.assertEqual(server.get("/readyz")[0], 200)
        self.assertEqual(server.grpc.rpartition(":")[2], str(ports["grpc"]))
        return server

    def client(self, *flags):
        host = self.keep(networks.Host())
        tls = [
            f"--tls_{file}={self.folder}/client/{name}"
            for file, name in (("ca", "ca.crt"), ("cert", "tls.crt"), ("key", "tls.key"))
        ]
        return self.keep(harness.Loadgen([*tls, *flags], prefix=self.prefix(host)))

    def await_fleet(self):
        for balancer in self.balancers:
            self.await_serving(balancer, len(self.processors))

    def by_balancers(self):
        names = (f"{pod}.{_BALANCERS}:50050" for pod in self.pods["balancer"])
        return f"--balancer={','.join(names)}"

    def test_certificates_have_the_names_by_which_everybody_finds_everybody(self):
        self.await_fleet()
        self.assert_all_answered_once(self.client(self.by_balancers(), "--n=1000"), 1000)
        target = f"--target=dns:///{_PROCESSORS}:50051"
        self.assert_all_answered_once(self.client(target, "--n=1000"), 1000)

    def test_a_pod_that_is_deleted_ends_within_its_grace_and_no_message_fails(self):
        self.await_fleet()
        load = self.client(self.by_balancers(), "--duration=1h", "--connections=6")
        harness.eventually(lambda: all(map(self.answered, self.processors)), "all have work")
        template = self.objects["StatefulSet", "msgproc-processor"]["spec"]["template"]
        grace = template["spec"]["terminationGracePeriodSeconds"]
        leaving = self.processors[0]
        self.assertEqual(leaving.stop(grace), 0, leaving.describe("was not done"))
        for balancer in self.balancers:
            self.await_serving(balancer, len(self.processors) - 1)
        self.finish(load)

    def test_an_address_that_no_certificate_has_is_not_handed_out(self):
        # Why pods with TLS are a StatefulSet's, which have names, unless all have one name.
        self.await_fleet()
        address = self.pods["processor"]["msgproc-processor-0"].address
        self.processors[0].kill()
        self.start("processor", "msgproc-processor-0", f"--advertise_address={address}:50051")
        for balancer in self.balancers:
            self.await_state(balancer, "msgproc-processor-0", "unhealthy")

    def test_pods_of_a_deployment_are_known_by_one_name_whatever_their_address(self):
        # As the chart has them with processors.tlsName=processors.
        self.await_fleet()
        for server in (*self.processors, *self.balancers):
            server.kill()
        name = "--health_check_tls_name=processors"
        self.balancers = [self.start("balancer", pod, name) for pod in self.pods["balancer"]]
        self.processors = [
            self.start("processor", pod, f"--advertise_address={host.address}:50051")
            for pod, host in self.pods["processor"].items()
        ]
        self.await_fleet()
        load = self.client(self.by_balancers(), "--tls_server_name=processors", "--n=1000")
        self.assert_all_answered_once(load, 1000)

    @unittest.skipIf(_NO_GROUPS, "NGINX cannot become its workers' user in this namespace")
    def test_nginx_knows_processors_by_their_certificate(self):
        self.await_fleet()
        host = self.keep(networks.Host())
        self.add_name(host, _OUTSIDE)
        for name, text in self.objects["ConfigMap", "msgproc-nginx"]["data"].items():
            # Older than 1.27.3 it looks names up at its start only, with the system's resolver.
            text = text.replace(" resolve max_fails", " max_fails").replace(
                "resolver kube-dns.kube-system.svc.cluster.local", "resolver 127.0.0.1"
            )
            text = text.replace(" /tmp/", f" {self.folder}/").replace(" /client/", " /tls/")
            text = re.sub(" /(tls|server)/", rf" {self.folder}/\1/", text)
            text = text.replace("/dev/stdout", f"{self.folder}/access.log")
            (self.folder / name).write_text(text, encoding="utf-8")
        command = [_NGINX, "-c", f"{self.folder}/nginx.conf", "-e", "stderr"]
        nginx = harness.Process([*self.prefix(host), *command, "-g", "daemon off;"], "nginx")
        self.addCleanup(nginx.stop)
        load = self.client(f"--target={_OUTSIDE}:8443", "--n=1000", "--connections=6")
        self.assert_all_answered_once(load, 1000)
        self.assertGreater(sum(map(self.answered, self.processors)), 999)


if __name__ == "__main__":
    unittest.main()
