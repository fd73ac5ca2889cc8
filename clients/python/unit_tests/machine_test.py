"""The machine in virtual time: the test is the server, the network and the clock."""

import math
import unittest

from msgproc import Backoff, Code, EventKind, MessageError, SessionState, Window
from msgproc._errors import stream_error
from msgproc._machine import Machine, Settings, Step
from msgproc.v1 import processor_pb2 as pb

_KIB = 1 << 10
_INTERVAL = 20.0


def _welcome(**fields):
    limits = {
        "max_batch_messages": 4096,
        "max_payload_bytes": 256 * _KIB,
        "max_outstanding_messages": 1000,
        "max_outstanding_bytes": 8 << 20,
    }
    welcome = pb.Welcome(**{"server_id": "a", "state": 1, **limits, **fields})
    if not welcome.HasField("heartbeat_interval"):
        welcome.heartbeat_interval.FromSeconds(int(_INTERVAL))
    return pb.ProcessResponse(welcome=welcome)


def _results(first, last):
    results = [pb.Result(sequence=i, payload=b"r%d" % i) for i in range(first, last + 1)]
    return pb.ProcessResponse(results=results)


def _sequences(request):
    return [message.sequence for message in request.messages]


class MachineTest(unittest.TestCase):
    def setUp(self):
        self.now = 100.0
        self.start()

    def start(self, **settings):
        self.random = 0.5
        self.machine = Machine(
            Settings(
                **{
                    "opening": pb.Open(session_id="s", session_token=b"t" * 16, instance=7),
                    "target": "server:1",
                    **settings,
                }
            ),
            self.now,
            lambda: self.random,
        )

    # What the test does as the network and the server.

    def step(self):
        return self.machine.next_step(self.now)

    def call(self):
        """Begins a call, once it is time; returns the first request."""
        if self.step() is Step.WAIT:
            self.now = self.machine.alarm(True)
        self.assertIs(self.step(), Step.CALL)
        return pb.ProcessRequest.FromString(self.machine.open(self.now))

    def hear(self, response, fine=True):
        data = response if isinstance(response, bytes) else response.SerializeToString()
        self.assertEqual(self.machine.on_frame(data, self.now), fine)

    def connect(self, **fields):
        """Returns the first request of a call that is welcomed."""
        request = self.call()
        self.hear(_welcome(**fields))
        return request

    def end_call(self, code=Code.UNAVAILABLE, text="broken"):
        error = None if code == Code.OK else stream_error(code, text)
        self.machine.on_call_ended(error, self.now)

    def write(self):
        """Returns the next request, None where there is none, and whether to half-close."""
        frame, half_close = self.machine.session.next_write(self.now)
        return None if frame is None else pb.ProcessRequest.FromString(frame), half_close

    def send(self, count=1, payload=b"x", **options):
        return [self.machine.append(payload, (), **options) for _ in range(count)]

    def events(self):
        events = list(self.machine.events)
        self.machine.events.clear()
        return events

    def take(self):
        return [self.machine.take_result().sequence for _ in range(len(self.machine.results))]

    def assert_ended(self, code, text="."):
        self.assertIs(self.step(), Step.END)
        self.assertEqual(self.machine.error.code, code)
        self.assertRegex(str(self.machine.error), text)
        self.assertIs(self.events()[-1].kind, EventKind.CLOSED)


