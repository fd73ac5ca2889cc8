"""An ordered handler sees a session's messages in order, whatever dies."""

import base64
import signal
import threading
import time
import unittest

from tests import harness
from tests.fleet import reflection
from tests.workers import crew

_SESSIONS = 4
_BATCH = 20
_KILLS = 15


class Session(threading.Thread):
    """Sends "SESSION SEQUENCE", batch after batch, until told to stop."""

    def __init__(self, address, number):
        super().__init__()
        self._address = address
        self._number = number
        self._ended = threading.Event()
        self.sent = 0
        self.results = []

    def stop(self):
        self._ended.set()
        self.join()

    def _requests(self):
        while not self._ended.is_set():
            messages = []
            for _ in range(_BATCH):
                self.sent += 1
                payload = f"{self._number} {self.sent}".encode()
                messages.append(
                    {
                        "sequence": str(self.sent),
                        "payload": base64.b64encode(payload).decode(),
                    }
                )
            yield {"messages": messages}
            time.sleep(0.005)

    def run(self):
        with reflection.Client(self._address) as client:
            answers = client.stream("msgproc.v1.Processor", "Process", self._requests())
            for answer in answers:
                self.results += answer.get("results", [])


class OrderedTest(crew.WorkersTest):
    def handled(self, diary):
        """Returns what was handled of each session, in the order of time."""
        entries = {number: [] for number in range(_SESSIONS)}
        for line in diary.read_text().splitlines():
            number, sequence = line.split()
            entries[int(number)].append(int(sequence))
        return entries

    def assert_in_order(self, sequences, sent):
        """Each is the next one, or one that a worker died over, and all after it."""
        self.assertEqual(set(sequences), set(range(1, sent + 1)))
        last = 0
        for sequence in sequences:
            self.assertLessEqual(sequence, last + 1)
            last = sequence

    def processor_with_diary(self, diary, *flags):
        worker = harness.runfile("tests/workers/diarist")
        return self.processor_with(
            3,
            f"--worker_command={worker} {diary}",
            "--worker_ordered",
            "--handler=note",
            *flags,
        )

    def run_sessions(self, processor, disturb):
        sessions = [Session(processor.grpc, number) for number in range(_SESSIONS)]
        for session in sessions:
            session.start()
        try:
            disturb()
        finally:
            for session in sessions:
                session.stop()
        for session in sessions:
            self.assertGreater(session.sent, 0)
            self.assertEqual(
                [int(result["sequence"]) for result in session.results],
                list(range(1, session.sent + 1)),
            )
            self.assertFalse([result for result in session.results if "error" in result])
        return sessions

    def test_messages_of_a_session_stay_in_order_when_workers_are_killed(self):
        diary = self.file("")
        # Whoever is killed at random may be at the same message each time.
        processor = self.processor_with_diary(diary, "--max_delivery_attempts=20")

        def disturb():
            kills = 0
            while kills < _KILLS:
                time.sleep(0.1)
                kills += self.kill_a_worker(processor)

        sessions = self.run_sessions(processor, disturb)
        self.assertGreater(self.restarts(processor, "signal"), 0)
        for number, sequences in self.handled(diary).items():
            self.assert_in_order(sequences, sessions[number].sent)

    def test_messages_of_a_session_are_handled_once_when_workers_are_replaced(self):
        diary = self.file("")
        processor = self.processor_with_diary(diary)

        def disturb():
            for replaced in (3, 6):
                processor.signal(signal.SIGHUP)
                harness.eventually(
                    lambda count=replaced: self.restarts(processor, "reload") >= count,
                    "all are replaced",
                )

        sessions = self.run_sessions(processor, disturb)
        self.assertEqual(processor.metric("msgproc_processor_worker_retries_total"), 0)
        for number, sequences in self.handled(diary).items():
            self.assertEqual(sequences, list(range(1, sessions[number].sent + 1)))


if __name__ == "__main__":
    unittest.main()
