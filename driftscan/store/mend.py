"""Mending: taking out what cannot be read, so that everything else can, in one transaction."""

from typing import Any

from sqlalchemy import Connection, Table, and_, delete, exists, func, insert, select, update

from driftscan.model.amount import count
from driftscan.model.outcome import Outcome
from driftscan.store.checksum import sum_anew
from driftscan.store.codec import canonical, parsed
from driftscan.store.holes import needed
from driftscan.store.schema import host, item, scope_coverage, sighting, snapshot, stored_object
from driftscan.store.sightings import forget
from driftscan.store.statements import chunks, is_one_of
from driftscan.store.tally import shortfalls
from driftscan.store.verify import (
    damaged_items,
    damaged_objects,
    damaged_sightings,
    lost_ends,
    lost_hosts,
    references,
    unreadable,
)
from driftscan.store.views import forget_views


def mend(connection: Connection) -> None:
    """Mend what `verify` calls mendable; what can still be read is not touched."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    for number in lost_hosts(connection):
        connection.execute(insert(host).values(id=number, name=f"unnamed-{number}", role=""))
    _drop_items(connection, [number for number, _ in damaged_items(connection)])
    forget(connection, is_one_of(connection, sighting.c.id, damaged_sightings(connection)))
    for table, key, _ in unreadable(connection):
        _mend_row(connection, table, key)
    for column, named in references():
        connection.execute(delete(column.table).where(column.not_in(select(named))))
    _mend_ends(connection)
    _mend_coverage(connection)
    _mend_objects(connection)
    forget_views(connection)


def _drop_items(connection: Connection, numbers: list[int]) -> None:
    """Remove items, and that they were seen: the next scan of a host that has one finds it new."""
    if not numbers:
        return
    forget(connection, is_one_of(connection, sighting.c.item_id, numbers))
    connection.execute(delete(item).where(is_one_of(connection, item.c.id, numbers)))


def _mend_row(connection: Connection, table: Table, key: tuple[Any, ...]) -> None:
    this = and_(*(column == value for column, value in zip(table.primary_key.columns, key, strict=True)))
    if table is scope_coverage:  # what was not seen is not known any more, and so nothing is
        lost = {"outcome": Outcome.FAILED.value, "gaps": canonical(["damaged in the database"]), "notes": "[]"}
        connection.execute(update(scope_coverage).where(this).values(lost))
    elif table is not snapshot:
        connection.execute(delete(table).where(this))


def _mend_ends(connection: Connection) -> None:
    """Let ranges begin and end with the nearest snapshots that are left in them; drop those in which none is."""
    lost = lost_ends(connection)
    if not lost:
        return
    of_host = snapshot.c.host_id == sighting.c.host_id
    inside = of_host & snapshot.c.id.between(sighting.c.first_snapshot, sighting.c.last_snapshot)
    empty = is_one_of(connection, sighting.c.id, lost) & ~exists().where(inside)
    forget(connection, empty)
    after = select(func.min(snapshot.c.id)).where(of_host, snapshot.c.id >= sighting.c.gone_snapshot).scalar_subquery()
    left = {
        "first_snapshot": select(func.min(snapshot.c.id)).where(inside).scalar_subquery(),
        "last_snapshot": select(func.max(snapshot.c.id)).where(inside).scalar_subquery(),
        "gone_snapshot": after,
        "volatile": None,  # was that of the last look, which another may be now
    }
    of_lost = is_one_of(connection, sighting.c.id, lost)
    connection.execute(update(sighting).where(of_lost).values(left))
    sum_anew(connection, of_lost)


def _mend_coverage(connection: Connection) -> None:
    """Let no snapshot that has lost items of a scope prove that anything of it was not there."""
    for one in list(shortfalls(connection)):
        row = (scope_coverage.c.snapshot_id == one.number) & (scope_coverage.c.scope == one.scope)
        outcome, gaps = connection.execute(select(scope_coverage.c.outcome, scope_coverage.c.gaps).where(row)).one()
        values = {
            "outcome": Outcome.FAILED.value if Outcome(outcome).seen else outcome,
            "gaps": canonical([*parsed(gaps), f"{count(one.seen - one.left, 'item')} lost: damaged in the database"]),
            "items": one.left,
        }
        connection.execute(update(scope_coverage).where(row).values(values))


def _mend_objects(connection: Connection) -> None:
    """Remove damaged objects, so that the next scan stores them again, and idle ones where nothing is missing.

    What is named by an object that is missing is no longer named by any: it waits for that one to come back.
    """
    whole, damaged = damaged_objects(connection)
    wanted = needed(connection, whole)
    doomed = damaged | (set() if wanted - whole else whole - wanted)
    for digests in chunks(sorted(doomed)):
        connection.execute(delete(stored_object).where(stored_object.c.digest.in_(digests)))
