"""Connections: from a path or URL to a database that is read and written the same way, whatever keeps it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InternalError, OperationalError

from driftscan.errors import StoreError
from driftscan.model.text import shown
from driftscan.store.codec import DamagedError

BUSY_SECONDS = 60.0  # a whole first scan is saved in about a second: dozens may queue
_LOCK = 0x64726966  # "drif": the advisory lock by which PostgreSQL's writers and pruners keep out of each other's way

DAMAGED = ("is damaged", "`driftscan db check` says what of it is lost")

# What SQLite says, and what a person makes of it.
_SAID = (
    ("locked", "is in use by another process", "try again when that has finished"),
    ("readonly", "cannot be written", "check who owns the file and its directory"),
    ("is full", "has no space left, nothing was stored", "free some space and try again"),
    ("disk i/o", "cannot be read or written, nothing was stored", "check the disk and the space left on it"),
    ("not a database", "is not a driftscan database", "name another file"),
    ("malformed", *DAMAGED),
    ("could not decode", *DAMAGED),
    ("no such table", *DAMAGED),
    ("unable to open", "cannot be opened", "check the path and who may use it"),
)


@dataclass(frozen=True, slots=True)
class Still:
    """A SQLite database that is read without locks, where not even its shared memory may be written; as it was found.

    Nobody here can write it; should it live elsewhere too and be written there, what was read cannot be trusted.
    """

    path: Path
    stamp: tuple[int, int]

    @classmethod
    def of(cls, path: Path) -> "Still | None":
        """Return the database at `path`, None where it can be read with locks, or only with the log beside it."""
        try:
            place = os.access(path, os.W_OK) or os.access(path.parent, os.W_OK)
            return None if place or _logged(path) else cls(path, _stamp(path))
        except OSError:
            return None

    @property
    def uri(self) -> str:
        """How SQLite is told to read it without locks."""
        return f"file:{quote(str(self.path))}?immutable=1"

    @property
    def moved(self) -> bool:
        """Whether it is no longer as it was found."""
        return _logged(self.path) or _stamp(self.path) != self.stamp


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _logged(path: Path) -> bool:
    """Whether there is something in the log of a SQLite database that may not be in its file."""
    log = Path(f"{path}-wal")
    return log.exists() and log.stat().st_size > 0


@dataclass(frozen=True, slots=True)
class Database:
    """One database and its pool of connections; `name` is how messages call it, without a password."""

    name: str
    engine: Engine
    still: "Still | None" = None

    @property
    def path(self) -> str:
        """The file of a SQLite database, "" for a server."""
        return (self.engine.url.database or "") if self.engine.dialect.name == "sqlite" else ""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection on which several statements see one state."""
        # SQLite's transactions are repeatable by nature.
        options = {} if self.path else {"isolation_level": "REPEATABLE READ"}
        with self.clear_errors(), self.engine.execution_options(**options).connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[Connection]:
        """Give a connection whose statements become one transaction; `alone` when it removes what others count on."""
        with self.clear_errors(), self._writer().connect() as connection, self._locked(connection, alone=alone):
            yield connection

    @contextmanager
    def altering(self) -> Iterator[Connection]:
        """Give a writing connection that may change tables.

        SQLite changes one by making it anew and dropping the old one, and that would take along what refers to it.
        """
        with self.clear_errors(), self._writer().connect() as connection:
            self._pragma(connection, "journal_mode = WAL")  # here, for it stays, and somebody else's file is not ours
            self._pragma(connection, "foreign_keys = OFF")
            try:
                with self._locked(connection, alone=True):
                    yield connection
                    if self.path and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                        raise StoreError(f"database {self.name} refers to rows that are not there, nothing was changed")
            finally:
                self._pragma(connection, "foreign_keys = ON")

    def outside(self) -> Connection:
        """Return a connection without transactions; whoever takes it closes it."""
        options = {"driftscan_begin": ""} if self.path else {"isolation_level": "AUTOCOMMIT"}
        return self.engine.execution_options(**options).connect()

    def _writer(self) -> Engine:
        return self.engine.execution_options(driftscan_begin="BEGIN IMMEDIATE")

    @contextmanager
    def _locked(self, connection: Connection, *, alone: bool) -> Iterator[None]:
        with connection.begin():
            if not self.path:
                lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
                connection.execute(select(lock(_LOCK)))
            yield

    def _pragma(self, connection: Connection, words: str) -> None:
        if self.path:  # past SQLAlchemy, which would begin a transaction, and inside one this does nothing
            connection.connection.cursor().execute(f"PRAGMA {words}")

    @contextmanager
    def clear_errors(self) -> Iterator[None]:
        """Turn what a database says of its state into one line; a faulty statement stays what it is, a bug."""
        try:
            yield
        except (DamagedError, UnicodeDecodeError) as error:  # SQLite says the names of damaged tables as they are
            raise StoreError(f"database {self.name} {DAMAGED[0]}", hint=DAMAGED[1]) from error
        except DBAPIError as error:
            self._require_stillness()
            if isinstance(error, OperationalError | InternalError) or type(error) is DatabaseError:
                raise store_error(self.name, error.orig or error) from error
            raise
        self._require_stillness()

    def _require_stillness(self) -> None:
        if self.still is not None and self.still.moved:
            raise StoreError(f"database {self.name} was changed while it was read", hint="try again")


