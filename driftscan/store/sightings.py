"""Sightings: in which snapshots of a host an item was seen, as ranges that a night without changes only extends."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    bindparam,
    delete,
    exists,
    insert,
    literal,
    select,
    update,
)

from driftscan.model.item import Item
from driftscan.model.outcome import Coverage
from driftscan.store.checksum import checksum, checksum_after, grown_by, sum_of_text, text_sum
from driftscan.store.codec import DamagedError, canonical, item_digest, storable
from driftscan.store.schema import item as item_table
from driftscan.store.schema import scope_coverage, sighting, snapshot, unseen
from driftscan.store.statements import chunks, insert_new, is_one_of


@dataclass(frozen=True, slots=True)
class Seen:
    """One item of a snapshot as it is stored."""

    scope: str
    key: str
    attributes: str
    volatile: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many items began and ended on the host; bytes of items that no host had."""

    new: int
    ended: int
    size: int


def seen_items(items: Iterable[Item], coverage: Mapping[str, Coverage]) -> dict[bytes, Seen]:
    """Return items by digest; ValueError for one whose scope was not asked for, as nothing could tell when it ends."""
    seen: dict[bytes, Seen] = {}
    for item in items:
        if item.scope not in coverage:
            raise ValueError(f"an item of scope {item.scope}, which the snapshot does not cover")
        key, attributes = storable(item.key), canonical(dict(item.attributes))
        volatile = canonical(dict(item.volatile)) if item.volatile else None
        seen[item_digest(item.scope, key, attributes)] = Seen(item.scope, key, attributes, volatile)
    return seen


def record(
    connection: Connection, host_id: int, snapshot_id: int, seen: Mapping[bytes, Seen], coverage: Mapping[str, Coverage]
) -> Recorded:
    """Extend the ranges of what was seen again, end those of what is proven gone, and begin those of what is new.

    An item that was not seen is gone only if its scope was seen whole; otherwise its range stays open, and is extended
    over the gap when the item is seen again. A range that is damaged is forgotten, lest it harm this snapshot too: the
    item begins anew, and those before have lost it.
    """
    rows = list(_open_sightings(connection, host_id))
    damaged = [row.id for row in rows if row.text_sum != text_sum(row.volatile)]
    if damaged:
        forget(connection, is_one_of(connection, sighting.c.id, damaged))
        rows = list(_open_sightings(connection, host_id))
    opened = {row.digest: row for row in rows}
    again = [row for digest, row in opened.items() if digest in seen]
    whole = {scope for scope, covered in coverage.items() if covered.outcome.seen}
    missed = [row for digest, row in opened.items() if digest not in seen]
    gone = [row.id for row in missed if row.scope in whole]
    keys = {(one.scope, one.key) for one in seen.values()}
    new = [digest for digest in seen if digest not in opened]
    _note_gaps(connection, host_id, snapshot_id, again)
    _set(connection, [row.id for row in again], last_snapshot=snapshot_id, replaced=False)
    _set(connection, [row.id for row in missed if (row.scope, row.key) in keys], replaced=True)
    _set(connection, gone, gone_snapshot=snapshot_id)
    _refresh_volatile(connection, seen, again)
    size = _begin(connection, host_id, snapshot_id, {digest: seen[digest] for digest in new})
    return Recorded(len(new), len(gone), size)


def forget(connection: Connection, which: ColumnElement[bool]) -> None:
    """Remove the sightings `which`."""
    connection.execute(delete(unseen).where(unseen.c.sighting_id.in_(select(sighting.c.id).where(which))))
    connection.execute(delete(sighting).where(which))


def _open_sightings(connection: Connection, host_id: int) -> Iterable[Row[Any]]:
    columns = (
        sighting.c.id,
        sighting.c.last_snapshot,
        sighting.c.volatile,
        item_table.c.scope,
        item_table.c.key,
        item_table.c.digest,
        sum_of_text().label("text_sum"),
    )
    statement = select(*columns).join(item_table, item_table.c.id == sighting.c.item_id)
    return connection.execute(statement.where(sighting.c.host_id == host_id, sighting.c.gone_snapshot.is_(None)))


def _note_gaps(connection: Connection, host_id: int, snapshot_id: int, again: Iterable[Row[Any]]) -> None:
    """Remember the snapshots inside the extended ranges that looked at the scope and did not show the item."""
    before = select(snapshot.c.id).where(snapshot.c.host_id == host_id, snapshot.c.id < snapshot_id)
    previous = connection.scalar(before.order_by(snapshot.c.id.desc()).limit(1))
    stale = [row.id for row in again if previous is not None and row.last_snapshot < previous]
    if not stale:
        return
    looked = exists().where(
        scope_coverage.c.snapshot_id == snapshot.c.id,
        scope_coverage.c.scope == item_table.c.scope,
        snapshot.c.host_id == sighting.c.host_id,
        snapshot.c.id > sighting.c.last_snapshot,
        snapshot.c.id < snapshot_id,
    )
    gaps = (
        select(sighting.c.id, sighting.c.last_snapshot, literal(snapshot_id))
        .join(item_table, item_table.c.id == sighting.c.item_id)
        .where(is_one_of(connection, sighting.c.id, stale), looked)
    )
    connection.execute(insert(unseen).from_select(["sighting_id", "after_snapshot", "before_snapshot"], gaps))


def _set(connection: Connection, sightings: Collection[int], **values: int) -> None:
    if sightings:
        summed = {**values, "checksum": checksum_after(values)}
        connection.execute(update(sighting).where(is_one_of(connection, sighting.c.id, list(sightings))).values(summed))


def _refresh_volatile(connection: Connection, seen: Mapping[bytes, Seen], again: Iterable[Row[Any]]) -> None:
    rows = [
        {"number": row.id, "now": now, "more": text_sum(now) - text_sum(row.volatile)}
        for row in again
        if (now := seen[row.digest].volatile) != row.volatile
    ]
    if rows:
        values = {"volatile": bindparam("now"), "checksum": grown_by(bindparam("more", type_=Integer))}
        connection.execute(update(sighting).where(sighting.c.id == bindparam("number")).values(values), rows)


def _begin(connection: Connection, host_id: int, snapshot_id: int, new: Mapping[bytes, Seen]) -> int:
    """Start a range for each new item; return the size of those that no host had so far."""
    known = _item_numbers(connection, new)
    missing = sorted((one.scope, digest) for digest, one in new.items() if digest not in known)
    rows = [
        {"scope": scope, "key": new[digest].key, "attributes": new[digest].attributes, "digest": digest}
        for scope, digest in missing
    ]
    insert_new(connection, item_table, rows)
    known |= _item_numbers(connection, (digest for _, digest in missing))
    if len(known) < len(new):
        raise DamagedError("an index lists items that the table does not hold")
    span = {"first_snapshot": snapshot_id, "last_snapshot": snapshot_id}
    begun: dict[str, Any] = {"host_id": host_id, "replaced": False, **span}
    each = (begun | {"item_id": known[digest], "volatile": one.volatile} for digest, one in new.items())
    sightings = [row | {"checksum": checksum(row)} for row in each]
    if sightings:
        connection.execute(insert(sighting), sightings)
    return sum(len(new[digest].attributes.encode()) for _, digest in missing)


def _item_numbers(connection: Connection, digests: Iterable[bytes]) -> dict[bytes, int]:
    numbers: dict[bytes, int] = {}
    for wanted in chunks(sorted(digests)):
        found = connection.execute(select(item_table.c.digest, item_table.c.id).where(item_table.c.digest.in_(wanted)))
        numbers |= {row.digest: row.id for row in found}
    return numbers
