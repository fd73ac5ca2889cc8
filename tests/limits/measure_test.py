"""Beyond each bound happens what docs/limits.md says."""

import pathlib
import unittest

from tests import harness
from tests.durability import mounts
from tests.limits import bounds

_NO_MOUNTS = mounts.enter_own_namespace()


class MeasureTest(unittest.TestCase):
    def test_the_page_has_a_row_for_each_bound_with_the_default_that_it_has(self):
        page = pathlib.Path(harness.runfile("docs/limits.md")).read_text(encoding="utf-8")
        rows = bounds.rows_of(page)
        self.assertEqual(list(rows), [bound.name for bound in bounds.ALL])
        for bound in bounds.ALL:
            *_, figures, _ = rows[bound.name].split("|")
            self.assertTrue(figures.strip())
            self.assertEqual(rows[bound.name], bounds.row(bound, figures))
            self.assertNotIn(bounds.FELL_SHORT, figures)

    def test_every_default_of_a_flag_is_one(self):
        defaults = bounds.defaults()
        for bound in bounds.ALL:
            if bound.set_by.startswith("--"):
                self.assertIn(bound.default, defaults)

    def test_rows_are_written_where_the_page_has_them(self):
        first, second = bounds.ALL[:2]
        page = bounds.with_rows(
            bounds.empty_page("# Before\n\n", "\n\nAfter\n"),
            {second.name: bounds.row(second, "2 | 3\nand more")},
            "Here.",
        )
        page = bounds.with_rows(page, {first.name: bounds.row(first, "1")}, "There.")
        self.assertEqual(list(bounds.rows_of(page)), [first.name, second.name])
        self.assertIn("2 / 3 and more |", page)
        self.assertTrue(page.startswith("# Before\n\n"))
        self.assertTrue(page.endswith("\n\nAfter\n"))
        self.assertIn("There.", page)
        self.assertNotIn("Here.", page)
        self.assertEqual(page, bounds.with_rows(page, {}, None))


def _beyond(bound):
    @unittest.skipIf(bound.mounts and _NO_MOUNTS, f"no mounts here: {_NO_MOUNTS}")
    def test(_):
        with bounds.Bench(quick=True, say=print) as bench:
            print(f"{bound.name}: {bound.measure(bench)}")

    return test


for _bound in bounds.ALL:
    setattr(MeasureTest, f"test_beyond_{_bound.name}", _beyond(_bound))


if __name__ == "__main__":
    unittest.main()