class SendingTest(MachineTest):
    def test_a_first_request_carries_at_most_64_messages(self):
        sent = self.send(70)
        self.assertEqual([i for i in sent if i], list(range(1, 65)))
        self.assertEqual(_sequences(self.connect()), list(range(1, 65)))

    def test_a_first_request_carries_at_most_64_kib(self):
        payload = b"p" * (30 * _KIB)
        self.assertEqual(self.send(3, payload), [1, 2, 0])
        self.start()
        self.assertEqual(self.send(1, b"p" * 65 * _KIB), [0])
        self.assertEqual(_sequences(self.connect()), [])
        self.assertEqual(self.send(1, b"p" * 65 * _KIB), [1])

    def test_a_first_request_is_sent_again_as_it_was_until_there_is_a_welcome(self):
        self.send(2)
        first = self.call()
        self.assertEqual((first.open.attempt, first.open.instance), (1, 7))
        self.send(1)
        self.end_call()
        again = self.call()
        self.assertEqual(again.open.attempt, 2)
        first.open.attempt = 2
        self.assertEqual(again, first)
        self.hear(_welcome(state=2, accepted_through=2))
        self.assertEqual(_sequences(self.write()[0]), [3])

    def test_nothing_more_is_sent_before_the_welcome(self):
        self.call()
        self.send(1)
        self.assertEqual(self.write(), (None, False))
        self.hear(_welcome())
        self.assertEqual(_sequences(self.write()[0]), [1])
        self.assertEqual(self.write(), (None, False))

    def test_what_a_server_has_accepted_is_not_sent_again(self):
        self.connect()
        self.send(5)
        self.write()
        self.hear(_results(1, 2))
        self.end_call()
        request = self.connect(state=2, accepted_through=4)
        self.assertEqual((request.received_through, _sequences(request)), (2, []))
        self.assertEqual(_sequences(self.write()[0]), [5])
        self.hear(_results(3, 5))
        self.assertEqual(self.take(), [1, 2, 3, 4, 5])

    def test_a_store_may_have_less_than_a_server_had_accepted(self):
        self.connect()
        self.send(5)
        self.write()
        self.end_call()
        self.connect(state=2, accepted_through=4)
        self.end_call()
        self.connect(state=2, accepted_through=1)
        self.assertEqual(_sequences(self.write()[0]), [2, 3, 4, 5])

    def test_what_a_lost_session_has_no_result_of_is_sent_again_and_told(self):
        self.connect()
        self.send(5)
        self.write()
        self.hear(_results(1, 2))
        self.end_call()
        self.events()
        request = self.connect(state=3, server_id="b")
        self.assertTrue(request.open.resumes)
        self.assertEqual(_sequences(self.write()[0]), [3, 4, 5])
        (event,) = self.events()
        self.assertEqual((event.state, event.server_id), (SessionState.LOST, "b"))
        self.assertEqual(event.address, "server:1")

    def test_frames_hold_at_most_a_mebibyte_or_one_message(self):
        self.connect(max_payload_bytes=2 << 20)
        self.send(5, b"p" * 300 * _KIB)
        self.send(1, b"p" * (1 << 20))
        self.send(1)
        frames = []
        while (frame := self.write()[0]) is not None:
            frames.append(frame)
        self.assertEqual([_sequences(frame) for frame in frames], [[1, 2, 3], [4, 5], [6], [7]])
        for frame in frames[:2]:
            self.assertLessEqual(frame.ByteSize(), 1 << 20)

    def test_frames_hold_what_the_server_takes(self):
        self.connect(max_batch_messages=3)
        self.send(7)
        sizes = [len(self.write()[0].messages) for _ in range(3)]
        self.assertEqual(sizes, [3, 3, 1])

    def test_a_payload_over_the_servers_limit_is_refused_alone(self):
        self.connect()
        with self.assertRaisesRegex(MessageError, "262145 bytes .* of 262144"):
            self.send(1, b"p" * (256 * _KIB + 1))
        self.assertEqual(self.send(1, b"p" * 256 * _KIB), [1])

    def test_a_finished_stream_takes_nothing(self):
        self.connect()
        self.machine.finish()
        with self.assertRaisesRegex(Exception, "FAILED_PRECONDITION"):
            self.send(1)

    def test_a_first_request_may_be_as_large_as_that(self):
        head = len(
            pb.ProcessRequest(
                messages=[pb.Message(sequence=1, payload=b"p" * 65000)]
            ).SerializeToString()
        )
        most = 64 * _KIB - (head - 65000)
        self.assertEqual(self.send(1, b"p" * (most + 1)), [0])
        self.assertEqual(self.send(1, b"p" * most), [1])

    def test_a_frame_may_be_a_mebibyte(self):
        self.connect(max_payload_bytes=2 << 20)
        self.send(1, b"p" * 500_000)
        first = pb.ProcessRequest(messages=[pb.Message(sequence=1, payload=b"p" * 500_000)])
        rest = (1 << 20) - 16 - first.ByteSize()
        overhead = first.ByteSize() - 500_000
        self.send(1, b"p" * (rest - overhead))
        self.assertEqual(_sequences(self.write()[0]), [1, 2])
        self.send(1, b"p" * 500_000)
        self.send(1, b"p" * (rest - overhead + 1))
        self.assertEqual(_sequences(self.write()[0]), [3])

    def test_whole_frames_wait(self):
        self.connect(max_batch_messages=3)
        full = []
        for _ in range(6):
            full.append(self.machine.session.window.frame_full)
            self.send(1)
        self.assertEqual(full, [False, False, False, True, False, False])

    def test_a_first_request_that_was_empty_stays_so(self):
        self.call()
        self.send(1)
        self.end_call()
        self.assertEqual(_sequences(self.connect()), [])
        self.assertEqual(_sequences(self.write()[0]), [1])


