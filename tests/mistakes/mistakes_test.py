"""Ordinary mistakes: each program says what is wrong, with the value, and what to do.

A mistake is a command line, its exit code, and what the text must hold. Words in
braces stand for what the test made: files, and servers that really run.
"""

import concurrent.futures
import os
import pathlib
import socket
import subprocess
import tempfile
import unittest

from tests import harness

# A mistake is a line, however long.
# pylint: disable=line-too-long

PROCESSOR = harness.PROCESSOR
BALANCER = harness.BALANCER
LOADGEN = harness.LOADGEN
CLUSTER = "tools/cluster/cluster"
COMPARE = "tools/compare/compare"

_SECONDS = 60

# (program, arguments, exit code, what the text says)
FLAGS = [
    (PROCESSOR, "--listen_adress=x", 2, ["unknown flag --listen_adress", "did you mean --listen_address?"]),
    (BALANCER, "--polcy=x", 2, ["unknown flag --polcy", "did you mean --policy?"]),
    (LOADGEN, "--conections=3", 2, ["unknown flag --conections", "did you mean --connections?"]),
    (CLUSTER, "--modl=3", 2, ["unknown flag --modl", "did you mean --model?"]),
    (COMPARE, "--repat=3", 2, ["unknown flag --repat", "did you mean --repeat?"]),
    (PROCESSOR, "stray", 2, ['unexpected argument "stray"', "flags begin with --"]),
    (LOADGEN, "--n", 2, ["--n wants a value"]),
    (PROCESSOR, "--drain_timeout=30", 2, ['--drain_timeout cannot be "30"', "give a unit, as in 30s"]),
    (BALANCER, "--lease=6", 2, ['--lease cannot be "6"', "give a unit, as in 6s"]),
    (LOADGEN, "--duration=10", 2, ['--duration cannot be "10"', "give a unit, as in 10s"]),
    (COMPARE, "--duration=30", 2, ['--duration cannot be "30"', "give a unit, as in 30s"]),
    (PROCESSOR, "--session_ttl=soon", 2, ['--session_ttl cannot be "soon"', "as in 500ms, 30s or 5m"]),
    (LOADGEN, "--n=many", 2, ['--n cannot be "many"', "as in 500, 10k or 2M"]),
    (LOADGEN, "--max_outstanding=-1", 2, ['--max_outstanding cannot be "-1"', "must not be negative"]),
    (LOADGEN, "--rate=fast", 2, ['--rate cannot be "fast"', "give a number, as in"]),
    (PROCESSOR, "--insecure=maybe", 2, ['--insecure cannot be "maybe"', "give true or false"]),
    (PROCESSOR, "--log_level=loud", 2, ["--log_level", '"loud"', "debug, info, warning or error"]),
    (PROCESSOR, "--log_format=xml", 2, ["--log_format", '"xml"', "text or json"]),
    (PROCESSOR, "--heartbeat_interval=0s", 2, ["--heartbeat_interval is 0", "at least 10ms"]),
    (PROCESSOR, "--max_payload_bytes=0", 2, ["--max_payload_bytes is 0", "it takes 1 to"]),
    (PROCESSOR, "--heartbeat_interval=0s --max_payload_bytes=0 --workers=two --worker_lines", 2, ["--heartbeat_interval is 0", "--max_payload_bytes is 0", "--workers is 'two'", "--worker_lines, --worker_ordered and --worker_commits"]),
    (PROCESSOR, "--worker_command=cat --worker_lines --worker_commits", 2, ["--worker_lines and --worker_commits exclude"]),
    (PROCESSOR, "--worker_command=cat --worker_commits", 2, ["--worker_commits", "--session_store=postgresql://"]),
    (PROCESSOR, "--workers=2 --handler_timeout=1ms --max_delivery_attempts=0", 2, ["--handler_timeout is 1ms", "--max_delivery_attempts is 0"]),
    (PROCESSOR, "--handler_timeout=1ms", 2, ["--handler_timeout is 1ms", "at least 10ms, or 0 for none"]),
    (PROCESSOR, "--log_level=loud --drain_timeout=-1s", 2, ["--log_level", "--drain_timeout cannot be negative"]),
    (PROCESSOR, "--log_level=loud --heartbeat_interval=0s --weight=0", 2, ["--log_level", "--heartbeat_interval is 0", "--weight is 0"]),
    (BALANCER, "--drain_timeout=-1s --lease=0s", 2, ["--drain_timeout cannot be negative", "--lease: 0"]),
    (BALANCER, "--lease=0s --moves_per_second=-1 --policy=best --servers=a", 2, ["--lease: 0", "--moves_per_second: -1", "--policy", "--servers"]),
    (LOADGEN, "--n=0 --rate=-1 --poisson", 2, ["--n=0", "--rate=-1"]),
    (BALANCER, "--lease=0s", 2, ["--lease: 0", "it takes 100ms to 1h"]),
    (BALANCER, "--moves_per_second=-1", 2, ["--moves_per_second: -1", "it takes 0 to"]),
    (BALANCER, "--policy=best", 2, ["--policy", "best", "least_sessions"]),
    (LOADGEN, "--n=0", 2, ["--n=0", "at least one"]),
    (LOADGEN, "--connections=0", 2, ["--connections=0", "at least 1"]),
    (LOADGEN, "--warmup=soon", 2, ["--warmup=soon", "a length of time", "a number of messages"]),
    (LOADGEN, "--poisson", 2, ["--poisson", "give --rate too"]),
    (LOADGEN, "--slo=p99", 2, ["--slo", '"p99"', "no comparison", '"p99<5ms"']),
    (LOADGEN, "--slo=p99<5", 2, ['"5" is not a time', "ns, us, ms, s, m, h"]),
    (LOADGEN, "--slo=speed>5", 2, ['unknown figure "speed"', "known: pN, max"]),
    (LOADGEN, "--target=a:1 --balancer=b:1", 2, ["--target and --balancer", "give the address of"]),
    (CLUSTER, "--model=5", 2, ["--model=5", "1, 2, 3 and 4"]),
    (CLUSTER, "--model=5 --processors=0 --pass_through", 2, ["--model=5", "--processors=0", "--pass_through goes with --model=4"]),
    (CLUSTER, "--processors=0", 2, ["--processors=0", "it takes 1 to 100"]),
    (COMPARE, "--models=1,5", 2, ["--models=1,5", '"5" is none of 1, 2, 3 and 4']),
    (COMPARE, "--repeat=0", 2, ["--repeat=0", "at least 1"]),
    (COMPARE, "--n=0", 2, ["--n=0", "at least 1"]),
]

