"""The checker finds nothing in a good run, and each fault that is planted in it."""

import dataclasses
import pathlib
import tempfile
import unittest

from tests.chaos import checker

_BALANCE = 1000


class CheckerTest(unittest.TestCase):
    """Two clients: one of three transfers between a, b and c, and one of two."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.lines = {
            "x": ["transfer a b 1", "transfer b c 2", "transfer c a 3"],
            "y": ["transfer a c 4", "transfer a c 5"],
        }
        # The client was killed behind the second result, which came again.
        self.results = {
            "x": ["1\t999", "2\t999", "2\t999", "3\t1003"],
            "y": ["1\tmoved"],
        }
        self.whole = {"x"}
        self.moves = [
            checker.Move(1, "a", -1, 999),
            checker.Move(2, "b", 1, 1001),
            checker.Move(4, "b", -2, 999),
            checker.Move(5, "c", 2, 1002),
            checker.Move(6, "a", -4, 995),
            checker.Move(7, "c", 4, 1006),
            checker.Move(9, "a", 3, 998),
            checker.Move(10, "c", -3, 1003),
        ]
        self.accounts = {"a": 998, "b": 999, "c": 1003}

    def check(self):
        journals = []
        for name, lines in self.lines.items():
            journal = checker.Journal(
                name, self.folder / name, self.folder / f"{name}.out", name in self.whole
            )
            journal.lines.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            text = "".join(f"{line}\n" for line in self.results[name])
            journal.results.write_text(text, encoding="utf-8")
            journals.append(journal)
        return checker.check(journals, self.accounts, self.moves, _BALANCE)

    def assert_found(self, *findings):
        found, _ = self.check()
        self.assertEqual(len(found), len(findings), found)
        for text, finding in zip(found, findings):
            self.assertIn(finding, text)

    def renumber(self):
        """Changes follow each other, and each leaves what it should."""
        has = dict.fromkeys("abc", _BALANCE)
        for i, move in enumerate(self.moves):
            has[move.account] += move.change
            self.moves[i] = dataclasses.replace(move, number=i + 1, left=has[move.account])
        self.accounts = has

    def test_a_good_run(self):
        self.assertEqual(self.check(), ([], 4))

    def test_a_client_that_has_not_sent_anything(self):
        self.lines["z"], self.results["z"] = ["transfer a b 9"], []
        self.assertEqual(self.check(), ([], 4))

    def test_a_doubled_transfer(self):
        self.moves += self.moves[4:6]
        self.renumber()
        self.assert_found("once: Move(number=9, account='a', change=-4", "once: Move(number=10")

    def test_half_a_transfer(self):
        del self.moves[5]
        self.renumber()
        self.results["x"][-1] = "3\t999"
        self.assert_found("money: the sum is 2996", "once: line 1 of y")

    def test_a_lost_effect(self):
        del self.moves[4:6]
        self.renumber()
        self.results["x"][-1] = "3\t999"
        self.assert_found("no promise: line 1 of y (transfer a c 4) has a result and no effect")

    def test_an_effect_without_a_result(self):
        self.moves += [checker.Move(11, "a", -5, 0), checker.Move(12, "c", 5, 0)]
        self.renumber()
        self.assert_found("answered: line 2 of y (transfer a c 5) took effect, and has no result")

    def test_an_effect_that_nobody_sent(self):
        self.moves += [checker.Move(11, "a", -6, 0), checker.Move(12, "c", 6, 0)]
        self.renumber()
        self.assert_found("once: nobody sent what moved 6 from a")

    def test_an_effect_of_another_line(self):
        self.lines["y"][0] = "transfer b c 4"
        self.assert_found("once: line 1 of y (transfer b c 4) did")

    def test_a_result_line_that_was_dropped(self):
        del self.results["x"][1:3]
        self.assert_found(
            "in order: x: 3 comes after 1 results", "answered: line 2 of x (transfer b c 2)"
        )

    def test_a_last_result_that_was_dropped(self):
        self.results["x"].pop()
        self.assert_found("answered: line 3 of x (transfer c a 3) has no result")

    def test_results_in_another_order(self):
        self.results["x"] = ["2\t999", "1\t999", "3\t1003"]
        self.assert_found("in order: x: 2 comes after 0", "in order: x: 1 comes after 1")

    def test_a_result_that_comes_again_with_another_text(self):
        self.results["x"][2] = "2\t998"
        self.assert_found("in order: x: line 2 has '998' after '999'", "agree: line 2 of x")

    def test_a_result_of_a_line_that_is_not_there(self):
        self.results["x"].append("4\t1")
        self.assert_found("in order: x has a result for line 4 of 3")

    def test_a_result_that_is_not_what_happened(self):
        self.results["x"][0] = "1\t1000"
        self.assert_found("agree: line 1 of x (transfer a b 1) left 999; its result says '1000'")

    def test_a_message_that_failed(self):
        self.results["x"][0] = "1\t"
        self.assert_found("agree: line 1 of x")

    def test_effects_in_another_order(self):
        self.moves = self.moves[2:4] + self.moves[:2] + self.moves[4:]
        self.renumber()
        self.results["x"][1] = self.results["x"][2] = "2\t998"
        self.assert_found("in turn: line 2 of x (transfer b c 2)")

    def test_money_that_was_made(self):
        self.accounts["b"] += 7
        self.assert_found(
            "money: b has 1006, and its changes come to 999", "money: the sum is 3007"
        )

    def test_a_change_that_is_not_there(self):
        self.moves[2] = dataclasses.replace(self.moves[2], left=998)
        self.assert_found("money: Move(number=4", "money: b has 999", "agree: line 2 of x")

    def test_an_account_that_is_not_there(self):
        self.moves.append(checker.Move(11, "d", 1, 1))
        self.assert_found("money: there is no d")

    def test_many_findings_are_counted(self):
        self.results["x"] = [f"{number}\t1" for number in range(100, 150)]
        found, _ = self.check()
        self.assertEqual(len(found) + found.untold, 50 + 50 + 3)
        self.assertLess(len(found), 30)


if __name__ == "__main__":
    unittest.main()