class WindowTest(MachineTest):
    def test_bytes_leave_the_window_with_their_results(self):
        self.connect(max_outstanding_bytes=10)
        for sequence in range(1, 4):
            self.assertEqual(self.send(2, b"123456"), [sequence, 0])
            self.write()
            self.hear(_results(sequence, sequence))
            self.take()

    def test_bytes_count_wherever_they_are(self):
        self.connect(max_outstanding_bytes=12)
        self.assertEqual(self.send(2, b"1234"), [1, 2])
        self.write()
        self.assertEqual(self.send(2, b"1234"), [3, 0])
        self.hear(pb.ProcessResponse(results=[pb.Result(sequence=1, payload=b"1234")]))
        # One unread, one sent, one not.
        self.assertEqual(self.send(1, b"1"), [0])
        self.end_call()
        self.connect(state=2, accepted_through=2, max_outstanding_bytes=12)
        self.assertEqual(self.send(1, b"1"), [0])
        self.machine.drop_results()
        self.assertEqual(self.send(2, b"1234"), [4, 0])

    def test_a_smaller_window_takes_what_just_fits(self):
        self.connect()
        self.send(3, b"12")
        self.write()
        self.end_call()
        self.connect(state=3, max_outstanding_bytes=4)
        self.assertEqual(_sequences(self.write()[0]), [1, 2])
        self.hear(_results(1, 1))
        self.assertEqual(_sequences(self.write()[0]), [3])

    def test_what_is_told_is_told(self):
        self.connect(max_outstanding_messages=10, max_outstanding_bytes=20)
        self.send(10, b"1")
        self.write()
        self.hear(_results(1, 5))
        self.assertEqual(self.write()[0].received_through, 5)
        # Counted from there on, in messages and in bytes.
        self.hear(_results(6, 9))
        self.assertEqual(self.write(), (None, False))
        self.assertEqual(self.machine.alarm(True), self.now + 1)

    def test_a_connection_that_is_gone_need_not_be_told(self):
        self.connect()
        self.send(1)
        self.write()
        self.hear(_results(1, 1))
        self.end_call()
        self.now += 10
        self.connect(state=2, accepted_through=1)
        self.assertEqual(self.write(), (None, False))

    def test_the_servers_window_bounds_what_is_sent(self):
        self.connect(max_outstanding_messages=3)
        self.assertEqual(self.send(4), [1, 2, 3, 0])
        self.write()
        self.hear(_results(1, 1))
        self.assertEqual(self.take(), [1])
        self.assertEqual(self.send(2), [4, 0])

    def test_so_does_the_callers_own(self):
        self.start(window=Window(messages=2))
        self.connect()
        self.assertEqual(self.send(3), [1, 2, 0])

    def test_bytes_of_payloads_and_headers_count(self):
        self.connect(max_outstanding_bytes=10)
        self.assertEqual(self.machine.append(b"1234", (("kk", b"v"),)), 1)
        self.assertEqual(self.send(1, b"1234"), [0])
        self.assertEqual(self.send(1, b"123"), [2])

    def test_one_message_always_fits(self):
        self.connect(max_outstanding_bytes=10)
        self.assertEqual(self.send(2, b"p" * 100), [1, 0])
        self.assertEqual(_sequences(self.write()[0]), [1])

    def test_unread_results_fill_the_window(self):
        self.connect(max_outstanding_messages=3)
        self.send(3)
        self.write()
        self.hear(_results(1, 3))
        self.assertEqual(self.send(1), [0])
        self.machine.take_result()
        self.assertEqual(self.send(2), [4, 0])

    def test_unread_bytes_stop_reading_and_silence_is_nobodys_fault_then(self):
        self.start(window=Window(bytes=10))
        self.connect()
        self.send(2)
        self.write()
        self.hear(pb.ProcessResponse(results=[pb.Result(sequence=1, payload=b"r" * 10)]))
        self.assertTrue(self.machine.paused)
        self.now += 10 * _INTERVAL
        self.assertTrue(self.machine.on_time(self.now, self.now))
        self.take()
        self.assertFalse(self.machine.paused)

    def test_a_server_with_a_smaller_window_is_not_given_more(self):
        self.connect()
        self.send(10, b"12")
        self.write()
        self.end_call()
        self.connect(state=3, max_outstanding_messages=4)
        self.assertEqual(_sequences(self.write()[0]), [1, 2, 3, 4])
        self.assertEqual(self.write(), (None, False))
        self.hear(_results(1, 2))
        frame = self.write()[0]
        self.assertEqual((frame.received_through, _sequences(frame)), (2, [5, 6]))
        self.end_call()
        self.connect(state=3, max_outstanding_bytes=5)
        self.assertEqual(_sequences(self.write()[0]), [3, 4])

    def test_the_server_is_told_after_half_a_window(self):
        self.connect(max_outstanding_messages=10)
        self.send(10)
        self.write()
        self.hear(_results(1, 4))
        self.assertEqual(self.write(), (None, False))
        self.hear(_results(5, 5))
        self.assertLessEqual(self.machine.alarm(True), self.now)
        self.assertEqual(self.write()[0], pb.ProcessRequest(received_through=5))
        self.assertEqual(self.write(), (None, False))

    def test_the_server_is_told_after_half_a_window_of_result_bytes(self):
        self.connect(max_outstanding_bytes=10)
        self.send(2)
        self.write()
        header = pb.Header(key="k", value=b"v")
        result = pb.Result(sequence=1, payload=b"123", headers=[header])
        self.hear(pb.ProcessResponse(results=[result]))
        self.assertEqual(self.write()[0], pb.ProcessRequest(received_through=1))

    def test_the_server_is_told_after_a_second(self):
        self.connect()
        self.send(2)
        self.write()
        self.hear(_results(1, 1))
        self.assertEqual(self.machine.alarm(True), self.now + 1)
        self.now += 0.5
        self.hear(_results(2, 2))
        self.now += 0.5
        self.assertEqual(self.write()[0], pb.ProcessRequest(received_through=2))


