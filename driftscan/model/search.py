"""Searching a file tree: objects are looked through as they lie, and only those that hold something are opened."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from driftscan.model.tree import Entry, Wanted, children, walk


class Sought(NamedTuple):
    """Entries by name: those with one of `names`, and those whose name ends with one of `endings`."""

    names: frozenset[bytes] = frozenset()
    endings: tuple[bytes, ...] = ()


Told = Callable[[bytes], object]  # whether an object is worth opening, by its data
_Pair = tuple[bytes, bytes]  # their digests


class Search:
    """Finds entries of a tree at the speed of an expression; what was found by name is kept."""

    def __init__(self, objects: Mapping[bytes, bytes], tree: bytes, stats: bytes) -> None:
        self._objects = objects
        self._tree = tree
        self._stats = stats
        self._holding: dict[re.Pattern[bytes], frozenset[bytes]] = {}
        self._named: dict[Sought, Sequence[Entry]] = {}
        self._listing: dict[bytes, set[_Pair]] = {}  # name or ending -> the objects that list it
        self._expected: set[Sought] = set()

    def expect(self, sought: Iterable[Sought]) -> None:
        """Say what will be asked for by name: all of it is then looked for in one pass over the objects."""
        self._expected.update(sought)

    @cached_property
    def _all(self) -> Mapping[_Pair, Sequence[_Pair]]:
        """Every tree object with a stats object beside it, and the pairs that name it."""
        above: dict[_Pair, list[_Pair]] = {}
        waiting = [(self._tree, self._stats)] if self._tree else []
        above |= {pair: [] for pair in waiting}
        while waiting:
            pair = waiting.pop()
            tree, stats = self._objects[pair[0]], self._objects[pair[1]]
            for below in zip(children(tree, "tree"), children(stats, "stats"), strict=False):
                if below in above:
                    above[below].append(pair)
                elif below[1] in self._objects:  # a host's find may lie
                    above[below] = [pair]
                    waiting.append(below)
        return above

    @property
    def objects(self) -> Iterator[bytes]:
        """Every tree object as it lies."""
        return (self._objects[tree] for tree in {tree: None for tree, _ in self._all})

    def named(self, names: Iterable[bytes], endings: Iterable[bytes] = ()) -> Sequence[Entry]:
        """Return the entries with one of `names`, or whose name ends with one of `endings`."""
        sought = whole, ends = Sought(frozenset(names), tuple(endings))
        if sought not in self._named:
            words = [*whole, *ends]
            if any(word not in self._listing for word in words):
                self._look_for({*self._expected, sought})
            found = self._above(pair for word in words for pair in self._listing[word])
            self._named[sought] = list(
                self._opened(found, lambda name, _meta, _stats: name in whole or name.endswith(ends))
            )
        return self._named[sought]

    def _look_for(self, every: Iterable[Sought]) -> None:
        """Note which objects list the names and endings of `every`; some hold the word elsewhere."""
        names, endings = (
            frozenset(word for one in every for word in one[part] if word not in self._listing) for part in (0, 1)
        )
        listing = {word: set[_Pair]() for word in names | endings}
        ends = re.compile(b"(?:%s)(?=\\0)" % b"|".join(map(re.escape, sorted(endings, key=len, reverse=True))))
        for pair in self._all:
            tree = self._objects[pair[0]]
            words = names.intersection(tree.split(b"\0"))
            for word in words.union(ends.findall(tree)) if endings else words:
                listing[word].add(pair)
        for ending in endings:  # one that ends with another was found in its place
            listing[ending].update(*(listing[word] for word in endings if word.endswith(ending)))
        self._listing |= listing

    def meta(self, expression: bytes) -> Iterator[Entry]:
        """Yield the entries whose `meta` begins with a match of `expression`."""
        within, begins = re.compile(rb"\0" + expression).search, re.compile(expression).match
        return self.select(lambda _name, meta, _stats: begins(meta) is not None, tree=within)

    def select(self, wanted: Wanted, *, tree: Told | None = None, stats: Told | None = None) -> Iterator[Entry]:
        """Yield the entries that are `wanted` in objects that `tree` tells, or `stats` of the one beside.

        The others are not opened.
        """
        return self._opened(self._at_or_above(tree, stats), wanted)

    def _opened(self, found: frozenset[bytes], wanted: Wanted) -> Iterator[Entry]:
        if self._tree:
            yield from walk(self._objects, self._tree, self._stats, lambda _path, child: child in found, wanted)

    def holding(self, listed: re.Pattern[bytes]) -> frozenset[bytes]:
        """Return, in hexadecimal, the digests of the tree objects in which `listed` is found, or below which it is."""
        if listed not in self._holding:
            self._holding[listed] = self._at_or_above(listed.search)
        return self._holding[listed]

    def _at_or_above(self, tree: Told | None = None, stats: Told | None = None) -> frozenset[bytes]:
        tests = [(part, told) for part, told in enumerate((tree, stats)) if told is not None]
        return self._above(pair for pair in self._all if any(told(self._objects[pair[part]]) for part, told in tests))

    def _above(self, pairs: Iterable[_Pair]) -> frozenset[bytes]:
        """Return, in hexadecimal, the digests of the tree objects of `pairs` and of those that they lie below."""
        above, waiting = self._all, list(pairs)
        opened: set[_Pair] = set()
        while waiting:
            pair = waiting.pop()
            if pair not in opened:
                opened.add(pair)
                waiting += above.get(pair, ())
        return frozenset(tree.hex().encode() for tree, _ in opened)
