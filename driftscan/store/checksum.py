"""A sum of each sighting's own numbers, kept beside them: SQLite does not tell that a bit of a row has flipped.

What changes a row adds to its sum what its numbers have grown by, so that no night makes a damaged row look whole.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Integer, cast, func

from driftscan.store.schema import sighting

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


def checksum(values: Mapping[str, int | None]) -> int:
    """Return the sum of a row that has `values`, by column; 0 for what is not among them."""
    return sum(weight * (values.get(name) or 0) for name, weight in _WEIGHTS.items()) % _MODULUS


def checksum_of_row() -> ColumnElement[int]:
    """Return the sum that each row should have."""
    return _sum(*(_number(name) * weight for name, weight in _WEIGHTS.items()))


def checksum_after(values: Mapping[str, int]) -> ColumnElement[int]:
    """Return the sum of each row after an update that sets `values`."""
    return _sum(sighting.c.checksum, *((int(value) - _number(name)) * _WEIGHTS[name] for name, value in values.items()))


def damaged_row() -> ColumnElement[bool]:
    """Return the condition that a row is not what was written."""
    return sighting.c.checksum.is_(None) | (sighting.c.checksum != checksum_of_row())


def _number(name: str) -> ColumnElement[int]:
    column = sighting.c[name]
    return cast(column, Integer) if name == "replaced" else func.coalesce(column, 0)


def _sum(*parts: ColumnElement[Any]) -> ColumnElement[int]:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return (total % _MODULUS + _MODULUS) % _MODULUS  # a remainder has the sign of what is divided