class ResultsTest(MachineTest):
    def setUp(self):
        super().setUp()
        self.connect()
        self.send(5)
        self.write()
        self.events()

    def violation(self, response):
        self.hear(response, fine=False)
        event = self.events()[-1]
        self.assertIs(event.kind, EventKind.VIOLATION)
        self.end_call(Code.CANCELLED)
        self.assertEqual(self.events()[-1].error.code, Code.INTERNAL)
        return event

    def test_requests_have_their_results_to_themselves(self):
        self.assertEqual(self.send(1, request=True), [6])
        self.send(1)
        self.write()
        self.hear(_results(1, 7))
        self.assertEqual(self.take(), [1, 2, 3, 4, 5, 7])
        self.assertEqual([result.sequence for result in self.machine.answers], [6])

    def test_a_failed_message_is_a_result_of_its_own(self):
        error = pb.Error(code=3, message="bad", retryable=True)
        self.hear(pb.ProcessResponse(results=[pb.Result(sequence=1, error=error)]))
        result = self.machine.take_result()
        self.assertEqual(result.error.code, Code.INVALID_ARGUMENT)
        self.assertTrue(result.error.retryable)
        self.assertRegex(str(result.error), "bad .*send it again")

    def test_a_result_that_comes_twice_breaks_the_connection(self):
        self.hear(_results(1, 2))
        response = _results(2, 3)
        self.assertTrue(self.violation(response).duplicate)
        self.assertEqual(self.take(), [1, 2])

    def test_so_does_one_out_of_place_behind_results_that_count(self):
        response = _results(1, 2)
        response.results.add(sequence=4)
        event = self.violation(response)
        self.assertFalse(event.duplicate)
        self.assertIn("message 4 where that of 3 was due", str(event.error))
        self.assertEqual(self.take(), [1, 2])

    def test_so_does_one_of_a_message_that_was_not_sent(self):
        self.hear(_results(1, 5))
        self.violation(_results(6, 6))

    def test_results_that_open_has_acknowledged_are_dropped_in_front_only(self):
        self.hear(_results(1, 3))
        self.end_call()
        self.connect(state=2, accepted_through=5)
        self.hear(_results(2, 4))
        self.assertEqual(self.take(), [1, 2, 3, 4])
        self.violation(_results(3, 3))

    def test_so_they_are_on_the_next_connection(self):
        self.hear(_results(1, 3))
        for _ in range(2):
            self.end_call()
            self.connect(state=2, accepted_through=5)
            self.hear(_results(1, 3))
        self.assertEqual(self.take(), [1, 2, 3])

    def test_a_result_of_message_0_is_no_duplicate(self):
        self.hear(_results(1, 1))
        self.assertFalse(self.violation(_results(0, 0)).duplicate)

    def test_a_call_is_not_blamed_for_what_the_last_one_did(self):
        self.violation(b"\xff\xff")
        self.connect(state=2, accepted_through=5)
        self.end_call(Code.UNAVAILABLE, "another reason")
        self.assertIn("another reason", str(self.events()[-1].error))

    def test_a_repeat_of_a_repeat_is_none_of_these(self):
        self.hear(_results(1, 3))
        self.end_call()
        self.connect(state=2, accepted_through=5)
        self.hear(_results(2, 2))
        self.violation(_results(2, 2))

    def test_garbage_breaks_the_connection(self):
        self.violation(b"\xff\xff")

    def test_a_second_welcome_breaks_the_connection(self):
        self.violation(_welcome())


class WelcomeTest(MachineTest):
    def welcomed_so(self, **fields):
        self.call()
        self.hear(_welcome(**fields), fine=False)
        self.end_call(Code.CANCELLED)

    def test_a_first_response_without_one(self):
        self.send(1)
        self.call()
        self.hear(_results(1, 1), fine=False)
        self.assertIn("is it a msgproc.v1.Processor?", str(self.events()[-1].error))
        self.assertFalse(self.machine.results)

    def test_a_state_that_does_not_exist(self):
        self.welcomed_so(state=9)
        self.assertIn("unknown state 9", str(self.events()[0].error))

    def test_a_server_that_begins_anew_or_knows_less_breaks_the_protocol(self):
        for fields in ({"state": 1}, {"state": 2, "accepted_through": 0}):
            self.start()
            self.connect()
            self.send(1)
            self.write()
            self.hear(_results(1, 1))
            self.end_call()
            self.events()
            self.welcomed_so(**fields)
            self.assertIs(self.events()[0].kind, EventKind.VIOLATION)
            self.assertIs(self.step(), Step.WAIT)

    def test_a_server_that_has_just_what_is_received(self):
        self.connect()
        self.send(1)
        self.write()
        self.hear(_results(1, 1))
        self.end_call()
        self.connect(state=2, accepted_through=1)
        self.assertEqual(self.send(1), [2])

    def test_a_drain_with_results_is_no_first_response(self):
        self.send(1)
        self.call()
        response = _results(1, 1)
        response.drain.reason = 1
        self.hear(response, fine=False)
        self.assertFalse(self.machine.results)

    def test_a_session_of_somebody_else_is_not_gone_on_with(self):
        self.welcomed_so(state=2, accepted_through=3)
        self.assert_ended(Code.FAILED_PRECONDITION, "another stream .* new session_id")

    def test_the_next_open_says_which_store_has_the_session(self):
        first = self.connect(durability=2, store_generation="g")
        self.assertEqual((first.open.resumes, first.open.store_generation), (False, ""))
        self.end_call()
        again = self.call().open
        self.assertEqual((again.resumes, again.store_generation), (True, "g"))

    def test_another_store_or_none_is_data_loss_and_gets_nothing(self):
        for generation in ("h", ""):
            self.start()
            self.connect(durability=2, store_generation="g")
            self.send(2)
            self.write()
            self.end_call()
            self.welcomed_so(state=3, durability=2, store_generation=generation)
            self.assertEqual(self.write(), (None, False))
            self.assert_ended(Code.DATA_LOSS, "'g'")

    def test_a_stream_that_must_be_durable(self):
        self.start(require_durable=True)
        self.connect(durability=2, store_generation="g")
        self.start(require_durable=True)
        self.welcomed_so(durability=1)
        self.assert_ended(Code.FAILED_PRECONDITION, "--session_store")