ADDRESSES = [
    (PROCESSOR, "--listen_address=50051", 2, ['"50051" has no port', "write host:port"]),
    (PROCESSOR, "--listen_address=127.0.0.1:99999", 2, ["127.0.0.1:99999", "between 0 and 65535"]),
    (BALANCER, "--listen_address=0.0.0.0:0", 2, ["0.0.0.0:0", "in plaintext", "--tls_cert and --tls_key", "--insecure"]),
    (BALANCER, "--servers=a", 2, ["--servers", '"a" has no port', "as in 10.0.0.7:50051"]),
    (PROCESSOR, "--balancer=localhost", 2, ["--balancer=localhost", "no port", "host:port"]),
    (BALANCER, "--registry=http://a:2379/x", 2, ["--registry: it does not begin with etcd://", "as in etcd://10.0.0.7:2379/msgproc"]),
    (PROCESSOR, "--listen_address=127.0.0.1:0 --http_address=127.0.0.1:0 --registry=etcd://a/x", 2, ["--registry", "'a' has no port"]),
    (BALANCER, "--registry=etcd://a:2379/x --registry_user=me --registry_cert=c", 2, ["--registry_user and --registry_password_file go together", "--registry_cert and --registry_key go together", "give --registry_ca"]),
    (BALANCER, "--registry_ca=ca.pem", 2, ["Without --registry there is no etcd"]),
    (PROCESSOR, "--check_config --registry=etcd://a:2379/x --registry_lease=1500ms", 1, ["--registry_lease is 1.5s", "whole seconds"]),
    (PROCESSOR, "--listen_address={taken}", 1, ["{taken}", "another process has it", "stop it, or choose another port"]),
    (BALANCER, "--listen_address=127.0.0.1:0 --http_address={taken}", 1, ["--http_address", "{taken}", "another process has it"]),
    (LOADGEN, "--target=localhost", 2, ["--target=localhost", "Write host:port"]),
    (LOADGEN, "--balancer=a:1,b", 2, ["--balancer=b", "Write host:port"]),
    (LOADGEN, "--target=http://127.0.0.1:1", 2, ["--target=http://127.0.0.1:1", "leave http:// out"]),
    (LOADGEN, "--target=unix:", 2, ["--target=unix:", "unix:/path"]),
    (LOADGEN, "--target=127.0.0.1:1 --connect_timeout=100ms", 1, ["Nothing answers at 127.0.0.1:1", "Connection refused", "Start a processor there"]),
    (LOADGEN, "--target=unix:{folder}/none.sock --connect_timeout=100ms", 1, ["none.sock", "No such file", "Start a processor there"]),
    (LOADGEN, "--balancer=127.0.0.1:1 --connect_timeout=100ms", 1, ["Nothing answers at 127.0.0.1:1", "Start a balancer there"]),
    (LOADGEN, "--target=no-such-host.invalid:1 --connect_timeout=100ms", 1, ["no host of the name in no-such-host.invalid:1", "correct the address"]),
    (LOADGEN, "--target={silent} --connect_timeout=100ms", 1, ["{silent} takes connections but says nothing", "is it no processor"]),
]

