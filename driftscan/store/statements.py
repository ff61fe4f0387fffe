"""Small pieces of SQL that are needed in several places, and what SQLite and PostgreSQL spell differently."""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    func,
    select,
)

_CHUNK = 500
_T = TypeVar("_T")


def chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yield `values` in pieces that fit the parameters of one statement."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those of `rows` that are not there yet.

    Rows come in an order that is the same for every writer, so that two of them cannot wait for each other.
    """
    # Each dialect spells this itself, and the one that is not in use is slow to load.
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    if rows:
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def is_one_of(connection: Connection, column: ColumnElement[int], numbers: Sequence[int]) -> ColumnElement[bool]:
    """Return the condition that `column` is one of any number of `numbers`, with one parameter."""
    given = bindparam(None, json.dumps(list(numbers)), Text)
    found: Select[Any]
    if connection.dialect.name == "sqlite":
        found = select(func.json_each(given).table_valued("value").c.value)
    else:
        each = func.json_array_elements_text(cast(given, JSON)).table_valued("value")
        found = select(cast(each.c.value, BigInteger))
    return column.in_(found)


def plain(column: ColumnElement[Any], connection: Connection) -> ColumnElement[Any]:
    """Return a column of texts as SQLite has it: in a damaged database text need not be text any more."""
    return cast(column, LargeBinary) if connection.dialect.name == "sqlite" else column


def as_text(value: str | bytes | None) -> str:
    """Return what `plain` gave as text, as far as it is any."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""
