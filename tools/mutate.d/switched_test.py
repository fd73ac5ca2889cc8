"""That a source of all mutants says what the source says, and what its mutants say."""

import pathlib
import subprocess
import tempfile
import unittest

import mutants
import switched

_HERE = pathlib.Path(__file__).parent


def _switched(source):
    text = switched.switched(source, dict(enumerate(mutants.mutants_of(source), 1)))
    return text.replace("::mutant_switch::", "")


class SwitchedTest(unittest.TestCase):
    def test_an_operand_ends_at_an_operator_that_binds_less(self):
        self.assertEqual(
            _switched("return a + b < c[a, b];"), "return Less(2, Plus(1, a, b), c[a, b]);"
        )
        self.assertEqual(_switched("x = a << b < c ? d : e;"), "x = Less(1, a << b, c) ? d : e;")

    def test_operators_of_the_same_rank_go_from_left_to_right(self):
        self.assertEqual(_switched("return a - b + c;"), "return Plus(2, Minus(1, a, b), c);")

    def test_an_operand_of_and_is_evaluated_where_it_was(self):
        self.assertEqual(_switched("return a && b;"), "return Flip(1, Flip(1, a) && Flip(1, b));")

    def test_a_statement_is_skipped_without_taking_an_else(self):
        self.assertEqual(
            _switched("if (open)\n  f();\nelse\n  g();"),
            "if (Flip(1, open))\n  { if (!On(2)) f(); }\nelse\n  g();",
        )

    def test_strings_are_operands_and_lines_stay(self):
        self.assertEqual(_switched('return f("; b") +\n  "; c";'), 'return Plus(1, f("; b"), \n  "; c");')


class CompiledTest(unittest.TestCase):
    def test_without_a_mutant_it_is_the_original_and_with_one_it_differs(self):
        source = """\
#include <algorithm>
#include <cstdint>
int main() {
  uint64_t sum = 0;
  for (int i = 1; i < 10; ++i) {
    if (i > 3 && i != 7 || i == 1) sum += std::max(i, 5) * 2 - i % 3;
  }
  return sum - 70;
}
"""
        numbered = dict(enumerate(mutants.mutants_of(source), 1))
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder, "program")
            subprocess.run(
                ("g++", "-std=c++20", "-w", "-include", str(_HERE / "mutant_switch.h"))
                + ("-x", "c++", "-", "-o", program),
                input=switched.switched(source, numbered),
                text=True,
                check=True,
            )

            def exit_code(number):
                return subprocess.run(
                    program, env={"MSGPROC_MUTANT": str(number)}, check=False, timeout=60
                ).returncode

            self.assertEqual(exit_code(0), 0)
            for number, mutant in numbered.items():
                # These would run for ever.
                if mutant.change.startswith("++ ->") or mutant.change.startswith("++i;"):
                    continue
                with self.subTest(mutant.change):
                    self.assertNotEqual(exit_code(number), 0)


if __name__ == "__main__":
    unittest.main()
