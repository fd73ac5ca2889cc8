"""What the tool makes of servers of other releases: that lack calls, or all of them."""

import concurrent.futures
import json
import unittest

import grpc

from tests.admin import ctl_case

_ADMIN = "msgproc.admin.v1.Admin"
_FLEET = "msgproc.admin.v1.Fleet"
# Of GetStatusResponse: version, and then kind.
_OLDEST = b"\x12\x050.8.0"
_PROCESSOR = _OLDEST + b"\x70\x01"
_BALANCER = _OLDEST + b"\x70\x02"

# Every command that asks a server for something, as it is written.
_COMMANDS = (
    ("ls",),
    ("ls", "--watch"),
    ("top",),
    ("show", "till-7"),
    ("servers",),
    ("workers",),
    ("cordon",),
    ("uncordon",),
    ("drain",),
    ("move", "--to=10.0.0.8:50051"),
    ("end", "till-7"),
    ("forget", "till-7"),
    ("log", "debug"),
    ("log", "debug", "--session=till-7"),
    ("trace", "till-7"),
    ("dump",),
    ("dump", "till-7"),
)


class ReleasesTest(ctl_case.CtlCase):
    def _server(self, status=None, **fleet):
        """Starts a server that answers GetStatus, or nothing at all."""

        def answers(reply):
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: reply)

        server = grpc.server(concurrent.futures.ThreadPoolExecutor())
        services = {
            _ADMIN: {} if status is None else {"GetStatus": answers(status)},
            _FLEET: {name: answers(reply) for name, reply in fleet.items()},
        }
        server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(name, methods)
                for name, methods in services.items()
                if methods
            ]
        )
        server.add_insecure_port(self.admin)
        server.start()
        self.addCleanup(server.stop, None)

    def _assert_refused(self, command, *said):
        with self.subTest(command=command):
            exit_code, output, error = self.run_ctl(*command)
            self.assertEqual((exit_code, output), (1, ""))
            self.assertEqual(error.count("\n"), 1, error)
            for text in ("msgproc: ", self.admin, *said):
                self.assertIn(text, error)

    def test_each_command_says_that_there_is_nobody_to_ask(self):
        self._server()
        for command in (("status",), *_COMMANDS):
            self._assert_refused(
                command, "is no server's --admin_address", "msgproc_build_info names its release"
            )

    def test_each_command_says_what_the_server_is_too_old_for(self):
        self._server(_OLDEST)
        self.assertIn("0.8.0", self.ctl("status"))
        for command in _COMMANDS:
            self._assert_refused(command, "is of release 0.8.0 and cannot do that yet")

    def test_a_processor_may_lack_what_a_processor_has_today(self):
        self._server(_PROCESSOR)
        self.assertIn("0.8.0", self.ctl("status"))
        for command in _COMMANDS:
            said = "is of release 0.8.0 and cannot do that yet"
            if command == ("servers",):
                said = "is a processor, which knows of no others: ask a balancer"
            self._assert_refused(command, said)

    def test_a_balancer_may_lack_what_a_balancer_has_today(self):
        self._server(_BALANCER)
        for command in _COMMANDS:
            if command[0] in ("cordon", "uncordon", "drain"):
                self._assert_refused((command[0], "p1"), "is of release 0.8.0 and cannot do that")
                self._assert_refused(command, "is a balancer: say which of its servers")
            elif command[0] in ("servers", "log") or command == ("dump",):
                self._assert_refused(command, "is of release 0.8.0 and cannot do that yet")
            else:
                self._assert_refused(command, "is a balancer, which has no sessions")

    def test_a_level_that_was_meant_for_a_session_is_taken_back(self):
        # It knows none of sessions, takes the level for its own, and was at info.
        asked = []

        def set_level(request, _context):
            asked.append(request)
            return b"\x08\x02"

        server = grpc.server(concurrent.futures.ThreadPoolExecutor())
        methods = {
            name: grpc.unary_unary_rpc_method_handler(answer)
            for name, answer in (
                ("SetLogLevel", set_level),
                ("GetStatus", lambda _request, _context: _PROCESSOR),
            )
        }
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_ADMIN, methods)])
        server.add_insecure_port(self.admin)
        server.start()
        self.addCleanup(server.stop, None)
        self._assert_refused(
            ("log", "debug", "--session=till-7"), "is of release 0.8.0 and cannot do that yet"
        )
        self.assertEqual(asked, [b"\x08\x01\x12\x06till-7", b"\x08\x02"])

    def _findings(self):
        exit_code, output, error = self.run_ctl("check", "--json")
        self.assertEqual(error, "")
        return exit_code, json.loads(output)["findings"]

    def test_check_goes_on_without_what_it_cannot_ask(self):
        # A balancer that knows of servers, and lists none.
        self._server(_BALANCER + b"\x9a\x01\x02\x08\x01")
        exit_code, findings = self._findings()
        kinds = [(finding["severity"], finding["kind"]) for finding in findings]
        self.assertEqual((exit_code, kinds), (0, [("note", "too_old"), ("note", "silent")]))
        self.assertIn("nothing is known of each of its servers", findings[0]["text"])
        self.assertIn("is of release 0.8.0", findings[0]["text"])

    def test_a_balancer_that_knows_of_no_filter_is_not_taken_at_its_word(self):
        def server(name, state):
            # FleetServer.status, ServerStatus.server and .state, Server.server_id.
            return b"\x0a\x0a\x0a\x08\x0a\x04\x0a\x02" + name + b"\x10" + bytes([state])

        self._server(_BALANCER, ListServers=server(b"p1", 1) + server(b"p2", 2) + server(b"p3", 1))

        def names(*flags):
            lines = self.ctl("servers", *flags).splitlines()
            return [line.split()[0] for line in lines[1:]]

        self.assertEqual(names(), ["p1", "p2", "p3"])
        self.assertEqual(names("--state=serving"), ["p1", "p3"])
        self.assertEqual(names("--state=draining"), ["p2"])
        self.assertEqual(names("--state=stale"), [])

    def test_check_names_a_server_that_it_cannot_ask_at_all(self):
        self._server()
        exit_code, findings = self._findings()
        self.assertEqual((exit_code, [f["kind"] for f in findings]), (1, ["too_old"]))
        self.assertEqual(findings[0]["server"], self.admin)
        self.assertIn("nothing is known of it", findings[0]["text"])

    def test_a_session_of_a_server_that_knows_less_is_shown_as_far_as_it_goes(self):
        session = b"\x0a\x06till-7\x22\x04echo\x30\x01\x50\x03"
        reply = b"\x0a" + bytes([len(session)]) + session
        server = grpc.server(concurrent.futures.ThreadPoolExecutor())
        handler = grpc.unary_unary_rpc_method_handler(lambda _request, _context: reply)
        # GetSessionResponse.session and ListSessionsResponse.sessions are both the first field.
        methods = {"GetSession": handler, "ListSessions": handler}
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_ADMIN, methods)])
        server.add_insecure_port(self.admin)
        server.start()
        self.addCleanup(server.stop, None)
        story = self.ctl("show", "till-7")
        self.assertRegex(story, r"state +attached for 0 µs; 3 streams\n")
        self.assertRegex(story, r"opened here +0 µs ago\n")
        self.assertIn("The client has everything.", story)
        self.assertRegex(self.ctl("ls"), r"till-7 +- +echo ")


if __name__ == "__main__":
    unittest.main()
