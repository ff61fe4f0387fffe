"""Packages of pip and its like: `*.dist-info`, `*.egg-info` and `*.egg` in every directory for packages of Python."""

import json
import re
from collections.abc import Iterable, Iterator
from posixpath import normpath
from typing import NamedTuple

from driftscan.model.text import text
from driftscan.scopes.checkout.urls import without_credentials
from driftscan.scopes.languages.base import Ecosystem, Look, Package, Shown, environment
from driftscan.scopes.languages.records import gathered

_PREFIX = re.compile(rb"(.*?)/lib(?:32|64)?/(?:python|pypy)[\d.]*/(?:site|dist)-packages")
_WITHIN = re.compile(rb"/(?:site|dist)-packages/")  # copies that a package carries inside itself are none
_NAME = re.compile(rb"([A-Za-z0-9][\w.+]*?)(?:-([\w.+!]+?))?(?:-py[\d.]+(?:-[\w.-]+)?)?\.(?:dist-info|egg-info|egg)")
_ODD = re.compile(rb"//|/\.|/$")  # there may be a step that leads nowhere, or up
_LISTS = (b"RECORD", b"installed-files.txt")
_SMALL = (b"INSTALLER", b"direct_url.json")


class _Found(NamedTuple):
    metadata: bytes
    root: bytes
    prefix: bytes
    name: str
    version: str | None


def _found(look: Look) -> Iterator[_Found]:
    for entry in look.entries:
        root, _, base = entry.path.rpartition(b"/")
        match = _NAME.fullmatch(base)
        if match is None or _WITHIN.search(root) or entry.kind == "l":
            continue
        usual = _PREFIX.fullmatch(root)
        if usual is None and b"RECORD" not in look.directories.list(entry.path):
            continue  # what building a package leaves beside its source
        version = text(match[2]) if match[2] else None
        yield _Found(entry.path, root, usual[1] if usual else root, text(match[1]).replace("_", "-"), version)


def _plan(look: Look) -> Iterator[bytes]:
    for found in _found(look):
        for name in (*_LISTS, *_SMALL):
            path = b"%s/%s" % (found.metadata, name)
            if name in look.directories.list(found.metadata) and look.readable(path):
                yield path


def _packages(look: Look, shown: Shown) -> Iterator[Package]:
    by_root: dict[bytes, list[_Found]] = {}
    for found in _found(look):
        by_root.setdefault(found.root, []).append(found)
    for root, all_found in by_root.items():
        records = {found.metadata: set(_recorded(look, found, shown)) for found in all_found}
        paths = gathered(look.directories, root, records)
        marks = any(b"REQUESTED" in look.directories.list(found.metadata) for found in all_found)
        for found in all_found:
            listed = look.directories.list(found.metadata)
            yield Package(
                name=found.name,
                version=found.version,
                root=root,
                environment=environment(found.prefix),
                metadata=found.metadata,
                paths=paths[found.metadata],
                files=len(records[found.metadata]),
                requested=b"REQUESTED" in listed if marks else None,
                installer=_installer(shown.get(found.metadata + b"/INSTALLER", b"")),
                origin=_origin(shown.get(found.metadata + b"/direct_url.json", b"")),
            )


def _recorded(look: Look, found: _Found, shown: Shown) -> Iterator[bytes]:
    """Yield the absolute paths that a package says are its own, as far as they are inside its prefix."""
    yield found.metadata
    record = shown.get(found.metadata + b"/RECORD")
    installed = shown.get(found.metadata + b"/installed-files.txt")
    if record is not None:
        yield from _inside(found, found.root, (_field(line) for line in record.splitlines()))
    elif installed is not None:
        yield from _inside(found, found.metadata, installed.splitlines())
    elif not found.metadata.endswith(b".egg"):  # no list that can be read: what bears its name
        name = found.name.replace("-", "_").encode()
        for guess in (name, name.lower(), name + b".py", name.lower() + b".py"):
            if guess in look.directories.list(found.root):
                yield b"%s/%s" % (found.root, guess)


def _field(line: bytes) -> bytes:
    """Return the path of a line of RECORD: the first field, quoted where it holds a comma."""
    if line.startswith(b'"'):
        return line[1:].partition(b'",')[0].replace(b'""', b'"')
    return line.rsplit(b",", 2)[0]


def _inside(found: _Found, base: bytes, names: Iterable[bytes]) -> Iterator[bytes]:
    top = found.prefix + b"/" if found.prefix else b"\0"  # without a prefix nothing is inside
    for name in names:
        if not name or b"\0" in name:
            continue
        path = name if name.startswith(b"/") else b"%s/%s" % (base, name)
        if _ODD.search(path):
            path = normpath(path)
        if path.startswith(top):
            yield path


def _installer(data: bytes) -> str | None:
    return text(data.strip()[:40]) or None


def _origin(data: bytes) -> str:
    """Return where a package came from: `index`, or the address that pip was given, with the commit."""
    if not data:
        return "index"
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    url = told.get("url") if isinstance(told, dict) else None
    if not isinstance(url, str):
        return ""
    commit = told["vcs_info"].get("commit_id") if isinstance(told.get("vcs_info"), dict) else None
    known, _ = without_credentials(url.encode("utf-8", "replace"))
    return f"{known}@{commit}" if isinstance(commit, str) and commit.isalnum() else known


ECOSYSTEM = Ecosystem("pip", frozenset(), (b".dist-info", b".egg-info", b".egg"), _plan, _packages)
