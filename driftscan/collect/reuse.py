"""Reuse: what the last snapshot of a host still tells, by the entries that are in its file tree and in the new one."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from driftscan import __version__
from driftscan.errors import StoreError
from driftscan.model.item import Item, Json
from driftscan.model.manifest import Manifest
from driftscan.model.opened import Roots, opened
from driftscan.model.outcome import ProbeResult
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, text
from driftscan.model.tree import REGULAR
from driftscan.scopes.base import Change, Probe, Since

if TYPE_CHECKING:
    from driftscan.model.tree import Entry

RULES = 3  # of what is looked at a second time: a new number, and everything is looked at again
MARK = "/"  # key of the item of `files` that keeps, beside itself and for one night, how it was looked at
_GRACE = 2.0  # seconds: a file changed so shortly before it was read may change again within the same tick of its clock
_MOST = 2000  # paths that are kept to be looked at again

# Who looks, and the host's clock before anything is looked at. A recording may lack it: then nothing is reused.
LOOKER = Probe("looker", "id -u && date +%s")


@dataclass(frozen=True, slots=True)
class Looker:
    """As whom commands run on the host, and its clock at the start of the walk, in seconds since 1970."""

    user: int
    clock: float


def looker(result: ProbeResult | None) -> Looker | None:
    """Return what the probe `LOOKER` told; None when it did not."""
    match = re.fullmatch(rb"(\d{1,10})\n(\d{1,12})\n", result.stdout) if result is not None else None
    return Looker(int(match[1]), float(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class Mark:
    """How a snapshot's second look was made: what is reused must have been made in the same way.

    `ownership` is the digest of whose the paths are, `roots` are those of other systems. `asked` are paths that could
    not be read, or may have been written meanwhile. None: too many to be kept. `whole` says that every probe has run to
    its end, `absent` which ones lacked their tool. The others are those of `Selection`.
    """

    user: int
    ownership: str
    asked: frozenset[bytes] | None
    roots: frozenset[bytes] | None
    whole: bool
    absent: tuple[str, ...] = ()
    hashed: int | None = None
    attributed: int | None = None
    unhashed: int = 0
    left_out: int = 0
    rules: str = f"{__version__} {RULES}"

    def item(self) -> Item:
        """Return the item that keeps it: in a volatile attribute, so that it costs nothing per night."""
        kept: dict[str, Json] = {name: getattr(self, name) for name in self.__slots__}
        kept |= {"asked": _few(self.asked), "roots": _few(self.roots), "absent": list(self.absent)}
        return Item("files", MARK, {}, {"looked": kept})

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Mark | None":
        """Return how the second look of `snapshot` was made; None where that is not known."""
        kept: Any = next(
            (item.volatile.get("looked") for item in snapshot.items if (item.scope, item.key) == ("files", MARK)), None
        )
        if not isinstance(kept, dict) or set(kept) != set(cls.__slots__):
            return None
        paths = {name: frozenset(map(raw, kept[name])) for name in ("asked", "roots") if kept[name] is not None}
        return cls(**{**kept, **paths, "absent": tuple(kept["absent"])})


def _few(paths: Iterable[bytes] | None) -> list[str] | None:
    """Return paths as they are kept; None for too many."""
    spelled = None if paths is None else sorted(map(text, paths))
    return None if spelled is None or len(spelled) > _MOST else spelled


def fingerprint(manifests: Iterable[Manifest]) -> str:
    """Return a digest of what packages own which paths, and when they were unpacked."""
    hashed = blake2b(digest_size=16)
    for one in sorted(manifests, key=lambda one: one.package):
        hashed.update(f"{one.package}\0{one.name}\0{one.unpacked!r}\0".encode("utf-8", "surrogateescape"))
        hashed.update(b"\0".join(one.files) + b"\0\0")
    return hashed.hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """The last snapshot as far as it still counts.

    `since` is None where more than files has changed: then digests alone are reused, of paths not in `changed`.
    """

    mark: Mark
    files: int
    items: Mapping[bytes, Mapping[str, Json]]  # path -> attributes in the scope `files`
    changed: frozenset[bytes]
    since: Since | None


def known(before: Snapshot | None, first: Snapshot, looked: Looker | None, ownership: str) -> Known | None:
    """Return what of `before` may be reused for the snapshot `first`, whose survey was whole; None: nothing."""
    mark = Mark.of(before) if before is not None else None
    if before is None or mark is None or looked is None or not (before.tree and first.tree):
        return None
    if mark.rules != f"{__version__} {RULES}" or mark.user != looked.user or mark.asked is None:
        return None
    try:
        changes = list(changed(before, first))
    except (KeyError, ValueError, StopIteration, RuntimeError, StoreError):  # garbled, by its host or by a disk
        return None
    told = {change.path for change in changes}
    for path in mark.asked - told:
        entry = first.directories.entry(path)
        changes.append(Change(path, entry, entry))
    items = {raw(item.key): item.attributes for item in before.items if item.scope == "files" and item.key != MARK}
    same = (
        mark.ownership == ownership and mark.whole and mark.roots is not None and _accounts(before) == _accounts(first)
    )
    same = same and not _leads_elsewhere(changes, first)
    same = same and not any(_may_be_root(change, before, first) for change in changes if change.is_other)
    return Known(mark, before.files, items, mark.asked | told, Since(before, changes) if same else None)


def _leads_elsewhere(changes: Iterable[Change], first: Snapshot) -> bool:
    """Whether paths of packages go through a link that changed: they are somewhere else then."""
    links = tuple(change.path + b"/" for change in changes if change.is_link and change.is_other)
    if not links or first.ownership is None:
        return False
    directories = {path.rpartition(b"/")[0] + b"/" for one in first.ownership.manifests for path in one.files}
    return any(directory.startswith(links) for directory in directories)


def _may_be_root(change: Change, *snapshots: Snapshot) -> bool:
    """Whether the coming or going of a path may decide on what is a root: of what has an etc, other names tell."""
    top = change.path.removesuffix(b"/etc/passwd") if change.path.endswith(b"/etc/passwd") else b""
    if not top and any(entry is not None and entry.kind == "d" for entry in change[1:]):
        top = change.path.rpartition(b"/")[0]
    etc = (snapshot.directories.entry(top + b"/etc") for snapshot in snapshots if top)
    return any(entry is not None and entry.kind == "d" for entry in etc)


def _accounts(snapshot: Snapshot) -> set[tuple[Json, ...]]:
    return {
        tuple(item.attributes.get(name) for name in ("kind", "uid", "gid", "name"))
        for item in snapshot.items
        if item.scope == "accounts" and item.attributes.get("kind") in {"user", "group"}
    }


def changed(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """Yield every path whose entry is not the same in both trees; what is the same as a whole is not opened."""
    waiting: list[tuple[bytes, Roots, Roots]] = [(b"", (before.tree, before.stats), (after.tree, after.stats))]
    while waiting:
        prefix, old, new = waiting.pop()
        if old == new:
            continue
        olds, news = _Listing(before.objects, prefix, old), _Listing(after.objects, prefix, new)
        for path in olds.closed.keys() - news.closed.keys():
            olds.expand(path)
        for path in news.closed.keys() - olds.closed.keys():
            news.expand(path)
        # What was expanded may hold what the other side lists closed: then that is opened as well.
        while apart := olds.closed.keys() ^ news.closed.keys():
            for path in apart:
                (olds if path in olds.closed else news).expand(path)
        waiting += [(path, olds.closed[path], news.closed[path]) for path in olds.closed]
        for path, entry in news.entries.items():
            was = olds.entries.get(path)
            if was != entry:
                yield Change(path, was, entry)
        for path in olds.entries.keys() - news.entries.keys():
            yield Change(path, olds.entries[path], None)


class _Listing:
    """What one pair of objects lists: entries by path, and directories that have objects of their own."""

    def __init__(self, objects: Mapping[bytes, bytes], prefix: bytes, pair: Roots) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.closed: dict[bytes, Roots] = {}
        self._objects = objects
        self._open(prefix, pair)

    def expand(self, path: bytes) -> None:
        """Open the directory `path` in place."""
        self._open(path, self.closed.pop(path))

    def _open(self, prefix: bytes, pair: Roots) -> None:
        found = opened(self._objects[pair[0]], self._objects[pair[1]], prefix)
        self.entries |= found.entries
        self.closed |= found.closed


def restless(first: Snapshot, looked: Looker, since: Iterable[Change] | None) -> set[bytes]:
    """Return the regular files that were changed so shortly before the walk that they may change again unseen."""
    limit = looked.clock - _GRACE
    entries: Iterable[Entry]
    if since is not None:
        entries = (change.after for change in since if change.after is not None)
    else:
        entries = first.search.select(lambda _name, meta, _stats: meta[0] == REGULAR, stats=_late(limit))
    return {entry.path for entry in entries if entry.meta[0] == REGULAR and limit <= entry.ctime}


def _late(limit: float) -> Callable[[bytes], bool]:
    """Return a function that tells whether a stats object lists a ctime from `limit` on, wherever the clock stands."""
    digits = str(max(0, int(limit)))
    pattern = ""
    for after, digit in enumerate(reversed(digits)):  # a higher digit here and any behind it, or this one and so on
        higher = rf"[{int(digit) + 1}-9]\d{{{after}}}|" if digit != "9" else ""
        pattern = f"(?:{higher}{digit}{pattern})"
    longer = rf"[1-9]\d{{{len(digits)},}}"
    first = re.compile(rf"(?:{pattern}|{longer})".encode())
    later = re.compile(rb"\0" + first.pattern)  # one that begins with a byte that is looked for at the speed of memory
    return lambda stats: first.match(stats) is not None or later.search(stats) is not None