class FinishTest(MachineTest):
    def test_a_last_acknowledgement_then_half_close(self):
        self.connect()
        self.send(1)
        self.write()
        self.machine.finish()
        self.assertEqual(self.write(), (None, False))
        self.hear(_results(1, 1))
        self.assertEqual(self.write(), (pb.ProcessRequest(received_through=1), True))
        self.assertEqual(self.write(), (None, False))
        self.end_call(Code.OK)
        self.assertIs(self.step(), Step.END)
        self.assertIsNone(self.machine.error)
        self.assertEqual([event.kind for event in self.events()][-1], EventKind.CLOSED)

    def test_what_is_acknowledged_already_is_not_said_again(self):
        self.connect()
        self.machine.finish()
        self.assertEqual(self.write(), (None, True))

    def test_what_waits_is_sent_first(self):
        self.connect()
        self.send(2)
        self.machine.finish()
        frame, half_close = self.write()
        self.assertEqual((_sequences(frame), half_close), ([1, 2], False))

    def test_before_any_connection_it_ends_at_once_where_there_is_nothing_to_send(self):
        self.machine.finish()
        self.assertIs(self.step(), Step.END)
        self.start()
        self.send(1)
        self.machine.finish()
        self.assertEqual(_sequences(self.connect()), [1])

    def test_a_break_behind_the_last_result_does_not_matter(self):
        self.connect()
        self.send(1)
        self.write()
        self.machine.finish()
        self.hear(_results(1, 1))
        self.end_call()
        self.assertIs(self.step(), Step.END)
        self.assertIsNone(self.machine.error)

    def test_a_server_that_does_not_end_the_stream_is_left(self):
        self.connect()
        self.machine.finish()
        self.write()
        self.assertEqual(self.machine.alarm(True), self.now + 10)
        self.now += 10
        self.assertFalse(self.machine.on_time(self.now, self.now))

    def test_cancel_is_the_end(self):
        self.connect()
        self.machine.cancel(stream_error(Code.CANCELLED, "so"))
        self.end_call(Code.CANCELLED)
        self.assert_ended(Code.CANCELLED, "so")


