"""Comparing the items of one scope, by their keys and attributes."""

from collections.abc import Iterator, Mapping

from driftscan.drift._diff_sides import Sides
from driftscan.model.drift import Change, Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.item import Item, Json
from driftscan.scopes.base import scopes

_OWN_NAMES = frozenset({"packages", "language_packages"})  # named by those who made them, never for a host


def item_drifts(sides: Sides, scope: str) -> Iterator[Drift]:
    """Yield the items of `scope` that only one side has, or that differ in what does not change by itself."""
    old, new = (items.get(scope, {}) for items in sides.items)
    told = frozenset(column.name for column in scopes()[scope].columns if not (column.volatile or column.owner_of))
    for mine, theirs in _matched(sides, scope, old, new):
        known = theirs or mine
        if known is None or sides.is_own(scope, known.key) or not sides.wanted(known.key):
            continue
        if mine is not None and theirs is not None:
            changes = _changes(sides, mine, theirs, told)
            if changes and not sides.moves_item(mine) and not sides.moves_item(theirs):
                key = sides.spelled(mine.key, theirs.key)
                yield Drift(Kind.CHANGED, Severity.MEDIUM, scope, key, changes)
        elif not sides.moves_item(known):
            kind = Kind.MISSING if theirs is None else Kind.UNEXPECTED
            yield Drift(kind, Severity.MEDIUM, scope, known.key, evidence=_evidence(scope, known))


def _matched(
    sides: Sides, scope: str, old: Mapping[str, Item], new: Mapping[str, Item]
) -> Iterator[tuple[Item | None, Item | None]]:
    """Yield the items of both sides that belong together; what one side calls by a name of its own comes second."""
    by_name: dict[str, Item] = {}
    if sides.own and scope not in _OWN_NAMES:
        for key, item in old.items():
            if key not in new:
                by_name.setdefault(sides.mine.neutral(key), item)
    taken = set()
    for key, item in new.items():
        mine = old.get(key) or by_name.pop(sides.theirs.neutral(key), None)
        if mine is not None:
            taken.add(mine.key)
        yield mine, item
    for key, item in old.items():
        if key not in taken:
            yield item, None


def _changes(sides: Sides, mine: Item, theirs: Item, told: frozenset[str]) -> tuple[Change, ...]:
    """Return the attributes that differ.

    One that a side does not speak of was not looked at by that driftscan; one that only describes may be unknown, and
    so may any on a side that did not see the scope whole.
    """
    old, new = mine.attributes, theirs.attributes
    if old == new:
        return ()
    golden = {column.name for column in scopes()[mine.scope].columns if column.golden}
    blind = sides.blind(mine.scope)

    def unknown(name: str) -> bool:
        values = zip((old[name], new[name]), blind, strict=True)
        return any(value is None and (name not in golden or unseen) for value, unseen in values)

    found = [
        Change(name, old[name], new[name])
        for name in sorted(old.keys() & new.keys() & told)
        if not sides.equal(old[name], new[name]) and not unknown(name)
    ]
    flapping = sides.flapping(mine) | sides.flapping(theirs) if found else frozenset()
    return tuple(change for change in found if change.attribute not in flapping)


def _evidence(scope: str, item: Item) -> dict[str, Json]:
    """Return what a baseline would declare of an item: that is what tells it best."""
    return {
        column.name: item.attributes[column.name]
        for column in scopes()[scope].columns
        if column.golden and item.attributes.get(column.name) not in (None, "", [], {}, False)
    }
