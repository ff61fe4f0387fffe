"""Directories of a file tree by path: what is at a path, what is listed there, what lies below it, found by name."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from driftscan.model.tree import DIRECTORY, LINK, Entry, children


class Measure(NamedTuple):
    """What lies below a directory: entries, regular files, their bytes, their mtimes, the owners of all."""

    entries: int
    files: int
    size: int
    oldest: float | None
    newest: float | None
    owners: frozenset[tuple[int, int]]


class Directories:
    """The directories of a tree by path, opened as they are asked for; what was opened is remembered."""

    def __init__(self, objects: Mapping[bytes, bytes], tree: bytes, stats: bytes) -> None:
        self._objects = objects
        self._known: dict[bytes, dict[bytes, Entry]] = {}
        self._closed: dict[bytes, tuple[bytes, bytes]] = {}
        self._measured: dict[bytes, Measure] = {}  # by tree object
        self._sums: dict[bytes, Measure] = {}  # by path
        if tree:
            self._closed[b""] = tree, stats

    def entry(self, path: bytes) -> Entry | None:
        """Return the entry at the absolute `path`, links not followed; None where there is none."""
        parent, _, name = path.rstrip(b"/").rpartition(b"/")
        return self.list(parent).get(name)

    def list(self, path: bytes) -> Mapping[bytes, Entry]:
        """Return what the directory `path` (b"" or b"/" is the root) lists, by name; nothing if it is none."""
        known = self._known.get(path)
        if known is not None:
            return known
        path = path.rstrip(b"/")
        self._reach(path)
        if path in self._closed:
            self._open(path, *self._closed.pop(path))
        return self._known.get(path, {})

    def has(self, path: bytes) -> bool:
        """Whether there is a directory at the absolute `path`; it is not opened."""
        self._reach(path)
        return path in self._known or path in self._closed

    def lists(self, path: bytes, name: bytes) -> bool:
        """Whether the directory `path` lists `name`; one whose object does not hold the name stays as it is."""
        self._reach(path)
        if path in self._closed:
            data = self._objects[self._closed[path][0]]
            if not data.startswith(name + b"\0") and b"\0%s\0" % name not in data:
                return False
        return name in self.list(path)

    def _reach(self, path: bytes) -> None:
        """Open what lies above the directory `path`."""
        above, missing = path, []
        while above and above not in self._known and above not in self._closed:
            missing.append(above)
            above = above.rpartition(b"/")[0]
        for step in [above, *reversed(missing)]:  # from the nearest that is known, down
            if step in self._closed and step != path:
                self._open(step, *self._closed.pop(step))

    def _open(self, path: bytes, tree: bytes, stats: bytes) -> None:
        """Read the object of the directory `path`, with the small ones that are listed inside it."""
        names, lines = iter(self._objects[tree].split(b"\0")), iter(self._objects[stats].split(b"\0"))
        here = self._known.setdefault(path, {})
        above: list[tuple[bytes, dict[bytes, Entry]]] = []
        for name in names:
            if not name:
                if not above:
                    return
                path, here = above.pop()
                continue
            below, meta, line = b"%s/%s" % (path, name), next(names), next(lines)
            third = next(names) if meta[0] in {DIRECTORY, LINK} else b""
            if meta[0] == DIRECTORY and third:
                line, _, stats_name = line.rpartition(b" ")
                self._closed[below] = bytes.fromhex(third.decode()), bytes.fromhex(stats_name.decode())
            here[name] = Entry(below, meta, line, third[1:] if meta[0] == LINK else b"")
            if meta[0] == DIRECTORY and not third:
                above.append((path, here))
                path, here = below, self._known.setdefault(below, {})

    def measure(self, path: bytes) -> Measure:
        """Return what lies below the directory `path`, itself left out; large ones are not opened."""
        path = path.rstrip(b"/")
        if path not in self._sums:
            self._sums[path] = _sum(self._parts(path))
        return self._sums[path]

    def _parts(self, path: bytes) -> Iterator[Measure]:
        """Yield what lies below the directory `path`, in parts."""
        waiting = [path]
        while waiting:
            step = waiting.pop()
            if step not in self._known:
                self.list(step.rpartition(b"/")[0] if step else b"")
            if step in self._closed:
                yield self._measure(self._closed[step][0])
                continue
            listed = self.list(step).values()
            yield _measured(b"\0%s\0" % b"\0".join([entry.meta for entry in listed]))
            waiting += [entry.path for entry in listed if entry.meta[0] == DIRECTORY]

    def _measure(self, tree: bytes) -> Measure:
        """Return what the tree object and all below it hold; each object is read once."""
        waiting = [tree]
        while waiting:
            if waiting[-1] in self._measured:
                waiting.pop()
                continue
            data = self._objects[waiting[-1]]
            below = children(data, "tree")
            missing = [name for name in below if name not in self._measured]
            if missing:
                waiting += missing
            else:
                self._measured[waiting.pop()] = _sum([_measured(data), *(self._measured[name] for name in below)])
        return self._measured[tree]


_ANY = re.compile(rb"\0([a-z])[0-7]+ ([0-9]+ [0-9]+)(?: ([0-9]+) (-?[0-9.]+))?(?=\0)")


def _measured(data: bytes) -> Measure:
    """Return what a tree object lists, the directories that are listed inside it included."""
    found = _ANY.findall(data)
    files = [(size, mtime) for kind, _, size, mtime in found if kind == b"f" and size]
    times = [float(mtime) for _, mtime in files]
    owners = [owner.split(b" ") for owner in {one[1] for one in found}]
    return Measure(
        len(found),
        len(files),
        sum(int(size) for size, _ in files),
        min(times, default=None),
        max(times, default=None),
        frozenset((int(uid), int(gid)) for uid, gid in owners),
    )


def _sum(parts: Iterable[Measure]) -> Measure:
    """Return what several directories hold together."""
    known = list(parts)
    return Measure(
        sum(part.entries for part in known),
        sum(part.files for part in known),
        sum(part.size for part in known),
        min((part.oldest for part in known if part.oldest is not None), default=None),
        max((part.newest for part in known if part.newest is not None), default=None),
        frozenset().union(*(part.owners for part in known)),
    )
