"""What packages of dpkg pull in, by the stanzas of its status: which of them a person need not ask for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from driftscan.role.repack import field_of, stanzas

_PULLING = ("Pre-Depends", "Depends")
_BASE = frozenset({"required", "important"})  # what an installation of the system begins with


@dataclass(frozen=True, slots=True)
class Needs:
    """`depends` maps a package to those that come along with it, `base` are those that every system has.

    Of alternatives only the first counts, which is what is installed where there is none; a virtual package's name
    counts for nothing.
    """

    depends: Mapping[str, frozenset[str]] = field(default_factory=dict)
    base: frozenset[str] = frozenset()

    def closure(self, names: Iterable[str]) -> set[str]:
        """Return what comes along with `names`, themselves left out unless another of them brings them."""
        found: set[str] = set()
        waiting = [one for name in names for one in self.depends.get(name, ())]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.depends.get(name, ())
        return found

    def leaves(self, names: Iterable[str], stock: Iterable[str]) -> set[str]:
        """Return those of `names` that none of the others and nothing of `stock` brings; of a circle the first."""
        left = set(names) - self.closure({*stock, *self.base})
        for name in sorted(left, reverse=True):
            if name in self.closure(left - {name}):
                left.remove(name)
        return left


def needs(status: bytes | None) -> Needs:
    """Return what dpkg's status says, nothing where that is not known."""
    depends: dict[str, frozenset[str]] = {}
    base = set()
    known = {key: stanza for key, stanza in stanzas(status or b"").items() if _is_there(stanza)}
    names = {name for name, _ in known}
    for (name, _), stanza in known.items():
        first = (_first(group) for kind in _PULLING for group in field_of(stanza, kind).split(","))
        depends[name] = depends.get(name, frozenset()) | {one for one in first if one in names and one != name}
        if field_of(stanza, "Essential") == "yes" or field_of(stanza, "Priority") in _BASE:
            base.add(name)
    return Needs(depends, frozenset(base))


def _is_there(stanza: bytes) -> bool:
    return field_of(stanza, "Status").endswith((" installed", " triggers-pending", " triggers-awaited"))


def _first(group: str) -> str:
    return re.split(r"[\s(:|\[<]", group.strip(), maxsplit=1)[0]
