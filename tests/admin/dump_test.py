"""What the state machines behind a session hold, and a server's own."""

import contextlib
import pathlib
import threading
import unittest

import grpc

from tests import harness
from tests.admin import ctl_case
from tests.limits import traffic
from tests.nginx import raw_call
from tests.workers import crew

# Answers nothing until there is a file.
_GATED = """#!/bin/sh
while read -r line; do
  until [ -e {gate} ]; do sleep 0.02; done
  echo "$line"
done
"""


def _spin(microseconds):
    """The headers of a message."""
    return traffic.field(3, traffic.field(1, b"spin-us") + traffic.field(2, microseconds))


class DumpTest(ctl_case.CtlCase, crew.WorkersTest):
    def _send(self, processor, *frames):
        """Opens a stream that lasts as long as the test, and reads whatever comes."""
        channel = grpc.insecure_channel(processor.grpc)
        self.addCleanup(channel.close)
        release = threading.Event()
        self.addCleanup(release.set)

        def requests():
            yield from frames
            release.wait()

        call = raw_call.open_stream(channel, requests(), timeout=60)
        self.addCleanup(call.cancel)

        def read():
            with contextlib.suppress(grpc.RpcError):
                for _ in call:
                    pass

        threading.Thread(target=read, daemon=True).start()

    def _dump(self, *name, server=None):
        """Returns [(machine, {field: value})], in their order."""
        dump = self.ctl_json("dump", *name, server=server)
        return [
            (machine["name"], {field["name"]: field["value"] for field in machine["fields"]})
            for machine in dump["machines"]
        ]

    def _dumps(self, *name, machine, server=None, **fields):
        """Waits until a machine of it holds these; returns all, by their names."""

        def held():
            exit_code, _, _ = self.run_ctl("dump", *name, server=server)
            machines = dict(self._dump(*name, server=server)) if exit_code == 0 else {}
            holds = machines.get(machine, {})
            return all(holds.get(k) == v for k, v in fields.items()) and holds and machines

        return harness.eventually(held, f"{machine} of {name}: {fields}")

    def test_a_session_that_is_stuck_in_its_handler(self):
        processor = self.served("--handler=spin", "--spin_handler", "--handler_threads=2")
        self._send(
            processor,
            traffic.open_session("till-7"),
            traffic.message(1, 10, _spin(b"5000000")),
        )
        machines = self._dumps("till-7", machine="processor::FairQueue", session_running="1")
        self.assertEqual(
            list(machines),
            [
                "processor::StreamState",
                "processor::HostedSession",
                "processor::Session",
                "processor::SessionBatches",
                "processor::HandlerBinding",
                "processor::ThreadPoolExecutor",
                "processor::FairQueue",
            ],
        )
        session = machines["processor::Session"]
        self.assertEqual(
            [session[f] for f in ("kind", "accepted_through", "dispatched_through")],
            ["opened", "1", "1"],
        )
        self.assertEqual((session["ready_through"], session["runs_out"]), ("0", "1"))
        self.assertRegex(session["oldest_accepted_at"], r"^[\d.]+m?s ago$")
        self.assertRegex(
            machines["processor::SessionBatches"]["out[0]"],
            r"^from position 1, \d+ bytes, epoch 1$",
        )
        stream = machines["processor::StreamState"]
        self.assertEqual(
            [stream[f] for f in ("phase", "end", "read_in_flight", "anonymous")],
            ["open", "none", "true", "false"],
        )
        self.assertEqual(machines["processor::HandlerBinding"]["name"], "'spin'")
        # For people: headings, and fields below them.
        text = self.ctl("dump", "till-7")
        self.assertRegex(text, r"^processor::StreamState\n  phase +open\n")
        self.assertRegex(text, r"\n\nprocessor::Session\n  kind +opened\n")
        # Its secret is nowhere.
        self.assertNotIn("till-7".rjust(16, "t"), text)

    def test_a_session_that_is_kept_in_a_store(self):
        processor = self.served(f"--session_store=sqlite:{self.folder}/sessions.db")
        self._send(processor, traffic.open_session("till-7"), traffic.message(1, 10))
        machines = self._dumps("till-7", machine="processor::Session", committed_through="1")
        self.assertEqual(machines["processor::Session"]["kind"], "stored")
        commits = machines["processor::SessionCommits"]
        self.assertEqual((commits["epoch"], commits["fenced"], commits["run_size"]), ("1", "false", "0"))
        machines = self._dumps("till-7", machine="processor::GroupCommit", session="absent")
        self.assertEqual(machines["processor::StoreCommitter"]["health"], "OK")
        server = dict(self._dump())
        self.assertEqual(server["processor::StoreCommitter"]["claims"], "0")
        self.assertEqual(server["processor::GroupCommit"]["sessions_in_flight"], "0")

    def test_a_stream_without_a_session(self):
        processor = self.served()
        self._send(processor, raw_call.ONE_MESSAGE)
        listed = harness.eventually(lambda: self.ctl_json("ls").get("sessions"), "it is there")
        name = f"@{listed[0]['stream']}"
        machines = self._dumps(name, machine="processor::Session", taken_through="1")
        self.assertEqual(machines["processor::Session"]["kind"], "anonymous")
        self.assertEqual(machines["processor::StreamState"]["anonymous"], "true")
        self.assertEqual(machines["processor::HostedSession"]["session_id"], "''")
        self.assertEqual(list(machines)[-1], "processor::InlineExecutor")

    def test_a_session_whose_worker_does_not_answer(self):
        gate = pathlib.Path(self.folder, "gate")
        script = self.file(_GATED.format(gate=gate), executable=True)
        processor = self.serving(
            self.served(f"--worker_command={script}", "--worker_lines", "--workers=1"), 1
        )
        pid = self.worker_pids(processor)[0]
        frames = [traffic.message(i, 10) for i in range(1, 9)]
        self._send(processor, traffic.open_session("till-7"), *frames)
        machines = self._dumps("till-7", machine="processor::WorkerLedger", pid=str(pid))
        worker = machines["processor::WorkerLedger"]
        self.assertEqual(worker["life"], "serving")
        self.assertRegex(worker["held[0]"], r"^positions 1 to \d+, 0 answered, 0 deaths")
        self.assertEqual(machines["processor::SessionLedger"]["workers"], "1")
        self.assertIn("processor::WorkerProcessExecutor", machines)
        self.assertEqual(machines["processor::Dispatcher"]["workers"], "1")
        self.assertEqual(dict(self._dump())["processor::WorkerRoster"]["serving"], "1")
        gate.touch()
        self._dumps("till-7", machine="processor::Session", ready_through="8")
        self.assertNotIn("processor::WorkerLedger", dict(self._dump("till-7")))

    def test_a_server(self):
        balancer_admin = f"unix:{self.folder}/balancer.sock"
        balancer = self.balancer(f"--admin_address={balancer_admin}")
        processor = self.served(f"--balancer={balancer.grpc}", "--memory_budget=1048576")
        self._send(processor, traffic.open_session("till-7"), traffic.message(1, 10))
        machines = self._dumps(machine="processor::BalancerConnection", phase="registered")
        self.assertEqual(
            list(machines),
            [
                "processor::Server",
                "processor::OpenStreams",
                "processor::SessionTable",
                "processor::MemoryBudget",
                "processor::BalancerConnection",
            ],
        )
        connection = machines["processor::BalancerConnection"]
        self.assertEqual(connection["balancer"], f"'{balancer.grpc}'")
        self.assertEqual(machines["processor::MemoryBudget"]["bytes"], "1048576")
        machines = self._dumps(machine="processor::SessionTable", sessions="1")
        self._dumps(machine="processor::OpenStreams", open="1")
        self.assertEqual(machines["processor::Server"]["cordoned"], "false")
        self.ctl("cordon")
        self.assertEqual(dict(self._dump())["processor::Server"]["cordoned"], "true")

    def test_a_balancer(self):
        admin = f"unix:{self.folder}/balancer.sock"
        balancer = self.balancer(f"--admin_address={admin}")
        processor = self.served(f"--balancer={balancer.grpc}", "--server_id=p1")
        self._send(processor, traffic.open_session("till-7"))
        machines = self._dumps(
            machine="balancer::Rebalancer", server=admin, servers="1", total_sessions="1"
        )
        self.assertEqual(
            list(machines),
            [
                "balancer::Fleet",
                "balancer::ServerRegistry",
                "balancer::FailStatic",
                "balancer::Rebalancer",
            ],
        )
        self.assertEqual(machines["balancer::FailStatic"]["on"], "false")
        self.assertEqual(machines["balancer::ServerRegistry"]["registered"], "1")
        self.assertEqual(machines["balancer::Rebalancer"]["'p1'"], "1 sessions, fair share 1")
        exit_code, _, error = self.run_ctl("dump", "till-7", server=admin)
        self.assertEqual(exit_code, 1)
        self.assertIn("is a balancer, which has no sessions", error)

    def test_who_is_not_there_is_not_dumped(self):
        self.served()
        for name, said in (
            ("till-7", "This server does not hold the session."),
            ("@7", "This server does not have the stream."),
        ):
            self.assertEqual(self.run_ctl("dump", name), (1, "", f"msgproc: {said}\n"))


if __name__ == "__main__":
    unittest.main()
