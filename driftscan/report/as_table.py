"""The format `table`: columns for a person, at most as wide as the screen."""

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from tabulate import tabulate

from driftscan.model.item import Json
from driftscan.model.text import shown
from driftscan.report.base import Rows

FORMAT = "table"
_GAP = 2  # blanks between columns
_LEAST = 16  # no column is cut below this
# What is copied, or is a sentence: never cut, it rather leaves the screen.
_WHOLE = frozenset({"path", "answer", "what it holds"})
_STUB = 8  # room that such a column is sure to have on the screen
_BLOCK = 2000  # rows that are laid out together: a long table comes as it is read


@dataclass(frozen=True, slots=True)
class _Column:
    """One column as text: `width` is that of its cells, `least` that of the shortest cut; high `weight` goes first."""

    name: str
    cells: Sequence[str]
    width: int
    least: int
    weight: int
    align: str


def rows(headers: Sequence[str], rows_: Rows, width: int) -> Iterable[str]:
    """Yield the lines of a table; columns in which nothing stands are left out, long ones are cut with an ellipsis.

    Where not even that makes them fit, whole columns are left out, and the last line says which.
    """
    source = iter(rows_)
    missing: dict[str, None] = {}
    while block := list(islice(source, _BLOCK)):
        lines, left_out = _lay_out(headers, block, width)
        missing |= dict.fromkeys(left_out)
        yield from lines
    if missing:
        told = f"columns left out: {', '.join(missing)}; --format json has all"
        yield from textwrap.wrap(told, width, subsequent_indent="  ")


def table(headers: Sequence[str], rows_: Sequence[Sequence[Json]], width: int) -> list[str]:
    """Return the lines of one table that fits into `width` columns."""
    return _lay_out(headers, rows_, width)[0]


def cell(value: Json) -> str:
    """Return one value as a person reads it, safe for a terminal."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, list):
        return ", ".join(cell(part) for part in value)
    return shown(json.dumps(value, sort_keys=True)) if isinstance(value, dict) else str(value)


def cut(text: str, width: int) -> str:
    """Return `text`, with an ellipsis at its end where it is longer than `width`."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _lay_out(headers: Sequence[str], rows_: Sequence[Sequence[Json]], width: int) -> tuple[list[str], list[str]]:
    """Return the lines of a table, and the names of the columns that found no room."""
    columns = [_column(name, [row[index] for row in rows_]) for index, name in enumerate(headers)]
    used = [column for column in columns if any(column.cells)]
    kept = _kept(used, width)
    room = _fit(kept, width - _GAP * (len(kept) - 1))
    rule = min(room[-1], max(_STUB, width - sum(room[:-1]) - _GAP * len(room[:-1]))) if room else 0
    # The header goes in as a row: tabulate would pad it beyond the width that was reckoned.
    cells = [
        [cut(text, space) for text in (column.name, "-" * (rule if column is kept[-1] else space), *column.cells)]
        for column, space in zip(kept, room, strict=True)
    ]
    laid = tabulate(
        list(zip(*cells, strict=True)), tablefmt="plain", disable_numparse=True, colalign=[c.align for c in kept]
    )
    return [line.rstrip() for line in laid.split("\n") if line], [c.name for c in used if c not in kept]


def _column(name: str, values: Sequence[Json]) -> _Column:
    told = [value for value in values if value is not None]
    cells = [cell(value) for value in values]
    width = max(len(text) for text in (name, *cells))
    same = len(cells) > 1 and len(set(cells)) == 1
    lists = any(isinstance(value, list) for value in told)
    numbers = bool(told) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in told)
    return _Column(
        name=name,
        cells=cells,
        width=width,
        least=min(width, _STUB if name in _WHOLE else _LEAST),
        weight=0 if name in _WHOLE else 3 if lists else 2 if same else 1,
        align="right" if numbers else "left",
    )


def _kept(columns: Sequence[_Column], width: int) -> list[_Column]:
    """Leave columns out until the others have room: lists first, what is the same in all rows, then from the right."""
    kept = list(columns)
    while len(kept) > 1 and sum(column.least + _GAP for column in kept) - _GAP > width:
        kept.remove(max(reversed(kept), key=lambda column: column.weight))
    return kept


def _fit(columns: Sequence[_Column], room: int) -> list[int]:
    """Return the width of each column: the widest are cut until all fit, or none can be cut any more."""
    limits = [
        column.width if column.name in _WHOLE else min(column.width, max(room, column.least)) for column in columns
    ]
    while sum(limits) > room:
        wider = [
            (limits[index], index)
            for index, column in enumerate(columns)
            if column.name not in _WHOLE and limits[index] > column.least
        ]
        if not wider:
            break
        limits[max(wider)[1]] -= 1
    return limits
