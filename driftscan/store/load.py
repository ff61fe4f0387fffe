"""Reading: hosts, snapshots, and all that one snapshot saw."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, select

from driftscan.errors import StoreError
from driftscan.model.item import Item
from driftscan.model.outcome import Coverage, Outcome
from driftscan.model.revision import Revision
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import shown
from driftscan.store.checksum import sum_of_text, text_sum
from driftscan.store.codec import DamagedError, parsed
from driftscan.store.manifests import StoredManifests
from driftscan.store.objects import ObjectReader, StoredObjects
from driftscan.store.records import StoredHost, StoredSnapshot
from driftscan.store.schema import host, item, scope_coverage, sighting, snapshot, unseen


def list_hosts(connection: Connection) -> list[StoredHost]:
    """Return every host in the order of names."""
    kept = select(snapshot.c.host_id, func.count().label("kept"), func.max(snapshot.c.id).label("newest"))
    kept_by_host = kept.where(~snapshot.c.pruned).group_by(snapshot.c.host_id).subquery()
    counts = select(host.c.name, host.c.role, kept_by_host.c.kept, kept_by_host.c.newest)
    rows = connection.execute(counts.join(kept_by_host, kept_by_host.c.host_id == host.c.id).order_by(host.c.name))
    newest = _snapshots().where(snapshot.c.id.in_(select(kept_by_host.c.newest)))
    by_number = {row.id: _stored(row) for row in connection.execute(newest)}
    return [StoredHost(row.name, row.role, row.kept, by_number.get(row.newest)) for row in rows]


def list_snapshots(connection: Connection, name: str | None, limit: int | None) -> list[StoredSnapshot]:
    """Return the newest `limit` snapshots (None: all) of a host (None: of all), newest first."""
    statement = _snapshots().order_by(snapshot.c.id.desc()).limit(limit)
    if name is not None:
        statement = statement.where(snapshot.c.host_id == _host_number(connection, name))
    return [_stored(row) for row in connection.execute(statement)]


def find_snapshot(connection: Connection, name: str, revision: Revision) -> StoredSnapshot:
    """Return the snapshot of a host that `revision` means; StoreError when there is none."""
    statement = _snapshots().where(snapshot.c.host_id == _host_number(connection, name))
    statement = statement.order_by(snapshot.c.id.desc()).limit(1)
    if revision.kind == "back":
        statement = statement.offset(revision.number)
    elif revision.kind == "number":
        statement = statement.where(snapshot.c.id == revision.number)
    elif revision.kind == "date":
        statement = statement.where(snapshot.c.taken < revision.before)
    row = connection.execute(statement).first()
    if row is None:
        raise StoreError(
            f"host {shown(name)} has no snapshot '{shown(str(revision))}'",
            hint="see `driftscan log` for those that are kept",
        )
    return _stored(row)


def load(connection: Connection, stored: StoredSnapshot, reader: ObjectReader) -> Snapshot:
    """Return what a snapshot saw; its objects and manifests are read by `reader` when they are asked for."""
    columns = (snapshot.c.host_id, snapshot.c.tree, snapshot.c.stats, snapshot.c.manifests)
    row = connection.execute(select(*columns).where(snapshot.c.id == stored.id, ~snapshot.c.pruned)).first()
    if row is None:
        raise StoreError(f"snapshot {stored.id} is not in the database any more", hint="it was pruned")
    coverage = _coverage(connection, stored.id)
    return Snapshot(
        host=stored.host,
        taken=stored.taken,
        seconds=stored.seconds,
        transport=stored.transport,
        items=_items(connection, row.host_id, stored.id, coverage),
        coverage=coverage,
        tree=row.tree,
        stats=row.stats,
        objects=StoredObjects(reader, row.tree, row.stats),
        manifests=StoredManifests(reader, row.manifests),
        files=stored.files,
    )


def _snapshots() -> Select[Any]:
    columns = (
        snapshot.c.id,
        host.c.name.label("host"),
        snapshot.c.taken,
        snapshot.c.seconds,
        snapshot.c.transport,
        snapshot.c.version,
        snapshot.c.files,
        snapshot.c.complete,
    )
    return select(*columns).join(host, host.c.id == snapshot.c.host_id).where(~snapshot.c.pruned)


def _stored(row: Row[Any]) -> StoredSnapshot:
    return StoredSnapshot(*list(row))


def _host_number(connection: Connection, name: str) -> int:
    number = connection.scalar(select(host.c.id).where(host.c.name == name))
    if number is None:
        raise StoreError(f"host {shown(name)} is not in the database", hint="scan it first, or see `driftscan log`")
    return int(number)


def _items(connection: Connection, host_id: int, snapshot_id: int, coverage: Mapping[str, Coverage]) -> list[Item]:
    """Return what was seen in that very snapshot: not what is only presumed over a gap.

    DamagedError where that is not what was written: a row that is lost must not pass for an item that is not there.
    """
    gap = exists().where(
        unseen.c.sighting_id == sighting.c.id,
        unseen.c.after_snapshot < snapshot_id,
        unseen.c.before_snapshot > snapshot_id,
    )
    # A range also spans the snapshots that did not look at the scope: these have no coverage of it.
    covered = (scope_coverage.c.snapshot_id == snapshot_id) & (scope_coverage.c.scope == item.c.scope)
    statement = (
        select(
            item.c.scope, item.c.key, item.c.attributes, sighting.c.last_snapshot, sighting.c.volatile, sum_of_text()
        )
        .select_from(sighting)
        .join(item, item.c.id == sighting.c.item_id)
        .join(scope_coverage, covered)
        .where(sighting.c.host_id == host_id)
        .where(sighting.c.first_snapshot <= snapshot_id, sighting.c.last_snapshot >= snapshot_id, ~gap)
        .order_by(item.c.scope, item.c.key)
    )
    rows = connection.execute(statement).all()
    if any(row[5] != text_sum(row[4]) for row in rows):
        raise DamagedError("a sighting is not what it was")
    counts = Counter(row[0] for row in rows)
    if any(counts[scope] < covered.items for scope, covered in coverage.items()):
        raise DamagedError("sightings are lost")
    return [
        Item(scope, key, parsed(attributes), parsed(volatile) if volatile and last == snapshot_id else {})
        for scope, key, attributes, last, volatile, _ in rows
    ]


def outcome_of(told: str) -> Outcome:
    """Return the outcome that a row of coverage tells; DamagedError where there is none such."""
    try:
        return Outcome(told)
    except ValueError as error:
        raise DamagedError(str(error)) from error


def _coverage(connection: Connection, snapshot_id: int) -> dict[str, Coverage]:
    rows = connection.execute(
        select(scope_coverage).where(scope_coverage.c.snapshot_id == snapshot_id).order_by(scope_coverage.c.scope)
    )
    return {
        row.scope: Coverage(
            row.scope, outcome_of(row.outcome), row.items, tuple(parsed(row.gaps)), tuple(parsed(row.notes))
        )
        for row in rows
    }
