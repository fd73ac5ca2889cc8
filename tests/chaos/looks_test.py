"""Which fault a dip of the throughput is laid to, and how long it lasts."""

import unittest

from tests.chaos import looks, nemesis


def _fault(at, seconds):
    return nemesis.Fault(at, "kill", "p1", seconds)


class RecoveriesTest(unittest.TestCase):
    def assert_recoveries(self, answered, faults, expected):
        self.assertEqual(looks.recoveries(answered, faults, usual=100), expected)

    def test_without_a_dip_nobody_noticed(self):
        self.assert_recoveries([100, 90, 67, 100, 100], [_fault(1.5, 1)], [0])

    def test_a_dip_lasts_until_two_seconds_are_as_usual(self):
        answered = [100, 100, 10, 0, 80, 20, 100, 100, 100]
        self.assert_recoveries(answered, [_fault(1.5, 2)], [4.5])

    def test_the_last_one_that_had_begun_is_to_blame(self):
        answered = [100, 100, 100, 100, 0, 100, 100]
        self.assert_recoveries(
            answered, [_fault(1, 5), _fault(3.5, 1), _fault(5.5, 1)], [0, 1.5, 0]
        )

    def test_nobody_is_to_blame_long_after(self):
        answered = [100, 100, 100, 100, 100, 0, 100, 100]
        self.assert_recoveries(answered, [_fault(1, 1)], [0])

    def test_a_dip_to_the_end_has_no_recovery(self):
        self.assert_recoveries([100, 100, 0, 0, 0], [_fault(1.5, 1)], [None])

    def test_each_dip_has_its_own(self):
        answered = [100, 0, 100, 100, 0, 0, 100, 100]
        self.assert_recoveries(answered, [_fault(0.5, 1), _fault(4, 1)], [1.5, 2])


if __name__ == "__main__":
    unittest.main()
