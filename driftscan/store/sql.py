"""SQL of a person's own: one statement that can only read, over the views and over tables made for it alone."""

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Protocol, final
from urllib.parse import quote

from sqlalchemy import Engine

from driftscan.errors import StoreError
from driftscan.model.text import shown
from driftscan.store.engine import BUSY_SECONDS, Database

Rows = Iterable[tuple[Any, ...]]
Tables = Mapping[str, tuple[Sequence[str], Callable[[], Rows]]]  # name -> column names, and what gives the rows

_BATCH = 1000
_KINDS = {
    frozenset({int}): "bigint",
    frozenset({float}): "double precision",
    frozenset({int, float}): "numeric",
    frozenset({bool}): "boolean",
}
_DESCRIBES = {"table_info", "table_list", "table_xinfo"}


@final
@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave: the names of the columns, and the rows as they are fetched.

    The connection is held until the rows are read to their end or `close` is called.
    """

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]
    close: Callable[[], None]

    def __enter__(self) -> "Result":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Session(Protocol):
    """A connection on which nothing can be changed but tables of its own."""

    @property
    def errors(self) -> tuple[type[BaseException], ...]:
        """What it raises for a faulty statement."""

    def make(self, name: str, columns: Sequence[str], rows: Rows) -> None:
        """Make a temporary table."""

    def execute(self, statement: str) -> None:
        """Start the statement; from here on nothing can be written."""

    def fetch(self) -> list[tuple[Any, ...]]:
        """Return the next rows, fewer than `_BATCH` at the end."""

    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns; valid after `fetch`."""

    def close(self) -> None:
        """End it; any number of times."""


def run(store: Database, statement: str, tables: Tables) -> Result:
    """Run one reading statement; of `tables` those that it mentions are made first. StoreError in one line."""
    session: _Session = _Sqlite(store) if store.path else _Postgresql(store.engine)
    try:
        for name, (columns, rows) in tables.items():
            if re.search(rf"(?i)\b{re.escape(name)}\b", statement):
                session.make(name, columns, rows())
        session.execute(statement)
        return _result(session)
    except BaseException as error:
        session.close()
        if isinstance(error, session.errors):
            raise _sql_error(error) from error
        raise


def _result(session: _Session) -> Result:
    first = session.fetch()
    columns = session.columns()
    if not columns:
        raise _only_reading()
    if len(first) < _BATCH:
        session.close()
        return Result(columns, iter(first), session.close)
    return Result(columns, _rows(session, first), session.close)


def _rows(session: _Session, batch: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    try:
        while batch:
            yield from batch
            batch = session.fetch()
    except session.errors as error:
        raise _sql_error(error) from error
    finally:
        session.close()


def _sql_error(error: BaseException) -> StoreError:
    said = shown((str(error).splitlines() or [""])[0])
    if "authorized" in said or "readonly" in said or "read-only" in said:
        return _only_reading()
    return StoreError(f"SQL: {said}")


def _only_reading() -> StoreError:
    return StoreError("SQL: only a statement that reads can be run", hint="expected SELECT …")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class _Sqlite:
    errors = (sqlite3.Error, sqlite3.Warning, UnicodeError)

    def __init__(self, store: Database) -> None:
        uri = store.still.uri if store.still else f"file:{quote(store.path)}?mode=ro"
        self._connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._cursor = self._connection.cursor()

    def make(self, name: str, columns: Sequence[str], rows: Rows) -> None:
        names, places = ", ".join(map(_quoted, columns)), ", ".join("?" * len(columns))
        self._cursor.execute("BEGIN")
        self._cursor.execute(f"CREATE TEMP TABLE {_quoted(name)} ({names})")
        self._cursor.executemany(f"INSERT INTO temp.{_quoted(name)} VALUES ({places})", rows)  # noqa: S608 - quoted
        self._cursor.execute("COMMIT")

    def execute(self, statement: str) -> None:
        self._cursor.execute("PRAGMA query_only = ON")
        self._connection.set_authorizer(_authorize)
        self._cursor.execute(statement)

    def fetch(self) -> list[tuple[Any, ...]]:
        return self._cursor.fetchmany(_BATCH)

    def columns(self) -> tuple[str, ...]:
        return tuple(column[0] for column in self._cursor.description or ())

    def close(self) -> None:
        self._connection.close()


def _authorize(action: int, subject: str | None, *_: str | None) -> int:
    # What a connection that only reads could still do: make other files (VACUUM INTO attaches, too), and unlock itself.
    denied = action == sqlite3.SQLITE_ATTACH or (action == sqlite3.SQLITE_PRAGMA and subject not in _DESCRIBES)
    return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK


class _Postgresql:
    def __init__(self, engine: Engine) -> None:
        self.errors = (engine.dialect.loaded_dbapi.Error, UnicodeError)
        self._connection: Any = engine.raw_connection()
        self._cursor: Any = self._connection.cursor()

    def make(self, name: str, columns: Sequence[str], rows: Rows) -> None:
        remaining = iter(rows)
        sample = list(islice(remaining, _BATCH))
        kinds = [_kind([row[place] for row in sample]) for place in range(len(columns))]
        names = ", ".join(f"{_quoted(column)} {kind}" for column, kind in zip(columns, kinds, strict=True))
        self._cursor.execute(f"CREATE TEMP TABLE {_quoted(name)} ({names}) ON COMMIT DROP")
        with self._cursor.copy(f"COPY {_quoted(name)} FROM STDIN") as copy:
            for row in chain(sample, remaining):
                copy.write_row(row)

    def execute(self, statement: str) -> None:
        self._cursor.execute("SET TRANSACTION READ ONLY")
        # Prepared, so that the server takes one statement only; as a cursor, so that it takes only one that reads.
        self._cursor.execute(f"DECLARE driftscan NO SCROLL CURSOR FOR {statement}", prepare=True)

    def fetch(self) -> list[tuple[Any, ...]]:
        self._cursor.execute(f"FETCH {_BATCH} FROM driftscan")
        return list(self._cursor.fetchall())

    def columns(self) -> tuple[str, ...]:
        return tuple(column[0] for column in self._cursor.description or ())

    def close(self) -> None:
        self._connection.close()  # back to the pool, which rolls back: the temporary tables are gone


def _kind(values: Iterable[Any]) -> str:
    """Return the type of the column that holds such values; text where they tell nothing."""
    kinds = frozenset(type(value) for value in values if value is not None)
    return _KINDS.get(kinds, "text")