PEERS = [
    (LOADGEN, "--balancer={empty_balancer} --connect_timeout=300ms", 1, ["A balancer answers at {empty_balancer}", "no processor is registered with it", "Start one with --balancer={empty_balancer}"]),
    (LOADGEN, "--balancer={astray_balancer} --connect_timeout=300ms", 1, ["A balancer answers at {astray_balancer}", "of the 1 processor that it knows none can be given", "Look at their logs"]),
    (LOADGEN, "--target={empty_balancer} --connect_timeout=2s", 1, ["{empty_balancer} is a balancer and no processor", "--balancer={empty_balancer}"]),
    (LOADGEN, "--balancer={processor} --connect_timeout=2s", 1, ["{processor} is a processor and no balancer", "--target={processor}"]),
    (LOADGEN, "--target={processor_http} --connect_timeout=300ms", 1, ["A web server answers at {processor_http}", "Give its --listen_address"]),
    (LOADGEN, "--target={processor} --handler=nope", 1, ["NOT_FOUND", "'nope'", "echo"]),
]

TLS = [
    (LOADGEN, "--target={processor} --tls_ca={ca} --connect_timeout=300ms", 1, ["{processor} speaks plaintext", "leave out --tls_ca", "--tls_cert and --tls_key"]),
    (LOADGEN, "--target={tls} --connect_timeout=300ms", 1, ["{tls} speaks TLS", "give --tls_ca=FILE"]),
    (LOADGEN, "--target={mtls} --connect_timeout=300ms", 1, ["{mtls} speaks TLS", "--tls_cert and --tls_key", "asks for a client certificate"]),
    (LOADGEN, "--target={mtls} --tls_ca={ca} --connect_timeout=300ms", 1, ["{mtls} asks for a client certificate, and none is given", "give --tls_cert and --tls_key"]),
    (LOADGEN, "--target={mtls} --tls_ca={ca} --tls_cert={stranger}.pem --tls_key={stranger}.key --connect_timeout=300ms", 1, ["{mtls} does not accept the client certificate", "--tls_client_ca"]),
    (LOADGEN, "--target={tls} --tls_ca={other_ca} --connect_timeout=300ms", 1, ["The certificate of {tls} is not accepted", "--tls_ca={other_ca}"]),
    (LOADGEN, "--target={tls} --tls_ca={ca} --tls_server_name=example.org --connect_timeout=300ms", 1, ["is for localhost", "--tls_server_name=localhost"]),
    (LOADGEN, "--balancer={tls_balancer} --connect_timeout=300ms", 1, ["{tls_balancer} speaks TLS", "give --tls_ca=FILE"]),
    (LOADGEN, "--target=a:1 --tls_cert={server}.pem", 2, ["--tls_cert and --tls_key belong together", "give both"]),
    (LOADGEN, "--target=a:1 --tls_ca=/nowhere/ca.pem", 2, ["--tls_ca=/nowhere/ca.pem", "cannot be read"]),
    (LOADGEN, "--target=a:1 --tls_ca={text}", 2, ["--tls_ca={text}", "is not a PEM file"]),
    (PROCESSOR, "--tls_cert={server}.pem", 2, ["--tls_key is missing"]),
    (PROCESSOR, "--tls_cert=/nowhere/c.pem --tls_key=/nowhere/k.pem", 2, ["--tls_cert", "/nowhere/c.pem"]),
    (PROCESSOR, "--tls_cert={text} --tls_key={text}", 2, ["{text}", "-----BEGIN CERTIFICATE-----"]),
    (PROCESSOR, "--jwt_issuer=a --jwt_audience=b", 2, ["--jwt_issuer is about tokens", "--jwt_audience is about tokens", "without --jwt_keys"]),
    (PROCESSOR, "--jwt_keys=/nowhere/keys.json", 2, ["--jwt_keys", "/nowhere/keys.json", "No such file"]),
    (PROCESSOR, "--jwt_keys={text}", 2, ["--jwt_keys: {text}", "no JSON Web Key Set"]),
    (PROCESSOR, "--access_file={text}", 2, ["--access_file: {text}:2:1:"]),
    (PROCESSOR, "--authenticate_all", 2, ["--authenticate_all", "give --jwt_keys, or --tls_client_ca"]),
    (BALANCER, "--authenticate_lookups", 2, ["--authenticate_lookups", "give --jwt_keys, or --tls_client_ca"]),
    (BALANCER, "--jwt_keys={text}", 2, ["--jwt_keys", "only with --authenticate_lookups"]),
    (PROCESSOR, "--check_config --access_file={text} --jwt_keys={text} --handler=nope", 1, ["--access_file: {text}:2:1:", "--jwt_keys: {text}", "'nope'"]),
    (PROCESSOR, "--check_config --tls_client_ca={ca} --max_connection_idle=0", 1, ["--max_connection_idle is 0"]),
    (BALANCER, "--check_config --register_token_file={text} --tls_ca={text}", 1, ["{text} holds", "{text}"]),
    (PROCESSOR, "--tls_client_ca={ca}", 2, ["--tls_client_ca", "give --tls_cert and --tls_key too"]),
]

