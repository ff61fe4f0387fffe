"""Whose the packages are: the distribution's, a third party's, nobody's, by what repositories and packages say."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from driftscan.model.item import Item, Json

if TYPE_CHECKING:
    from driftscan.explain.view import View

DISTRIBUTION, THIRD_PARTY, SUPERSEDED, FOREIGN, UNKNOWN = (
    "distribution",
    "third party",
    "superseded",
    "foreign",
    "unknown",
)
_COMMON = 3  # packages that share a vendor before it can pass for the distribution


class Source(NamedTuple):
    """Whose a package is: `kind` is one of the words above, `by` who publishes it, `repository` where it is offered."""

    kind: str
    by: str = ""
    repository: str = ""


@dataclass(slots=True)
class Publishers:
    """What is known of all packages together.

    `ours` are the publishers, or vendors, that count as the distribution; `origins` maps a repository, as `offers`
    spells it, to who publishes it; `sources` and `maintainers` are those of the packages that the distribution
    offers. `history` tells whether the host notes from where its packages came.
    """

    ours: set[tuple[str, str]] = field(default_factory=set)
    origins: dict[str, str] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)
    maintainers: set[str] = field(default_factory=set)
    history: set[str] = field(default_factory=set)

    def of(self, item: Item) -> Source:
        """Return whose the package `item` is."""
        manager = str(item.attributes.get("manager"))
        if manager == "rpm":
            return self._by_vendor(item)
        if item.volatile.get("offered") is None and not item.volatile.get("offers"):
            return Source(UNKNOWN)
        return self._by_offers(item, manager)

    def _by_offers(self, item: Item, manager: str) -> Source:
        found = [Source(self._kind(manager, origin), origin, name) for name, origin in self._offering(item)]
        for source in found:
            if source.kind == DISTRIBUTION:
                return source
        if found:
            return found[0]
        origin, maintainer = item.attributes.get("source"), item.attributes.get("maintainer")
        if origin in self.sources or (maintainer and maintainer in self.maintainers):
            return Source(SUPERSEDED, str(maintainer or ""))
        return Source(FOREIGN)

    def _offering(self, item: Item) -> list[tuple[str, str]]:
        """Return the repositories with this very version, or else those with any, each with who publishes it."""
        offers = [offer.partition(" ")[::2] for offer in _texts(item.volatile.get("offers"))]
        version = item.attributes.get("version")
        names = [name for offered, name in offers if offered == version] or [name for _, name in offers]
        return [(name, self.origins.get(name) or name.partition(" ")[0]) for name in dict.fromkeys(names)]

    def _kind(self, manager: str, origin: str) -> str:
        return DISTRIBUTION if (manager, origin) in self.ours else THIRD_PARTY

    def _by_vendor(self, item: Item) -> Source:
        """Judge a package of rpm, whose lists are not read: by where it came from, or by who sells it."""
        origin, vendor = str(item.volatile.get("origin") or ""), str(item.attributes.get("maintainer") or "")
        if item.attributes.get("name") == "gpg-pubkey":
            return Source(UNKNOWN, "", "a key that was imported")
        if ("rpm", vendor) in self.ours:
            return Source(DISTRIBUTION, vendor, origin)
        if not any(manager == "rpm" for manager, _ in self.ours):
            return Source(UNKNOWN, vendor, origin)
        if origin:
            return Source(THIRD_PARTY, vendor or origin, origin)
        return Source(FOREIGN if "rpm" in self.history else THIRD_PARTY if vendor else UNKNOWN, vendor)


_KNOWN: "WeakKeyDictionary[View, Publishers]" = WeakKeyDictionary()


def publishers(view: "View") -> Publishers:
    """Return what is known of the view's packages; it is worked out once."""
    found = _KNOWN.get(view)
    if found is None:
        found = _KNOWN[view] = _publishers(view)
    return found


def third_party(view: "View", item: Item) -> bool | None:
    """Tell whether somebody other than the distribution publishes the repository `item`; None when unknown.

    What the scope has told by names is mended by what the host lives on: whose most packages are is the distribution.
    """
    known = publishers(view)
    manager, name, origin = (item.attributes.get(key) for key in ("manager", "name", "origin"))
    if manager == "apt" and origin:
        return False if ("dpkg", origin) in known.ours else item.attributes.get("third_party")
    if manager == "pacman" and any(one == "pacman" for one, _ in known.ours):
        return ("pacman", name) not in known.ours and item.attributes.get("third_party") is not False
    if manager in {"dnf", "yum", "zypper"} and item.attributes.get("third_party") is None:
        return _by_keys(view, item, known)
    said: bool | None = item.attributes.get("third_party")
    return said


def _by_keys(view: "View", item: Item, known: Publishers) -> bool | None:
    """Judge a source of rpm by who sells the packages that own its file and the keys that it is signed with."""
    vendors = {str(one.attributes.get("name")): one.attributes.get("maintainer") for one in view.of("packages")}
    keys = re.findall(r"file://(/\S+)", str(item.attributes.get("signed_by") or ""))
    owners = {view.ownership.owner(key.encode("utf-8", "replace")) for key in keys}
    owners.add(str(item.attributes.get("package") or ""))
    sellers = {vendors.get(owner) for owner in owners if owner}
    if any(("rpm", seller) in known.ours for seller in sellers):
        return False
    return True if sellers else None


def _publishers(view: "View") -> Publishers:
    found = Publishers()
    counts: dict[str, Counter[str]] = {}
    for item in view.of("packages"):
        manager, version = str(item.attributes.get("manager")), item.attributes.get("version")
        origin, maintainer = item.volatile.get("origin"), item.attributes.get("maintainer")
        offers = _texts(item.volatile.get("offers"))
        if origin:
            found.history.add(manager)
            exact = next((name for one, _, name in (offer.partition(" ") for offer in offers) if one == version), None)
            if exact:
                found.origins.setdefault(exact, str(origin))
        publisher = maintainer if manager == "rpm" else origin
        if publisher:
            counts.setdefault(manager, Counter())[str(publisher)] += 1
    for manager, counter in counts.items():
        publisher, count = counter.most_common(1)[0]
        if count >= _COMMON:
            found.ours.add((manager, publisher))
    _add_repositories(view, found)
    for item in view.of("packages"):
        if item.volatile.get("offers") and found.of(item).kind == DISTRIBUTION:
            found.sources.add(str(item.attributes.get("source") or item.attributes.get("name")))
            found.maintainers.add(str(item.attributes.get("maintainer") or ""))
    return found


def _add_repositories(view: "View", found: Publishers) -> None:
    """Count as the distribution's what says so by name, and what pacman gets from the place of its main repository."""
    items = [item.attributes for item in view.of("repositories")]
    for one in items:
        if one.get("manager") == "apt" and one.get("third_party") is False and one.get("origin"):
            found.ours.add(("dpkg", str(one["origin"])))
    pacman = {str(one.get("name")): _places(one.get("uris")) for one in items if one.get("manager") == "pacman"}
    base = {place for manager, name in found.ours if manager == "pacman" for place in pacman.get(name, ())}
    found.ours |= {("pacman", name) for name, places in pacman.items() if places & base}


def _places(uris: Json) -> set[str]:
    """Return the hosts of `uris`; of files, the directories."""
    found = set()
    for uri in _texts(uris):
        try:
            parts = urlsplit(uri)
        except ValueError:
            continue
        found.add(parts.netloc or parts.path)
    return found


def _texts(value: Json) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
