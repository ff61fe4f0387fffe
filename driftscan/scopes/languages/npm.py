"""Packages of npm and its like: what lies in a `node_modules` directory, the global one or a project's."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from driftscan.model.item import Json
from driftscan.model.ownership import resolve
from driftscan.model.text import text
from driftscan.model.tree import Entry
from driftscan.scopes._places import packaged
from driftscan.scopes.checkout.urls import without_credentials
from driftscan.scopes.languages.base import Ecosystem, Look, Package, Shown, environment

_WITHIN = re.compile(rb"/(?:node_modules|(?:site|dist)-packages|specifications|gems)/")
_PNPM = re.compile(rb"\.pnpm/(?:@[^/+]+\+)?[^/@]+@([\w.+-]+)")
_GLOBAL = re.compile(rb"(.*)/lib(?:64)?/node_modules")
_DIRECT = 300  # packages of one directory whose own package.json is read, where no list of all of them is there
_LIST = b".package-lock.json"


class _Modules(NamedTuple):
    """One `node_modules`: `prefix` where it is a global one, else `project` is the directory that it belongs to."""

    root: bytes
    prefix: bytes | None
    project: bytes
    packages: Mapping[bytes, Entry]


def _modules(look: Look) -> Iterator[_Modules]:
    for entry in look.entries:
        if entry.kind != "d" or not entry.path.endswith(b"/node_modules"):
            continue
        project = entry.path.rpartition(b"/")[0]
        if _WITHIN.search(project + b"/"):
            continue
        shared = _GLOBAL.fullmatch(entry.path)
        prefix = shared[1] if shared and b"package.json" not in look.directories.list(project) else None
        packages = {name: one for name, one in _listed(look, entry.path) if not packaged(look.snapshot, one.path)}
        if packages:
            yield _Modules(entry.path, prefix, project, packages)


def _listed(look: Look, root: bytes) -> Iterator[tuple[bytes, Entry]]:
    """Yield the packages of a `node_modules` by name; those of a scope lie one directory deeper."""
    for name, entry in look.directories.list(root).items():
        if name.startswith(b".") or entry.kind not in "dl":
            continue
        if not name.startswith(b"@"):
            yield name, entry
            continue
        for below, one in look.directories.list(entry.path).items():
            if one.kind in "dl":
                yield b"%s/%s" % (name, below), one


def _plan(look: Look) -> Iterator[bytes]:
    for modules in _modules(look):
        own = modules.project + b"/package.json"
        if modules.prefix is None and look.readable(own):
            yield own
        if look.readable(b"%s/%s" % (modules.root, _LIST)):
            yield b"%s/%s" % (modules.root, _LIST)
            continue
        for entry in list(modules.packages.values())[:_DIRECT]:
            if entry.kind == "d" and look.readable(entry.path + b"/package.json"):
                yield entry.path + b"/package.json"


def _packages(look: Look, shown: Shown) -> Iterator[Package]:
    bins = _bins(look)
    for modules in _modules(look):
        locked = _table(_object(shown, b"%s/%s" % (modules.root, _LIST)), "packages")
        asked = _asked(_object(shown, modules.project + b"/package.json"))
        where = modules.project if modules.prefix is None else environment(modules.prefix)
        for name, entry in modules.packages.items():
            own = _object(shown, entry.path + b"/package.json")
            known = _table(locked, f"node_modules/{text(name)}") or own
            version = known.get("version")
            yield Package(
                name=text(name),
                version=version if isinstance(version, str) else _linked_version(entry),
                root=modules.root,
                environment=where,
                metadata=entry.path + b"/package.json",
                paths=[entry.path, *bins.get(entry.path, ())],
                files=look.directories.measure(entry.path).files if entry.kind == "d" else 0,
                requested=True if modules.prefix is not None else None if asked is None else text(name) in asked,
                installer=None,
                origin=_origin(known.get("resolved"), entry),
            )


def _bins(look: Look) -> dict[bytes, list[bytes]]:
    """Return the links in the `bin` beside a global directory, by the package that they lead into."""
    found: dict[bytes, list[bytes]] = {}
    links = look.snapshot.links
    for modules in _modules(look):
        if modules.prefix is None:
            continue
        for entry in look.directories.list(modules.prefix + b"/bin").values():
            target = resolve(entry.path, links) if entry.kind == "l" else None
            if target is None or not target.startswith(modules.root + b"/"):
                continue
            parts = target[len(modules.root) + 1 :].split(b"/")
            name = b"/".join(parts[: 2 if parts[0].startswith(b"@") else 1])
            found.setdefault(b"%s/%s" % (modules.root, name), []).append(entry.path)
    return found


def _object(shown: Shown, path: bytes) -> Mapping[str, Json]:
    """Return the JSON object in a file; an empty one when it has none."""
    try:
        told = json.loads(shown.get(path) or b"{}")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _table(told: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    value = told.get(name)
    return value if isinstance(value, dict) else {}


def _asked(project: Mapping[str, Json]) -> set[str] | None:
    """Return the names that a project asks for; None where it says nothing."""
    if not project:
        return None
    kinds = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
    return {name for kind in kinds for name in _table(project, kind)}


def _linked_version(entry: Entry) -> str | None:
    found = _PNPM.search(entry.link)
    return text(found[1]) if found else None


_FROM_INDEX = re.compile(r"/-/[^/]+\.tgz(?:#|$)")  # as every registry spells its tarballs


def _origin(resolved: Json, entry: Entry) -> str:
    if entry.kind == "l" and not _PNPM.search(entry.link):
        return f"link to {text(entry.link)}"
    if not isinstance(resolved, str) or _FROM_INDEX.search(resolved):
        return "index"
    return without_credentials(resolved.encode("utf-8", "replace"))[0]


ECOSYSTEM = Ecosystem("npm", frozenset({b"node_modules"}), (), _plan, _packages)
