"""Streams that the processor ends while their client still uploads.

The results of what was accepted and the processor's own status reach the client,
though it never half-closes and its upload is under way in every buffer.
"""

import signal
import threading
import unittest

import grpc

from tests.nginx import frames, front, raw_call

_ACCEPTED = 2000
_A_FRAME = 100
_TOKEN = b"sixteen bytes or more"
# The rest of an upload: more than all buffers on the way hold together.
_UPLOAD = frames.messages(1 << 40, 8, b"x" * 64_000)
_UPLOAD_FRAMES = 200


class MidUploadTest(front.FrontTest):
    def test_a_gap_in_the_sequences(self):
        self._assert_ends(
            frames.messages(_ACCEPTED + 2, 1, b"a gap"),
            grpc.StatusCode.INVALID_ARGUMENT,
            str(_ACCEPTED + 2),
        )

    def test_a_sequence_that_repeats(self):
        self._assert_ends(
            frames.messages(_ACCEPTED, 1, b"again"), grpc.StatusCode.INVALID_ARGUMENT, str(_ACCEPTED)
        )

    def test_an_open_that_comes_late(self):
        self._assert_ends(
            frames.open_session(b"late", _TOKEN), grpc.StatusCode.INVALID_ARGUMENT, "."
        )

    def test_garbage(self):
        self._assert_ends(b"\x12\xff\xff\xff\xff\x0f", grpc.StatusCode.INVALID_ARGUMENT, ".")

    def test_a_message_beyond_the_window(self):
        self._assert_ends(
            frames.messages(_ACCEPTED + 1, 1, b"one too many"),
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            str(_ACCEPTED),
            flags=[f"--max_outstanding_messages={_ACCEPTED}"],
        )

    def test_a_newer_stream_that_takes_the_session_over(self):
        for name, address, _ in self._ways():
            with self.subTest(name):
                taken = threading.Event()
                opened = frames.open_session(name.encode(), _TOKEN)

                def requests(opened=opened, taken=taken):
                    yield opened
                    yield from _accepted_messages()
                    taken.wait(20)
                    # In sequence: only the takeover can end this stream.
                    for i in range(_UPLOAD_FRAMES):
                        yield frames.messages(_ACCEPTED + 1 + i, 1, b"x" * 64_000)

                with grpc.insecure_channel(address) as channel:
                    older = raw_call.open_stream(channel, requests())
                    sequences = []
                    while len(sequences) < _ACCEPTED:
                        sequences += frames.result_sequences(next(older))
                    newer = raw_call.open_stream(channel, _hold(opened, taken))
                    next(newer)
                    taken.set()
                    _read_to_the_end(older, sequences)
                self.assertEqual(older.code(), grpc.StatusCode.ABORTED, older.details())
                self.assertEqual(sequences[:_ACCEPTED], list(range(1, _ACCEPTED + 1)))

    def test_a_drain_whose_time_is_up(self):
        for name, address, processor in self._ways(["--drain_timeout=300ms"]):
            with self.subTest(name):
                told = threading.Event()

                def requests(told=told):
                    yield frames.open_session(b"draining", _TOKEN)
                    yield from _accepted_messages()
                    # Never half-closes, as a client that knows no Drain.
                    told.wait(20)

                with grpc.insecure_channel(address) as channel:
                    stream = raw_call.open_stream(channel, requests())
                    sequences = []
                    while len(sequences) < _ACCEPTED:
                        sequences += frames.result_sequences(next(stream))
                    processor.signal(signal.SIGTERM)
                    _read_to_the_end(stream, sequences)
                    told.set()
                self.assertEqual(stream.code(), grpc.StatusCode.UNAVAILABLE, stream.details())
                self.assertEqual(sequences, list(range(1, _ACCEPTED + 1)))
                self.assertEqual(processor.wait(), 0, processor.describe("did not drain"))

    def _ways(self, flags=()):
        """Yields (name, address, processor): to a processor itself, and through NGINX."""
        alone, behind = self.processor(*flags), self.processor(*flags)
        proxied = self.processor("--proxy_protocol", *flags)
        nginx = self.nginx([behind], [proxied])
        yield "direct", alone.grpc, alone
        yield "grpc_pass", nginx.grpc, behind
        yield "TCP", nginx.stream, proxied

    def _assert_ends(self, offence, code, details, flags=()):
        """`offence` follows what is accepted; an upload without end follows it."""
        for name, address, processor in self._ways(flags):
            with self.subTest(name):
                outcome = raw_call.call(address, _with_an_upload(offence))
                self.assertEqual(outcome.code, code, outcome.details)
                self.assertRegex(outcome.details, details)
                sequences = []
                for response in outcome.responses:
                    sequences += frames.result_sequences(response)
                self.assertEqual(sequences, list(range(1, _ACCEPTED + 1)))
                self.assertEqual(self.answered(processor), _ACCEPTED)
                # Nobody else is hurt.
                after = raw_call.call(address, [raw_call.ONE_MESSAGE])
                self.assertEqual(after.code, grpc.StatusCode.OK, after.details)


def _accepted_messages():
    for first in range(1, _ACCEPTED + 1, _A_FRAME):
        yield frames.messages(first, _A_FRAME, b"accepted")


def _with_an_upload(offence):
    yield frames.open_session(b"mid-upload", _TOKEN)
    yield from _accepted_messages()
    yield offence
    for _ in range(_UPLOAD_FRAMES):
        yield _UPLOAD


def _hold(opened, release):
    yield opened
    release.wait(20)


def _read_to_the_end(stream, sequences):
    try:
        for response in stream:
            sequences += frames.result_sequences(response)
    except grpc.RpcError:
        pass  # Its code is asked for afterwards.


if __name__ == "__main__":
    unittest.main()
