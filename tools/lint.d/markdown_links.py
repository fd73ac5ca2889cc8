"""Finds links in Markdown files that lead nowhere.

Usage: markdown_links.py FILE...

Relative links must name a file or folder of the repository, and an anchor a heading
of that file. Links to the web are not followed.
"""

import pathlib
import re
import sys

_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^()\s]+)\)|^\[[^\]]+\]: (\S+)", re.MULTILINE)
_HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)


def _blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def anchors_of(text):
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    for heading in _HEADING.findall(_FENCE.sub(_blank, text)):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        repeated, count = anchor, 0
        while repeated in found:
            count += 1
            repeated = f"{anchor}-{count}"
        found.add(repeated)
    return found


def broken_links(page):
    """Yields (line, link, what is wrong) of a page."""
    text = _CODE.sub(lambda match: match.group() if "](" in match.group() else _blank(match),
                     _FENCE.sub(_blank, page.read_text()))
    for found in _LINK.finditer(text):
        link = found.group(1) or found.group(2)
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        line = text.count("\n", 0, found.start()) + 1
        if not target.exists():
            yield line, link, "there is no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors_of(target.read_text()):
            yield line, link, "the page has no such heading"


def main(pages):
    """The exit code."""
    failed = False
    for page in pages:
        for line, link, wrong in broken_links(pathlib.Path(page)):
            print(f"{page}:{line}: {link}: {wrong}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
