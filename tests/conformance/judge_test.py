"""What a client may write, rule by rule, without a client."""

import unittest

from conformance import protocol
from conformance.failure import Failure
from conformance.judge import Judge, Limits


def _request(first=0, last=-1, size=1, **fields):
    messages = [
        protocol.processor.Message(sequence=sequence, payload=b"x" * size)
        for sequence in range(first, last + 1)
    ]
    return protocol.processor.ProcessRequest(messages=messages, **fields)


def _opening(first=0, last=-1, size=1, **fields):
    return _request(first, last, size, open=protocol.processor.Open(session_id="s"), **fields)


class JudgeTest(unittest.TestCase):
    def setUp(self):
        self.judge = Judge()

    def give(self, request):
        self.judge.on_request(request, request.ByteSize())

    def open(self, **limits):
        self.give(_opening())
        self.judge.on_welcome(protocol.NEW, 0, Limits(**limits), {})

    def refuse(self, request, words, rule):
        with self.assertRaisesRegex(Failure, words) as caught:
            self.give(request)
        self.assertEqual(caught.exception.rule, rule)

    def test_the_first_request_has_open(self):
        self.refuse(_request(1, 1), "has no `open`", "rule 2")

    def test_later_ones_have_not(self):
        self.open()
        self.refuse(_opening(), "another than a stream's first request", "rule 8")

    def test_64_messages_may_come_along(self):
        self.give(_opening(1, 64))
        self.assertEqual(self.judge.next_sequence, 65)

    def test_65_may_not(self):
        self.refuse(_opening(1, 65), "65 messages of 65 bytes came along", "rule 2")

    def test_more_than_64_kib_may_not(self):
        self.refuse(_opening(1, 2, (32 << 10) + 1), "2 messages of 65538 bytes", "rule 2")

    def test_nothing_comes_before_welcome(self):
        self.give(_opening(1, 1))
        self.refuse(_request(2, 2), "before `welcome`", "rule 2")

    def test_sequences_rise_by_one(self):
        self.open()
        self.give(_request(1, 3))
        self.refuse(_request(3, 3), "message 3 was sent where 4 is the next", "rule 2")

    def test_after_resumed_comes_what_was_not_accepted(self):
        self.judge = Judge(results_through=2)
        self.give(_opening(received_through=2))
        self.assertEqual(self.judge.on_welcome(protocol.RESUMED, 4, Limits(), {}), 4)
        self.give(_request(5, 6))

    def test_after_lost_comes_what_has_no_result(self):
        self.judge = Judge(results_through=2)
        self.give(_opening(received_through=2))
        self.assertEqual(self.judge.on_welcome(protocol.LOST, 4, Limits(), {}), 2)
        self.give(_request(3, 6))

    def test_a_first_request_again_is_recognised(self):
        self.give(_opening(1, 3))
        self.assertEqual(self.judge.on_welcome(protocol.RESUMED, 2, Limits(), {}), 3)

    def test_the_window_holds_messages_beyond_received_through(self):
        self.open(messages=4)
        self.give(_request(1, 4))
        self.judge.on_results(4)
        self.give(_request(5, 6, received_through=2))
        self.refuse(_request(7, 7), "message 7 is the 5th beyond received_through 2", "rule 6")

    def test_the_window_holds_bytes_and_one_message_always_fits(self):
        self.open(size=100)
        self.give(_request(1, 1, 500))
        self.refuse(_request(2, 2, 1), "501 bytes are beyond received_through 0", "rule 6")

    def test_what_a_resumed_session_holds_counts(self):
        self.judge = Judge(results_through=1)
        self.give(_opening(received_through=1))
        self.judge.on_welcome(protocol.RESUMED, 3, Limits(size=100), {2: 50, 3: 50})
        self.refuse(_request(4, 4), "101 bytes", "rule 6")

    def test_a_frame_holds_a_mebibyte_or_one_message(self):
        self.open(payload=8 << 20)
        self.give(_request(1, 1, 2 << 20))
        self.refuse(_request(2, 3, 1 << 19), "at most 1048576 bytes or one message", "frames")

    def test_a_batch_holds_what_welcome_says(self):
        self.open(batch=2)
        self.give(_request(1, 2))
        self.refuse(_request(3, 5), "has 3 messages; Welcome.max_batch_messages is 2", "rule 8")

    def test_payloads_and_headers_are_bounded(self):
        self.open(payload=10)
        self.give(_request(1, 1, 10))
        self.refuse(_request(2, 2, 11), "message 2 has 11 bytes", "rule 8")

    def test_only_what_was_written_is_acknowledged(self):
        self.open()
        self.give(_request(1, 3))
        self.judge.on_results(2)
        self.give(_request(received_through=2))
        self.give(_request(received_through=1))
        self.assertEqual(self.judge.received_through, 2)
        self.refuse(_request(received_through=3), "you sent received_through 3", "rule 5")


if __name__ == "__main__":
    unittest.main()
