"""SQLite's own pages: what is wrong with them, and every row that can still be read, in a new file."""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Table

from driftscan.errors import StoreError
from driftscan.model.text import shown
from driftscan.store.engine import BUSY_SECONDS, store_error
from driftscan.store.schema import metadata, sighting

_MOST = 50  # lines that SQLite says of a damaged file
_ROWS_PER_PAGE = 100  # at most, about, where nothing else tells how many rows there were
_INDEX = re.compile(r"(row \d+ missing from index|wrong # of entries in index|non-unique entry in index)")
_FIRST_TABLES = frozenset({"host", "snapshot", "scope_coverage", "item", "sighting", "unseen", "object", "setting"})
_LATER = frozenset({"checksum"})  # columns that tables have been given since
# What the file of every driftscan database begins with: the signature, pages of 4096 bytes, a log beside it.
_HEADER = b"SQLite format 3\0\x10\x00\x02\x02\x00\x40\x20\x20"
_FORMATS = b"\x00\x00\x00\x04", b"\x00\x00\x00\x01"  # of the schema, at 44, and of texts, UTF-8, at 56
_BESIDE = ("", "-wal")


def page_faults(path: str) -> tuple[list[str], bool]:
    """Return what is wrong with the pages of a file, and whether it is only that indexes disagree with their tables."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA cell_size_check = ON")
            said = [row[0] for row in connection.execute(f"PRAGMA integrity_check({_MOST})")]
    except sqlite3.OperationalError as error:
        if not _damaged(error):
            raise
        said = [str(error)]
    except sqlite3.DatabaseError as error:
        said = [str(error)]
    except UnicodeDecodeError:  # it would say the name of a damaged table
        said = ["database disk image is malformed"]
    lines = [line for text in said for line in str(text).splitlines() if line != "ok"]
    return lines, bool(lines) and all(_INDEX.search(line) for line in lines)


def _damaged(error: sqlite3.Error) -> bool:
    return any(sign in str(error) for sign in ("malformed", "disk I/O", "not a database"))


def reindex(path: str) -> bool:
    """Make every index anew from its table; whether that could be done."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute("REINDEX")
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and not _damaged(error):
            raise
        return False
    return True


def copy_of(path: Path, target: Path) -> None:
    """Copy a database with the log beside it.

    By a program of its own: a process that closes a file gives up the locks that SQLite holds on it.
    """
    for suffix in _BESIDE:
        if not Path(f"{path}{suffix}").exists():
            continue
        os.close(os.open(f"{target}{suffix}", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        done = subprocess.run(
            ["cp", "--", f"{path}{suffix}", f"{target}{suffix}"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            for one in _BESIDE:
                Path(f"{target}{one}").unlink(missing_ok=True)
            raise StoreError(f"{shown(str(path))} cannot be copied", hint="free some space beside it")


def salvage(path: Path, made: Path, scratch: Path) -> bool:
    """Fill the empty tables of the database at `made` with all rows that can be read at `path`.

    Returns whether its sightings have sums; those from before schema 0004 have none.
    What is read is a copy in the directory `scratch`: its header is set right, where that is all that is wrong.
    """
    copy = scratch / "damaged.db"
    copy_of(path, copy)
    with copy.open("r+b") as file:
        file.write(_HEADER)
        for place, told in zip((44, 56), _FORMATS, strict=True):
            file.seek(place)
            file.write(told)
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.text_factory = lambda data: data.decode("utf-8", "replace")  # names may be no text any more
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        # Then a file that was cut off is read as far as it goes, and what is damaged of the views is passed over.
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("ATTACH ? AS damaged", (str(copy),))
        _require_tables(connection, path)
        pages = max(1, copy.stat().st_size // 4096)
        for table in metadata.sorted_tables:
            names = ", ".join(f'"{name}"' for name in _columns(connection, path, table))
            for least, most in _ranges(connection, table.name, pages * _ROWS_PER_PAGE):
                _fill(connection, table.name, names, least, most)
        return "checksum" in _columns(connection, path, sighting)


def _require_tables(connection: sqlite3.Connection, path: Path) -> None:
    """StoreError where it is not told any more at which page a table begins: an empty one is no repair."""
    try:
        found = {row[0] for row in connection.execute("SELECT name FROM damaged.sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError:
        found = set()
    if not found >= _FIRST_TABLES:
        raise _untold(path)


def _columns(connection: sqlite3.Connection, path: Path, table: Table) -> list[str]:
    """Return the columns of a table that it has there too; an older driftscan's may lack some, or be missing."""
    there = {row[1] for row in connection.execute(f'PRAGMA damaged.table_info("{table.name}")')}
    if there and not there >= {column.name for column in table.columns} - _LATER:
        raise _untold(path)
    return [column.name for column in table.columns if column.name in there]


def _untold(path: Path) -> StoreError:
    what = f"database {shown(str(path))} is damaged where it says what its tables are"
    return StoreError(what, hint="restore it from a backup")


def _ranges(connection: sqlite3.Connection, table: str, most: int) -> Iterator[tuple[int, int]]:
    """Yield the numbers between which the rows of a table are, as far as the table or one of its indexes tells."""
    try:
        indexes = [row[1] for row in connection.execute(f'PRAGMA damaged.index_list("{table}")')]
    except sqlite3.DatabaseError:
        indexes = []
    for words in ("NOT INDEXED", *(f'INDEXED BY "{name}"' for name in indexes)):
        try:
            found = connection.execute(
                f'SELECT min(rowid), max(rowid) FROM damaged."{table}" {words}'  # noqa: S608 - names of our own
            ).fetchone()
        except sqlite3.DatabaseError as error:
            if "no such" in str(error):  # an older driftscan's tables
                return
            continue
        if found[0] is not None:
            yield found
        return
    yield 1, most


def _fill(connection: sqlite3.Connection, table: str, names: str, least: int, most: int) -> None:
    """Copy the rows from number `least` to `most`; where one cannot be read, the others, by halves."""
    rows = f'SELECT {names} FROM damaged."{table}" NOT INDEXED WHERE rowid BETWEEN ? AND ?'  # noqa: S608
    statement = f'INSERT OR IGNORE INTO main."{table}" ({names}) {rows}'
    waiting = [(least, most)]
    while waiting:
        low, high = waiting.pop()
        try:
            connection.execute(statement, (low, high))
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
                raise
            if low < high:
                middle = (low + high) // 2
                waiting += (middle + 1, high), (low, middle)


def put(made: Path, path: Path) -> None:
    """Put the database at `made` in the place of the one at `path`, as one transaction where that can still be had."""
    with closing(sqlite3.connect(made)) as source:
        source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        try:
            with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as target:
                target.execute("PRAGMA writable_schema = ON")
                source.backup(target)
                target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and not _damaged(error):
                raise store_error(str(path), error) from error
        else:
            return
    # Nobody can open what is there, so nobody has it open.
    beside = path.with_name(f".{path.name}.new")
    shutil.copyfile(made, beside)
    beside.chmod(0o600)
    beside.replace(path)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").unlink()