class DrainTest(MachineTest):
    def drain(self, address="", reason=1, grace=30):
        response = pb.ProcessResponse(drain=pb.Drain(reason=reason, server_address=address))
        response.drain.grace.FromSeconds(grace)
        self.hear(response)

    def test_it_collects_half_closes_and_comes_back_saying_why(self):
        self.connect()
        self.send(2)
        self.write()
        self.send(1)
        self.events()
        self.drain(reason=3, address="elsewhere:1")
        self.assertEqual([event.kind for event in self.events()], [EventKind.DRAINING])
        self.assertEqual(self.write(), (None, False))
        self.hear(_results(1, 2))
        self.assertEqual(self.write(), (pb.ProcessRequest(received_through=2), True))
        self.end_call(Code.OK)
        self.assertIsNone(self.events()[0].error)
        request = self.connect(state=3)
        # Its own target again: it did not come through a balancer.
        self.assertEqual(self.machine.destination.address, "server:1")
        self.assertEqual(request.open.moved_for, 3)
        self.assertEqual(_sequences(self.write()[0]), [3])
        self.end_call()
        self.assertEqual(self.call().open.moved_for, 0)

    def moved(self, address):
        self.start(target="")
        self.assertIs(self.step(), Step.LOCATE)
        self.machine.on_located("a:1", self.now)
        self.connect()
        self.send(1)
        self.write()
        self.hear(_results(1, 1))
        self.drain(address)
        self.assertTrue(self.write()[1])
        self.end_call(Code.OK)

    def test_whoever_came_through_a_balancer_goes_where_drain_says(self):
        self.moved("b:1")
        self.call()
        self.assertEqual(self.machine.destination.address, "b:1")

    def test_or_asks_for_another_where_it_does_not_say(self):
        self.moved("")
        self.assertIs(self.step(), Step.LOCATE)
        self.assertEqual(self.machine.destination.failed, ["a:1"])

    def test_before_the_welcome_it_moves_all_the_same(self):
        self.send(1)
        self.call()
        self.drain()
        self.assertEqual(self.events(), [])
        self.hear(_welcome(accepted_through=1))
        kinds = [event.kind for event in self.events()]
        self.assertEqual(kinds, [EventKind.CONNECTED, EventKind.DRAINING])
        self.hear(_results(1, 1))
        self.assertEqual(self.write(), (pb.ProcessRequest(received_through=1), True))

    def test_what_the_last_server_said_does_not_count(self):
        self.moved("b:1")
        self.connect(state=3)
        self.send(1)
        self.write()
        self.hear(_results(2, 2))
        self.drain("")
        self.write()
        self.end_call(Code.OK)
        self.assertIs(self.step(), Step.LOCATE)

    def test_a_server_that_ends_a_stream_it_has_not_sent_away(self):
        self.connect()
        self.send(1)
        self.write()
        self.drain()
        self.events()
        self.end_call(Code.OK)
        self.assertIn("ended the stream early", str(self.events()[-1].error))

    def test_or_that_never_began(self):
        self.start(give_up_after=1.0)
        self.call()
        self.end_call(Code.OK)
        self.now += 2
        self.assert_ended(Code.UNAVAILABLE, "ended the stream early")

    def test_instead_of_a_welcome(self):
        self.call()
        self.drain()
        self.end_call(Code.OK)
        # A server that sends away whoever comes is not asked without pause.
        self.assertIs(self.step(), Step.WAIT)
        self.now = self.machine.alarm(True)
        self.assertEqual(self.call().open.moved_for, 1)

    def test_grace_has_fractions(self):
        self.connect()
        self.send(1)
        self.write()
        response = pb.ProcessResponse(drain=pb.Drain(reason=1))
        response.drain.grace.FromMilliseconds(1500)
        self.hear(response)
        self.assertEqual(self.machine.alarm(False), self.now + 1.5)

    def test_a_drain_after_half_close_does_not_matter(self):
        self.connect()
        self.machine.finish()
        self.write()
        self.events()
        self.drain()
        self.assertEqual(self.events(), [])

    def test_beyond_the_grace_it_is_a_break_and_no_move(self):
        self.connect()
        self.send(1)
        self.write()
        self.drain(grace=5)
        self.now += 5
        self.assertFalse(self.machine.on_time(self.now, self.now))
        self.end_call(Code.CANCELLED)
        self.assertEqual(self.call().open.moved_for, 0)


class SilenceTest(MachineTest):
    def test_an_idle_stream_says_something_every_interval(self):
        self.connect()
        self.assertEqual(self.machine.alarm(True), self.now + _INTERVAL)
        self.now += _INTERVAL - 1
        self.assertEqual(self.write(), (None, False))
        self.now += 1
        self.assertEqual(self.write(), (pb.ProcessRequest(), False))
        self.assertEqual(self.write(), (None, False))

    def test_so_does_one_that_waits_for_results(self):
        self.connect()
        self.send(1)
        self.write()
        self.now += _INTERVAL
        self.hear(pb.ProcessResponse())
        self.assertEqual(self.write(), (pb.ProcessRequest(), False))

    def test_a_server_that_is_silent_for_three_intervals_is_left(self):
        self.connect()
        self.now += 3 * _INTERVAL - 1
        self.assertTrue(self.machine.on_time(self.now, self.now))
        self.now += 1
        self.assertEqual(self.machine.alarm(False), self.now)
        self.assertFalse(self.machine.on_time(self.now, self.now))
        self.end_call(Code.CANCELLED)
        self.assertRegex(str(self.events()[-1].error), "UNAVAILABLE: nothing was heard .* 60")

    def test_whatever_it_says_counts(self):
        self.connect()
        self.now += 2 * _INTERVAL
        self.hear(pb.ProcessResponse())
        self.assertEqual(self.machine.alarm(False), self.now + 3 * _INTERVAL)

    def test_a_welcome_late_is_in_time(self):
        self.call()
        self.now += 9
        self.hear(_welcome())
        self.now += 2
        self.assertTrue(self.machine.on_time(self.now, self.now))

    def test_whoever_was_asleep_itself_listens_first(self):
        self.connect()
        due = self.now + 3 * _INTERVAL
        self.now = due + _INTERVAL / 2
        self.assertIsNotNone(self.machine.session.on_time(self.now))
        self.now += 1
        self.assertTrue(self.machine.on_time(due, self.now))
        self.assertEqual(self.machine.alarm(False), self.now + 3 * _INTERVAL)

    def test_a_server_that_does_not_answer_open(self):
        self.call()
        self.now += 9.9
        self.assertTrue(self.machine.on_time(self.now, self.now))
        self.assertEqual(self.machine.alarm(True), self.now + 0.1)
        self.now += 0.2
        self.assertFalse(self.machine.on_time(self.now, self.now))
        self.end_call(Code.CANCELLED)
        self.assertIs(self.step(), Step.WAIT)


