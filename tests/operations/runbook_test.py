"""Each command of docs/runbook.md, run while its alert is on: it says what the page says."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

import grpc

from tests import harness, sharding
from tests.fleet import fleet
from tests.identity import issuer
from tests.limits import traffic
from tests.memory import greedy
from tests.nginx import raw_call
from tests.operations import runbook_pages

_CTL = "tools/ctl/ctl"
_STALLING = "tests/operations/stalling_processor"
_READ_ONLY_LIBRARY = "tests/durability/libread_only.so"
# HTTP/2's, with empty settings: nobody takes it for a connection that comes to nothing.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_REGISTER = "/msgproc.v1.Registry/Register"
# Of Open.
_HANDLER_FIELD = 4

with open(harness.runfile("docs/runbook.md"), encoding="utf-8") as file:
    _PAGES = runbook_pages.read(file.read())
# What each alert is for: a method that brings it about.
_SITUATIONS = {}


def _situation(*alerts):
    def remember(method):
        _SITUATIONS.update(dict.fromkeys(alerts, method))
        return method

    return remember


def _spinning(sequence, microseconds):
    header = traffic.field(1, b"spin-us") + traffic.field(2, microseconds)
    return traffic.message(sequence, 1, traffic.field(3, header))


class _Stream:
    """A client that stays where it is: of the permanent socket, or of another `method`."""

    def __init__(self, address, frames, method=raw_call.PROCESS):
        self._leaves = threading.Event()
        self._channel = grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
        self._call = self._channel.stream_stream(
            method, request_serializer=bytes, response_deserializer=bytes
        )(self._requests(frames), timeout=60)

    def _requests(self, frames):
        yield from frames
        self._leaves.wait()

    def read(self):
        return next(self._call)

    def leave(self):
        self._leaves.set()
        self._call.cancel()
        self._channel.close()


class RunbookTest(fleet.FleetTest):
    def setUp(self):
        # Short, as the path of a Unix socket is.
        folder = tempfile.TemporaryDirectory(prefix="book-")  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "msgproc").mkdir(mode=0o700)
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "msgproc").symlink_to(harness.runfile(_CTL))
        self.balancer_admin = f"unix:{self.folder}/fleet.sock"
        self.variables = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "XDG_RUNTIME_DIR": str(self.folder),
            "FLEET": self.balancer_admin,
        }

    def test_every_alert_has_commands_and_a_situation(self):
        self.assertEqual(set(_SITUATIONS), set(_PAGES))
        for alert, commands in _PAGES.items():
            self.assertGreaterEqual(len(commands), 1, alert)

    def assert_commands_say_what_the_page_says(self, alert):
        _SITUATIONS[alert](self)
        for command in _PAGES[alert]:
            self._await_what_is_written(alert, command)

    def _await_what_is_written(self, alert, command):
        pattern = runbook_pages.pattern_of(command.expected)
        said = ""

        def as_written():
            nonlocal said
            said = self._run(command.text)
            return pattern.fullmatch(said)

        try:
            harness.eventually(as_written, command.text, 10)
        except AssertionError:
            self.fail(f"{alert}\n$ {command.text}{said}\nThe page:\n{command.expected}")

    def _run(self, command):
        ran = subprocess.run(
            ["bash", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=self.variables,
            timeout=30,
            check=False,
        )
        return ran.stdout

    # Servers as the commands find them.

    def _watched(self, server, name="PROCESSOR", log="LOG"):
        self.variables.update({name: server.http, log: str(server.log_path), "PID": str(server.pid)})
        return server

    def _processor(self, *flags, **options):
        admin = f"--admin_address=unix:{self.folder}/msgproc/processor.admin.sock"
        return self._watched(self.processor(admin, *flags, **options))

    def _balancer(self, *flags):
        admin = f"--admin_address={self.balancer_admin}"
        return self._watched(self.balancer(admin, *flags), "BALANCER", "BALANCER_LOG")

    def _stream(self, processor, *frames):
        stream = _Stream(processor.grpc, frames)
        self.addCleanup(stream.leave)
        return stream

    def _tls(self, days=90):
        authority = issuer.Authority(self.folder, days)
        certificate, key = authority.issue("server")
        self.variables["CERTIFICATE"] = str(certificate)
        return authority, certificate, (f"--tls_cert={certificate}", f"--tls_key={key}")

    # Whole servers.

    @_situation("MsgprocDown")
    def _a_processor_that_was_killed(self):
        processor = self._processor()
        harness.eventually(lambda: "serving server" in processor.output(), "it says so")
        processor.kill()

    @_situation("MsgprocDrainHangs")
    def _a_client_that_does_not_go(self):
        processor = self._processor("--drain_timeout=60s")
        self._stream(processor, traffic.open_session("stays")).read()
        processor.signal(signal.SIGTERM)
        harness.eventually(lambda: processor.get("/readyz")[0] == 503, "it drains")

    @_situation("MsgprocDescriptors")
    def _descriptors_that_run_out(self):
        processor = self._processor(prefix=("prlimit", "--nofile=512"))
        host, port = processor.grpc.rsplit(":", 1)
        for _ in range(205):
            connection = socket.create_connection((host, int(port)))
            self.addCleanup(connection.close)
            connection.sendall(_PREFACE)
        harness.eventually(lambda: processor.metric("process_open_fds") > 420, "they are used")

    @_situation("MsgprocStalled")
    def _callbacks_that_stand_still(self):
        stall = self.folder / "stall"
        processor = self.keep(
            harness.Server(
                _STALLING,
                ("--stall_unready=1s", "--stall_unhealthy=60s"),
                "processor",
                "127.0.0.1:0",
                env={"STALL_FILE": str(stall)},
            )
        )
        self._watched(processor)
        stall.touch()
        self.addCleanup(stall.unlink)
        self.loadgen(f"--target={processor.grpc}", "--n=20", "--connections=20")
        harness.eventually(lambda: processor.get("/readyz")[0] == 503, "it stands still")

    @_situation("MsgprocLogDropped")
    def _a_log_on_a_full_disk(self):
        processor = self._processor(prefix=("sh", "-c", 'exec "$@" 2>/dev/full', "sh"))
        harness.eventually(
            lambda: processor.metric("msgproc_log_lines_dropped_total") > 0, "lines are dropped"
        )

    # Handlers.

    @_situation("MsgprocErrors", "MsgprocHandlerFails")
    def _a_handler_that_fails(self):
        processor = self._processor("--spin_handler")
        frames = [_spinning(i, b"nonsense") for i in range(1, 11)]
        self._stream(processor, _open("till-7", "spin"), *frames)
        harness.eventually(
            lambda: processor.metric("msgproc_processor_messages_total", outcome="error") == 10,
            "all have failed",
        )

    @_situation("MsgprocSlow")
    def _a_handler_that_is_slow(self):
        processor = self._processor("--spin_handler", "--handler_threads=1")
        frames = [_spinning(i, b"1000000") for i in range(1, 13)]
        self._stream(processor, _open("till-7", "spin"), *frames)

    @_situation("MsgprocWorkersDie", "MsgprocPoison")
    def _a_message_that_kills_workers(self):
        processor = self._processor(
            "--workers=1", "--worker_command=sed -u /die/Q9", "--worker_lines"
        )
        die = traffic.field(2, b"\x08\x01" + traffic.field(2, b"die"))
        self._stream(processor, traffic.open_session("poison"), die)
        harness.eventually(
            lambda: processor.metric("msgproc_processor_worker_given_up_total") == 1,
            "it is given up",
        )

    # Clients.

    def _unread(self, metric, least, *flags):
        """A processor with a client that reads nothing, once that shows in a metric."""
        processor = self._processor(*flags)
        frames = [traffic.message(i, 512 << 10) for i in range(1, 41)]
        streams = greedy.Streams(processor.grpc, 1, frames, window=64 << 10)
        self.addCleanup(streams.leave)
        name = f"msgproc_processor_{metric}"
        harness.eventually(lambda: processor.metric(name) >= least, f"{name} is {least}")
        return processor

    @_situation("MsgprocUnread")
    def _a_client_that_does_not_read(self):
        self._unread("largest_unread_result_bytes", 16 << 20)

    @_situation("MsgprocSlowConsumers")
    def _a_client_that_never_reads(self):
        self._unread("slow_consumers_total", 1, "--heartbeat_interval=500ms")

    @_situation("MsgprocRejects")
    def _a_client_that_breaks_a_rule(self):
        raw_call.call(self._processor().grpc, [b"\xff\xff\xff"])

    @_situation("MsgprocRefuses", "MsgprocMemory")
    def _sessions_that_hold_the_whole_budget(self):
        budget = 1 << 20
        processor = self._unread("memory_used_bytes", budget + 1, f"--memory_budget={budget}")
        raw_call.call(processor.grpc, [traffic.open_session("second")])

    @_situation("MsgprocSessionsForgotten")
    def _clients_that_are_away(self):
        processor = self._processor("--max_detached_bytes=1")
        stream = _Stream(processor.grpc, [traffic.open_session("away"), traffic.message(1, 9)])
        stream.read()
        stream.leave()
        harness.eventually(
            lambda: processor.metric("msgproc_processor_sessions_forgotten_total"), "it is forgotten"
        )

    @_situation("MsgprocTakeovers")
    def _two_clients_with_one_session(self):
        processor = self._processor()
        for _ in range(2):
            self._stream(processor, traffic.open_session("twice")).read()

    @_situation("MsgprocSessionsLost")
    def _a_server_that_was_killed(self):
        processor = self._processor(listen_address=f"127.0.0.1:{harness.free_port()}")
        self.loadgen(f"--target={processor.grpc}", "--rate=100", "--duration=1h")
        harness.eventually(lambda: self.answered(processor) > 10, "it works")
        processor.kill()
        again = self._processor(listen_address=processor.grpc)
        harness.eventually(
            lambda: again.metric("msgproc_processor_session_opens_total", state="lost"),
            "its client has come back",
        )

    @_situation("MsgprocConnectionsRefused")
    def _more_connections_than_may_be(self):
        processor = self._processor("--max_connections=1")
        self._stream(processor, traffic.open_session("first")).read()
        raw_call.call(processor.grpc, [traffic.open_session("second")])

    # Rights and files.

    @_situation("MsgprocAccessRefused")
    def _a_client_without_rights(self):
        rules = self.folder / "access.textproto"
        rules.write_text('rules { principal { exact: "alice" } handlers: "*" }\n')
        processor = self._processor(f"--access_file={rules}")
        raw_call.call(processor.grpc, [traffic.open_session("s")])

    @_situation("MsgprocReloadFails")
    def _a_certificate_that_is_not_good(self):
        _, certificate, flags = self._tls()
        processor = self._processor(*flags)
        certificate.write_text("")
        harness.eventually(
            lambda: processor.metric("msgproc_processor_reload_failures_total"), "it was looked at"
        )

    @_situation("MsgprocCertificateExpiresSoon")
    def _a_certificate_of_ten_days(self):
        self._processor(*self._tls(days=10)[2])

    @_situation("MsgprocCertificateExpires")
    def _a_certificate_of_one_day(self):
        self._processor(*self._tls(days=1)[2])

    @_situation("MsgprocHandshakesFail")
    def _a_client_without_tls(self):
        processor = self._processor(*self._tls()[2])
        host, port = processor.grpc.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            connection.recv(100)

    # Fleets.

    @_situation("MsgprocNoServers")
    def _a_balancer_alone(self):
        self._balancer()

    @_situation("MsgprocFailStatic")
    def _a_fleet_that_vanishes(self):
        balancer = self._balancer("--lease=1s")
        (processor,) = self.members(balancer, 1)
        processor.signal(signal.SIGSTOP)
        harness.eventually(
            lambda: balancer.metric("msgproc_balancer_fail_static") == 1, "it is handed out further"
        )

    @_situation("MsgprocNotRegistered")
    def _a_balancer_that_is_not_there(self):
        self._processor(f"--balancer=127.0.0.1:{harness.free_port()}")

    @_situation("MsgprocRegistrationsDenied")
    def _a_processor_without_a_token(self):
        tokens = self.folder / "tokens"
        tokens.write_text("a-token-of-the-fleet\n")
        balancer = self._balancer(f"--register_token_file={tokens}")
        self._processor(f"--balancer={balancer.grpc}")

    @_situation("MsgprocOneNameTwice")
    def _two_processors_with_one_name(self):
        balancer = self._balancer()
        self._processor(f"--balancer={balancer.grpc}", "--server_id=p1")
        self.await_serving(balancer, 1)
        self.member(balancer, "p1")

    @_situation("MsgprocUneven")
    def _a_processor_with_all_sockets(self):
        balancer = self._balancer("--moves_per_second=0")
        full, _ = self.members(balancer, 2)
        self.loadgen(f"--target={full.grpc}", "--rate=50", "--duration=1h", "--connections=30")

    @_situation("MsgprocClock")
    def _a_clock_that_is_a_minute_ahead(self):
        balancer = self._balancer()
        clock = traffic.numeric_field(1, int(time.time()) + 60)
        report = b"".join(
            (
                traffic.field(1, b"ahead"),
                traffic.field(2, b"127.0.0.1:9"),
                traffic.numeric_field(4, 1),
                # Of vitals the version and the clock.
                traffic.field(11, traffic.field(1, b"0.1.0") + traffic.field(2, clock)),
            )
        )
        registration = _Stream(balancer.grpc, [report], method=_REGISTER)
        self.addCleanup(registration.leave)

    @_situation("MsgprocStoresDiffer")
    def _two_stores(self):
        balancer = self._balancer()
        self.member(balancer, "stored", f"--session_store=sqlite:{self.folder}/sessions.db")
        self.member(balancer, "plain")
        self.await_serving(balancer, 2)

    # The session store.

    @_situation("MsgprocStoreFails", "MsgprocStoreSlow")
    def _a_disk_that_became_read_only(self):
        disk = self.folder / "disk"
        disk.mkdir()
        read_only = self.folder / "read-only"
        environment = {
            "LD_PRELOAD": harness.runfile(_READ_ONLY_LIBRARY),
            "MSGPROC_READ_ONLY_WHILE": str(read_only),
            "MSGPROC_READ_ONLY_UNDER": str(disk),
        }
        prefix = ("env", *(f"{name}={value}" for name, value in environment.items()))
        processor = self._processor(f"--session_store=sqlite:{disk}/sessions.db", prefix=prefix)
        self.loadgen(f"--target={processor.grpc}", "--rate=100", "--duration=1h")
        harness.eventually(lambda: self.answered(processor) > 10, "it works")
        read_only.touch()
        harness.eventually(lambda: processor.get("/readyz")[0] == 503, "it fails")

    @_situation("MsgprocStoreLost")
    def _a_store_that_was_replaced(self):
        def start(store):
            return self._processor(
                f"--session_store=sqlite:{self.folder}/{store}.db", listen_address=address
            )

        address = f"127.0.0.1:{harness.free_port()}"
        processor = start("sessions")
        self.loadgen(f"--target={address}", "--rate=100", "--duration=1h")
        harness.eventually(lambda: self.answered(processor) > 10, "it works")
        processor.kill()
        start("another")


def _open(name, handler):
    """A ProcessRequest with an Open that names its handler."""
    token = name.encode().rjust(16, b"t")
    fields = ((1, name.encode()), (2, token), (_HANDLER_FIELD, handler.encode()))
    return traffic.field(1, b"".join(traffic.field(number, text) for number, text in fields))


def _add_tests():
    for alert in _PAGES:

        def test(self, alert=alert):
            self.assert_commands_say_what_the_page_says(alert)

        setattr(RunbookTest, f"test_{alert}", test)


_add_tests()

if __name__ == "__main__":
    sharding.main()
