"""Verifying what a database holds, row by row: what says of itself that it is damaged, and what leads nowhere."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Column as TableColumn
from sqlalchemy import Connection, Table, and_, func, inspect, select

from driftscan.model.amount import count
from driftscan.model.proof_json import from_json
from driftscan.model.text import shown
from driftscan.store.checksum import sum_of_text, text_sum
from driftscan.store.codec import DamagedError, item_digest, parsed, unpack, unpack_object
from driftscan.store.holes import holes, needed
from driftscan.store.load import outcome_of
from driftscan.store.records import Fault
from driftscan.store.schema import (
    host,
    host_check,
    item,
    metadata,
    proof,
    scope_coverage,
    sighting,
    snapshot,
    stored_object,
)
from driftscan.store.statements import as_text, is_one_of, plain
from driftscan.store.tally import shortfalls
from driftscan.store.views import changed_views, made_views

_ENDS = ("first_snapshot", "last_snapshot", "gone_snapshot")


def verify(connection: Connection) -> list[Fault]:
    """Return everything that is wrong, table by table; nothing is changed."""
    found: list[Fault] = []
    for part in (_views, _references, _ends, _items, _sightings, _lost, _rows, _objects):
        found += part(connection)
    return found


def references() -> list[tuple[TableColumn[Any], TableColumn[Any]]]:
    """Return each column that names rows of another table, with what it names; tables that are named come first."""
    return [(key.parent, key.column) for table in metadata.sorted_tables for key in table.foreign_keys]


def lost_hosts(connection: Connection) -> list[int]:
    """Return the numbers of hosts that snapshots name and that are not there."""
    named = select(snapshot.c.host_id).where(snapshot.c.host_id.not_in(select(host.c.id))).distinct()
    return sorted(connection.scalars(named))


def damaged_items(connection: Connection) -> list[tuple[int, str]]:
    """Return the number of each item that does not say what its digest is of, and what it seems to be."""
    texts = [plain(item.c[name], connection) for name in ("scope", "key", "attributes")]
    return [
        (row[0], f"{shown(as_text(row[1]))} {shown(as_text(row[2]))}")
        for row in connection.execute(select(item.c.id, *texts, item.c.digest))
        if not _is_item(row[1:4], row[4])
    ]


def damaged_objects(connection: Connection) -> tuple[set[bytes], set[bytes]]:
    """Return the names of the objects that are whole, and of those that are not."""
    whole, damaged = set[bytes](), set[bytes]()
    columns = (plain(column, connection) for column in (stored_object.c.digest, stored_object.c.data))
    for name, packed in connection.execute(select(*columns)):
        (whole if _is_object(name, packed) else damaged).add(name)
    return whole, damaged


def damaged_sightings(connection: Connection) -> list[int]:
    """Return the numbers of the sightings that are not what was written."""
    rows = select(sighting.c.id, plain(sighting.c.volatile, connection), sum_of_text()).order_by(sighting.c.id)
    return [number for number, volatile, told in connection.execute(rows) if told != text_sum(volatile)]


def unreadable(connection: Connection) -> list[tuple[Table, tuple[Any, ...], str]]:
    """Return rows of other tables that cannot be read: the table, its primary key, and why."""
    found: list[tuple[Table, tuple[Any, ...], str]] = []
    for table, column, read in _DOCUMENTS:
        columns = [*table.primary_key.columns, plain(table.c[column], connection)]
        for *key, value in connection.execute(select(*columns)):
            if value is not None and (said := _complaint(read, value)):
                found.append((table, tuple(key), f"{column}: {said}"))
    return found


def lost_ends(connection: Connection) -> list[int]:
    """Return the numbers of the sightings that begin or end with a snapshot that is not there."""
    known = select(snapshot.c.id)
    wrong = [sighting.c[name].is_not(None) & sighting.c[name].not_in(known) for name in _ENDS]
    return sorted(connection.scalars(select(sighting.c.id).where(wrong[0] | wrong[1] | wrong[2])))


def _views(connection: Connection) -> Iterator[Fault]:
    try:
        gone = sorted(set(made_views(connection)) - set(inspect(connection).get_view_names()))
    except DamagedError:
        gone = ["all"]
    if gone:
        yield Fault(f"views are not there: {', '.join(gone)}", mendable=True)
    elif changed_views(connection):
        yield Fault("views are not as they were made", mendable=True)


def _references(connection: Connection) -> Iterator[Fault]:
    for number in lost_hosts(connection):
        yield Fault(f"host {number} has lost its name, its snapshots are there", mendable=True)
    for column, named in references():
        if named is host.c.id:
            of_snapshot = select(snapshot.c.host_id)
            named_by = [column.not_in(select(named)), column.not_in(of_snapshot)]
        else:
            named_by = [column.not_in(select(named))]
        orphans = and_(*named_by)
        count = connection.scalar(select(func.count()).select_from(column.table).where(orphans)) or 0
        if count:
            what = f"{count} rows of {column.table.name} name a {named.table.name} that is not there"
            yield Fault(what + _of_hosts(connection, column.table, orphans), mendable=True)


def _of_hosts(connection: Connection, table: Any, which: Any) -> str:
    if "host_id" not in table.c:
        return ""
    names = connection.scalars(
        select(host.c.name).join(table, table.c.host_id == host.c.id).where(which).distinct().order_by(host.c.name)
    )
    found = [shown(name) for name in names]
    return f" ({', '.join(found)})" if found else ""


def _ends(connection: Connection) -> Iterator[Fault]:
    lost = lost_ends(connection)
    if lost:
        yield Fault(f"{len(lost)} sightings begin or end with a snapshot that is not there", mendable=True)


def _items(connection: Connection) -> Iterator[Fault]:
    for number, what in damaged_items(connection):
        yield Fault(f"item {what} is damaged" + _of_hosts(connection, sighting, sighting.c.item_id == number), True)


def _sightings(connection: Connection) -> Iterator[Fault]:
    damaged = damaged_sightings(connection)
    if damaged:
        what = f"sighting {damaged[0]} is" if len(damaged) == 1 else f"{len(damaged)} sightings are"
        yield Fault(
            f"{what} damaged" + _of_hosts(connection, sighting, is_one_of(connection, sighting.c.id, damaged)), True
        )


def _lost(connection: Connection) -> Iterator[Fault]:
    found: dict[tuple[str, str, int], list[int]] = {}
    for one in shortfalls(connection):
        found.setdefault((one.host, one.scope, one.seen - one.left), []).append(one.number)
    for (name, scope, lost), numbers in found.items():
        what = f"{count(lost, 'item')} {'is' if lost == 1 else 'are'} lost"
        yield Fault(f"{shown(name)}, snapshot {spans(tuple(numbers))}: {scope}: {what}", mendable=True)


def _rows(connection: Connection) -> Iterator[Fault]:
    for table, key, why in unreadable(connection):
        yield Fault(f"{table.name} {' '.join(map(shown, map(str, key)))} cannot be read: {why}", table is not snapshot)


def _objects(connection: Connection) -> Iterator[Fault]:
    whole, damaged = damaged_objects(connection)
    wanted = needed(connection, whole)
    for name in sorted(damaged):
        yield Fault(f"object {name.hex()[:16]} is damaged", mendable=True)
    missing = wanted - whole
    for hole in holes(connection, missing) if missing else ():
        yield Fault(f"{shown(hole.host)}, snapshot {spans(hole.numbers)}: {shown(hole.part)} cannot be read")
    idle = len(whole - wanted)
    if idle and not missing:
        yield Fault(f"{idle} objects are named by nothing", mendable=True)


def spans(numbers: tuple[int, ...]) -> str:
    """Return ascending numbers as `1-4, 7`."""
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), key=lambda one: one[1] - one[0])]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _is_item(texts: Sequence[Any], name: bytes) -> bool:
    try:
        told = [value.decode() if isinstance(value, bytes) else value for value in texts]
        return item_digest(*told) == name
    except (ValueError, TypeError):
        return False


def _is_object(name: bytes, packed: bytes) -> bool:
    try:
        unpack_object(name, packed)
    except DamagedError:
        return False
    return True


def _complaint(read: Callable[[Any], object], value: Any) -> str:
    try:
        read(value)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return shown(str(error))[:80]
    return ""


def _json(value: Any) -> Any:
    return parsed(value.decode() if isinstance(value, bytes) else value)


def _list(value: Any) -> None:
    if not isinstance(_json(value), list):
        raise DamagedError("not a list")


def _name(value: bytes) -> None:
    if len(value) not in {0, 32}:
        raise DamagedError(f"not the name of an object, {len(value)} bytes")


def _time(value: Any) -> None:
    if isinstance(value, bytes) and not re.fullmatch(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", value):
        raise DamagedError("not a time")


# Table, column, and what raises for a value that nobody can read.
_DOCUMENTS: tuple[tuple[Table, str, Callable[[Any], object]], ...] = (
    (snapshot, "taken", _time),
    (snapshot, "tree", _name),
    (snapshot, "stats", _name),
    (snapshot, "manifests", _name),
    (scope_coverage, "outcome", lambda value: outcome_of(as_text(value))),
    (scope_coverage, "gaps", _list),
    (scope_coverage, "notes", _list),
    (host_check, "document", lambda value: unpack(value).decode("utf-8", "surrogatepass")),
    (host_check, "taken", _time),
    (proof, "document", lambda value: from_json(_json(value))),
)
