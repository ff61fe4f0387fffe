"""Repositories of git, read as files: git itself is never run, for it writes and obeys what the repository says."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import normpath
from typing import NamedTuple

from driftscan.model.directories import Directories
from driftscan.model.text import text
from driftscan.model.tree import Entry
from driftscan.scopes.checkout.git_ignore import Pattern, patterns
from driftscan.scopes.checkout.git_index import parse as parse_index
from driftscan.scopes.checkout.status import Status, compare
from driftscan.scopes.checkout.urls import without_credentials

NAMES = frozenset({b".git", b"HEAD", b".gitignore"})
_READABLE = 1 << 20
_LARGE = 16 << 20
_REFS = 20  # branches of a repository that are read, the newest
_IGNORES = 40
_HASH = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SECTION = re.compile(rb'\s*\[\s*([\w.-]+)\s*(?:"((?:[^"\\]|\\.)*)")?\s*\]\s*(.*)')
_SETTING = re.compile(rb"\s*([A-Za-z][\w-]*)\s*(?:=\s*(.*))?")
_NOT_OURS = re.compile(rb"/(?:node_modules|vendor|(?:site|dist)-packages)/")

Shown = Mapping[bytes, bytes]
Settings = Mapping[bytes, list[bytes]]  # `section.subsection.key`, section and key in lower case


@dataclass(frozen=True, slots=True)
class Repositories:
    """What the file tree tells of git: `checkouts` (directory, its .git), `bare` ones, `stores` where objects lie."""

    checkouts: Sequence[tuple[bytes, Entry]]
    bare: Sequence[bytes]
    stores: Sequence[bytes]
    ignores: Mapping[bytes, Sequence[bytes]]  # checkout -> its files with patterns, the topmost first


class Told(NamedTuple):
    """What a repository says of itself; `status` is None where its index could not be judged."""

    remote: str | None = None
    credentials: bool | None = None
    branch: str | None = None
    commit: str | None = None
    status: Status | None = None


@dataclass(slots=True)
class Plan:
    """The files to be shown: small ones, and indexes too large to be shown with them."""

    files: list[bytes] = field(default_factory=list)
    large: list[bytes] = field(default_factory=list)


def repositories(directories: Directories, entries: Sequence[Entry]) -> Repositories:
    """Sort out what bears a name of git's."""
    checkouts = [(_parent(one.path), one) for one in entries if one.path.endswith(b"/.git") and one.kind in "df"]
    dotted = {one.path for _, one in checkouts if one.kind == "d"}
    stores = {_parent(one.path) for one in entries if one.path.endswith(b"/HEAD") and one.kind == "f"}
    stores = {
        path
        for path in stores
        if {b"objects", b"refs"} <= set(listed := directories.list(path)) or b"commondir" in listed
    }
    bare = sorted(path for path in stores - dotted if b"/.git/" not in path and b"/modules/" not in path)
    tops = {path for path, _ in checkouts}
    ignores: dict[bytes, list[bytes]] = {}
    for one in entries:
        if one.path.endswith(b"/.gitignore") and one.kind == "f" and not _NOT_OURS.search(one.path):
            top = _parent(one.path)
            while top and top not in tops:
                top = _parent(top)
            if top in tops:
                ignores.setdefault(top, []).append(one.path)
    nearest = {top: sorted(paths, key=lambda path: path.count(b"/"))[:_IGNORES] for top, paths in ignores.items()}
    return Repositories(checkouts, bare, sorted(dotted | stores), nearest)


