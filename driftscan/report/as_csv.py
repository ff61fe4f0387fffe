"""The format `csv`: RFC 4180, a header line, lists as JSON; control characters are escaped as in a table."""

import csv
import io
import json
from collections.abc import Iterable, Sequence

from driftscan.model.drift import Check, Drift
from driftscan.model.item import Json
from driftscan.model.text import shown
from driftscan.report._drifts import in_order, order
from driftscan.report.base import Rows

FORMAT = "csv"
_FORMULA = ("=", "+", "-", "@")  # a spreadsheet would reckon with what begins so
DRIFTS = (
    "host",
    "role",
    "snapshot",
    "severity",
    "kind",
    "scope",
    "key",
    "changes",
    "since",
    "by",
    "reason",
    "accepted",
    "fingerprint",
)


def rows(headers: Sequence[str], rows_: Rows, _width: int) -> Iterable[str]:
    """Yield the header and a line per row; a text that a spreadsheet would take for a formula begins with a quote."""
    yield _line(headers)
    for row in rows_:
        yield _line([_cell(value) for value in row])


def checks(checks_: Sequence[Check], width: int) -> Iterable[str]:
    """Yield a line per drift under `DRIFTS`; a host that was not seen is one of the kind `error`.

    `changes` are an object of attributes, each with what was expected and what was found. `accepted` is the day until
    which a drift is accepted.
    """
    yield from rows(DRIFTS, (row for check in in_order(checks_) for row in _drifts(check)), width)


def _drifts(check: Check) -> Iterable[Sequence[Json]]:
    about = [check.host, check.role, check.number or None]
    if check.error:
        yield [*about, "", "error", "", "", None, None, "", check.error, None, ""]
    for drift in (*sorted(check.drifts, key=order), *sorted(check.accepted, key=order)):
        yield [*about, *_drift(drift)]


def _drift(drift: Drift) -> Sequence[Json]:
    return [
        drift.severity.value,
        drift.kind.value,
        drift.scope,
        drift.key,
        {change.attribute: [change.expected, change.found] for change in drift.changes} or None,
        drift.since and drift.since.seen.isoformat(),
        drift.by,
        drift.reason,
        drift.acceptance and drift.acceptance.until.isoformat(),
        drift.fingerprint,
    ]


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
