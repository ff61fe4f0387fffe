"""Saving: one snapshot in one transaction."""

from collections.abc import Mapping

from sqlalchemy import Connection, insert, select, update

from driftscan import __version__
from driftscan.model.outcome import Coverage
from driftscan.model.snapshot import Snapshot
from driftscan.store.codec import canonical
from driftscan.store.engine import Database
from driftscan.store.manifests import manifest_objects
from driftscan.store.objects import add_objects
from driftscan.store.records import SavedSnapshot
from driftscan.store.schema import host as host_table
from driftscan.store.schema import scope_coverage
from driftscan.store.schema import snapshot as snapshot_table
from driftscan.store.sightings import record, seen_items
from driftscan.store.statements import insert_new


def save(store: Database, snapshot: Snapshot, role: str) -> SavedSnapshot:
    """Store `snapshot`; all of it or nothing. The host keeps the role it had where `role` is ""."""
    seen = seen_items(snapshot.items, snapshot.coverage)
    root, manifests = manifest_objects(snapshot.manifests)
    with store.writing() as connection:
        host_id = _host(connection, snapshot.host, role)
        snapshot_id = _insert(connection, snapshot, host_id, root)
        _cover(connection, snapshot_id, snapshot.coverage)
        recorded = record(connection, host_id, snapshot_id, seen, snapshot.coverage)
        size = recorded.size
        for objects in (snapshot.objects, manifests):
            size += add_objects(connection, objects, {snapshot.tree, snapshot.stats, root}, snapshot_id)
    return SavedSnapshot(snapshot_id, snapshot.host, snapshot.taken, recorded.new, recorded.ended, size)


def _host(connection: Connection, name: str, role: str) -> int:
    """Return the host's number, and keep others from saving the same host meanwhile."""
    insert_new(connection, host_table, [{"name": name, "role": role}])
    row = connection.execute(
        select(host_table.c.id, host_table.c.role).where(host_table.c.name == name).with_for_update()
    ).one()
    if role not in {"", row.role}:
        connection.execute(update(host_table).where(host_table.c.id == row.id).values(role=role))
    return int(row.id)


def _insert(connection: Connection, snapshot: Snapshot, host_id: int, manifests: bytes) -> int:
    values = {
        "host_id": host_id,
        "taken": snapshot.taken,
        "seconds": snapshot.seconds,
        "transport": snapshot.transport,
        "version": __version__,
        "files": snapshot.files,
        "complete": snapshot.complete,
        "pruned": False,
        "tree": snapshot.tree,
        "stats": snapshot.stats,
        "manifests": manifests,
    }
    # Not RETURNING, which SQLite has since 3.35 only: enterprise Linux 9 has 3.34.
    inserted = connection.execute(insert(snapshot_table).values(values)).inserted_primary_key
    return int(inserted[0]) if inserted else 0


def _cover(connection: Connection, snapshot_id: int, coverage: Mapping[str, Coverage]) -> None:
    rows = [
        {
            "snapshot_id": snapshot_id,
            "scope": scope,
            "outcome": covered.outcome.value,
            "items": covered.items,
            "gaps": canonical(covered.gaps),
            "notes": canonical(covered.notes),
        }
        for scope, covered in coverage.items()
    ]
    if rows:
        connection.execute(insert(scope_coverage), rows)
