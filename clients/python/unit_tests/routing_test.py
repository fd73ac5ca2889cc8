"""Whom the client asks for a server, and what it makes of the answers."""

import unittest

from msgproc import Code
from msgproc._errors import StreamError, stream_error
from msgproc._routing import Locator

_DOWN = stream_error(Code.UNAVAILABLE, "down")


class LocatorTest(unittest.TestCase):
    def setUp(self):
        self.locator = Locator(["x", "y", "z"])

    def test_a_round_begins_with_the_balancer_that_answered_last(self):
        self.assertEqual(list(self.locator.round()), ["x", "y", "z"])
        self.assertEqual(self.locator.on_answer("y", ["a:1", "b:1"]), "a:1")
        self.assertEqual(list(self.locator.round()), ["y", "z", "x"])

    def test_without_balancers_the_servers_of_the_last_answer_are_tried_in_turn(self):
        self.locator.on_answer("x", ["a:1", "b:1", "c:1"])
        errors = [_DOWN] * 3
        self.assertEqual(self.locator.on_no_answer(errors, ["a:1"]), "b:1")
        failed = ["a:1", "b:1", "c:1"]
        turns = [self.locator.on_no_answer(errors, failed) for _ in range(4)]
        self.assertEqual(turns, ["a:1", "b:1", "c:1", "a:1"])

    def test_what_each_balancer_said_is_told(self):
        error = self.locator.on_no_answer([_DOWN, stream_error(Code.NOT_FOUND, "who"), _DOWN], [])
        self.assertIsInstance(error, StreamError)
        self.assertEqual(error.code, Code.UNAVAILABLE)
        self.assertIn("x: down; y: who; z: down", error.message)

    def test_a_refusal_by_all_is_for_good(self):
        refused = [stream_error(Code.UNAUTHENTICATED, "who are you")] * 3
        self.assertEqual(self.locator.on_no_answer(refused, []).code, Code.UNAUTHENTICATED)

    def test_what_may_pass_is_not(self):
        for code in (Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED, Code.UNKNOWN):
            errors = [stream_error(code, "so"), stream_error(Code.UNAUTHENTICATED, "who"), _DOWN]
            self.assertEqual(self.locator.on_no_answer(errors, []).code, Code.UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()
