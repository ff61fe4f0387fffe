"""Installed packages, whatever manager installed them, and the files that each says are its own."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from driftscan.model.item import Column, Item, Json
from driftscan.scopes._common import blind_spots
from driftscan.scopes.base import ItemScope, Parsed, Probe, Results
from driftscan.scopes.managers.base import Package, Read, managers, stdout

_COLUMNS = (
    Column("name", "text", "Name, as the package manager spells it"),
    Column("version", "text", "Version with epoch and release, as the package manager spells it", golden=True),
    Column("architecture", "text", "Architecture it was built for; all, noarch or any where that does not matter"),
    Column("manager", "text", "Whose database it stands in: apk, dpkg, pacman or rpm"),
    Column(
        "state",
        "text",
        "installed; config-files when it was removed and its configuration left; otherwise how far dpkg came with it "
        "(half-installed, unpacked, half-configured, triggers-awaited, triggers-pending)",
        golden=True,
        usual=("installed",),
    ),
    Column("reason", "text", "manual when somebody asked for it, automatic when another package pulled it in"),
    Column(
        "hold",
        "boolean",
        "Whether it is kept from being upgraded (dpkg hold, versionlock, exclude, IgnorePkg)",
        golden=True,
        usual=(None, False),
    ),
    Column(
        "pin",
        "text",
        "The pin of apt's preferences or the version constraint of apk's world that names it",
        golden=True,
        usual=(None, ""),
    ),
    Column("source", "text", "Source package it was built from"),
    Column("maintainer", "text", "Who maintains, packaged or sells it, by the package's own words"),
    Column("installed_at", "text", "When it was unpacked last, by the host's clock, in UTC", volatile=True),
    Column("origin", "text", "Who publishes the repository that it came from or that offers it", volatile=True),
    Column(
        "offered",
        "boolean",
        "Whether a configured repository offers this very version; empty when the host has no lists to tell",
        volatile=True,
    ),
    Column("offers", "json", "The versions that repositories offer, each as `VERSION REPOSITORY`", volatile=True),
)
_NAMES = tuple(column.name for column in _COLUMNS)
_VOLATILE = frozenset(column.name for column in _COLUMNS if column.volatile)

# Managers whose databases are not read: that there is one is told, so that nobody takes their packages for no package's.
_UNREAD = {
    "flatpak": "/var/lib/flatpak/app",
    "guix": "/var/guix/db",
    "nix": "/nix/var/nix/db",
    "opkg": "/usr/lib/opkg/status",
    "portage": "/var/db/pkg",
    "slackware pkgtools": "/var/lib/pkgtools/packages",
    "snap": "/var/lib/snapd/state.json",
    "xbps": "/var/db/xbps",
}
_OTHERS = Probe(
    "other-managers",
    "\n".join(f'ds_real {path}; if [ -e "$ds_p" ]; then echo "{name}"; fi' for name, path in _UNREAD.items())
    + "\ntrue",
)


def _parse(results: Results) -> Parsed:
    items: list[Item] = []
    reads: list[Read] = []
    denied, unparsed = blind_spots(results)
    notes = [f"{name} is on the host; its packages are not read" for name in _named(stdout(results, _OTHERS.name))]
    taken: set[str] = set()
    for manager in managers().values():
        read = _renamed(manager.name, manager.parse(results), taken)
        taken.update(package.key for package in read.packages)
        items += [_item(manager.name, package) for package in read.packages]
        reads.append(read)
        unparsed.update((probe, words) for probe, words in read.unparsed.items() if words)
        notes += read.notes
    manifests = [manifest for read in reads for manifest in read.manifests]
    return Parsed(items=items, unparsed=unparsed, denied=denied, manifests=manifests, notes=notes)


def _named(data: bytes) -> Iterable[str]:
    return (name for name in _UNREAD if name.encode() in data.splitlines())


def _renamed(manager: str, read: Read, taken: set[str]) -> Read:
    """Return `read` with MANAGER/KEY for the packages whose key is another manager's already."""
    if taken.isdisjoint(package.key for package in read.packages):
        return read
    keys = {package.key: f"{manager}/{package.key}" for package in read.packages if package.key in taken}
    return replace(
        read,
        packages=[replace(package, key=keys.get(package.key, package.key)) for package in read.packages],
        manifests=[replace(one, package=keys.get(one.package, one.package)) for one in read.manifests],
    )


def _item(manager: str, package: Package) -> Item:
    facts: Mapping[str, Json] = {
        "manager": manager,
        "offers": list(package.offers),
        **{name: getattr(package, name) for name in _NAMES if name not in {"manager", "offers"}},
    }
    return Item(
        scope="packages",
        key=package.key,
        attributes={name: facts[name] for name in _NAMES if name not in _VOLATILE},
        volatile={name: facts[name] for name in _NAMES if name in _VOLATILE},
    )


SCOPE = ItemScope(
    name="packages",
    doc="Installed packages of dpkg, rpm, apk and pacman",
    columns=_COLUMNS,
    probes=(*(probe for manager in managers().values() for probe in manager.probes), _OTHERS),
    parse=_parse,
    golden=lambda item: item.attributes.get("reason") != "automatic",  # the others come and go with these
)
