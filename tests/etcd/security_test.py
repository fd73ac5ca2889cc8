"""etcd with TLS, certificates for everybody, users and passwords."""

import pathlib
import tempfile

from tests import harness, sharding
from tests.etcd import etcd
from tests.identity import issuer

_PASSWORD = "correct horse battery staple"


class SecurityTest(etcd.EtcdTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def password_file(self, password):
        path = self.folder / "password"
        path.write_text(f"{password}\n", encoding="utf-8")
        return path

    def test_a_fleet_meets_behind_tls_and_a_password(self):
        authority = issuer.Authority(self.folder)
        server_cert, server_key = authority.issue("etcd")
        # No name that etcd could take for a user's.
        cert, key = authority.issue("anybody")
        registry = etcd.Etcd(
            self,
            scheme="https",
            flags=(
                f"--cert-file={server_cert}",
                f"--key-file={server_key}",
                f"--trusted-ca-file={authority.certificate}",
                "--client-cert-auth",
            ),
        )
        tls = (f"--cacert={authority.certificate}", f"--cert={cert}", f"--key={key}")
        registry.control_flags = tls
        harness.eventually(
            lambda: registry.control("endpoint", "status", check=False), "etcd serves"
        )
        self._make_users(registry)
        registry.control_flags = (*tls, "--user=root:root")
        flags = (
            f"--registry_ca={authority.certificate}",
            f"--registry_cert={cert}",
            f"--registry_key={key}",
            "--registry_user=fleet",
            f"--registry_password_file={self.password_file(_PASSWORD)}",
        )
        balancer = self.reader(registry, *flags, "--lease=2s")
        processors = self.writers(registry, [balancer], 2, *flags, "--registry_lease=2s")
        self.await_mover([balancer])
        # etcd forgets every token.
        registry.members[0].crash()
        registry.members[0].start_again()
        harness.eventually(
            lambda: balancer.metric("msgproc_balancer_registry_failures_total") > 0
            and balancer.metric("msgproc_balancer_registry_age_seconds") < 1
            and len(self.serving(balancer)) == 2,
            "in step again",
        )
        self.assertEqual(processors[0].stop(), 0)
        harness.eventually(lambda: self.serving(balancer) == {"p2"}, "p1 is gone")
        for process in (balancer, *processors):
            self.assertNotIn(_PASSWORD, process.output())

    def test_a_wrong_password_is_said_and_never_shown(self):
        registry = self.etcd()
        self._make_users(registry)
        wrong = self.password_file("wrong horse")
        flags = ("--registry_user=fleet", f"--registry_password_file={wrong}")
        processor = self.writer(registry, "p1", *flags)
        balancer = self.reader(registry, *flags)
        for process in (balancer, processor):
            harness.eventually(
                lambda p=process: "authentication failed" in p.output(), "it says why"
            )
            self.assertNotIn("wrong horse", process.output())
        # The file is mended while they run.
        self.password_file(_PASSWORD)
        self.await_serving(balancer, 1)

    def _make_users(self, registry):
        control = registry.control
        control("user", "add", "root:root")
        control("user", "grant-role", "root", "root")
        control("role", "add", "fleet")
        # One grant covers everything of a fleet's.
        control("role", "grant-permission", "--prefix=true", "fleet", "readwrite", etcd.PREFIX)
        control("user", "add", f"fleet:{_PASSWORD}")
        control("user", "grant-role", "fleet", "fleet")
        control("auth", "enable")


if __name__ == "__main__":
    sharding.main()
