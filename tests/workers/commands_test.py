"""Commands as workers: what they may say, and what becomes of those that lie."""

import base64
import json
import signal
import unittest

from tests import harness
from tests.fleet import reflection
from tests.workers import crew

_CODE_INVALID_ARGUMENT = 3
_CODE_ABORTED = 10
_LIAR = "tests/workers/liar"


def results(processor, payloads):
    """Returns the results of messages with any payloads, in one request, without Open."""
    messages = [
        {"sequence": str(sequence), "payload": base64.b64encode(payload).decode()}
        for sequence, payload in enumerate(payloads, start=1)
    ]
    with reflection.Client(processor.grpc) as client:
        requests = iter([{"messages": messages}])
        found = []
        for answer in client.stream("msgproc.v1.Processor", "Process", requests):
            found += answer.get("results", [])
    return found


def payload_of(result):
    return base64.b64decode(result.get("payload", ""))


class CommandsTest(crew.WorkersTest):
    def test_sed_is_a_worker(self):
        processor = self.processor_with(
            2, "--worker_command=sed -u s/a/b/", "--worker_lines", "--handler=sed"
        )
        text = "".join(f"banana {i}\n" for i in range(3000))
        answers, _ = self.lines(processor, text)
        self.assertEqual(answers, [f"bbnana {i}" for i in range(3000)])

    def test_a_payload_with_a_newline_is_refused_and_its_neighbours_are_not(self):
        processor = self.processor_with(2, "--worker_command=sed -u s/a/b/", "--worker_lines")
        found = results(processor, [b"a 1", b"a\n2", b"a 3", b"\n", b"a 5"])
        self.assertEqual([result["sequence"] for result in found], list("12345"))
        errors = [result.get("error", {}).get("code") for result in found]
        refused = _CODE_INVALID_ARGUMENT
        self.assertEqual(errors, [None, refused, None, refused, None])
        self.assertEqual([payload_of(found[i]) for i in (0, 2, 4)], [b"b 1", b"b 3", b"b 5"])

    def test_python_is_a_worker(self):
        worker = harness.runfile("examples/python_worker/worker")
        processor = self.processor_with(2, f"--worker_command={worker}", "--handler=upper,sum")
        answers, _ = self.lines(processor, "grüße\n" * 2000)
        self.assertEqual(answers, ["GRÜSSE"] * 2000)
        answers, report = self.lines(
            processor, "[1, 2]\nno json\n[4]\n", "--handler=sum", exit_code=1
        )
        self.assertEqual(answers, ["3", "", "4"])
        self.assertEqual(report["failed"], 1)

    def test_a_filter_that_writes_too_much_is_killed(self):
        processor = self.processor_with(1, "--worker_command=sed -u p", "--worker_lines")
        self.lines(processor, "a\n")
        harness.eventually(lambda: self.restarts(processor, "protocol") >= 1, "it is killed")

    def test_what_workers_write_to_standard_error_is_in_the_log_line_by_line(self):
        says = "printf 'one\ntwo\nthr' >&2; sleep 0.1; printf 'ee\nfour' >&2; exec sed -u s/a/b/"
        processor = self.processor_with(
            2, f"--worker_command={says}", "--worker_lines", "--log_format=json"
        )

        def said(worker):
            entries = [json.loads(line) for line in processor.output().splitlines()]
            return [
                entry["line"]
                for entry in entries
                if entry.get("worker") == worker and "line" in entry
            ]

        for worker in (0, 1):
            harness.eventually(
                lambda worker=worker: said(worker) == ["one", "two", "three"],
                f"the lines of worker {worker} are in the log",
            )
        self.assertEqual(processor.stop(), 0)
        self.assertEqual(said(0), ["one", "two", "three", "four"])

    def liars(self, *flags):
        return self.processor_with(
            2,
            f"--worker_command={harness.runfile(_LIAR)}",
            "--handler=echo",
            "--max_delivery_attempts=2",
            *flags,
        )

    def test_a_worker_that_lies_is_killed_and_corrupts_no_other_message(self):
        processor = self.liars("--handler_timeout=2s")
        bystander = self.loadgen(
            f"--target={processor.grpc}", "--connections=4", "--max_outstanding=16", "--duration=1h"
        )
        for lie, reason in (
            ("garbage", "protocol"),
            ("half", "timeout"),
            ("cut", "exit"),
            ("huge", "protocol"),
            ("stranger", "protocol"),
            ("sequence", "protocol"),
            ("hang", "timeout"),
        ):
            with self.subTest(lie=lie):
                before = self.restarts(processor, reason)
                found = results(processor, [b"a", f"lie {lie}".encode(), b"b"])
                self.assertEqual([result["sequence"] for result in found], list("123"))
                self.assertEqual(found[1].get("error", {}).get("code"), _CODE_ABORTED)
                self.assertEqual([payload_of(found[0]), payload_of(found[2])], [b"a", b"b"])
                # Exactly as many as the message may have attempts.
                self.assertEqual(self.restarts(processor, reason) - before, 2)
        self.assertEqual(processor.metric("msgproc_processor_worker_given_up_total"), 7)
        bystander.signal(signal.SIGINT)
        self.assert_all_answered_once(bystander)

    def test_of_two_answers_to_a_message_the_first_counts(self):
        processor = self.liars()
        found = results(processor, [b"a", b"lie twice", b"b"])
        self.assertEqual([payload_of(result) for result in found], [b"a", b"lie twice", b"b"])
        harness.eventually(lambda: self.restarts(processor, "protocol") == 1, "the liar is killed")


if __name__ == "__main__":
    unittest.main()
