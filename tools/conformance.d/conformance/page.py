"""What came out, as a page of its own: loads nothing, runs no script."""

import html
import itertools
import pathlib
import string

from conformance.runner import BROKEN, FAILED, PASSED, SKIPPED

_TEMPLATE = pathlib.Path(__file__).with_name("page.html")
_WORDS = {PASSED: "ok", FAILED: "failed", SKIPPED: "skipped", BROKEN: "broken"}
_ERROR_BYTES = 4000


def page(columns):
    """Returns the page of one or more Columns with the same cases."""
    template = string.Template(_TEMPLATE.read_text(encoding="utf-8"))
    names = [column.name for column in columns]
    rows = list(zip(*(column.outcomes for column in columns)))
    groups = itertools.groupby(rows, key=lambda row: row[0].case.name.partition("/")[0])
    return template.substitute(
        verdict="All rules are kept"
        if all(column.good for column in columns)
        else "Rules are broken",
        verdict_class="good" if all(column.good for column in columns) else "bad",
        summary="".join(map(_summary, columns)),
        heads="".join(f"<th>{html.escape(name)}</th>" for name in names),
        bodies="".join(_group(name, list(group), names) for name, group in groups),
    )


def _summary(column):
    counts = ", ".join(
        f"{column.count(result)} {_WORDS[result]}"
        for result in (PASSED, FAILED, BROKEN, SKIPPED)
        if column.count(result)
    )
    return f"<li><b>{html.escape(column.name)}</b>: {counts}</li>"


def _group(name, rows, names):
    head = f'<tr class="group"><th colspan="{len(names) + 1}">{html.escape(name)}</th></tr>'
    return f"<tbody>{head}{''.join(_row(names, row) for row in rows)}</tbody>"


def _row(names, outcomes):
    case = outcomes[0].case
    skips = "".join(
        f"<p>{html.escape(name)}: {html.escape(outcome.text)}</p>"
        for name, outcome in zip(names, outcomes)
        if outcome.result == SKIPPED
    )
    about = (
        f"<details><summary>{html.escape(case.name.partition('/')[2])}</summary>"
        f"<p>{html.escape(case.what)}</p>{_quote(case.rule, case.quote)}{skips}</details>"
    )
    cells = "".join(f"<td>{_word(outcome)}</td>" for outcome in outcomes)
    whys = [
        f"<p><b>{html.escape(name)}</b> {_word(outcome)}: {_why(outcome)}"
        for name, outcome in zip(names, outcomes)
        if outcome.result in (FAILED, BROKEN)
    ]
    row = f'<tr data-case="{html.escape(case.name)}"><td>{about}</td>{cells}</tr>'
    if whys:
        row += f'<tr class="why"><td colspan="{len(names) + 1}">{"".join(whys)}</td></tr>'
    return row


def _word(outcome):
    return f'<span class="{outcome.result}">{_WORDS[outcome.result]}</span>'


def _quote(rule, quote):
    return f"<blockquote><b>{html.escape(rule)}</b> {html.escape(quote)}</blockquote>"


def _why(outcome):
    why = f"{html.escape(outcome.text)}</p>{_quote(outcome.rule, outcome.quote)}"
    errors = html.escape(outcome.errors[-_ERROR_BYTES:].strip())
    return f"{why}<pre>{errors}</pre>" if errors else why