class ReconnectTest(MachineTest):
    def pause(self):
        """Returns how long the machine waits now, and lets that pass."""
        if self.step() is not Step.WAIT:
            return 0
        before, self.now = self.now, self.machine.alarm(True)
        return self.now - before

    def useful(self):
        self.connect(state=1)
        self.send(1)
        self.write()
        self.hear(_results(1, 1))

    def test_at_once_to_the_same_address_and_then_with_growing_random_pauses(self):
        self.start(target="")
        self.machine.on_located("a:1", self.now)
        self.useful()
        self.end_call()
        self.assertEqual(self.pause(), 0)
        self.call()
        self.assertEqual(self.machine.destination.address, "a:1")
        pauses = []
        for _ in range(9):
            self.end_call()
            pauses.append(self.pause())
            self.assertIs(self.step(), Step.LOCATE)
            self.machine.on_located("a:1", self.now)
            self.call()
        expected = [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.5, 2.5]
        for pause, due in zip(pauses, expected):
            self.assertAlmostEqual(pause, due)

    def test_pauses_are_as_random_as_they_can_be(self):
        self.start(backoff=Backoff(initial=1.0, maximum=2.0))
        for self.random, pause in ((0.0, 0), (0.75, 1.5), (0.5, 1.0)):
            self.call()
            self.end_call()
            self.assertAlmostEqual(self.pause(), pause)

    def test_a_connection_of_no_use_does_not_count(self):
        pauses = []
        for _ in range(3):
            self.connect()
            self.end_call()
            pauses.append(self.pause())
        self.assertEqual([round(pause, 6) for pause in pauses], [0.025, 0.05, 0.1])
        self.connect()
        self.now += 5
        self.end_call()
        self.assertEqual(self.pause(), 0)

    def test_use_counts_for_its_own_connection_only(self):
        self.useful()
        self.end_call()
        self.assertEqual(self.pause(), 0)
        self.connect(state=2, accepted_through=1)
        self.end_call()
        self.assertAlmostEqual(self.pause(), 0.025)

    def test_a_useful_connection_makes_pauses_short_again(self):
        for _ in range(4):
            self.call()
            self.end_call()
            self.now += 5
        self.useful()
        self.now += 1
        self.end_call()
        self.assertEqual(self.machine.alarm(True), self.now)
        self.call()
        self.end_call()
        self.assertAlmostEqual(self.pause(), 0.025)

    def test_only_what_was_connected_is_disconnected(self):
        self.call()
        self.end_call()
        self.assertEqual(self.events(), [])
        self.connect()
        self.events()
        self.end_call(Code.NOT_FOUND)
        self.assertEqual([event.kind for event in self.events()], [EventKind.CLOSED])

    def test_addresses_that_failed_are_avoided_until_one_answers(self):
        self.start(target="")
        for i in range(10):
            self.machine.on_located(f"a:{i}", self.now)
            self.call()
            self.end_call()
            self.pause()
        self.assertEqual(self.machine.destination.failed, [f"a:{i}" for i in range(2, 10)])
        self.machine.on_located("b:1", self.now)
        self.connect()
        self.assertEqual(self.machine.destination.failed, [])

    def test_these_statuses_end_it(self):
        for code in (
            Code.INVALID_ARGUMENT,
            Code.NOT_FOUND,
            Code.PERMISSION_DENIED,
            Code.UNAUTHENTICATED,
            Code.FAILED_PRECONDITION,
            Code.RESOURCE_EXHAUSTED,
            Code.DATA_LOSS,
            Code.UNIMPLEMENTED,
        ):
            self.start()
            self.connect()
            self.end_call(code, "because")
            self.assert_ended(code, "because .*[a-z]")

    def test_these_do_not(self):
        for code in (Code.UNAVAILABLE, Code.INTERNAL, Code.UNKNOWN, Code.CANCELLED, Code.OK):
            self.start()
            self.connect()
            self.end_call(code)
            self.assertIs(self.step(), Step.WAIT)

    def test_nor_http2s_word_for_being_short_of_memory(self):
        self.connect()
        self.end_call(Code.RESOURCE_EXHAUSTED, "Received RST_STREAM with error code 11")
        self.assertIs(self.step(), Step.WAIT)

    def test_a_takeover_ends_a_stream_whose_token_others_may_have(self):
        self.start(own_token=False)
        self.connect()
        self.end_call(Code.ABORTED)
        self.assert_ended(Code.ABORTED, "one stream for a session")
        # With a token of its own it can only be an older call of the same stream.
        self.start()
        self.connect()
        self.end_call(Code.ABORTED)
        self.assertIs(self.step(), Step.WAIT)

    def test_it_gives_up_when_nobody_answers_for_long(self):
        self.start(give_up_after=30.0)
        self.call()
        self.end_call(Code.UNAVAILABLE, "refused")
        self.now += 29.9
        self.assertIs(self.step(), Step.CALL)
        self.call()
        self.assertEqual(self.machine.alarm(True), self.now + 0.1)
        self.now += 0.2
        self.assertFalse(self.machine.on_time(self.now, self.now))
        self.end_call(Code.CANCELLED)
        self.assert_ended(Code.UNAVAILABLE, "within 30.0 s; the last attempt ended")

    def test_a_server_that_answers_puts_that_off(self):
        self.start(give_up_after=30.0)
        self.now += 29
        self.connect()
        self.now += 29
        self.assertEqual(self.machine.destination.give_up_at, math.inf)
        self.end_call()
        self.assertEqual(self.machine.destination.give_up_at, self.now + 30)

    def test_balancers_that_refuse_for_good(self):
        self.start(target="")
        self.machine.on_located(stream_error(Code.UNAVAILABLE, "none yet"), self.now)
        self.assertGreater(self.pause(), 0)
        self.machine.on_located(stream_error(Code.UNAUTHENTICATED, "who?"), self.now)
        self.assert_ended(Code.UNAUTHENTICATED, r"who\?")


