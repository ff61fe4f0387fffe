"""A sum of what each sighting says, kept beside it: SQLite does not tell that a bit of a row has flipped.

What changes a row adds to its sum what its numbers have grown by, so that no night makes a damaged row look whole.
"""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, cast, func, select, update

from driftscan.store.schema import sighting
from driftscan.store.statements import plain

# Primes far apart: what a flipped bit of one number adds, no flipped bit of another takes away.
_WEIGHTS = {
    "host_id": 1_000_003,
    "item_id": 7_368_787,
    "first_snapshot": 15_485_863,
    "last_snapshot": 32_452_843,
    "gone_snapshot": 49_979_687,
    "replaced": 67_867_967,
}
_MODULUS = (1 << 31) - 1


def checksum(row: Mapping[str, Any]) -> int:
    """Return the sum of a row that is to be, by column; what is not in it is 0, or no text."""
    numbers = sum(weight * (row.get(name) or 0) for name, weight in _WEIGHTS.items())
    return (numbers + text_sum(row.get("volatile"))) % _MODULUS


def text_sum(volatile: str | bytes | None) -> int:
    """Return what the text of a row adds to its sum."""
    data = volatile.encode("utf-8", "surrogatepass") if isinstance(volatile, str) else volatile or b""
    return crc32(data) % _MODULUS


def checksum_after(values: Mapping[str, int]) -> ColumnElement[int]:
    """Return the sum of each row after an update that sets `values`, which are numbers."""
    return grown_by(sum(((int(new) - _number(name)) * _WEIGHTS[name] for name, new in values.items()), start=_NOTHING))


def grown_by(more: ColumnElement[int]) -> ColumnElement[int]:
    """Return the sum of each row after an update that adds `more` to it."""
    return _remainder(sighting.c.checksum + more)


def sum_of_text() -> ColumnElement[int]:
    """Return what `text_sum` should give for each row: all that its sum holds besides its numbers; NULL without one."""
    return _remainder(sighting.c.checksum - _numbers())


def sum_anew(connection: Connection, which: ColumnElement[bool]) -> None:
    """Sum the rows `which`, whatever they say now."""
    connection.execute(update(sighting).where(which).values(checksum=_remainder(_numbers())))
    texts = select(sighting.c.id, plain(sighting.c.volatile, connection)).where(which, sighting.c.volatile.is_not(None))
    rows = [{"number": number, "more": text_sum(volatile)} for number, volatile in connection.execute(texts)]
    if rows:
        summed = grown_by(bindparam("more", type_=Integer))
        connection.execute(update(sighting).where(sighting.c.id == bindparam("number")).values(checksum=summed), rows)


_NOTHING: ColumnElement[int] = cast(0, Integer)


def _number(name: str) -> ColumnElement[int]:
    column = sighting.c[name]
    return cast(column, Integer) if name == "replaced" else func.coalesce(column, 0)


def _numbers() -> ColumnElement[int]:
    return sum((_number(name) * weight for name, weight in _WEIGHTS.items()), start=_NOTHING)


def _remainder(total: ColumnElement[Any]) -> ColumnElement[int]:
    return (total % _MODULUS + _MODULUS) % _MODULUS  # a remainder has the sign of what is divided
