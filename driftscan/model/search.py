"""Searching a file tree: objects are looked through as they lie, and only those that hold something are opened."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from driftscan.model.tree import Entry, Wanted, children, walk

Told = Callable[[bytes, bytes], object]  # data of a tree object, and of the stats object beside it
_Pair = tuple[bytes, bytes]  # their digests


class Search:
    """Finds entries of a tree at the speed of an expression; what was found by name is kept."""

    def __init__(self, objects: Mapping[bytes, bytes], tree: bytes, stats: bytes) -> None:
        self._objects = objects
        self._tree = tree
        self._stats = stats
        self._holding: dict[re.Pattern[bytes], frozenset[bytes]] = {}
        self._named: dict[tuple[frozenset[bytes], tuple[bytes, ...]], Sequence[Entry]] = {}

    @cached_property
    def _all(self) -> tuple[Mapping[_Pair, tuple[bytes, bytes]], Mapping[_Pair, Sequence[_Pair]]]:
        """Every tree object with a stats object beside it, and for each the pairs that name it."""
        found: dict[_Pair, tuple[bytes, bytes]] = {}
        above: dict[_Pair, list[_Pair]] = {}
        waiting = [(self._tree, self._stats)] if self._tree else []
        while waiting:
            pair = waiting.pop()
            if pair in found:
                continue
            tree, stats = found[pair] = self._objects[pair[0]], self._objects[pair[1]]
            for below in zip(children(tree, "tree"), children(stats, "stats"), strict=False):
                if below[1] in self._objects:  # a host's find may lie
                    above.setdefault(below, []).append(pair)
                    waiting.append(below)
        return found, above

    @property
    def objects(self) -> Iterator[bytes]:
        """Every tree object as it lies."""
        return iter({tree: data for (tree, _), (data, _) in self._all[0].items()}.values())

    def named(self, names: Iterable[bytes], endings: Iterable[bytes] = ()) -> Sequence[Entry]:
        """Return the entries with one of `names`, or whose name ends with one of `endings`."""
        key = whole, ends = frozenset(names), tuple(endings)
        if key not in self._named:
            found = self.select(_listing(whole, ends), lambda name, _meta, _stats: name in whole or name.endswith(ends))
            self._named[key] = list(found)
        return self._named[key]

    def meta(self, expression: bytes) -> Iterator[Entry]:
        """Yield the entries whose `meta` begins with a match of `expression`."""
        within, begins = re.compile(rb"\0" + expression).search, re.compile(expression).match
        return self.select(lambda tree, _stats: within(tree), lambda _name, meta, _stats: begins(meta) is not None)

    def select(self, told: Told, wanted: Wanted) -> Iterator[Entry]:
        """Yield the entries that are `wanted`, in those objects that are `told`: the others are not opened."""
        if self._tree:
            found = self._at_or_above(told)
            yield from walk(self._objects, self._tree, self._stats, lambda _path, child: child in found, wanted)

    def holding(self, listed: re.Pattern[bytes]) -> frozenset[bytes]:
        """Return, in hexadecimal, the digests of the tree objects in which `listed` is found, or below which it is."""
        if listed not in self._holding:
            self._holding[listed] = self._at_or_above(lambda tree, _stats: listed.search(tree))
        return self._holding[listed]

    def _at_or_above(self, told: Told) -> frozenset[bytes]:
        every, above = self._all
        waiting = [pair for pair, data in every.items() if told(*data)]
        opened: set[_Pair] = set()
        while waiting:
            pair = waiting.pop()
            if pair not in opened:
                opened.add(pair)
                waiting += above.get(pair, ())
        return frozenset(tree.hex().encode() for tree, _ in opened)


def _listing(names: frozenset[bytes], endings: tuple[bytes, ...]) -> Told:
    """Return a function that tells whether a tree object seems to list one of `names`, or one with an ending."""
    tests: list[Callable[[bytes], object]] = []
    if names:
        whole = _one_of(names)
        tests += [re.compile(whole).match, re.compile(b"\\0" + whole).search]  # no NUL is before the first name
    if endings:
        tests.append(re.compile(_one_of(endings)).search)
    return lambda tree, _stats: any(test(tree) for test in tests)


def _one_of(words: Iterable[bytes]) -> bytes:
    """Return an expression for one of `words` and a NUL, by first letters: there is seldom more to compare."""
    firsts: dict[bytes, list[bytes]] = {}
    for word in sorted(words):
        firsts.setdefault(word[:2], []).append(re.escape(word[2:]))
    return b"(?:%s)\\0" % b"|".join(b"%s(?:%s)" % (re.escape(first), b"|".join(rest)) for first, rest in firsts.items())
