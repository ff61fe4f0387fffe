"""The store's one door: what collectors save through, and what reports, comparisons and SQL read through."""

from datetime import datetime
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import final

from driftscan.errors import StoreError
from driftscan.model.revision import Revision
from driftscan.model.snapshot import Snapshot
from driftscan.store import load, prune, save, sql
from driftscan.store.engine import Database, database
from driftscan.store.info import database_info
from driftscan.store.objects import ObjectReader
from driftscan.store.records import DatabaseInfo, Pruned, SavedSnapshot, StoredHost, StoredSnapshot
from driftscan.store.schema import SCHEMA
from driftscan.store.version import version_of
from driftscan.store.views import refresh_views

_NO_TABLES: sql.Tables = MappingProxyType({})


@final
class Store:
    """One open database; use it as a context manager, or close it.

    Threads may share it. Every method raises StoreError, in one line, when the database cannot be read or written.
    """

    def __init__(self, opened: Database) -> None:
        self._database = opened
        self._reader = ObjectReader(opened)
        self._lock = Lock()

    @classmethod
    def open(cls, target: str | Path | None = None, *, create: bool = True) -> "Store":
        """Open the database at a path or URL; None is `driftscan/driftscan.db` in the user's data directory.

        With `create`, one that is missing or empty is made. StoreError for tables of another version: an older one
        needs `Store.upgrade`, a newer one a newer driftscan.
        """
        opened = database(target, create=create)
        try:
            _require_schema(opened, create=create)
        except BaseException:
            opened.engine.dispose()
            raise
        return cls(opened)

    @staticmethod
    def upgrade(target: str | Path | None = None) -> tuple[str, str]:
        """Bring the tables of an existing database to this version; return the versions before and after."""
        opened = database(target, create=False)
        try:
            before = _version(opened)
            _refuse_newer(opened.name, before)
            _make_tables(opened)
            return before, _version(opened)
        finally:
            opened.engine.dispose()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; objects and manifests that were not read yet cannot be read any more."""
        self._reader.close()
        self._database.engine.dispose()

    def save(self, snapshot: Snapshot, role: str = "") -> SavedSnapshot:
        """Store all that a scan saw, in one transaction; a host keeps the role it had where `role` is ""."""
        with self._lock:  # threads queue here without the database's time limit
            saved = save.save(self._database, snapshot, role)
            refresh_views(self._database)
        return saved

    def hosts(self) -> list[StoredHost]:
        """Return every host that was scanned, in the order of names."""
        with self._database.reading() as connection:
            return load.list_hosts(connection)

    def snapshots(self, host: str | None = None, limit: int | None = None) -> list[StoredSnapshot]:
        """Return the newest `limit` snapshots (None: all) of a host (None: of every host), newest first."""
        with self._database.reading() as connection:
            return load.list_snapshots(connection, host, limit)

    def snapshot_at(self, host: str, revision: Revision) -> StoredSnapshot:
        """Return the snapshot of `host` that `revision` means; StoreError when there is none."""
        with self._database.reading() as connection:
            return load.find_snapshot(connection, host, revision)

    def load(self, snapshot: StoredSnapshot) -> Snapshot:
        """Return what a snapshot saw.

        Items have their volatile attributes only if this was the last snapshot that saw them. Objects and manifests
        are read when they are asked for, as long as the store is open.
        """
        with self._database.reading() as connection:
            return load.load(connection, snapshot, self._reader)

    def prune(
        self,
        host: str | None = None,
        *,
        keep_last: int | None = None,
        before: datetime | None = None,
        dry_run: bool = False,
    ) -> Pruned:
        """Remove snapshots of `host` (None: of every host), and all that only they needed.

        Those go that were taken before `before` (None: at any time) and are not among the host's `keep_last` newest;
        UsageError when neither is given. With `dry_run` nothing is removed, and the answer says what would be.
        """
        with self._lock:
            pruned = prune.prune(self._database, host, keep_last, before, dry_run=dry_run)
            if pruned.bytes_freed and not dry_run:
                prune.shrink(self._database)
        return pruned

    def sql(self, statement: str, tables: sql.Tables = _NO_TABLES) -> sql.Result:
        """Run one statement that reads; whatever would write is refused.

        Of `tables` (name -> names of columns, and what gives the rows) those that the statement mentions as a word
        are made for it as temporary tables first.
        """
        refresh_views(self._database)
        return sql.run(self._database, statement, tables)

    def info(self) -> DatabaseInfo:
        """Return how much the database holds."""
        return database_info(self._database)


def _version(opened: Database) -> str:
    with opened.reading() as connection:
        return version_of(connection, opened.name)


def _require_schema(opened: Database, *, create: bool) -> None:
    version = _version(opened)
    if version == SCHEMA:
        return
    if version:
        _refuse_newer(opened.name, version)
        raise StoreError(f"database {opened.name} was made by an older driftscan", hint="run `driftscan db upgrade`")
    if not create:
        raise StoreError(f"database {opened.name} is empty", hint="it is filled by the first scan")
    _make_tables(opened)


def _refuse_newer(name: str, version: str) -> None:
    from driftscan.store import migrate  # noqa: PLC0415 - Alembic is heavy, and seldom needed

    if version and version not in migrate.revisions():
        raise StoreError(f"database {name} was made by a newer driftscan", hint="upgrade driftscan")


def _make_tables(opened: Database) -> None:
    from driftscan.store import migrate  # noqa: PLC0415 - Alembic is heavy, and seldom needed

    migrate.upgrade(opened)
    refresh_views(opened)
