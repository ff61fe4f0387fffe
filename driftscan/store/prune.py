"""Pruning: forgetting old snapshots, and then everything that no kept snapshot needs."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, LargeBinary, cast, delete, exists, func, select, union, update

from driftscan.errors import StoreError, UsageError
from driftscan.store.checks import forget_checks
from driftscan.store.engine import Database
from driftscan.store.load import list_snapshots
from driftscan.store.manifests import reachable_manifests
from driftscan.store.objects import reachable, read_objects, stats_children, tree_children
from driftscan.store.proofs import forget_proofs
from driftscan.store.records import Pruned, StoredSnapshot
from driftscan.store.retention import Retention
from driftscan.store.schema import host, item, scope_coverage, sighting, snapshot, stored_object, unseen
from driftscan.store.statements import chunks, is_one_of


def prune(
    store: Database, name: str | None, keep: Retention | None, before: datetime | None, *, dry_run: bool
) -> Pruned:
    """Remove what `Store.prune` says, in one transaction; a dry run does all of it and takes it back."""
    if keep is None and before is None:
        raise UsageError("pruning needs to know what to keep", hint="say how many snapshots, or since when")
    with store.writing(alone=True) as connection:
        doomed = _doomed(list_snapshots(connection, name, None), name, keep, before)
        if doomed:
            _forget(connection, [one.id for one in doomed])
        items, text_size = _sweep_items(connection)
        objects, data_size = _sweep_objects(connection)
        if dry_run:
            connection.rollback()
    return Pruned(len(doomed), items, objects, text_size + data_size, tuple(doomed))


def shrink(store: Database) -> None:
    """Give the space of what was removed back to the disk.

    PostgreSQL does so by itself; a VACUUM asked for here would wait five seconds per table for those who read it.
    """
    if not store.path:
        return
    try:
        with store.clear_errors(), store.outside() as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    except StoreError as error:
        raise StoreError(f"pruned, but the space was not given back: {error.message}", hint=error.hint) from error


def _doomed(
    snapshots: Iterable[StoredSnapshot], name: str | None, keep: Retention | None, before: datetime | None
) -> list[StoredSnapshot]:
    """Return those of `snapshots`, given newest first, that are not kept, by host and newest first."""
    doomed: list[StoredSnapshot] = []
    by_host: dict[str, list[StoredSnapshot]] = {}
    for one in snapshots:
        by_host.setdefault(one.host, []).append(one)
    for _, mine in sorted(by_host.items()):
        kept = keep.kept((one.id, one.taken) for one in mine) if keep else set()
        if keep is not None or name is None:  # who names a host and says only a time may mean to forget it
            kept.add(next((one for one in mine if one.complete), mine[0]).id)
        doomed += [one for one in mine if one.id not in kept and (before is None or one.taken < before)]
    return doomed


def _forget(connection: Connection, doomed: Collection[int]) -> None:
    """Empty the snapshots, and drop the ranges that no kept one lies in.

    The row of a forgotten snapshot stays while something that is kept was first seen in it: "since when" outlives the
    pruning. So does what a host is presumed to have still, though no kept snapshot could look at it.
    """
    numbers = list(doomed)
    empty = {"pruned": True, "tree": b"", "stats": b"", "manifests": b""}
    connection.execute(update(snapshot).where(is_one_of(connection, snapshot.c.id, numbers)).values(empty))
    connection.execute(delete(scope_coverage).where(is_one_of(connection, scope_coverage.c.snapshot_id, numbers)))
    kept = snapshot.alias("kept")
    of_host = exists().where(kept.c.host_id == sighting.c.host_id, ~kept.c.pruned)
    in_gap = of_host.where(
        sighting.c.id == unseen.c.sighting_id,
        kept.c.id > unseen.c.after_snapshot,
        kept.c.id < unseen.c.before_snapshot,
    )
    in_range = of_host.where(kept.c.id.between(sighting.c.first_snapshot, sighting.c.last_snapshot))
    connection.execute(delete(unseen).where(~in_gap))
    ended = sighting.c.gone_snapshot.is_not(None)
    connection.execute(delete(sighting).where(~of_host | (ended & ~in_range)))
    ends = (sighting.c.first_snapshot, sighting.c.last_snapshot, sighting.c.gone_snapshot)
    named = union(*(select(column).where(column.is_not(None)) for column in ends))
    connection.execute(delete(snapshot).where(snapshot.c.pruned, snapshot.c.id.not_in(named)))
    forget_checks(connection)
    forget_proofs(connection)
    connection.execute(delete(host).where(~exists().where(snapshot.c.host_id == host.c.id)))


def _sweep_items(connection: Connection) -> tuple[int, int]:
    """Remove the items that no host was seen with; return their number and the size of their text."""
    unused = ~exists().where(sighting.c.item_id == item.c.id)
    size = func.coalesce(func.sum(func.length(cast(item.c.attributes, LargeBinary))), 0)
    count, text_size = connection.execute(select(func.count(), size).where(unused)).one()
    connection.execute(delete(item).where(unused))
    return count, text_size


def _sweep_objects(connection: Connection) -> tuple[int, int]:
    """Remove the objects that no kept snapshot leads to; return their number and their compressed size."""

    def read(digests: Collection[bytes]) -> Iterable[tuple[bytes, bytes]]:
        return read_objects(connection, digests)

    roots = connection.execute(select(snapshot.c.tree, snapshot.c.stats, snapshot.c.manifests).distinct()).all()
    needed = reachable(read, (row.tree for row in roots), tree_children)
    needed |= reachable(read, (row.stats for row in roots), stats_children)
    needed |= reachable_manifests(read, (row.manifests for row in roots))
    sizes = connection.execute(select(stored_object.c.digest, func.length(stored_object.c.data)))
    unused = {digest: size for digest, size in sizes if digest not in needed}
    for digests in chunks(sorted(unused)):
        connection.execute(delete(stored_object).where(stored_object.c.digest.in_(digests)))
    return len(unused), sum(unused.values())
