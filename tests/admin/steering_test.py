"""A server is taken out of a loaded fleet, and comes back."""

import json
import threading
import unittest

import grpc

from tests import harness
from tests.admin import ctl_case
from tests.fleet import fleet
from tests.nginx import raw_call

_OPENS = "msgproc_processor_session_opens_total"


class SteeringTest(fleet.FleetTest, ctl_case.CtlCase):
    def _admin(self, name):
        return f"unix:{self.folder}/{name}.sock"

    def _member(self, balancer, name, *flags, **options):
        flags = (f"--admin_address={self._admin(name)}", *flags)
        return self.member(balancer, name, *flags, **options)

    def _fleet(self, *flags):
        """Returns a balancer and three processors, each with a way in for operators."""
        balancer = self.balancer(f"--admin_address={self._admin('balancer')}", *flags)
        addresses = [f"127.0.0.1:{harness.free_port()}" for _ in range(3)]
        processors = [
            self._member(balancer, name, listen_address=address)
            for name, address in zip(("p1", "p2", "p3"), addresses)
        ]
        self.await_serving(balancer, 3)
        return balancer, processors

    def _take_out_and_back(self, balancer, processors, name, steer):
        """`steer` runs msgproc on p1, to which the arguments after the command are `name`."""
        load = self.endless_load([balancer], "--connections=30", "--rate=3000")
        first, second, _ = processors
        self.await_answers(load, processors)

        self.assertEqual(steer("cordon", *name), "cordoned\n")
        self.assertEqual(self.serving(balancer), {"p2", "p3"})
        # It stays as it is: its sockets, and who comes all the same.
        self.await_answers(load, processors)
        before = self.sockets(first)
        self.assertGreater(before, 0)
        direct = self.loadgen(f"--target={first.grpc}", "--n=100")
        self.assert_all_answered_once(direct, messages=100)

        said = steer("drain", *name, f"--to={second.grpc}").splitlines()
        self.assertEqual(said[0], "it was cordoned already")
        self.assertRegex(said[-1], r"^drained: \d+ sockets? gone in ")
        self.assertEqual(self.sockets(first), 0)
        self.assertTrue(first.running())
        harness.eventually(
            lambda: second.metric(_OPENS, state="moved") >= before,
            "they have gone where they were sent",
        )

        # Uncordoned, it is sent sockets again; cordoned, and ended as any.
        self.assertEqual(steer("uncordon", *name), "uncordoned\n")
        self.await_state(balancer, "p1", "serving")
        self.assertEqual(steer("cordon", *name), "cordoned\n")
        self.assertRegex(steer("drain", *name), r"drained: \d+ sockets? gone in ")
        self.assertEqual(first.stop(), 0)
        # The process was cordoned, not the name.
        again = self._member(balancer, "p1", listen_address=first.grpc)
        self.await_state(balancer, "p1", "serving")
        self.assertEqual(steer("uncordon", *name), "it was not cordoned\n")
        self.await_answers(load, [again], more=1)

        report = self.finish(load)
        print("longest interruption:", report["interruptions"]["longest_ms"], "ms")

    def test_a_loaded_server_is_taken_out_and_comes_back(self):
        balancer, processors = self._fleet("--moves_per_second=50")
        self._take_out_and_back(
            balancer,
            processors,
            (),
            lambda *arguments: self.ctl(*arguments, server=self._admin("p1")),
        )

    def test_and_so_it_is_through_the_balancer(self):
        balancer, processors = self._fleet("--moves_per_second=50")
        self._take_out_and_back(
            balancer,
            processors,
            ("p1",),
            lambda *arguments: self.ctl(*arguments, server=self._admin("balancer")),
        )

    def test_a_cordon_outlives_the_balancer(self):
        address = f"127.0.0.1:{harness.free_port()}"
        balancer = self.balancer(listen_address=address)
        for name in ("p1", "p2"):
            self._member(balancer, name)
        self.await_serving(balancer, 2)
        self.assertEqual(self.ctl("cordon", server=self._admin("p1")), "cordoned\n")
        self.assertEqual(self.serving(balancer), {"p2"})
        self.assertEqual(balancer.stop(), 0)
        again = self.balancer(listen_address=address)
        self.await_state(again, "p1", "draining")
        self.await_state(again, "p2", "serving")
        self.assertIn("cordoned: balancers send", self.ctl("status", server=self._admin("p1")))

    def test_what_cannot_be_sent_away_is_waited_for_in_vain(self):
        processor = self.served()
        held = grpc.insecure_channel(processor.grpc)
        self.addCleanup(held.close)
        release = threading.Event()
        self.addCleanup(release.set)
        stream = raw_call.open_stream(held, raw_call.one_message_then(release), timeout=60)
        self.addCleanup(stream.cancel)
        harness.eventually(lambda: int(self.ctl_json("status")["messages"]) == 1, "it is answered")
        exit_code, output, error = self.run_ctl("drain", "--timeout=1s")
        self.assertEqual(exit_code, 1)
        self.assertIn("cordoned; it registers with no balancer", output)
        self.assertRegex(output, r"given up after .*: 1 socket left")
        self.assertIn("streams without a session cannot be sent away", error)

    def test_one_stream_is_ended_and_its_client_resumes(self):
        processor = self.served()
        load = self.loadgen(f"--target={processor.grpc}", "--rate=100", "--duration=4s")
        harness.eventually(lambda: self.ctl_json("ls").get("sessions"), "it is there")
        name = self.ctl_json("ls")["sessions"][0]["sessionId"]
        self.assertEqual(self.ctl("end", name), "ended\n")
        harness.eventually(
            lambda: self.ctl_json("show", name)["streams"] == "2", "it has come back"
        )
        self.assert_all_answered_once(load)
        self.assertEqual(
            self.run_ctl("end", "nobody")[::2],
            (1, "msgproc: This server does not hold the session.\n"),
        )

    def test_a_balancer_says_what_it_knows_and_what_it_has_not(self):
        balancer, processors = self._fleet()
        admin = self._admin("balancer")
        self.assertIn("3 serving, 0 draining", self.ctl("status", server=admin))
        lines = self.ctl("servers", server=admin).splitlines()
        self.assertRegex(lines[0], "^SERVER +ADDRESS +STATE +SOCKETS")
        self.assertRegex(lines[1], f"^p1 +{processors[0].grpc} +serving +0 ")
        listed = json.loads(self.ctl("servers", "--json", server=admin))["servers"]
        self.assertEqual([s["takesOrders"] for s in listed], [True, True, True])
        self.assertEqual(self.ctl("cordon", "p2", server=admin), "cordoned\n")
        for state, names in (("serving", ["p1", "p3"]), ("draining", ["p2"]), ("stale", [])):
            chosen = self.ctl("servers", f"--state={state}", server=admin).splitlines()[1:]
            self.assertEqual([line.split()[0] for line in chosen], names, state)
        exit_code, _, error = self.run_ctl("servers", "--state=attached", server=admin)
        self.assertEqual(exit_code, 2)
        self.assertIn("'attached' is none of draining, serving, stale, unhealthy", error)
        self.assertEqual(self.ctl("log", "warning", server=admin), "it was info\n")
        self.assertTrue(balancer.running())
        for arguments, server, said in (
            (("ls",), admin, "is a balancer, which has no sessions"),
            (("cordon",), admin, "is a balancer: say which of its servers"),
            (("drain", "p9"), admin, "there is no server 'p9'"),
            (("servers",), self._admin("p1"), "is a processor, which knows of no others"),
            (("cordon", "p2"), self._admin("p1"), "is the processor 'p1', not 'p2'"),
        ):
            with self.subTest(arguments=arguments):
                exit_code, _, error = self.run_ctl(*arguments, server=server)
                self.assertEqual(exit_code, 1)
                self.assertIn(said, error)


if __name__ == "__main__":
    unittest.main()
