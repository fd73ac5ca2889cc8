"""What counts as a place to change, and what does not."""

import unittest

import mutants


def changes(source):
    return [mutant.change.split(" in: ")[0] for mutant in mutants.mutants_of(source)]


class MutantsTest(unittest.TestCase):
    def test_a_comparison_loses_or_gains_its_equality(self):
        self.assertEqual(changes("return a < b;"), ["< -> <="])
        self.assertEqual(changes("return a >= b;"), [">= -> >"])
        self.assertEqual(changes("return a == b;"), ["== -> !="])

    def test_a_comparison_at_the_end_of_a_line_counts(self):
        mutant = mutants.mutants_of("return a &&\n    b;")[0]
        self.assertEqual(mutant.apply("return a &&\n    b;"), "return a ||\n    b;")

    def test_template_brackets_references_and_pointers_are_no_operators(self):
        self.assertEqual(changes("std::vector<int*> f(A&& a, const B& b);"), [])

    def test_a_condition_is_negated(self):
        self.assertEqual(changes("if (open) f();"), ["(open) -> (!(open))", "f(); -> nothing"])

    def test_the_negation_of_a_lone_equality_is_its_swap_and_stands_once(self):
        self.assertEqual(changes("if (a == b) return;"), ["== -> !="])

    def test_statements_disappear_and_declarations_do_not(self):
        self.assertEqual(changes("{\n  count_ = other;\n}"), ["count_ = other; -> nothing"])
        self.assertEqual(changes("{\n  int count = other;\n}"), [])
        self.assertEqual(changes("{\n  return other;\n}"), [])

    def test_numbers_grow_by_one_and_named_constants_stay(self):
        self.assertEqual(changes("f(x, 0);"), ["0 -> 1"])
        self.assertEqual(changes("constexpr int kMost = 7;"), [])
        self.assertEqual(changes("x = 1'000'000;"), [])

    def test_comments_strings_includes_and_checks_are_left_alone(self):
        self.assertEqual(changes('// a < b\nf("a < b");'), [])
        self.assertEqual(changes("#if A < 2\n#endif\n"), [])
        self.assertEqual(changes("{\n  MSGPROC_CHECK(a < (b + 1));\n}"), [])

    def test_a_mutant_changes_one_place_and_names_its_line(self):
        source = "int f() {\n  return a + b + c;\n}\n"
        first, second = mutants.mutants_of(source)
        self.assertEqual(first.apply(source), source.replace("a + b", "a - b"))
        self.assertEqual(second.apply(source), source.replace("b + c", "b - c"))
        self.assertEqual(first.line, 2)


if __name__ == "__main__":
    unittest.main()
