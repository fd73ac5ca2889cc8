"""What is good enough."""

import unittest

import report


def counted(*, killed=0, survived=0, left=0):
    counts = report.Report("some::Class")
    counts.killed, counts.survivors, counts.left = killed, ["mutant"] * survived, left
    return counts


class ReportTest(unittest.TestCase):
    def test_a_class_passes_from_the_bar_on(self):
        self.assertTrue(counted(killed=95, survived=5).good(95))
        self.assertFalse(counted(killed=94, survived=6).good(95))
        self.assertTrue(counted(killed=94, survived=6).good(94))

    def test_a_sample_fails_only_what_can_not_pass_any_more(self):
        self.assertTrue(counted(killed=3, survived=5, left=92).good(95))
        self.assertFalse(counted(killed=3, survived=6, left=91).good(95))

    def test_without_mutants_nothing_is_wrong(self):
        self.assertTrue(counted().good(100))
        self.assertIn("100.0% killed", counted().line())

    def test_the_line_says_the_share_of_those_that_were_tried(self):
        self.assertIn("75.0% killed", counted(killed=3, survived=1, left=96).line())
        self.assertIn("96 not tried", counted(killed=3, survived=1, left=96).line())


if __name__ == "__main__":
    unittest.main()