class TokenTest(MachineTest):
    def setUp(self):
        super().setUp()
        self.start(needs_token=True)

    def connect_for(self, seconds):
        self.machine.on_token("t1", self.now)
        self.call()
        welcome = _welcome()
        welcome.welcome.token_expires_in.FromSeconds(seconds)
        self.hear(welcome)

    def test_each_call_has_one_of_its_own(self):
        self.assertIs(self.step(), Step.AUTHORIZE)
        self.machine.on_token("t1", self.now)
        self.assertEqual(self.machine.token, "t1")
        self.call()
        self.end_call()
        self.pause_if_any()
        self.assertIs(self.step(), Step.AUTHORIZE)

    def pause_if_any(self):
        if self.step() is Step.WAIT:
            self.now = self.machine.alarm(True)

    def test_a_fresh_one_is_sent_well_before_the_first_expires(self):
        self.connect_for(12)
        self.assertFalse(self.machine.wants_token(self.now))
        self.assertEqual(self.machine.alarm(True), self.now + 9)
        self.now += 9
        self.assertTrue(self.machine.wants_token(self.now))
        self.assertFalse(self.machine.wants_token(self.now))
        self.machine.on_token("t2", self.now)
        self.assertEqual(self.write()[0], pb.ProcessRequest(refresh_token="t2"))
        self.assertEqual(self.write(), (None, False))
        response = pb.ProcessResponse()
        response.token_expires_in.FromSeconds(8)
        self.hear(response)
        self.assertEqual(self.machine.alarm(True), self.now + 6)

    def test_it_asks_again_sooner_and_sooner_where_there_is_none(self):
        self.connect_for(12)
        self.now += 9
        self.assertTrue(self.machine.wants_token(self.now))
        self.machine.on_token(stream_error(Code.UNAVAILABLE, "down"), self.now)
        self.assertEqual(self.machine.alarm(True), self.now + 0.75)

    def test_a_token_that_does_not_hold_any_more_is_replaced_once_it_was_good(self):
        self.connect_for(12)
        self.end_call(Code.UNAUTHENTICATED, "expired")
        self.assertRegex(str(self.events()[-1].error), "UNAVAILABLE: the token .* expired")
        self.pause_if_any()
        self.machine.on_token("t2", self.now)
        self.call()
        self.end_call(Code.UNAUTHENTICATED, "expired")
        self.assert_ended(Code.UNAUTHENTICATED)

    def test_a_token_is_not_kept_for_later(self):
        self.start(needs_token=True, target="")
        self.machine.on_token("t1", self.now)
        self.assertIs(self.step(), Step.LOCATE)
        self.machine.on_located(stream_error(Code.UNAVAILABLE, "none"), self.now)
        self.pause_if_any()
        self.assertIs(self.step(), Step.AUTHORIZE)

    def test_nor_for_the_server_that_a_stream_moves_to(self):
        self.connect_for(12)
        self.hear(pb.ProcessResponse(drain=pb.Drain(reason=2)))
        self.write()
        self.end_call(Code.OK)
        self.pause_if_any()
        self.assertIs(self.step(), Step.AUTHORIZE)

    def test_a_fresh_one_is_wanted_once(self):
        self.connect_for(12)
        self.now += 9
        self.assertTrue(self.machine.wants_token(self.now))
        self.machine.on_token("t2", self.now)
        self.write()
        self.now += 5
        self.assertFalse(self.machine.wants_token(self.now))

    def test_a_fresh_one_that_failed_does_not_concern_the_next_call(self):
        self.connect_for(12)
        self.now += 9
        self.assertTrue(self.machine.wants_token(self.now))
        self.end_call()
        self.machine.on_token(stream_error(Code.INVALID_ARGUMENT, "empty"), self.now)
        self.pause_if_any()
        self.assertIs(self.step(), Step.AUTHORIZE)

    def test_a_provider_that_fails(self):
        self.assertIs(self.step(), Step.AUTHORIZE)
        self.machine.on_token(stream_error(Code.UNAVAILABLE, "down"), self.now)
        self.assertIs(self.step(), Step.WAIT)
        self.pause_if_any()
        self.assertIs(self.step(), Step.AUTHORIZE)
        self.machine.on_token(stream_error(Code.INVALID_ARGUMENT, "empty"), self.now)
        self.assert_ended(Code.INVALID_ARGUMENT, "empty")


if __name__ == "__main__":
    unittest.main()
