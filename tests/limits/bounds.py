"""All bounds that are measured, and their table in docs/limits.md."""

import re
import subprocess

from tests import harness
from tests.limits import bench, clients_beyond, machine_beyond, overload_beyond, sessions_beyond

ALL = (
    *clients_beyond.BOUNDS,
    *sessions_beyond.BOUNDS,
    *machine_beyond.BOUNDS,
    *overload_beyond.BOUNDS,
)
Bench = bench.Bench
FELL_SHORT = overload_beyond.FELL_SHORT

HEAD = (
    "| name | bound | default | beyond it | measured |",
    "|---|---|---|---|---|",
)
_BEGIN = "<!-- tests/limits/measure --page writes from here -->"
_END = "<!-- to here -->"


def defaults():
    """Returns the defaults of the processor's flags, by name."""
    says = subprocess.run(
        [harness.runfile(harness.PROCESSOR), "--help"], capture_output=True, text=True, check=False
    ).stdout
    return dict(re.findall(r"^  --(\w+)=(.*)$", says, re.MULTILINE))


def row(bound, figures):
    """A line of the table."""
    default = defaults().get(bound.default, bound.default)
    set_by = re.sub(r"--\w+(=\w+:?)?|ulimit -Hn|limits \{.*\}", r"`\g<0>`", bound.set_by)
    cells = [f"`{bound.name}`", set_by, default, bound.beyond, figures]
    # A failure has several lines, and a table's row one.
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "/") for cell in cells) + " |"


def rows_of(page):
    """Returns the table's lines by the names of their bounds."""
    return {
        found[1]: found[0]
        for found in re.finditer(r"^\| `(\w+)` \|.*$", _table_of(page)[1], re.MULTILINE)
    }


def with_rows(page, rows, where):
    """Returns the page with these rows in its table, beside those that it has.

    `where`: what stands above the table; None: what stands there.
    """
    before, table, after = _table_of(page)
    where = where or table.strip().partition("\n")[0]
    there = {**rows_of(page), **rows}
    lines = [there[bound.name] for bound in ALL if bound.name in there]
    return "\n".join([before + _BEGIN, where, "", *HEAD, *lines, _END + after])


def empty_page(before, after):
    """Returns a page without rows."""
    return before + _BEGIN + "\n" + _END + after


def _table_of(page):
    before, rest = page.split(_BEGIN)
    table, after = rest.split(_END)
    return before, table, after
