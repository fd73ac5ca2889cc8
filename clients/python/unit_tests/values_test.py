"""What callers hand in and get out: headers, results, errors."""

import unittest

from msgproc import (
    Code,
    DataLoss,
    MessageError,
    Result,
    StreamError,
    TakenOver,
    Unavailable,
    Window,
)
from msgproc._errors import stream_error
from msgproc._values import check_headers
from msgproc.v1 import processor_pb2


class HeadersTest(unittest.TestCase):
    def test_pairs_and_mappings(self):
        pairs = (("k", b"1"), ("k", b"2"))
        self.assertEqual(check_headers(pairs), pairs)
        self.assertEqual(check_headers(iter(pairs)), pairs)
        self.assertEqual(check_headers({"k": b"1"}), (("k", b"1"),))

    def test_at_most_128(self):
        check_headers([("k", b"")] * 128)
        with self.assertRaisesRegex(MessageError, "129 headers"):
            check_headers([("k", b"")] * 129)

    def test_at_most_64_kib(self):
        check_headers([("kk", b"v" * ((64 << 10) - 2))])
        with self.assertRaisesRegex(MessageError, "65537 bytes"):
            check_headers([("kk", b"v" * ((64 << 10) - 1))])

    def test_keys_are_utf8(self):
        check_headers([("ключ", b"")])
        with self.assertRaisesRegex(MessageError, "not UTF-8"):
            check_headers([("\ud800", b"")])


class WindowTest(unittest.TestCase):
    def test_something_must_fit(self):
        self.assertEqual(Window(1, 1, 1).bytes, 1)
        for limits in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
            with self.assertRaisesRegex(ValueError, "nothing would ever fit"):
                Window(*limits)


class ResultTest(unittest.TestCase):
    def test_it_is_what_the_wire_says(self):
        header = processor_pb2.Header(key="k", value=b"v1")
        message = processor_pb2.Result(sequence=7, payload=b"p", headers=[header])
        result = Result.of(message)
        self.assertEqual(result, Result(7, b"p", (("k", b"v1"),), None))
        self.assertEqual(result.counted, 4)

    def test_codes_that_grpc_does_not_have(self):
        error = processor_pb2.Error(code=99, message="odd")
        self.assertEqual(Result.of(processor_pb2.Result(error=error)).error.code, Code.UNKNOWN)


class ErrorsTest(unittest.TestCase):
    def test_they_are_typed_and_say_what_to_do(self):
        for code, kind, advice in (
            (Code.UNAVAILABLE, Unavailable, "check the address"),
            (Code.ABORTED, TakenOver, "one stream for a session"),
            (Code.DATA_LOSS, DataLoss, "find out what was done"),
            (Code.NOT_FOUND, StreamError, "trying again does not help"),
        ):
            error = stream_error(code, "why")
            self.assertIs(type(error), kind)
            self.assertRegex(str(error), rf"^{code.name}: why \(.*{advice}")


if __name__ == "__main__":
    unittest.main()
