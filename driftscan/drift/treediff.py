"""Two file trees in lockstep, as git compares two: what has the same digest on both sides is never opened."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import DIRECTORY, LINK, Entry, children

Spell = Callable[[bytes], bytes]  # the name under which an entry is looked for on the other side
_Pair = tuple[Entry | None, Entry | None]
_Roots = tuple[bytes, bytes]  # digests of a tree object and of the stats object beside it


# An entry of a listing: name, meta, stats and link, then of a directory its own listing, or the digests of its objects.
_Node = tuple[bytes, bytes, bytes, bytes, "_Listing | _Roots | None"]
_Listing = dict[bytes, _Node]


class _Side(NamedTuple):
    """A directory of one of the trees; `below` is None where that tree has none."""

    path: bytes
    below: _Listing | _Roots | None


def changes(
    before: Snapshot,
    after: Snapshot,
    path: bytes = b"/",
    *,
    inside: bool = True,
    spell: tuple[Spell, Spell] | None = None,
) -> Iterator[_Pair]:
    """Yield the entries at or below `path` that differ, in the order of paths; None where one side has none.

    An entry differs when its meta or the target of the link does: the mtime of a directory, ctimes and inodes are the
    disk's own. What is below a directory that only one side has is yielded too, unless `inside` is False: then it is
    read all the same, at once, for whoever measures it. `spell` gives the names of each side as they are matched.
    Nothing is yielded where a side has no tree.
    """
    if not before.tree or not after.tree or before.tree == after.tree:
        return
    walk = _Walk(before, after, path.rstrip(b"/"), inside, spell)
    found = sorted(walk.run(), key=lambda one: one[0])
    yield from (pair for _, pair in found)


def fetch(objects: Mapping[bytes, bytes], digests: Collection[bytes]) -> Mapping[bytes, bytes]:
    """Return the objects called `digests`, read at once where the mapping knows how to."""
    many: Callable[[Collection[bytes]], Mapping[bytes, bytes]] | None = getattr(objects, "many", None)
    return {digest: objects[digest] for digest in digests} if many is None else many(digests)


def _opened(below: _Listing | _Roots, objects: Mapping[bytes, bytes]) -> _Listing:
    return _listing(objects[below[0]], objects[below[1]]) if isinstance(below, tuple) else below


class _Walk:
    """The walk through both trees, a level of directories at a time: so each level is one question to the store."""

    def __init__(
        self, before: Snapshot, after: Snapshot, top: bytes, inside: bool, spell: tuple[Spell, Spell] | None
    ) -> None:
        self._objects = before.objects, after.objects
        self._spell = spell
        self._top = top
        self._inside = inside
        self._alone: tuple[set[bytes], set[bytes]] = (set(), set())  # tree objects below what one side has
        self._level: list[tuple[_Side, _Side]] = [
            (_Side(b"", (before.tree, before.stats)), _Side(b"", (after.tree, after.stats)))
        ]

    def run(self) -> Iterator[tuple[list[bytes], _Pair]]:
        """Yield what differs, with the key that puts it in order."""
        while self._level:
            level, self._level = self._level, []
            self._read(level)
            for before, after in level:
                yield from self._compare(before, after)
        for objects, alone in zip(self._objects, self._alone, strict=True):
            names = alone
            while names and hasattr(objects, "many"):
                found = fetch(objects, names).values()
                names = {child for data in found for child in children(data, "tree")}

    def _read(self, level: list[tuple[_Side, _Side]]) -> None:
        """Read the objects of a level."""
        self._data = [
            fetch(objects, {name for pair in level if isinstance(pair[side].below, tuple) for name in pair[side].below})  # type: ignore[union-attr]
            for side, objects in enumerate(self._objects)
        ]

    def _compare(self, before: _Side, after: _Side) -> Iterator[tuple[list[bytes], _Pair]]:
        old, new = self._listed(before, 0), self._listed(after, 1)
        apart = [name for name, node in old.items() if new.get(name) != node]
        for name in (*apart, *(new.keys() - old.keys())):
            mine, theirs = old.get(name), new.get(name)
            pair = _entry(before.path, mine), _entry(after.path, theirs)
            path = (pair[1] or pair[0] or _NOTHING).path
            wanted = self._wanted(path)
            if wanted and not _same(*pair):
                yield path.split(b"/"), pair
            self._descend(path, mine, theirs, pair)

    def _descend(self, path: bytes, mine: _Node | None, theirs: _Node | None, pair: _Pair) -> None:
        """Put a directory among those of the next level, unless it is the same on both sides."""
        below = mine[4] if mine else None, theirs[4] if theirs else None
        if below == (None, None) or not self._reaches(path):
            return
        if None in below and not self._inside:
            for alone, there in zip(self._alone, below, strict=True):
                alone.update(there[:1] if isinstance(there, tuple) else ())
            return
        if isinstance(below[0], tuple) and isinstance(below[1], tuple) and below[0][0] == below[1][0]:
            return
        sides = [_Side(entry.path if entry else b"", there) for entry, there in zip(pair, below, strict=True)]
        self._level.append((sides[0], sides[1]))

    def _listed(self, side: _Side, number: int) -> _Listing:
        """Return what a directory lists, by the names that are matched."""
        if side.below is None:
            return {}
        listing = _opened(side.below, self._data[number])
        if self._spell is None:
            return listing
        found: _Listing = {}
        for name, node in listing.items():
            spelled = self._spell[number](name)
            found[name if spelled in found else spelled] = node
        return found

    def _wanted(self, path: bytes) -> bool:
        return path == self._top or path.startswith(self._top + b"/")

    def _reaches(self, path: bytes) -> bool:
        """Whether something at or below the directory `path` is asked for."""
        return self._wanted(path) or self._top.startswith(path + b"/")


_NOTHING = Entry(b"", b"", b"", b"")


def _entry(parent: bytes, node: _Node | None) -> Entry | None:
    if node is None:
        return None
    name, meta, stats, link, _ = node
    return Entry(b"%s/%s" % (parent, name), meta, stats, link)


def _same(before: Entry | None, after: Entry | None) -> bool:
    return before is not None and after is not None and before[1::2] == after[1::2]  # meta and link


def _listing(tree: bytes, stats: bytes) -> _Listing:
    """Read a tree object and the stats object beside it, with the directories that are listed inside them."""
    names, lines = iter(tree.split(b"\0")), iter(stats.split(b"\0"))
    top: _Listing = {}
    here = top
    above: list[_Listing] = []
    for name in names:
        if not name:
            if not above:
                break
            here = above.pop()
            continue
        meta, line = next(names), next(lines)
        if meta[0] == DIRECTORY:
            child = next(names)
            if child:
                line, _, beside = line.rpartition(b" ")
                here[name] = name, meta, line, b"", (_digest(child), _digest(beside))
                continue
            inner: _Listing = {}
            here[name] = name, meta, line, b"", inner
            above.append(here)
            here = inner
        else:
            here[name] = name, meta, line, next(names)[1:] if meta[0] == LINK else b"", None
    return top


def _digest(hexadecimal: bytes) -> bytes:
    return bytes.fromhex(hexadecimal.decode())
