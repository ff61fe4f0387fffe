"""The format `csv`: RFC 4180, a header line, lists as JSON; control characters are escaped as in a table."""

import csv
import io
import json
from collections.abc import Iterable, Sequence

from driftscan.model.item import Json
from driftscan.model.text import shown
from driftscan.report.base import Rows

FORMAT = "csv"
_FORMULA = ("=", "+", "-", "@")  # a spreadsheet would reckon with what begins so


def rows(headers: Sequence[str], rows_: Rows, _width: int) -> Iterable[str]:
    """Yield the header and a line per row; a text that a spreadsheet would take for a formula begins with a quote."""
    yield _line(headers)
    for row in rows_:
        yield _line([_cell(value) for value in row])


def _line(cells: Sequence[Json]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().removesuffix("\r\n")


def _cell(value: Json) -> Json:
    if value is None or isinstance(value, int | float):
        return "" if value is None else value
    if not isinstance(value, str):
        return json.dumps(value)
    safe = shown(value)
    return f"'{safe}" if safe.startswith(_FORMULA) else safe
