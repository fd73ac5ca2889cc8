"""Who gets in where operators do, and what they are told otherwise."""

import os
import pathlib
import stat
import unittest

import grpc

from tests import harness
from tests.admin import ctl_case
from tests.identity import issuer


class AccessTest(ctl_case.CtlCase):
    def test_the_socket_is_its_owners_alone(self):
        self.served()
        path = self.folder / "admin.sock"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        if os.geteuid() != 0:
            self.skipTest("only root can ask as somebody else")
        # The folder lets everybody through; the socket does not.
        self.folder.chmod(0o755)
        copy = self.folder / "ctl"
        copy.write_bytes(pathlib.Path(harness.runfile(ctl_case.CTL)).read_bytes())
        copy.chmod(0o755)
        exit_code, output, error = self.run_ctl("status", user="nobody", program=copy)
        self.assertEqual(exit_code, 1, output)
        self.assertIn("nothing answers at", error)
        self.assertIn("Permission denied", error)

    def _tls(self):
        """Returns (operators, clients, flags): authorities, and how to serve on TCP."""
        authorities = []
        for name in ("operators", "clients"):
            (self.folder / name).mkdir()
            authorities.append(issuer.Authority(self.folder / name))
        certificate, key = authorities[1].issue("server")
        return *authorities, (
            f"--tls_cert={certificate}",
            f"--tls_key={key}",
            f"--tls_client_ca={authorities[1].certificate}",
            f"--admin_client_ca={authorities[0].certificate}",
        )

    def _status_without_certificate(self, port, authority):
        """Returns how a call ends that knows the server, and does not say who it is."""
        credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
        with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
            status = channel.unary_unary("/msgproc.admin.v1.Admin/GetStatus")
            with self.assertRaises(grpc.RpcError) as refused:
                status(b"", timeout=10)
            return refused.exception.code()

    def test_over_tcp_it_takes_a_certificate_of_the_operators_authority(self):
        operators, clients, flags = self._tls()
        port = harness.free_port()
        self.served(*flags, admin=f"localhost:{port}")

        def ask(authority, who):
            certificate, key = authority.issue(who)
            return self.run_ctl(
                "status",
                f"--tls_ca={clients.certificate}",
                f"--tls_cert={certificate}",
                f"--tls_key={key}",
                server=f"localhost:{port}",
            )

        exit_code, output, error = ask(operators, "ann")
        self.assertEqual(exit_code, 0, error)
        self.assertIn("new streams  ", output)
        # A client's certificate is good where clients come in, and not here.
        exit_code, _, error = ask(clients, "shop")
        self.assertEqual(exit_code, 1)
        self.assertIn("nothing answers at", error)
        # Nor is anybody let in who shows none at all.
        self.assertEqual(self._status_without_certificate(port, clients), grpc.StatusCode.UNAVAILABLE)
        exit_code, _, error = self.run_ctl("status", server=f"localhost:{port}")
        self.assertEqual(exit_code, 2)
        self.assertIn("wants --tls_ca, --tls_cert and --tls_key", error)

    def test_tcp_without_an_authority_does_not_start(self):
        process = self.keep(
            harness.Process(
                [
                    harness.runfile(harness.PROCESSOR),
                    *("--listen_address=127.0.0.1:0", "--http_address="),
                    "--admin_address=127.0.0.1:0",
                ],
                "processor",
            )
        )
        self.assertEqual(process.wait(), 2)
        self.assertIn("An --admin_address on TCP needs --admin_client_ca", process.output())

    def test_the_only_server_of_a_folder_is_found(self):
        (self.folder / "msgproc").mkdir()
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.folder)}
        environment.pop("RUNTIME_DIRECTORY", None)

        def ask():
            return self.run_ctl("status", server="", env=environment)

        exit_code, _, error = ask()
        self.assertEqual(exit_code, 2)
        self.assertIn("no server has a socket in", error)
        self.served(admin=f"unix:{self.folder}/msgproc/a.admin.sock")
        exit_code, output, error = ask()
        self.assertEqual(exit_code, 0, error)
        self.assertIn("welcome", output)
        self.served(admin=f"unix:{self.folder}/msgproc/b.admin.sock")
        exit_code, _, error = ask()
        self.assertEqual(exit_code, 2)
        self.assertIn("there are several servers", error)

    def test_mistakes_say_what_to_do(self):
        for arguments, exit_code, said in (
            ((), 2, "say what to do: status, ls, top, show, trace, dump, move, forget, end, log"),
            (("lst",), 2, "command 'lst' is none of check, cordon, drain, dump, end, forget"),
            (("show",), 2, "write it as: show SESSION"),
            (("ls", "till-7"), 2, "ls takes no 'till-7'"),
            (("ls", "--sort=size"), 2, "--sort: 'size' is none of id, memory"),
            (("log", "loud"), 2, "level 'loud' is none of debug, default, error"),
            (("move",), 2, "--to=HOST:PORT"),
            (("drain", "a", "b"), 2, "write it as: drain [SERVER]"),
            (("status",), 1, "nothing answers at"),
        ):
            with self.subTest(arguments=arguments):
                found, _, error = self.run_ctl(*arguments)
                self.assertEqual(found, exit_code)
                self.assertIn(said, error)

    def test_what_knows_no_operators_says_so(self):
        clients = f"unix:{self.folder}/clients.sock"
        self.processor(listen_address=clients)
        exit_code, _, error = self.run_ctl("ls", server=clients)
        self.assertEqual(exit_code, 1)
        self.assertIn("is no server's --admin_address", error)

    def test_the_log_level_changes_at_once(self):
        processor = self.served()
        self.assertEqual(self.ctl("log", "error"), "it was info\n")
        self.assertEqual(self.ctl_json("status")["logLevel"], "LOG_LEVEL_ERROR")
        self.assert_all_answered_once(self.loadgen(f"--target={processor.grpc}", "--n=10"))
        self.assertEqual(self.ctl("log", "debug"), "it was error\n")
        self.assertNotIn("session opened", processor.output())
        self.assert_all_answered_once(self.loadgen(f"--target={processor.grpc}", "--n=10"))
        harness.eventually(lambda: "session opened" in processor.output(), "it logs again")


if __name__ == "__main__":
    unittest.main()
