"""The items of one scope on several hosts: on which each is, and which values its attributes have where."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from driftscan.drift._fleet_groups import Member, Odd, grouped, presence
from driftscan.model.item import Item, Json
from driftscan.scopes.base import scopes

_OWN_NAMES = frozenset({"packages", "language_packages"})


def item_odds(members: Sequence[Member], scope: str) -> Iterator[Odd]:
    """Yield what is not the same on all `members`, of one scope whose items are kept as such."""
    looked = [member for member in members if member.looked_at(scope)]
    found = _by_key(looked, scope)
    columns = {
        column.name: column.golden for column in scopes()[scope].columns if not (column.volatile or column.owner_of)
    }
    for key in sorted(found):
        have = found[key]
        if any(member.identity.is_own(scope, have[member.host].key) for member in looked if member.host in have):
            continue
        odds = list(_odds(looked, scope, _Thing(key, have), columns))
        if odds and not any(_moves(member, have) for member in looked):
            yield from odds


@dataclass(frozen=True, slots=True)
class _Thing:
    """One item by the hosts that have it."""

    key: str
    have: Mapping[str, Item]


def _moves(member: Member, have: Mapping[str, Item]) -> bool:
    item = have.get(member.host)
    return item is not None and member.moves(item)


def _by_key(members: Sequence[Member], scope: str) -> Mapping[str, Mapping[str, Item]]:
    """Return the items by key and host: a key that only one host has goes by its neutral form."""
    hosts = Counter(key for member in members for key in member.items(scope))
    found: dict[str, dict[str, Item]] = {}
    for member in members:
        for key, item in member.items(scope).items():
            alone = hosts[key] == 1 and scope not in _OWN_NAMES
            spelled = member.identity.neutral(key) if alone else key
            there = found.setdefault(spelled, {})
            if member.host in there:  # two things of one host that only their own words tell apart
                there = found.setdefault(key, {})
            there[member.host] = item
    return found


def _odds(members: Sequence[Member], scope: str, thing: _Thing, columns: Mapping[str, bool]) -> Iterator[Odd]:
    lack = [member.host for member in members if member.host not in thing.have and member.whole(scope)]
    unknown = tuple(member.host for member in members if member.host not in thing.have and not member.whole(scope))
    if lack:
        yield Odd(scope, thing.key, "", presence(list(thing.have), lack), unknown)
    there = [member for member in members if member.host in thing.have]
    for name, golden in columns.items():
        known = [
            (one, value)
            for one in there
            for value in _values(thing.have[one.host], name, golden=golden and one.whole(scope))
        ]
        if all(value == known[0][1] for _, value in known[1:]):
            continue
        groups = grouped({one.host: (value, one.identity.neutral_json(value)) for one, value in known})
        if len(groups) > 1 and not any(name in one.flapping(thing.have[one.host]) for one in there):
            yield Odd(scope, thing.key, name, groups, unknown)


def _values(item: Item, name: str, *, golden: bool) -> Iterator[Json]:
    """Yield the value of an attribute, if that is known: what only describes may not be."""
    if name in item.attributes and (golden or item.attributes[name] is not None):
        yield item.attributes[name]
