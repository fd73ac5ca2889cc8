"""The page of a run: needs no network, and nothing beside it."""

import json
import re

from tests import harness

_PARTS = {
    "UPLOT_LICENCE": "tools/report/node_modules/uplot/LICENSE",
    "UPLOT_CSS": "tools/report/node_modules/uplot/dist/uPlot.min.css",
    "UPLOT_JS": "tools/report/node_modules/uplot/dist/uPlot.iife.min.js",
    "PAGE_CSS": "tools/report/page.css",
    "CHARTS_JS": "tools/report/charts.js",
    "PAGE_JS": "tests/chaos/page.js",
}


def page(record):
    """Returns the HTML of what a run has kept.

    Raises FileNotFoundError where tools/report/install has not been run before the build.
    """
    # No text in the JSON can end the script element that holds it.
    parts = {"DATA": json.dumps(record).replace("<", "\\u003c")}
    for name, path in _PARTS.items():
        parts[name] = _read(path)
    # One pass: nothing that is put in is looked at again.
    return re.sub(r"@([A-Z_]+)@", lambda match: parts[match[1]], _read("tests/chaos/page.html"))


def _read(path):
    with open(harness.runfile(path), encoding="utf-8") as file:
        return file.read()
