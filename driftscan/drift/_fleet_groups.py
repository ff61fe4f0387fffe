"""The hosts of a fleet, and how they fall into groups by what each has."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from driftscan.drift.identity import Identity, identity
from driftscan.drift.volatile import Volatile, volatile
from driftscan.model.item import Item, Json
from driftscan.model.snapshot import Snapshot

THERE, LACKING = "there", "not there"


@dataclass(frozen=True, slots=True)
class Group:
    """The hosts on which something is the same."""

    value: Json
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Odd:
    """One thing that is not the same on all hosts: `attribute` of the item, or ("") whether it is there at all.

    `groups` begin with that of the most hosts. `unknown` are hosts of which nobody can say.
    """

    scope: str
    key: str
    attribute: str
    groups: tuple[Group, ...]
    unknown: tuple[str, ...] = ()

    @property
    def known(self) -> int:
        """How many hosts it is known of."""
        return sum(len(group.hosts) for group in self.groups)

    @property
    def majority(self) -> Group | None:
        """The group of more than half of the hosts; None where there is none."""
        return self.groups[0] if 2 * len(self.groups[0].hosts) > self.known else None


class Member:
    """One host of a fleet, by its newest snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.host = snapshot.host
        self.snapshot = snapshot

    @cached_property
    def identity(self) -> Identity:
        """What the host has of its own."""
        return identity(self.snapshot)

    @cached_property
    def _volatile(self) -> Volatile:
        return volatile(self.snapshot)

    @cached_property
    def _items(self) -> Mapping[str, Mapping[str, Item]]:
        found: dict[str, dict[str, Item]] = {}
        for item in self.snapshot.items:
            found.setdefault(item.scope, {})[item.key] = item
        return found

    def items(self, scope: str) -> Mapping[str, Item]:
        """Return the items of one scope by key."""
        return self._items.get(scope, {})

    def looked_at(self, scope: str) -> bool:
        """Whether the scope was asked for at all."""
        return scope in self.snapshot.coverage

    def whole(self, scope: str) -> bool:
        """Whether all of a scope was seen: what is not among its items is not there."""
        outcome = self.snapshot.outcome(scope)
        return outcome is not None and outcome.seen and (scope != "files" or bool(self.snapshot.tree))

    def moves(self, item: Item) -> bool:
        """Whether an item comes and goes by itself."""
        return bool(self._volatile.item(item))

    def flapping(self, item: Item) -> frozenset[str]:
        """Return the attributes of an item that change by themselves."""
        return self._volatile.attributes(item)


def presence(have: Sequence[str], lack: Sequence[str]) -> tuple[Group, ...]:
    """Return the groups of the hosts that have something and that lack it."""
    return _in_order([Group(THERE, tuple(sorted(have))), Group(LACKING, tuple(sorted(lack)))])


def grouped(values: Mapping[str, tuple[Json, Json]]) -> tuple[Group, ...]:
    """Return hosts in groups by value, each given as it is and without the host's own words.

    Two hosts have the same where it reads the same either way: a word that one host is called by may be a plain word
    on another.
    """
    plain, neutral = (
        {host: json.dumps(pair[form], sort_keys=True) for host, pair in values.items()} for form in (0, 1)
    )
    groups: list[list[str]] = []
    by_plain: dict[str, list[str]] = {}
    by_neutral: dict[str, list[str]] = {}
    for host in values:
        group = by_plain.get(plain[host]) or by_neutral.get(neutral[host])
        if group is None:
            group = []
            groups.append(group)
        by_plain.setdefault(plain[host], group)
        by_neutral.setdefault(neutral[host], group)
        group.append(host)
    return _in_order(
        [Group(values[same[0]][len({plain[host] for host in same}) > 1], tuple(sorted(same))) for same in groups]
    )


def _in_order(groups: Sequence[Group]) -> tuple[Group, ...]:
    return tuple(sorted(groups, key=lambda one: (-len(one.hosts), one.hosts)))
