"""What operators see of worker processes."""

import pathlib
import signal
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


class WorkersTest(ctl_case.CtlCase, crew.WorkersTest):
    def _workers(self):
        return self.ctl_json("workers")["workers"]

    def _send(self, processor, name, messages):
        """Opens a session that lasts as long as the test."""
        channel = grpc.insecure_channel(processor.grpc)
        self.addCleanup(channel.close)
        requests = [traffic.open_session(name)]
        requests += [traffic.message(i, 10) for i in range(1, messages + 1)]
        call = raw_call.open_stream(channel, iter(requests + [traffic.field(15, b"")]))
        self.addCleanup(call.cancel)

    def _total(self, key):
        return sum(int(worker[key]) for worker in self._workers())

    def test_each_worker_is_listed_with_what_it_has(self):
        gate = pathlib.Path(self.folder, "gate")
        script = self.file(_GATED.format(gate=gate), executable=True)
        processor = self.serving(
            self.served(f"--worker_command={script}", "--worker_lines", "--workers=2"), 2
        )
        pids = self.worker_pids(processor)
        first = self._workers()
        self.assertEqual({w["slot"]: w["pid"] for w in first}, pids)
        for worker in first:
            self.assertEqual(worker["state"], "WORKER_STATE_SERVING")
            self.assertEqual(worker["restarts"], "0")
            self.assertEqual(worker["lastExit"], "")
            self.assertGreater(int(worker["memory"]), 0)
            self.assertGreater(float(worker["age"].rstrip("s")), 0)

        self._send(processor, "till-1", 1)
        self._send(processor, "till-2", 1)
        harness.eventually(lambda: self._total("inFlight") == 2, "the workers have both")
        self.assertEqual(self._total("sessions"), 2)
        self.assertEqual(self._total("messages"), 0)
        for worker in self._workers():
            self.assertEqual("oldestBatch" in worker, worker["inFlight"] != "0")
            self.assertEqual(
                float(worker["inFlight"]),
                processor.metric(
                    "msgproc_processor_worker_held_messages", worker=str(worker["slot"])
                ),
            )
        gate.touch()
        harness.eventually(lambda: self._total("messages") == 2, "both are answered")
        self.assertEqual(self._total("inFlight"), 0)
        self.assertEqual(self._total("sessions"), 0)
        text = self.ctl("workers")
        self.assertRegex(text, r"\A(?:WORKER) +PID +STATE +FOR +AGE +RESTARTS +IN FLIGHT")
        self.assertRegex(text, rf"\n0 +{pids[0]} +serving ")
        self.assertIn("2 of 2 serve, 0 messages wait for a worker\n", text)

    def test_how_the_last_one_ended_is_told(self):
        processor = self.serving(self.served("--workers=2"), 2)
        before = self.worker_pids(processor)
        self.kill_worker(processor, 1)
        harness.eventually(
            lambda: [w["restarts"] for w in self._workers()] == ["0", "1"], "it has a successor"
        )
        self.serving(processor, 2)
        worker = self._workers()[1]
        self.assertEqual(worker["lastExit"], "signal 9 (Killed)")
        self.assertNotEqual(worker["pid"], before[1])
        self.assertRegex(self.ctl("workers"), r"\n1 +\d+ +serving .* signal 9 \(Killed\), .* ago\n")
        self.assertEqual(self.restarts(processor, "signal"), 1)

        processor.signal(signal.SIGHUP)
        harness.eventually(
            lambda: [(w["restarts"], w["lastExit"]) for w in self._workers()]
            == [("1", "left, exit code 0"), ("2", "left, exit code 0")],
            "both were replaced",
        )

    def test_one_that_does_not_start_again_is_absent(self):
        script = self.file("#!/bin/sh\nexec cat\n", executable=True)
        processor = self.serving(
            self.served(f"--worker_command={script}", "--worker_lines", "--workers=2"), 2
        )
        script.write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
        self.kill_worker(processor, 0)

        def absent():
            worker = self._workers()[0]
            return worker["state"] == "WORKER_STATE_ABSENT" and worker

        worker = harness.eventually(absent, "its place is empty")
        self.assertEqual(worker["pid"], 0)
        self.assertNotIn("age", worker)
        harness.eventually(
            lambda: self._workers()[0]["lastExit"] == "exit code 7", "the next one ended at once"
        )
        self.assertIn("1 of 2 serve", self.ctl("workers"))

    def test_who_has_no_workers_says_so(self):
        self.served()
        self.assertEqual(
            self.ctl("workers"), "no workers: handlers run in the processor itself (Model I)\n"
        )
        listed = self.ctl_json("workers")
        self.assertEqual((listed["workers"], listed["slots"]), ([], 0))
        admin = f"unix:{self.folder}/balancer.sock"
        self.balancer(f"--admin_address={admin}")
        exit_code, _, error = self.run_ctl("workers", server=admin)
        self.assertEqual(exit_code, 1)
        self.assertIn("is a balancer, which has no sessions", error)


if __name__ == "__main__":
    unittest.main()