FILES = [
    (LOADGEN, "--input=/nowhere/lines", 2, ["--input: cannot open /nowhere/lines", "is the name right?"]),
    (LOADGEN, "--input={folder}", 2, ["--input: cannot read {folder}", "give a file, not a folder"]),
    (LOADGEN, "--json=/nowhere/x", 2, ["--json: cannot open /nowhere/x", "make its folder first"]),
    (LOADGEN, "--report={folder}", 2, ["--report: cannot open {folder}", "give a file, not a folder"]),
    (LOADGEN, "--output=x", 2, ["--output=x", "give --input too"]),
    (LOADGEN, "--input={text} --output={text}", 2, ["--input={text} and --output={text} are the same file", "Write to another"]),
    (LOADGEN, "--json={folder}/a --report={folder}/./a", 2, ["are the same file", "Give each its own"]),
    (LOADGEN, "--target={processor} --input={empty}", 1, ["--input={empty} has no lines"]),
    (COMPARE, "--json=/nowhere/x", 2, ["--json: cannot open /nowhere/x", "make its folder first"]),
    (COMPARE, "--json={folder}/a --report={folder}/a", 2, ["are the same file", "Give each its own"]),
    (PROCESSOR, "--address_file=/nowhere/a --listen_address=127.0.0.1:0 --http_address=127.0.0.1:0", 2, ["--address_file=/nowhere/a", "No such file"]),
    (PROCESSOR, "--balancer=127.0.0.1:1 --register_token_file=/nowhere/t", 2, ["--register_token_file", "cannot read /nowhere/t"]),
    (BALANCER, "--registry=etcd://a:2379/x --registry_user=me --registry_password_file={empty}", 2, ["--registry_password_file: {empty} is empty", "the password"]),
    (BALANCER, "--register_token_file={empty}", 2, ["{empty} holds no token", "give one a line"]),
]

HANDLERS_AND_WORKERS = [
    (PROCESSOR, "--handler=nope", 2, ["no handler 'nope'", "there are: echo"]),
    (PROCESSOR, "--workers=two", 2, ["--workers is 'two'", "a number or auto"]),
    (PROCESSOR, "--workers=-1", 2, ["--workers is '-1'", "a number or auto"]),
    (CLUSTER, "--model=2 --workers=0", 2, ["--workers=0", "at least one"]),
    (CLUSTER, "--pass_through --model=1", 2, ["--pass_through", "--model=4"]),
]


