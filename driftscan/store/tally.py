"""Counting what each kept snapshot still shows of what it once saw: a row that is lost leaves no other trace."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from driftscan.store.schema import host, item, scope_coverage, sighting, snapshot, unseen
from driftscan.store.statements import as_text, plain

_Events = list[tuple[int, int]]  # from which snapshot on how many more items are shown


class Shortfall(NamedTuple):
    """A scope of which a snapshot shows `left` items, fewer than the `seen` that it saw."""

    host: str
    number: int
    scope: str
    left: int
    seen: int


def shortfalls(connection: Connection) -> Iterator[Shortfall]:
    """Yield what is lost, in the order of hosts, scopes and snapshots."""
    events = _events(connection)
    scope_of, name_of = plain(scope_coverage.c.scope, connection), plain(host.c.name, connection)
    columns = (snapshot.c.host_id, scope_of, name_of, snapshot.c.id, scope_coverage.c["items"])
    rows = (
        select(*columns)
        .join(snapshot, snapshot.c.id == scope_coverage.c.snapshot_id)
        .join(host, host.c.id == snapshot.c.host_id)
        .order_by(*columns[:4])
    )
    here: tuple[int, str] | None = None
    waiting: _Events = []
    left = 0
    for host_id, told, name, number, seen in connection.execute(rows):
        scope = as_text(told)
        if (host_id, scope) != here:
            here, left = (host_id, scope), 0
            waiting = sorted(events.get(here, ()), reverse=True)
        while waiting and waiting[-1][0] <= number:
            left += waiting.pop()[1]
        if left < seen:
            yield Shortfall(as_text(name), number, scope, left, seen)


def _events(connection: Connection) -> dict[tuple[int, str], _Events]:
    """Return by host and scope where ranges begin and end, and where they are interrupted."""
    found: dict[tuple[int, str], _Events] = {}
    of = (sighting.c.host_id, plain(item.c.scope, connection))
    ranges = (sighting.c.first_snapshot, sighting.c.last_snapshot)
    gaps = (unseen.c.before_snapshot, unseen.c.after_snapshot)
    seen = select(*of, *ranges, func.count()).join(item, item.c.id == sighting.c.item_id).group_by(*of, *ranges)
    for host_id, scope, first, last, count in connection.execute(seen):
        found.setdefault((host_id, as_text(scope)), []).extend([(first, count), (last + 1, -count)])
    not_seen = (
        select(*of, *gaps, func.count())
        .join(sighting, sighting.c.id == unseen.c.sighting_id)
        .join(item, item.c.id == sighting.c.item_id)
        .group_by(*of, *gaps)
    )
    for host_id, scope, again, last, count in connection.execute(not_seen):
        found.setdefault((host_id, as_text(scope)), []).extend([(last + 1, -count), (again, count)])
    return found
