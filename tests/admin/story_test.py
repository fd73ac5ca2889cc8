"""A session's story, as operators are told it; and streams that have no session."""

import contextlib
import datetime
import json
import os
import signal
import threading
import unittest

import grpc

from tests import harness
from tests.admin import ctl_case
from tests.limits import traffic
from tests.nginx import raw_call
from tests.workers import crew


class _Client:
    """A stream that sends what it is given, and reads whatever comes."""

    def __init__(self, channel, *frames, metadata=()):
        self._release = threading.Event()
        self.call = raw_call.open_stream(
            channel, self._requests(frames), timeout=60, metadata=metadata
        )
        # How it ends is known only once all has been read.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _requests(self, frames):
        yield from frames
        self._release.wait()

    def _read(self):
        with contextlib.suppress(grpc.RpcError):
            for _ in self.call:
                pass

    def leave(self):
        """Says that it is done, and returns its code."""
        self._release.set()
        self._reader.join()
        return self.call.code()


def _spin(microseconds):
    """The headers of a message."""
    return traffic.field(3, traffic.field(1, b"spin-us") + traffic.field(2, microseconds))


class StoryTest(ctl_case.CtlCase, crew.WorkersTest):
    def _channel(self, processor):
        channel = grpc.insecure_channel(processor.grpc)
        self.addCleanup(channel.close)
        return channel

    def _client(self, processor, *frames, metadata=()):
        client = _Client(self._channel(processor), *frames, metadata=metadata)
        self.addCleanup(client.call.cancel)
        return client

    def _shows(self, name, **fields):
        """Waits until msgproc show has these fields."""

        def shown():
            session = self.ctl_json("show", name)
            return all(session.get(field) == value for field, value in fields.items())

        harness.eventually(shown, f"{name}: {fields}")
        return self.ctl_json("show", name)

    def test_takeovers_resumptions_and_ends_are_told_apart(self):
        processor = self.served("--handler=spin", "--spin_handler")
        before = datetime.datetime.now(datetime.timezone.utc)
        proxy = (("x-forwarded-for", "203.0.113.7"),)
        first = self._client(
            processor,
            traffic.open_session("till-7"),
            traffic.message(1, 10),
            traffic.message(2, 10, _spin(b"for ever")),
            metadata=proxy,
        )
        session = self._shows("till-7", readyThrough="2")
        opened = datetime.datetime.fromisoformat(session["openedAt"][:19] + "+00:00")
        self.assertLess(abs(opened - before), datetime.timedelta(minutes=1))
        self.assertEqual(
            [session[f] for f in ("streams", "takeovers", "resumptions", "losses")],
            ["1", "0", "0", "0"],
        )
        self.assertEqual(session["forwardedFor"], "203.0.113.7")
        self.assertNotIn("lastEnd", session)
        failures = session["failures"]
        self.assertEqual((failures["count"], failures["sequence"], failures["code"]), ("1", "2", 3))
        self.assertIn("The header spin-us is 'for ever'", failures["message"])

        second = self._client(processor, traffic.open_session("till-7"))
        session = self._shows("till-7", streams="2")
        self.assertEqual((session["takeovers"], session["resumptions"]), ("1", "0"))
        self.assertEqual(session["lastError"]["code"], 10)
        harness.eventually(first.call.done, "the first hears of it")

        self.ctl("end", "till-7")
        session = self._shows("till-7", attached=False)
        harness.eventually(second.call.done, "the second hears of it")
        self.assertEqual(session["lastError"]["code"], 14)
        self.assertEqual(session["lastError"]["message"], "An operator has ended the stream.")
        self.assertEqual(session["lastEnd"], session["lastError"])

        third = self._client(processor, traffic.open_session("till-7"), metadata=proxy)
        session = self._shows("till-7", streams="3")
        self.assertEqual((session["takeovers"], session["resumptions"]), ("1", "1"))
        story = self.ctl("show", "till-7")
        for said in (
            r"forwarded for +203\.0\.113\.7\n",
            r"opened here +[\d.]+ m?s ago \(20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ",
            r"state +attached for .*; resumed once, taken over once\n",
            r"last stream's end +UNAVAILABLE: An operator has ended the stream\., .* ago \(20",
            r"failed by its handler +1 message, the last was message 2: INVALID_ARGUMENT: The header",
        ):
            self.assertRegex(story, said)

        # It goes as it should, with results that it has not acknowledged.
        self.assertEqual(third.leave(), grpc.StatusCode.OK)
        session = self._shows("till-7", attached=False)
        self.assertEqual(session["lastEnd"]["code"], 0)
        self.assertEqual(session["lastError"]["code"], 14)

    def test_log_lines_name_the_trace_of_the_stream(self):
        processor = self.served("--log_format=json")
        traces = [f"{number:032x}" for number in (0xA, 0xB, 0xC)]

        def under(*traces):
            return [("traceparent", f"00-{trace}-b7ad6b7169203331-00") for trace in traces]

        def lines():
            output = processor.output().splitlines()
            return [json.loads(line) for line in output if "till-7" in line]

        opened = traffic.open_session("till-7")
        self._client(processor, opened, metadata=under(traces[0]))
        self._shows("till-7", traceId=traces[0])
        self.ctl("log", "debug", "--session=till-7")
        self._client(processor, opened, traffic.message(1, 10), metadata=under(traces[1]))
        self._shows("till-7", traceId=traces[1], readyThrough="1")
        self.assertRegex(self.ctl("show", "till-7"), rf"\ntrace +{traces[1]}\n")
        self.ctl("end", "till-7")
        self._shows("till-7", attached=False)
        # Several are none.
        self._client(processor, opened, metadata=under(*traces))
        self._shows("till-7", traceId="", streams="3")
        last = self._client(processor, opened, metadata=under(traces[2]))
        self._shows("till-7", traceId=traces[2])
        self.assertEqual(last.leave(), grpc.StatusCode.OK)
        self._shows("till-7", attached=False)
        self.ctl("forget", "till-7")

        def said(message):
            return [line for line in lines() if line["msg"] == message]

        harness.eventually(
            lambda: said("an operator forgets a session")
            and len(said("session's stream ended")) == 4,
            "the log says all of it",
        )
        named = {}
        for line in lines():
            named.setdefault(line["msg"], set()).add(line["trace_id"])
        for message, expected in {
            "session opened": {*traces, ""},
            "session's stream ended": {*traces, ""},
            "session: taken over by another stream": {traces[1], traces[2]},
            "session: messages accepted": {traces[1]},
            "session: resumed": {""},
            "session: stream ended": {traces[1], traces[2]},
            "an operator has a session logged": {traces[0]},
            "an operator ends a stream": {traces[1]},
            "an operator forgets a session": {traces[2]},
        }.items():
            self.assertEqual(named.get(message), expected, message)

    def test_the_worker_that_has_the_oldest_message_is_named(self):
        processor = self.served("--workers=1", "--handler=echo")
        self._client(processor, traffic.open_session("till-7"), traffic.message(1, 10))
        self._shows("till-7", readyThrough="1")
        worker = self.worker_pids(processor)[0]
        os.kill(worker, signal.SIGSTOP)
        # More than a worker is given at once: some wait for it.
        others = [
            self._client(processor, traffic.open_session(f"till-{i}"), traffic.message(1, 10))
            for i in range(8, 14)
        ]
        stages = {}

        def all_accepted():
            for i in range(8, 14):
                stages[i] = self.ctl_json("show", f"till-{i}")
            return all(session["acceptedThrough"] == "1" for session in stages.values())

        harness.eventually(all_accepted, "all have sent a message")
        held = [i for i, s in stages.items() if s["unanswered"]["workerPid"] != "0"]
        waiting = [i for i in stages if i not in held]
        self.assertTrue(held)
        self.assertTrue(waiting)
        for i in held:
            self.assertEqual(stages[i]["unanswered"]["workerPid"], str(worker))
            self.assertEqual(stages[i]["stage"], "STAGE_HANDLER")
            self.assertIn(
                f"the worker with process id {worker} has it", self.ctl("show", f"till-{i}")
            )
        for i in waiting:
            self.assertEqual(stages[i]["stage"], "STAGE_QUEUED")
            self.assertIn("it waits for the handler", self.ctl("show", f"till-{i}"))
        os.kill(worker, signal.SIGCONT)
        for client in others:
            self.assertEqual(client.leave(), grpc.StatusCode.OK)

    def test_streams_without_a_session_are_listed_shown_and_ended(self):
        processor = self.served()
        anonymous = [self._client(processor, raw_call.ONE_MESSAGE) for _ in range(2)]
        session = self._client(processor, traffic.open_session("till-7"), traffic.message(1, 10))

        def listed(*flags):
            return self.ctl_json("ls", *flags).get("sessions", [])

        harness.eventually(
            lambda: [s["acceptedThrough"] for s in listed()] == ["1"] * 3, "all are there"
        )
        streams = [s["stream"] for s in listed("--state=anonymous")]
        self.assertEqual(len(set(streams)), 2)
        self.assertEqual([s["sessionId"] for s in listed("--state=attached")], ["till-7"])
        self.assertEqual([s["sessionId"] for s in listed()], ["till-7", "", ""])
        lines = self.ctl("ls", "--state=anonymous").splitlines()
        self.assertRegex(
            lines[1], rf"^@{streams[0]} +- +echo +ipv4:127\.0\.0\.1:\d+ +anonymous +\d"
        )
        self.assertEqual(lines[-1], "2 of 2 shown, 3 in all")
        top = self.ctl("top", "--rounds=2", "--interval=200ms", "--state=anonymous")
        self.assertRegex(top, rf"@{streams[1]} .* anonymous +[\d.]+ m?s +0 +1 ")

        name = f"@{streams[0]}"
        self.assertRegex(self.ctl("show", name), rf"stream without a session +{name}\n")
        self.assertIn("All results were written.", self.ctl("show", name))
        self.assertEqual(self.ctl("end", name), "ended\n")
        harness.eventually(lambda: len(listed("--state=anonymous")) == 1, "it has gone")
        harness.eventually(lambda: any(c.call.done() for c in anonymous), "its client hears")
        ended = [c.call for c in anonymous if c.call.done()]
        self.assertEqual([c.code() for c in ended], [grpc.StatusCode.UNAVAILABLE])
        for command in ("show", "end"):
            self.assertEqual(
                self.run_ctl(command, name)[::2],
                (1, "msgproc: This server does not have the stream.\n"),
            )
        self.assertFalse(session.call.done())
        # A session may be called as a stream is, and goes first.
        other = self._client(processor, traffic.open_session(f"@{streams[1]}"))
        harness.eventually(lambda: listed(f"--prefix=@{streams[1]}"), "it is there")
        self.assertEqual(self.ctl("end", f"@{streams[1]}"), "ended\n")
        harness.eventually(other.call.done, "its client hears")
        self.assertEqual(len(listed("--state=anonymous")), 1)


if __name__ == "__main__":
    unittest.main()