def _parent(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def plan(directories: Directories, known: Repositories) -> Plan:
    """Return what is to be read of the repositories; only plain files are, for a link may lead anywhere."""
    wanted = Plan()
    wanted.files += [one.path for _, one in known.checkouts if one.kind == "f" and one.size <= 4096]
    for store in known.stores:
        listed = directories.list(store)
        for name in (b"HEAD", b"config", b"packed-refs", b"gitdir", b"commondir"):
            entry = listed.get(name)
            if entry is not None and entry.kind == "f" and entry.size <= _READABLE:
                wanted.files.append(entry.path)
        exclude = directories.entry(store + b"/info/exclude")
        if exclude is not None and exclude.kind == "f" and exclude.size <= _READABLE:
            wanted.files.append(exclude.path)
        wanted.files += _branches(directories, store)
        index = listed.get(b"index")
        if index is not None and index.kind == "f" and index.size <= _LARGE:
            (wanted.files if index.size <= _READABLE else wanted.large).append(index.path)
    wanted.files += [path for paths in known.ignores.values() for path in paths]
    return wanted


def _branches(directories: Directories, store: bytes) -> Iterator[bytes]:
    found: list[Entry] = []
    waiting = [store + b"/refs/heads"]
    while waiting and len(found) < 10 * _REFS:
        for entry in directories.list(waiting.pop()).values():
            if entry.kind == "d":
                waiting.append(entry.path)
            elif entry.kind == "f" and entry.size <= 100:
                found.append(entry)
    found.sort(key=lambda entry: -entry.mtime)
    return (entry.path for entry in found[:_REFS])


def tell(directories: Directories, known: Repositories, top: bytes, dot: Entry | None, shown: Shown) -> Told:
    """Return what is known of the checkout at `top` whose .git is `dot`; None: a bare repository."""
    store = top if dot is None else _store(dot, known, shown)
    if store is None:
        return Told()
    common = _relative(store, shown.get(store + b"/commondir", b"")) or store
    settings = _settings(shown.get(common + b"/config", b""))
    branch, commit = _head(store, common, shown)
    remote, credentials = _remote(settings, branch)
    status = None
    index = shown.get(store + b"/index")
    if dot is not None and index is not None:
        sha256 = settings.get(b"extensions.objectformat") == [b"sha256"]
        tracked = parse_index(index, 32 if sha256 else 20)
        modes = settings.get(b"core.filemode", [b"true"])[-1].lower() != b"false"
        if tracked is not None:
            rules = _rules(top, common, known, shown)
            status = compare(directories, top, tracked, rules, modes=modes)
    return Told(remote, credentials if settings else None, text(branch) if branch else None, commit, status)


def _store(dot: Entry, known: Repositories, shown: Shown) -> bytes | None:
    """Return where the repository of a .git lies; a file says it in one line."""
    if dot.kind == "d":
        return dot.path
    line = shown.get(dot.path, b"")
    store = _relative(_parent(dot.path), line[8:]) if line.startswith(b"gitdir: ") else None
    return store if store in known.stores else None


def _relative(base: bytes, line: bytes) -> bytes | None:
    line = line.strip()
    return normpath(line if line.startswith(b"/") else b"%s/%s" % (base, line)) if line else None


def _head(store: bytes, common: bytes, shown: Shown) -> tuple[bytes | None, str | None]:
    """Return the branch, None where none is checked out, and the commit, None where there is none or it is unknown."""
    head = shown.get(store + b"/HEAD", b"").strip()
    if _HASH.fullmatch(head):
        return None, head.decode()
    if not head.startswith(b"ref: "):
        return None, None
    ref = head[5:].strip()
    commit = shown.get(b"%s/%s" % (common, ref), b"").strip()
    if not _HASH.fullmatch(commit):
        packed = re.search(rb"(?m)^([0-9a-f]{40,64}) %s$" % re.escape(ref), shown.get(common + b"/packed-refs", b""))
        commit = packed[1] if packed else b""
    return ref.removeprefix(b"refs/heads/"), commit.decode() or None


def _settings(data: bytes) -> Settings:
    """Return the settings of a configuration file of git."""
    found: dict[bytes, list[bytes]] = {}
    section = b""
    for line in data.split(b"\n"):
        opened = _SECTION.match(line[:4000])
        rest = line[:4000]
        if opened is not None:
            section = opened[1].lower() + (b"." + opened[2] if opened[2] is not None else b"")
            rest = opened[3]
        setting = _SETTING.match(rest)
        if setting is not None and section:
            value = setting[2].strip() if setting[2] is not None else b"true"
            found.setdefault(b"%s.%s" % (section, setting[1].lower()), []).append(value.strip(b'"'))
    return found


def _remote(settings: Settings, branch: bytes | None) -> tuple[str | None, bool]:
    """Return the address that a checkout comes from, and whether any address or header in it holds a secret."""
    urls = {key: values[-1] for key, values in settings.items() if key.startswith(b"remote.") and key.endswith(b".url")}
    secret = any(_secret(key, value) for key, values in settings.items() for value in values)
    name = settings.get(b"branch.%s.remote" % (branch or b""), [b"origin"])[-1]
    chosen = urls.get(b"remote.%s.url" % name) or next(iter(urls.values()), None)
    return (without_credentials(chosen)[0] if chosen else None), secret


def _secret(key: bytes, value: bytes) -> bool:
    if key.endswith(b".extraheader"):
        return b"authorization:" in value.lower()
    named = key[4:].rpartition(b".")[0] if key.startswith(b"url.") else value  # url.ADDRESS.insteadOf
    return b"://" in named and without_credentials(named)[1]


def _rules(top: bytes, common: bytes, known: Repositories, shown: Shown) -> list[Pattern]:
    """Return all patterns of a checkout, those that count most last."""
    found = patterns(shown.get(common + b"/info/exclude", b""))
    for path in known.ignores.get(top, ()):
        base = path[len(top) + 1 :].removesuffix(b".gitignore")
        found += patterns(shown.get(path, b""), base)
    return found


def tops(known: Repositories) -> Iterable[tuple[bytes, Entry | None]]:
    """Yield every checkout with its .git, and every bare repository with None."""
    yield from known.checkouts
    for path in known.bare:
        yield path, None
