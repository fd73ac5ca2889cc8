"""What came out, as text and as JSON."""

import json

from conformance.runner import BROKEN, FAILED, PASSED, SKIPPED

_MARKS = {PASSED: "ok", FAILED: "FAILED", SKIPPED: "skipped", BROKEN: "BROKEN"}
# Of what an adapter wrote to standard error.
_ERROR_BYTES = 4000


def explanation(outcome):
    """Returns what its author needs to know of a case that went wrong."""
    mark, name = _MARKS[outcome.result], outcome.case.name
    return f'{mark} {name}: {outcome.text}\n    {outcome.rule}: "{outcome.quote}"'


def table(columns):
    """Returns cases by clients, and how many of each there are."""
    rows = [["", *(column.name for column in columns)]]
    for outcomes in zip(*(column.outcomes for column in columns)):
        rows.append([outcomes[0].case.name, *(_MARKS[outcome.result] for outcome in outcomes)])
    for result in (PASSED, FAILED, BROKEN, SKIPPED):
        counts = [column.count(result) for column in columns]
        if any(counts) or result != BROKEN:
            rows.append([result, *map(str, counts)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )
    return "\n".join(lines)


def to_json(columns):
    return json.dumps({"columns": [_column(column) for column in columns]}, indent=2) + "\n"


def _column(column):
    return {
        "name": column.name,
        **{result: column.count(result) for result in (PASSED, FAILED, BROKEN, SKIPPED)},
        "cases": [
            {
                "name": outcome.case.name,
                "what": outcome.case.what,
                "rule": outcome.rule,
                "quote": outcome.quote,
                "result": outcome.result,
                "text": outcome.text,
                "seconds": round(outcome.seconds, 3),
                "stderr": outcome.errors[-_ERROR_BYTES:],
            }
            for outcome in column.outcomes
        ],
    }
