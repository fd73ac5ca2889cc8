"""What operators see of sessions, and how they move and forget them."""

import grpc

from tests import harness, sharding
from tests.admin import ctl_case
from tests.limits import traffic
from tests.memory import greedy
from tests.nginx import raw_call


class SessionsTest(ctl_case.CtlCase):
    def _leave_behind(self, processor, name, messages=3):
        """Opens a session, sends messages, and goes without a word."""
        with grpc.insecure_channel(processor.grpc) as channel:
            requests = [traffic.open_session(name)]
            requests += [traffic.message(i, 10) for i in range(1, messages + 1)]
            call = raw_call.open_stream(channel, iter(requests + [traffic.field(15, b"")]))
            harness.eventually(
                lambda: self.ctl_json("ls", f"--prefix={name}")["sessions"]
                and int(self.ctl_json("show", name)["readyThrough"]) == messages,
                f"{name} is answered",
            )
            call.cancel()
        harness.eventually(
            lambda: not self.ctl_json("show", name)["attached"], f"{name} is detached"
        )

    def test_a_session_is_listed_shown_and_forgotten(self):
        processor = self.served()
        self._leave_behind(processor, "till-7")
        self._leave_behind(processor, "desk-1", messages=5)

        self.assertIn("2 of 2 shown, 2 in all", self.ctl("ls"))
        lines = self.ctl("ls", "--prefix=till").splitlines()
        self.assertRegex(lines[0], r"^SESSION +PRINCIPAL +HANDLER +PEER +STATE")
        self.assertRegex(lines[1], r"^till-7 +- +echo +ipv4:127\.0\.0\.1:\d+ +detached ")
        self.assertEqual(lines[2], "1 of 1 shown, 2 in all")
        self.assertEqual(
            [s["sessionId"] for s in self.ctl_json("ls", "--sort=messages")["sessions"]],
            ["desk-1", "till-7"],
        )
        self.assertEqual(self.ctl_json("ls", "--state=attached").get("sessions", []), [])

        story = self.ctl("show", "till-7")
        self.assertRegex(story, r"accepted through +3\n")
        self.assertRegex(story, r"acknowledged by the client +0\n")
        self.assertIn("Message 1 is the oldest that the client has not acknowledged", story)

        status = self.ctl_json("status")
        self.assertEqual(status["sessionsDetached"], "2")
        self.assertEqual(status["messages"], "8")
        self.assertIn("0 attached, 2 detached", self.ctl("status"))

        self.assertEqual(self.ctl("forget", "till-7"), "forgotten\n")
        exit_code, _, error = self.run_ctl("show", "till-7")
        self.assertEqual(
            (exit_code, error), (1, "msgproc: This server does not hold the session.\n")
        )
        self.assertEqual(self.run_ctl("forget", "till-7")[0], 1)
        self.assertIn("an operator forgets a session", processor.output())

    def test_a_session_in_a_store_is_forgotten_there_too(self):
        store = f"--session_store=sqlite:{self.folder}/sessions.db"
        processor = self.served(store)
        self._leave_behind(processor, "till-7")
        self.assertTrue(self.ctl_json("show", "till-7")["stored"])
        self.ctl("forget", "till-7")
        self.assertEqual(processor.stop(), 0)
        again = self.served(store)
        # It begins anew: nothing of it was left.
        self._leave_behind(again, "till-7", messages=1)
        self.assertEqual(self.ctl_json("show", "till-7")["acceptedThrough"], "1")

    def test_a_session_that_a_stream_has_is_not_forgotten(self):
        processor = self.served()
        load = self.loadgen(f"--target={processor.grpc}", "--rate=100", "--duration=4s")
        harness.eventually(lambda: self.ctl_json("ls").get("sessions"), "it is there")
        name = self.ctl_json("ls")["sessions"][0]["sessionId"]
        exit_code, _, error = self.run_ctl("forget", name)
        self.assertEqual((exit_code, error), (1, "msgproc: A stream has the session.\n"))
        self.assert_all_answered_once(load)

    def test_the_one_that_reads_slowly_is_found_among_a_thousand(self):
        processor = self.served("--heartbeat_interval=30s", "--handler=echo")
        load = self.loadgen(
            f"--target={processor.grpc}",
            *("--connections=10", "--streams_per_connection=100", "--rate=500", "--duration=15s"),
        )
        slow = greedy.Streams(
            processor.grpc,
            1,
            [traffic.message(i, 64 << 10) for i in range(1, 200)],
            window=64 << 10,
        )
        self.addCleanup(slow.leave)
        harness.eventually(
            lambda: int(self.ctl_json("status")["sessionsAttached"]) == 1001, "all are there"
        )

        def first():
            return self.ctl_json("ls", "--sort=unread", "--n=1")["sessions"][0]

        harness.eventually(lambda: int(first()["acceptedThrough"]) == 199, "it has sent all")
        self.assertEqual(first()["sessionId"], "greedy-0")
        self.assertIn("the client has not said that it has it", self.ctl("show", "greedy-0"))
        top = self.ctl("top", "--rounds=2", "--interval=200ms", "--n=3")
        self.assertEqual(top.count("greedy-0"), 2)
        self.assertEqual(top.count("3 of 1001 shown, 1001 in all"), 2)
        # Over pages, each once.
        every = [s["sessionId"] for s in self.ctl_json("ls")["sessions"]]
        self.assertEqual(len(set(every)), 1001)
        self.assertEqual(every, sorted(every))
        watched = self.ctl("ls", "--watch", "--rounds=2", "--interval=200ms", "--prefix=greedy")
        self.assertEqual(watched.count("1 of 1 shown, 1001 in all"), 2)
        self.assertIn("/S", watched)
        slow.leave()
        self.assert_all_answered_once(load)

    def test_sessions_are_moved_without_a_broken_message(self):
        balancer = self.balancer("--moves_per_second=0")
        self.served(f"--balancer={balancer.grpc}")
        load = self.loadgen(
            f"--balancer={balancer.grpc}", "--connections=10", "--rate=500", "--duration=15s"
        )
        harness.eventually(
            lambda: int(self.ctl_json("status")["sessionsAttached"]) == 10, "all are there"
        )
        second = self.processor(f"--balancer={balancer.grpc}")
        self.assertEqual(
            self.ctl("move", f"--to={second.grpc}", "--n=4"), "4 sessions were told to go\n"
        )

        def attached():
            return second.metric("msgproc_processor_sessions", state="attached")

        harness.eventually(lambda: attached() == 4, "four have gone")
        self.ctl("move", f"--to={second.grpc}")
        harness.eventually(lambda: attached() == 10, "all have gone")
        self.assert_all_answered_once(load)


if __name__ == "__main__":
    sharding.main()
