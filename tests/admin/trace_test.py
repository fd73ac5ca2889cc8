"""A session that an operator follows as it goes, or has logged apart from all others."""

import contextlib
import json
import queue
import re
import threading
import unittest

import grpc

from tests import harness
from tests.admin import ctl_case
from tests.limits import traffic
from tests.nginx import raw_call

_DONE = object()


def _received(through):
    """A ProcessRequest that acknowledges."""
    return traffic.numeric_field(3, through)


class _Client:
    """A stream that sends what it is told to, and reads whatever comes."""

    def __init__(self, channel):
        self._frames = queue.Queue()
        self.call = raw_call.open_stream(channel, iter(self._frames.get, _DONE), timeout=60)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with contextlib.suppress(grpc.RpcError):
            for _ in self.call:
                pass

    def send(self, *frames):
        for frame in frames:
            self._frames.put(frame)

    def leave(self):
        """Says that it is done, and returns its code."""
        self._frames.put(_DONE)
        self._reader.join()
        return self.call.code()


class TraceTest(ctl_case.CtlCase):
    def _client(self, processor, name, received=0):
        """Opens a session, of which it has received so much."""
        channel = grpc.insecure_channel(processor.grpc)
        self.addCleanup(channel.close)
        client = _Client(channel)
        self.addCleanup(client.call.cancel)
        client.send(traffic.open_session(name) + _received(received))
        return client

    def _shows(self, name, **fields):
        """Waits until msgproc show has these fields."""

        def shown():
            exit_code, output, _ = self.run_ctl("show", name, "--json")
            session = json.loads(output) if exit_code == 0 else {}
            return all(session.get(field) == value for field, value in fields.items())

        harness.eventually(shown, f"{name}: {fields}")

    def _follow(self, name, *flags):
        """Starts to follow a session; returns the process once it does."""
        argv = [str(harness.runfile(ctl_case.CTL)), f"--server={self.admin}", "trace", name, *flags]
        trace = self.keep(harness.Process(argv, f"trace-{name}"))
        harness.eventually(lambda: "AFTER\n" in trace.output(), f"{name} is followed")
        return trace

    def test_a_session_is_followed_from_stream_to_stream(self):
        processor = self.served(
            *("--handler=spin", "--spin_handler"),
            f"--session_store=sqlite:{self.folder}/sessions.db",
        )
        first = self._client(processor, "till-7")
        self._shows("till-7", attached=True)
        trace = self._follow("till-7")
        wrong = traffic.field(3, traffic.field(1, b"spin-us") + traffic.field(2, b"for ever"))
        first.send(traffic.message(1, 10))
        self._shows("till-7", writtenThrough="1")
        first.send(_received(1), traffic.message(2, 10, wrong))
        self._shows("till-7", writtenThrough="2", receivedThrough="1")
        second = self._client(processor, "till-7", received=1)
        self._shows("till-7", takeovers="1")
        self.ctl("end", "till-7")
        self._shows("till-7", attached=False)
        third = self._client(processor, "till-7", received=1)
        self._shows("till-7", resumptions="1", attached=True)

        steps = (
            r"accepted +1 ",
            r"dispatched +1 ",
            r"handled +1 ",
            r"committed +1 ",
            r"written +1 ",
            r"acknowledged +1 ",
            r"accepted +2 ",
            r"handled +2 .* 1 failed, the last: INVALID_ARGUMENT: The header spin-us is 'for ever'",
            r"committed +2 ",
            r"written +2 ",
            r"taken over +through 2 ",
            r"stream ended +- .* UNAVAILABLE: An operator has ended the stream\.",
            r"resumed +through 2 ",
        )
        line = r"\d\d:\d\d:\d\d\.\d{6}  "
        whole = re.compile(".*".join(line + step for step in steps), re.DOTALL)
        harness.eventually(lambda: whole.search(trace.output()), "all of it is told")

        # Another one may follow, and gets what is kept.
        events = [json.loads(text) for text in self._events("till-7")]
        kinds = [event["kind"].removeprefix("KIND_").lower() for event in events]
        self.assertEqual(kinds[0], "accepted")
        self.assertEqual((kinds.count("taken_over"), kinds.count("resumed")), (1, 1))
        failed = [event for event in events if event["failed"] != "0"]
        self.assertEqual(
            [(e["kind"], e["first"], e["failed"], e["code"]) for e in failed],
            [("KIND_HANDLED", "2", "1", 3)],
        )
        times = [event["at"].rstrip("Z") for event in events]
        self.assertEqual(sorted(times), times)

        # It goes once its client has everything.
        third.send(_received(2))
        self._shows("till-7", receivedThrough="2")
        self.assertEqual(third.leave(), grpc.StatusCode.OK)
        self.assertEqual(trace.wait(), 0)
        end = trace.output().splitlines()[-3:]
        self.assertRegex(end[0], line + r"input closed +- ")
        self.assertRegex(end[1], line + r"stream ended +- .* OK: goodbye$")
        self.assertEqual(end[2], "the server does not hold the session any more")
        self.assertEqual(second.call.code(), grpc.StatusCode.UNAVAILABLE)

    def _events(self, name):
        return self.ctl("trace", name, "--json", "--for=100ms").splitlines()

    def test_what_cannot_be_followed_says_so(self):
        processor = self.served()
        self.assertEqual(
            self.run_ctl("trace", "till-0", "--for=1s"),
            (1, "", "msgproc: This server does not hold the session.\n"),
        )
        for i in range(9):
            self._client(processor, f"till-{i}")
            self._shows(f"till-{i}", attached=True)
        for i in range(8):
            self._follow(f"till-{i}")
        exit_code, output, error = self.run_ctl("trace", "till-8")
        self.assertEqual((exit_code, output), (1, ""))
        self.assertIn("8 sessions are traced already, which is the most", error)
        # Not so those that are followed already.
        self.ctl("trace", "till-3", "--for=100ms")

    def test_only_one_session_is_logged_at_debug(self):
        processor = self.served("--log_level=warning")
        clients = {name: self._client(processor, name) for name in ("till-7", "desk-1")}

        def send(sequence):
            for name, client in clients.items():
                client.send(traffic.message(sequence, 10))
                self._shows(name, writtenThrough=str(sequence))

        def logged(sequence, name="till-7"):
            return re.search(
                f"messages accepted session={name} trace_id=\\S+ first={sequence} ",
                processor.output(),
            )

        send(1)
        self.assertEqual(self.ctl("log", "debug", "--session=till-7"), "it was default\n")
        send(2)
        harness.eventually(lambda: logged(2), "it is logged")
        for said in ("given to the handler", "handled"):
            self.assertIn(
                f'D session: messages {said} session=till-7 trace_id="" first=2', processor.output()
            )
        self.assertEqual(self.ctl_json("status")["logLevel"], "LOG_LEVEL_WARNING")
        self.assertEqual(self.ctl("log", "default", "--session=till-7"), "it was debug\n")
        send(3)
        # Lines keep their order: behind this one the others would stand.
        self.assertEqual(self.ctl("log", "debug", "--session=desk-1"), "it was default\n")
        send(4)
        harness.eventually(lambda: logged(4, "desk-1"), "the other one is logged")
        self.assertFalse(logged(1) or logged(3) or logged(4))
        self.assertFalse(logged(2, "desk-1"))

    def test_levels_that_make_no_sense_are_refused(self):
        self.served()
        self.assertEqual(
            self.run_ctl("log", "debug", "--session=nobody"),
            (1, "", "msgproc: This server does not hold the session.\n"),
        )
        exit_code, _, error = self.run_ctl("log", "default")
        self.assertEqual(exit_code, 2)
        self.assertIn("say which with --session=SESSION", error)
        exit_code, _, error = self.run_ctl("log", "info", "--session=till-7")
        self.assertEqual(exit_code, 2)
        self.assertIn("a session is logged at debug, or as all others are: default", error)

    def test_a_balancer_has_none_to_follow(self):
        self.balancer(f"--admin_address={self.admin}")
        exit_code, _, error = self.run_ctl("trace", "till-7")
        self.assertEqual(exit_code, 1)
        self.assertIn("is a balancer, which has no sessions", error)
        self.assertEqual(
            self.run_ctl("log", "debug", "--session=till-7"),
            (1, "", "msgproc: This server has no sessions.\n"),
        )


if __name__ == "__main__":
    unittest.main()
