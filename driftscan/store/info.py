"""How much a database holds."""

from pathlib import Path

from sqlalchemy import Connection, FromClause, func, select, text

from driftscan.store.engine import Database
from driftscan.store.records import DatabaseInfo
from driftscan.store.schema import host, item, sighting, snapshot, stored_object
from driftscan.store.version import version_of


def database_info(store: Database) -> DatabaseInfo:
    """Count what is stored; the size of a SQLite database is that of its file and of the log beside it."""
    with store.reading() as connection:
        kept = select(func.count()).select_from(snapshot).where(~snapshot.c.pruned)
        return DatabaseInfo(
            url=store.name,
            size=_size(connection, store.path),
            schema=version_of(connection, store.name),
            hosts=_count(connection, host),
            snapshots=connection.scalar(kept) or 0,
            items=_count(connection, item),
            sightings=_count(connection, sighting),
            objects=_count(connection, stored_object),
            object_bytes=connection.scalar(select(func.coalesce(func.sum(func.length(stored_object.c.data)), 0))) or 0,
        )


def _count(connection: Connection, table: FromClause) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _size(connection: Connection, path: str) -> int:
    if path:
        return sum(file.stat().st_size for file in (Path(path), Path(f"{path}-wal")) if file.exists())
    return connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
