"""What planting does to a source, and what it says of a list that is out of date."""

import pathlib
import re
import subprocess
import tempfile
import unittest

import plants
import planting

_HERE = pathlib.Path(__file__).parent


def _fault(before, after, **more):
    return plants.Fault(
        name="f", file="a.cc", before=before, after=after, breaks="", rules=(), **more
    )


def _planted(source, fault):
    text = planting.planted("a.cc", source, {7: fault})
    return text.split("\n", 2)[2].replace("::mutant_switch::", "")


class PlantingTest(unittest.TestCase):
    def test_a_statement_is_there_in_both_forms(self):
        text = _planted("if (b) a = 1;", _fault("a = 1;", "a = 2;"))
        self.assertEqual(text, "if (b) { if (On(7)) { a = 2; } else { a = 1; } }")

    def test_an_expression_is_there_in_both_forms(self):
        text = _planted("return a < b;", _fault("a < b", "a <= b"))
        self.assertEqual(text, "return (On(7) ? (a <= b) : (a < b));")

    def test_other_files_and_faults_do_not_touch_each_other(self):
        numbered = {1: _fault("a", "b"), 2: _fault("c", "d"), 3: _fault("gone", "", behind="x")}
        numbered[3] = plants.Fault("g", "other.cc", "gone", "", "", ())
        text = planting.planted("a.cc", "a c", numbered)
        on = "::mutant_switch::On"
        self.assertTrue(text.endswith(f"({on}(1) ? (b) : (a)) ({on}(2) ? (d) : (c))"), text)

    def test_what_it_is_behind_says_which_of_several(self):
        text = _planted("a; f: a;", _fault("a;", "b;", behind="f:"))
        self.assertEqual(text, "a; f: { if (On(7)) { b; } else { a; } }")

    def test_a_line_that_is_gone_is_said(self):
        with self.assertRaisesRegex(planting.Gone, "f: the line is gone from a.cc: mend the list"):
            _planted("b", _fault("a", "c"))
        with self.assertRaisesRegex(planting.Gone, "f: 'x' is gone from a.cc: mend the list"):
            _planted("a", _fault("a", "c", behind="x"))

    def test_a_line_that_is_there_twice_is_said(self):
        with self.assertRaisesRegex(planting.Gone, "twice: say what it is behind"):
            _planted("a a", _fault("a", "c"))

    def test_faults_in_the_same_place_are_said(self):
        with self.assertRaisesRegex(planting.Gone, "overlaps another fault"):
            planting.planted("a.cc", "a + b", {1: _fault("a + b", "0"), 2: _fault("+ b", "0")})

    def test_the_switch_chooses(self):
        source = '#include <cstdio>\nint main() { int a = 3; a = a + 1; std::printf("%d", a < 4 ? 1 : a); }\n'
        numbered = {1: _fault("a = a + 1;", "a = 0;"), 2: _fault("a < 4", "a <= 4")}
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder, "program")
            subprocess.run(
                ("g++", "-std=c++20", "-I.", "-x", "c++", "-", "-o", program),
                input=planting.planted("a.cc", source, numbered),
                text=True,
                check=True,
            )
            said = [
                subprocess.run(
                    program,
                    env={"MSGPROC_MUTANT": number},
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
                for number in ("0", "1", "2")
            ]
        self.assertEqual(said, ["4", "1", "1"])


class ListTest(unittest.TestCase):
    def test_every_file_of_the_list_is_built_and_no_other(self):
        built = re.findall(r'^    "(\S+)":', (_HERE / "files.bzl").read_text(), re.MULTILINE)
        self.assertEqual(sorted(built), sorted({fault.file for fault in plants.FAULTS}))

    def test_there_are_enough_and_each_has_a_name_of_its_own(self):
        names = [fault.name for fault in plants.FAULTS]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(names), 24)

    def test_none_may_take_longer_than_is_promised(self):
        self.assertEqual(
            [fault.name for fault in plants.FAULTS if fault.seeds > 2000 or not fault.rules], []
        )


if __name__ == "__main__":
    unittest.main()
