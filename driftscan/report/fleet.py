"""Hosts beside one another for people and machines: the odd one out of each thing that is not the same on all."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Protocol

from driftscan.model.item import Json
from driftscan.model.text import shown
from driftscan.report.as_table import cell, cut
from driftscan.report.findings import wrapped

HEADERS = ("role", "scope", "key", "attribute", "value", "hosts", "of", "names", "unknown")
_INDENT = " " * 6
_NAMES = 8  # hosts of one group that are named
_LENGTH = 80  # characters of one value


class Group(Protocol):
    """The hosts on which something is the same."""

    @property
    def value(self) -> Json:
        """What they have."""

    @property
    def hosts(self) -> Sequence[str]:
        """Their names."""


class Odd(Protocol):
    """One thing that is not the same on all hosts; `groups` begin with that of the most."""

    @property
    def scope(self) -> str:
        """The item's scope."""

    @property
    def key(self) -> str:
        """The item's key."""

    @property
    def attribute(self) -> str:
        """What differs; "" is whether it is there."""

    @property
    def groups(self) -> Sequence[Group]:
        """The hosts by what they have."""

    @property
    def majority(self) -> Group | None:
        """The group of more than half of them."""

    @property
    def known(self) -> int:
        """How many hosts it is known of."""

    @property
    def unknown(self) -> Sequence[str]:
        """Hosts that could not be looked at."""


class Fleet(Protocol):
    """What several hosts have in common and what not."""

    @property
    def hosts(self) -> Sequence[str]:
        """Their names."""

    @property
    def odds(self) -> Sequence[Odd]:
        """What is not the same on all."""

    @property
    def unknown(self) -> Mapping[tuple[str, str], str]:
        """Why a scope was not seen whole, by host and scope."""


def listed(title: str, fleet: Fleet, width: int) -> Iterable[str]:
    """Yield the lines of a report on one fleet."""
    things = len({(odd.scope, odd.key) for odd in fleet.odds})
    differ = "1 thing differs" if things == 1 else f"{things:,} things differ" if things else "nothing differs"
    hosts = f"{len(fleet.hosts)} host{'s' * (len(fleet.hosts) != 1)}"
    yield from wrapped(f"{shown(title)}: {hosts}, {differ}", width, "  ")
    for scope, group in groupby(fleet.odds, key=lambda one: one.scope):
        yield ""
        yield shown(scope)
        for key, same in groupby(group, key=lambda one: one.key):
            yield from _thing(key, list(same), width)
    if fleet.unknown:
        yield ""
        yield "UNKNOWN, could not look"
        for (host, scope), why in sorted(fleet.unknown.items()):
            yield from wrapped(f"  ? {shown(host)}: {shown(scope)} {shown(why)}", width, _INDENT)


def _thing(key: str, odds: Sequence[Odd], width: int) -> Iterable[str]:
    told = [sentence(odd) for odd in odds]
    line = f"  {shown(key)}: {told[0]}"
    if len(told) == 1 and len(line) <= width:
        yield line
        return
    yield from wrapped(f"  {shown(key)}:", width, _INDENT)
    for words in told:
        yield from wrapped(_INDENT + words, width, _INDENT + "  ")


def sentence(odd: Odd) -> str:
    """Return how hosts differ in one thing: `mode: 11 of 12 have 0755, web7 has 0777`."""
    unknown = f"; not known of {_names(odd.unknown)}" if odd.unknown else ""
    if not odd.attribute:
        return _presence(odd) + unknown
    if odd.attribute == "digest":
        return f"content: {_content(odd)}{unknown}"
    parts = [f"{_who(odd, group)} {_have(odd, group)} {value(group.value)}" for group in odd.groups]
    return f"{shown(odd.attribute)}: {', '.join(parts)}{unknown}"


def _who(odd: Odd, group: Group) -> str:
    return f"{len(group.hosts)} of {odd.known}" if group is odd.majority else _names(group.hosts)


def _have(odd: Odd, group: Group) -> str:
    return "have" if len(group.hosts) > 1 or group is odd.majority else "has"


def _presence(odd: Odd) -> str:
    """Return who has a thing and who lacks it; of those who do as most do, only how many they are."""
    first, second = odd.groups
    have, lack = (first, second) if first.value == "there" else (second, first)
    if odd.majority is lack:
        return f"only {_names(have.hosts)} {_have(odd, have)} it, of {odd.known}"
    lacks = "lack" if len(lack.hosts) > 1 else "lacks"
    return f"{_who(odd, have)} {_have(odd, have)} it, {_names(lack.hosts)} {lacks} it"


def _content(odd: Odd) -> str:
    """Return which hosts have a file of the same content."""
    parts = []
    for number, group in enumerate(odd.groups):
        same = "the same" if len(group.hosts) > 1 and not number else "another" if number else "one"
        parts.append(f"{_who(odd, group)} {_have(odd, group)} {same}")
    return ", ".join(parts)


def value(told: Json) -> str:
    """Return a value as a person reads it."""
    return "none" if told is None or told in ("", []) else cut(cell(told), _LENGTH)


def _names(hosts: Sequence[str]) -> str:
    named = ", ".join(shown(host) for host in hosts[:_NAMES])
    return named + (f" and {len(hosts) - _NAMES} more" if len(hosts) > _NAMES else "")


def rows(title: str, fleet: Fleet) -> Iterable[Sequence[Json]]:
    """Yield a row per group of hosts under `HEADERS`."""
    for odd in fleet.odds:
        for group in odd.groups:
            yield [
                title, odd.scope, odd.key, odd.attribute, group.value, len(group.hosts), odd.known, list(group.hosts),
                list(odd.unknown),
            ]  # fmt: skip


def document(fleets: Sequence[tuple[str, Fleet]]) -> str:
    """Return all as one JSON document."""
    told = [
        {
            "role": title,
            "hosts": list(fleet.hosts),
            "odds": [
                {
                    "scope": odd.scope,
                    "key": odd.key,
                    "attribute": odd.attribute,
                    "groups": [{"value": group.value, "hosts": list(group.hosts)} for group in odd.groups],
                    "unknown": list(odd.unknown),
                }
                for odd in fleet.odds
            ],
            "unknown": [
                {"host": host, "scope": scope, "reason": why} for (host, scope), why in sorted(fleet.unknown.items())
            ],
        }
        for title, fleet in fleets
    ]
    return json.dumps(told, indent=2)
