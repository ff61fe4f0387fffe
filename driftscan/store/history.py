"""History: every state that an item had, what changed from one snapshot to the next, and where nobody could look."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select

from driftscan.model.item import Item, Json
from driftscan.store.codec import canonical, parsed, storable
from driftscan.store.load import outcome_of
from driftscan.store.records import Event, Look, State
from driftscan.store.schema import host, item, scope_coverage, sighting, snapshot, unseen
from driftscan.store.statements import chunks, is_one_of

_first, _last, _gone = snapshot.alias("first"), snapshot.alias("last"), snapshot.alias("gone")


def states(connection: Connection, scope: str, keys: Collection[str], name: str | None) -> list[State]:
    """Return every state that the items of a scope with one of `keys` had on a host (None: on all), newest first."""
    found: list[State] = []
    for wanted in chunks(sorted({storable(key) for key in keys})):
        found += _read(connection, _states(name).where(item.c.scope == scope, item.c.key.in_(wanted)))
    return _newest_first(found)


def naming(connection: Connection, name: str, value: str) -> list[State]:
    """Return every state of the items of a host that have `value` as their key or in an attribute, newest first."""
    spelled = canonical(value)
    told = item.c.attributes.contains(spelled, autoescape=True)
    found = _read(connection, _states(name).where((item.c.key == storable(value)) | told))
    # LIKE looks away from upper and lower case in SQLite, and a quoted text may stand inside another.
    return _newest_first(one for one in found if one.item.key == value or _holds(one.item.attributes, value))


def keys(connection: Connection, scope: str, name: str, part: str, limit: int) -> list[str]:
    """Return up to `limit` keys of a scope's items on a host that hold `part`, the shortest first."""
    statement = (
        select(item.c.key)
        .join(sighting, sighting.c.item_id == item.c.id)
        .join(host, host.c.id == sighting.c.host_id)
        .where(host.c.name == name, item.c.scope == scope, item.c.key.contains(storable(part), autoescape=True))
        .distinct()
    )
    return sorted(connection.scalars(statement), key=lambda key: (len(key), key))[:limit]


def _holds(value: Json, wanted: str) -> bool:
    if isinstance(value, Mapping):
        return any(_holds(inner, wanted) for inner in value.values())
    return any(_holds(inner, wanted) for inner in value) if isinstance(value, list) else value == wanted


def _states(name: str | None) -> Select[Any]:
    columns = (
        host.c.name.label("host"),
        item.c.scope,
        item.c.key,
        item.c.attributes,
        sighting.c.volatile,
        *(sighting.c[column] for column in ("first_snapshot", "last_snapshot", "gone_snapshot")),
        _first.c.taken.label("seen"),
        _last.c.taken.label("last_seen"),
        _gone.c.taken.label("gone_seen"),
    )
    statement = (
        select(*columns)
        .select_from(sighting)
        .join(item, item.c.id == sighting.c.item_id)
        .join(host, host.c.id == sighting.c.host_id)
        .join(_first, _first.c.id == sighting.c.first_snapshot)
        .join(_last, _last.c.id == sighting.c.last_snapshot)
        .outerjoin(_gone, _gone.c.id == sighting.c.gone_snapshot)
    )
    return statement if name is None else statement.where(host.c.name == name)


def _read(connection: Connection, statement: Select[Any]) -> Iterator[State]:
    for row in connection.execute(statement):
        volatile = parsed(row.volatile) if row.volatile else {}
        yield State(
            host=row.host,
            item=Item(row.scope, row.key, parsed(row.attributes), volatile),
            first=row.first_snapshot,
            seen=row.seen,
            last=row.last_snapshot,
            last_seen=row.last_seen,
            gone=row.gone_snapshot,
            gone_seen=row.gone_seen,
        )


def _newest_first(found: Iterable[State]) -> list[State]:
    return sorted(found, key=lambda state: (-state.last, -state.first, state.host, state.item.scope, state.item.key))


def looks(connection: Connection, name: str, scopes: Collection[str]) -> list[Look]:
    """Return how the looks of a host's kept snapshots at `scopes` (none: at all) ended, newest first."""
    columns = (snapshot.c.id, snapshot.c.taken, scope_coverage.c.scope, scope_coverage.c.outcome, scope_coverage.c.gaps)
    statement = (
        select(*columns)
        .join(snapshot, snapshot.c.id == scope_coverage.c.snapshot_id)
        .join(host, host.c.id == snapshot.c.host_id)
        .where(host.c.name == name)
        .order_by(snapshot.c.id.desc(), scope_coverage.c.scope)
    )
    if scopes:
        statement = statement.where(scope_coverage.c.scope.in_(scopes))
    found = []
    for number, taken, scope, told, gaps in connection.execute(statement):
        outcome = outcome_of(told)
        reason = "" if outcome.seen else next(iter(parsed(gaps)), "")
        found.append(Look(number, taken, scope, outcome, reason))
    return found


class _Span(NamedTuple):
    """One sighting without the item's attributes; `again` are the snapshots that saw it again after a gap."""

    item_id: int
    scope: str
    key: str
    first: int
    last: int
    gone: int | None
    again: tuple[int, ...]


class _Mark(NamedTuple):
    """An event before its items are read: what a snapshot showed of a key that had been otherwise."""

    number: int
    scope: str
    key: str
    before: int | None
    after: int | None