class MistakesTest(harness.ProcessTest):
    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def _authority(self, name):
        base = str(self.folder / name)
        self._openssl(
            *"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(),
            *("-subj", f"/CN={name}", "-keyout", f"{base}.key", "-out", f"{base}.pem"),
        )
        return base

    def _issue(self, authority, name):
        base = str(self.folder / name)
        self._openssl(
            *"req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(),
            *("-subj", f"/CN={name}", "-keyout", f"{base}.key", "-out", f"{base}.csr"),
        )
        names = self.folder / "names"
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._openssl(
            *("x509", "-req", "-days", "2", "-in", f"{base}.csr", "-out", f"{base}.pem"),
            *("-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial"),
            *("-extfile", str(names)),
        )
        return base

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mistakes-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "text").write_text("hello\n")
        (self.folder / "empty").write_text("")
        self.words = {
            "folder": str(self.folder),
            "text": str(self.folder / "text"),
            "empty": str(self.folder / "empty"),
        }

    def _listener(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        return f"127.0.0.1:{listener.getsockname()[1]}"

    def _run(self, program, arguments):
        """Returns the exit code and all that the program wrote."""
        ended = subprocess.run(
            [harness.runfile(program), *arguments.format(**self.words).split()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            # Nothing of the machine's own stands between.
            env={"PATH": os.environ["PATH"]},
            check=False,
        )
        return ended.returncode, ended.stdout.decode(errors="replace")

    def _check(self, mistakes):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            ends = list(pool.map(lambda one: self._run(one[0], one[1]), mistakes))
        for (program, arguments, exit_code, says), (ended, text) in zip(mistakes, ends):
            with self.subTest(f"{os.path.basename(program)} {arguments}"):
                self.assertEqual(ended, exit_code, text)
                for words in says:
                    self.assertIn(words.format(**self.words), text)

    def test_the_table_has_more_than_fifty_five(self):
        tables = [FLAGS, ADDRESSES, PEERS, TLS, FILES, HANDLERS_AND_WORKERS]
        self.assertGreaterEqual(sum(map(len, tables)), 55)

    def test_flags(self):
        self._check(FLAGS)

    def test_addresses(self):
        self.words |= {"taken": self._listener(), "silent": self._listener()}
        self._check(ADDRESSES)

    def test_servers_of_another_kind_or_without_others(self):
        processor = self.processor()
        astray = self.balancer()
        # Registered with an address where nothing answers.
        self.processor(f"--balancer={astray.grpc}", "--advertise_address=127.0.0.1:1")
        self.words |= {
            "processor": processor.grpc,
            "processor_http": processor.http,
            "empty_balancer": self.balancer().grpc,
            "astray_balancer": astray.grpc,
        }
        harness.eventually(
            lambda: "127.0.0.1:1" in astray.get("/list")[1], "the astray processor registers"
        )
        self._check(PEERS)

    def test_tls(self):
        authority = self._authority("authority")
        server = self._issue(authority, "server")
        other = self._authority("other")
        secured = (f"--tls_cert={server}.pem", f"--tls_key={server}.key")
        self.words |= {
            "ca": f"{authority}.pem",
            "other_ca": f"{other}.pem",
            "server": server,
            "stranger": self._issue(other, "stranger"),
            "processor": self.processor().grpc,
            "tls": self.processor(*secured).grpc,
            "mtls": self.processor(*secured, f"--tls_client_ca={authority}.pem").grpc,
            "tls_balancer": self.balancer(*secured).grpc,
        }
        self._check(TLS)

    def test_processors_that_cannot_register_say_what_to_do(self):
        authority = self._authority("authority")
        server = self._issue(authority, "server")
        secured = (f"--tls_cert={server}.pem", f"--tls_key={server}.key")
        stranger = self._authority("stranger")
        for words, flags in (
            ("a gRPC server that is no balancer answers", [f"--balancer={self.processor().grpc}"]),
            ("start a balancer there", ["--balancer=127.0.0.1:1"]),
            ("Then give --balancer_ca", [f"--balancer={self.balancer(*secured).grpc}"]),
            (
                "is --balancer_ca the authority",
                [f"--balancer={self.balancer(*secured).grpc}", f"--balancer_ca={stranger}.pem"],
            ),
            (
                "leave out --balancer_ca",
                [f"--balancer={self.balancer().grpc}", f"--balancer_ca={authority}.pem"],
            ),
        ):
            with self.subTest(words):
                processor = self.processor(*flags)
                harness.eventually(
                    lambda processor=processor, words=words: words in processor.output(), f"{flags}: {words}"
                )

    def test_files(self):
        self.words["processor"] = self.processor().grpc
        self._check(FILES)
        self.assertEqual(pathlib.Path(self.words["text"]).read_text(encoding="utf-8"), "hello\n")
        self.assertFalse((self.folder / "a").exists())

    def test_handlers_and_workers(self):
        self._check(HANDLERS_AND_WORKERS)


if __name__ == "__main__":
    unittest.main()
