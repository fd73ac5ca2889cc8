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
    rows = list(zip(*(column.outcomes for column in columns)))
    groups = itertools.groupby(rows, key=lambda row: row[0].case.name.partition("/")[0])
    return template.substitute(
        verdict="All rules are kept"
        if all(column.good for column in columns)
        else "Rules are broken",
        verdict_class="good" if all(column.good for column in columns) else "bad",
        summary="".join(map(_summary, columns)),
        heads="".join(f"<th>{html.escape(column.name)}</th>" for column in columns),
        bodies="".join(_group(name, list(group), len(columns)) for name, group in groups),
    )


def _summary(column):
    counts = ", ".join(
        f"{column.count(result)} {_WORDS[result]}"
        for result in (PASSED, FAILED, BROKEN, SKIPPED)
        if column.count(result)
    )
    return f"<li><b>{html.escape(column.name)}</b>: {counts}</li>"


def _group(name, rows, columns):
    head = f'<tr class="group"><th colspan="{columns + 1}">{html.escape(name)}</th></tr>'
    return f"<tbody>{head}{''.join(map(_row, rows))}</tbody>"


def _row(outcomes):
    case = outcomes[0].case
    title = html.escape(case.name.partition("/")[2])
    quote = f"<blockquote><b>{html.escape(case.rule)}</b> {html.escape(case.quote)}</blockquote>"
    what = f"<p>{html.escape(case.what)}</p>"
    about = f"<details><summary>{title}</summary>{what}{quote}</details>"
    cells = "".join(map(_cell, outcomes))
    return f'<tr data-case="{html.escape(case.name)}"><td>{about}</td>{cells}</tr>'


def _cell(outcome):
    word = f'<span class="{outcome.result}">{_WORDS[outcome.result]}</span>'
    if outcome.result == PASSED:
        return f"<td>{word}</td>"
    text = html.escape(outcome.text)
    if outcome.result == SKIPPED:
        return f"<td><details><summary>{word}</summary><p>{text}</p></details></td>"
    errors = html.escape(outcome.errors[-_ERROR_BYTES:].strip())
    if errors:
        errors = f"<pre>{errors}</pre>"
    rule = (
        f"<blockquote><b>{html.escape(outcome.rule)}</b> {html.escape(outcome.quote)}</blockquote>"
    )
    return f"<td><details open><summary>{word}</summary><p>{text}</p>{rule}{errors}</details></td>"
