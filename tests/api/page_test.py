"""What docs/client.md and docs/handlers.md show is what the tests beside this one compile and run.

A block of code stands in one of the sources, line by line; how far it is indented there, and
where the formatter breaks its lines, does not matter. A line `…` in a block leaves lines out.
"""

import difflib
import pathlib
import re
import unittest

from tests import harness

_PAGES = {
    "docs/client.md": ("tests/api/client_test.cc", "examples/cmake"),
    "docs/handlers.md": (
        "tests/api/handlers.h",
        "tests/api/handler_calls_test.cc",
        "tests/api/processor.cc",
        "examples/python_worker/worker.py",
    ),
}
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Of these languages; console sessions are not code.
_CODE = ("cpp", "cmake", "make", "python")


def blocks(page):
    return [text for language, text in _BLOCK.findall(page) if language in _CODE]


def squeezed(text):
    """Returns the code without the spaces and line ends that a formatter decides on."""
    return re.sub(r"\s+", "", text)


def stands_in(block, source):
    """Whether the parts of the block between lines of `…` stand in the source, in order."""
    end = 0
    for part in re.split(r"^\s*…\s*$", block, flags=re.MULTILINE):
        begin = source.find(squeezed(part), end)
        if begin < 0:
            return False
        end = begin + len(squeezed(part))
    return True


def nearest(block, sources):
    """Returns the lines of the block that no source has, and what stands there instead."""
    lines = [line.strip() for text in sources for line in text.splitlines() if line.strip()]
    told = []
    for line in (line.strip() for line in block.splitlines()):
        if line and line != "…" and line not in lines:
            alike = difflib.get_close_matches(line, lines, n=1)
            told.append(f"  the page: {line}\n  a source: {alike[0] if alike else 'nothing alike'}")
    return "\n".join(told)


def stale(page, sources):
    """Returns what is wrong with each block of a page that does not stand in a source."""
    return [
        f"{block}\n{nearest(block, sources)}"
        for block in blocks(page)
        if not any(stands_in(block, squeezed(text)) for text in sources)
    ]


def _read(path):
    return pathlib.Path(path).read_text(encoding="utf-8")


class PageTest(unittest.TestCase):
    def test_every_block_stands_in_a_source_that_is_run(self):
        for name, paths in _PAGES.items():
            page = _read(harness.runfile(name))
            sources = []
            for path in map(pathlib.Path, map(harness.runfile, paths)):
                files = (
                    [path] if path.is_file() else sorted(p for p in path.iterdir() if p.is_file())
                )
                sources += map(_read, files)
            self.assertGreater(len(blocks(page)), 5, name)
            self.assertEqual(stale(page, sources), [], name)

    def test_a_block_that_a_source_lacks_is_told_with_the_line_that_differs(self):
        page = "```cpp\nint a = 1;\nint b = 3;\n```\n\n```cpp\nint a = 1;\n```\n"
        (told,) = stale(page, ["  int a = 1;\n  int b = 2;\n"])
        self.assertIn("the page: int b = 3;\n  a source: int b = 2;", told)

    def test_lines_are_left_out_only_where_the_page_says_so(self):
        source = ["a();\nb();\nc();\n"]
        self.assertEqual(stale("```cpp\na();\n…\nc();\n```\n", source), [])
        self.assertEqual(len(stale("```cpp\na();\nc();\n```\n", source)), 1)
        self.assertEqual(len(stale("```cpp\nc();\n…\na();\n```\n", source)), 1)


if __name__ == "__main__":
    unittest.main()