def store_error(name: str, error: BaseException) -> StoreError:
    """Return in one line what `error`, raised by a database driver, means for the database called `name`."""
    said = shown((str(error).splitlines() or [""])[0])
    if isinstance(error, sqlite3.Error):
        for sign, meaning, hint in _SAID:
            if sign in said.lower():
                return StoreError(f"database {name} {meaning}", hint=hint)
    return StoreError(f"database {name}: {said}")


def default_path() -> Path:
    """Return where the database is when nobody says: in the user's data directory."""
    data = os.environ.get("XDG_DATA_HOME", "")
    base = Path(data) if data.startswith("/") else Path.home() / ".local/share"
    return base / "driftscan" / "driftscan.db"


def database(target: str | Path | None, *, create: bool) -> Database:
    """Return the database at a path or URL (None: `default_path()`); with `create`, a SQLite file is made if missing.

    StoreError when there is none, or it cannot be made.
    """
    url = _url(target)
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        _prepare_file(path, create=create)
        still = Still.of(path)
        return Database(shown(str(path)), _sqlite_engine(url, still), still)
    try:
        # Times are shown in UTC to whoever looks with SQL, too.
        engine = create_engine(url, connect_args={"options": "-c timezone=UTC"}, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise StoreError("PostgreSQL needs psycopg", hint="pip install 'driftscan[postgresql]'") from error
    return Database(shown(url.set(query={}).render_as_string(hide_password=True)), engine)


def _url(target: str | Path | None) -> URL:
    spelled = str(target or default_path())
    if "://" not in spelled:
        return URL.create("sqlite", database=str(Path(spelled).expanduser().absolute()))
    try:
        url = make_url(spelled)
    except (ArgumentError, ValueError):  # not chained: the message may hold a password
        raise StoreError("the database's URL cannot be read", hint="expected postgresql://USER@HOST/NAME") from None
    if url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}:
        return URL.create("sqlite", database=str(Path(url.database or "").absolute()))
    if url.get_backend_name() in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    raise StoreError(
        f"'{shown(url.drivername)}' databases are not supported", hint="expected a path or postgresql://USER@HOST/NAME"
    )


def _prepare_file(path: Path, *, create: bool) -> None:
    """Make the file before SQLite does, for SQLite would make it readable by others; -wal and -shm take its mode."""
    try:
        if path.exists():
            if path.stat().st_size == 0 and _logged(path):
                raise StoreError(
                    f"database {shown(str(path))} is empty, but not the log beside it: it was cut off",
                    hint="restore it from a backup",
                )
            return
        if not create:
            raise StoreError(f"there is no database {shown(str(path))}", hint="it is made by the first scan")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"database {shown(str(path))} cannot be made: {error.strerror}") from error


def _sqlite_engine(url: URL, still: Still | None) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    if still is not None:

        @event.listens_for(engine, "do_connect")
        def _connect(_dialect: object, _record: object, words: list[Any], more: dict[str, Any]) -> sqlite3.Connection:
            words[0] = still.uri
            connection: sqlite3.Connection = sqlite3.connect(*words, **more, uri=True)
            return connection

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver's own idea of when to begin would split a save in two
        connection.execute("PRAGMA temp_store = MEMORY")  # not in /var/tmp, of a host that scans itself least of all
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        begin = connection.get_execution_options().get("driftscan_begin", "BEGIN")
        if begin:
            connection.exec_driver_sql(begin)

    return engine
