"""The store's one door: what collectors save through, and what reports, comparisons and SQL read through."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import final

from driftscan.model.proof import Proof
from driftscan.model.revision import Revision
from driftscan.model.snapshot import Snapshot
from driftscan.store import checks, history, load, proofs, prune, save, sql
from driftscan.store.engine import Database, database
from driftscan.store.info import database_info
from driftscan.store.objects import ObjectReader
from driftscan.store.records import (
    Checkup,
    DatabaseInfo,
    Event,
    Look,
    Night,
    Pruned,
    SavedSnapshot,
    State,
    StoredCheck,
    StoredHost,
    StoredSnapshot,
)
from driftscan.store.retention import Retention
from driftscan.store.trees import StoredTree, trees
from driftscan.store.version import make_schema, refuse_newer, require_schema, version_of
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
            refuse_newer(opened.name, before)
            _make_tables(opened, before)
            return before, _version(opened)
        finally:
            opened.engine.dispose()

    @staticmethod
    def check(target: str | Path | None = None, *, repair: bool = False) -> Checkup:
        """Look at everything in an existing database and say what is wrong; with `repair` mend what can be mended."""
        from driftscan.store import checkup  # noqa: PLC0415 - seldom needed, and Alembic with it

        opened = database(target, create=False)
        try:
            if not repair:
                return checkup.checkup(opened)
            done = checkup.repair(opened, datetime.now(timezone.utc))
            if opened.still is None:
                refresh_views(opened)
            return done
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
        keep: Retention | None = None,
        before: datetime | None = None,
        dry_run: bool = False,
    ) -> Pruned:
        """Remove snapshots of `host` (None: of every host), and all that only they needed.

        Those go that were taken before `before` (None: at any time), are not among the host's `keep_last` newest and
        are not what `keep` keeps; UsageError when none of the three is given. The newest complete snapshot of a host
        stays (of one that has none the newest), unless the host is named and only `before` is given: so a host is
        forgotten. With `dry_run` nothing is removed, and the answer says what would be.
        """
        if keep_last is not None:
            keep = replace(keep, last=max(keep.last, keep_last)) if keep else Retention(last=keep_last)
        with self._lock:
            pruned = prune.prune(self._database, host, keep, before, dry_run=dry_run)
            if pruned.bytes_freed and not dry_run:
                prune.shrink(self._database)
        return pruned

    def states(self, scope: str, key: str, host: str | None = None) -> list[State]:
        """Return every state that an item ever had on `host` (None: on all), as far as is kept, newest first."""
        return self.states_of(scope, [key], host)

    def states_of(self, scope: str, keys: Collection[str], host: str | None = None) -> list[State]:
        """Return what `states` does, of several items of a scope at once."""
        with self._database.reading() as connection:
            return history.states(connection, scope, keys, host)

    def naming(self, host: str, value: str) -> list[State]:
        """Return every state of the items of `host` whose key or an attribute is `value` (a path), newest first."""
        with self._database.reading() as connection:
            return history.naming(connection, host, value)

    def keys(self, scope: str, host: str, part: str, limit: int = 5) -> list[str]:
        """Return up to `limit` keys of items that `host` ever had of `scope`, of those that hold `part`."""
        with self._database.reading() as connection:
            return history.keys(connection, scope, host, part, limit)

    def changes(self, host: str, scopes: Collection[str] = (), limit: int | None = None) -> list[Event]:
        """Return the newest `limit` changes (None: all) of the items of `scopes` (none: of all) on `host`.

        Newest first; what the first look at a scope found is no change. Volatile attributes are left out. Scopes that
        are kept in the file tree have no items of their own here.
        """
        with self._database.reading() as connection:
            return history.changes(connection, host, scopes, limit)

    def looks(self, host: str, scopes: Collection[str] = ()) -> list[Look]:
        """Return how the looks at `scopes` (none: at all) ended in the kept snapshots of `host`, newest first."""
        with self._database.reading() as connection:
            return history.looks(connection, host, scopes)

    def trees(self, host: str, *, until: int | None = None, limit: int | None = None) -> list[StoredTree]:
        """Return the file trees of the newest `limit` kept snapshots of `host` up to number `until`, newest first.

        They can be asked as long as the store is open, by one thread.
        """
        with self._database.reading() as connection:
            return trees(connection, self._reader, host, until, limit)

    def keep_check(self, host: str, number: int, digest: str, document: str) -> None:
        """Keep what became of the comparison of snapshot `number` with what has `digest`; StoreError for no such one.

        It is pruned with the snapshot, unless it is the newest of the host.
        """
        with self._lock, self._database.writing(alone=True) as connection:
            checks.keep_check(connection, host, number, digest, document)

    def last_check(self, host: str) -> StoredCheck | None:
        """Return what was kept of the newest compared snapshot of `host`, None if none was."""
        with self._database.reading() as connection:
            return checks.last_check(connection, host)

    def keep_proof(self, proof: Proof) -> None:
        """Keep what became of a rebuild; StoreError where its snapshot is none of its host.

        It is kept as long as any snapshot of the host is.
        """
        with self._lock, self._database.writing(alone=True) as connection:
            proofs.keep_proof(connection, proof)

    def proofs(self, host: str, most: int = 0) -> list[Proof]:
        """Return the newest `most` proofs (0: all) of `host`, the newest first."""
        with self._database.reading() as connection:
            return proofs.list_proofs(connection, host, most)

    def begin_night(self, now: datetime, within: timedelta) -> Night:
        """Begin a nightly run, or resume the last one if it has not come to its end and is younger than `within`."""
        with self._lock, self._database.writing(alone=True) as connection:
            return checks.begin_night(connection, now, within)

    def end_night(self, number: int, now: datetime) -> None:
        """Say that a nightly run has come to its end; StoreError when there is no such one."""
        with self._lock, self._database.writing(alone=True) as connection:
            checks.end_night(connection, number, now)

    def scanned_since(self, started: datetime) -> dict[str, StoredSnapshot]:
        """Return the newest snapshot of each host that was scanned at or after `started`, by host."""
        with self._database.reading() as connection:
            return checks.scanned_since(connection, started)

    def remember(self, name: str, value: str) -> None:
        """Keep a small note under `name`, in place of the one before."""
        with self._lock, self._database.writing(alone=True) as connection:
            checks.remember(connection, name, value)

    def recall(self, name: str) -> str | None:
        """Return the note that is kept under `name`, None if there is none."""
        with self._database.reading() as connection:
            return checks.recall(connection, name)

    def sql(self, statement: str, tables: sql.Tables = _NO_TABLES) -> sql.Result:
        """Run one statement that reads; whatever would write is refused.

        Of `tables` (name -> names of columns, and what gives the rows) those that the statement mentions as a word
        are made for it as temporary tables first.
        """
        if self._database.still is None:  # else they are as they are
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
    if create and not version:
        _make_tables(opened, version)
    else:
        require_schema(opened.name, version)


def _make_tables(opened: Database, version: str) -> None:
    if opened.path and not version:
        with opened.altering() as connection:
            make_schema(connection)
    else:
        from driftscan.store import migrate  # noqa: PLC0415 - Alembic is heavy, and seldom needed

        migrate.upgrade(opened)
    refresh_views(opened)