def changes(connection: Connection, name: str, scopes: Collection[str], limit: int | None) -> list[Event]:
    """Return the newest `limit` changes (None: all) of the items of a host's `scopes` (none: of all), newest first.

    What the first look at a scope found is no change.
    """
    spans = _spans(connection, name, scopes)
    looked = looks(connection, name, scopes)
    began = _began(spans, looked)
    whole = _first_whole(spans, looked, began)
    marks = [mark for _, same in groupby(spans, key=lambda one: (one.scope, one.key)) for mark in _marks(list(same))]
    later = (mark for mark in marks if mark.before is not None or mark.number > began[mark.scope])
    newest = list(islice(sorted(later, key=lambda mark: (-mark.number, mark.scope, mark.key)), limit))
    items = _items(connection, {number for mark in newest for number in (mark.before, mark.after) if number})
    times = _times(connection, {mark.number for mark in newest})
    return [
        Event(
            number=mark.number,
            taken=times[mark.number],
            scope=mark.scope,
            key=mark.key,
            what="new" if mark.before is None else "gone" if mark.after is None else "changed",
            before=items.get(mark.before or 0),
            after=items.get(mark.after or 0),
            proven=mark.before is not None or whole.get(mark.scope, mark.number) < mark.number,
        )
        for mark in newest
    ]


def _spans(connection: Connection, name: str, scopes: Collection[str]) -> list[_Span]:
    """Return the sightings of a host in the order of scope, key and first snapshot."""
    of_host = select(host.c.id).where(host.c.name == name).scalar_subquery()
    gaps = select(unseen).join(sighting, sighting.c.id == unseen.c.sighting_id).where(sighting.c.host_id == of_host)
    again: dict[int, tuple[int, ...]] = {}
    for row in connection.execute(gaps):
        again[row.sighting_id] = (*again.get(row.sighting_id, ()), row.before_snapshot)
    ends = (sighting.c[column] for column in ("first_snapshot", "last_snapshot", "gone_snapshot"))
    statement = (
        select(sighting.c.id, item.c.id, item.c.scope, item.c.key, *ends)
        .join(item, item.c.id == sighting.c.item_id)
        .where(sighting.c.host_id == of_host)
    )
    if scopes:
        statement = statement.where(item.c.scope.in_(scopes))
    spans = [_Span._make([*row[1:], again.get(row[0], ())]) for row in connection.execute(statement)]
    return sorted(spans, key=lambda one: (one.scope, one.key, one.first))


def _marks(spans: Sequence[_Span]) -> Iterator[_Mark]:
    """Yield what became of one key in the order of time; `spans` are its sightings."""
    if len(spans) == 1 and spans[0].gone is None:  # nearly all
        yield _Mark(spans[0].first, spans[0].scope, spans[0].key, None, spans[0].item_id)
        return
    seen = [(number, one) for one in spans for number in (one.first, *one.again)]
    ends = [(one.gone, one) for one in spans if one.gone is not None]
    current: _Span | None = None
    for number in sorted({number for number, _ in seen + ends}):
        before = current
        current = next((one for at, one in seen if at == number), current)
        if current is not None and (number, current) in ends:
            # Another state may have been there all the while, if a look that was not whole had shown this one.
            current = next((one for one in spans if one.first <= number <= one.last and one is not current), None)
        if current is not before:
            one = current or before
            assert one is not None  # noqa: S101 - they differ
            after = current.item_id if current else None
            yield _Mark(number, one.scope, one.key, before.item_id if before else None, after)


def _began(spans: Iterable[_Span], looked: Iterable[Look]) -> dict[str, int]:
    """Return the number of the first look at each scope, as far as is still known."""
    began: dict[str, int] = {}
    for scope, number in [*((one.scope, one.first) for one in spans), *((one.scope, one.number) for one in looked)]:
        began[scope] = min(number, began.get(scope, number))
    return began


def _first_whole(spans: Iterable[_Span], looked: Sequence[Look], began: Mapping[str, int]) -> dict[str, int]:
    """Return the number of the first look at each scope that proved what is not there, as far as is still known.

    How a look ended goes with its snapshot: of those that were pruned only what they proved gone is left, and what was
    seen before the oldest that is kept is taken for whole.
    """
    whole: dict[str, int] = {}
    oldest: dict[str, int] = {}
    for one in looked:
        oldest[one.scope] = min(one.number, oldest.get(one.scope, one.number))
        if one.outcome.seen:
            whole[one.scope] = min(one.number, whole.get(one.scope, one.number))
    for span in spans:
        if span.gone is not None:
            whole[span.scope] = min(span.gone, whole.get(span.scope, span.gone))
    return whole | {scope: number for scope, number in began.items() if number < oldest.get(scope, number)}


def _items(connection: Connection, numbers: Collection[int]) -> dict[int, Item]:
    columns = (item.c.id, item.c.scope, item.c.key, item.c.attributes)
    rows = connection.execute(select(*columns).where(is_one_of(connection, item.c.id, sorted(numbers))))
    return {number: Item(scope, key, parsed(attributes)) for number, scope, key, attributes in rows}


def _times(connection: Connection, numbers: Collection[int]) -> dict[int, datetime]:
    rows = connection.execute(
        select(snapshot.c.id, snapshot.c.taken).where(is_one_of(connection, snapshot.c.id, sorted(numbers)))
    )
    return {row.id: row.taken for row in rows}
