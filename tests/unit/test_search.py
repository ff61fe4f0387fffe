"""Searching a tree: what is found by name, meta or stats is what a walk of the whole tree finds, with fewer objects."""

import re
from collections.abc import Iterator, Mapping

from hypothesis import given
from hypothesis import strategies as st

from driftscan.model.search import Search, Sought
from driftscan.model.tree import walk
from driftscan.model.treebuilder import Built
from tests.unit.handmade import leaf, tree

NAMES = st.text("ab.]^-\\", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."}).map(str.encode)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=4), min_size=1, max_size=40)
KINDS = (b"f644 0 0", b"f4755 0 0", b"l777 1 1", b"p600 0 2")


def built(paths: list[list[bytes]], beside: int) -> Built:
    """Build a tree; each directory gets `beside` more files, so that it has an object of its own."""
    wanted = {tuple(path) for path in paths}
    above = {path[:size] for path in wanted for size in range(1, len(path))}
    many = {(*path, b"_%02d" % number) for path in above for number in range(beside)}
    leaves = sorted((wanted | many) - above)
    return tree(*(leaf(b"/".join(path), KINDS[number % 4]) for number, path in enumerate(leaves)))


class Counted(Mapping[bytes, bytes]):
    """Objects, and how many of them were asked for."""

    def __init__(self, objects: Mapping[bytes, bytes]) -> None:
        self._objects = objects
        self.asked = 0

    def __getitem__(self, name: bytes) -> bytes:
        self.asked += 1
        return self._objects[name]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)


@given(PATHS, st.sampled_from([0, 70]), st.sets(NAMES, max_size=4), st.sets(NAMES, max_size=3))
def test_what_is_found_is_what_a_walk_finds(
    paths: list[list[bytes]], beside: int, names: set[bytes], endings: set[bytes]
) -> None:
    one = built(paths, beside)
    every = list(walk(one.objects, one.tree, one.stats))
    search = Search(one.objects, one.tree, one.stats)
    ends = tuple(endings)
    by_name = [entry for entry in every if entry.path.rpartition(b"/")[2] in names or entry.path.endswith(ends)]
    by_name = [entry for entry in by_name if (name := entry.path.rpartition(b"/")[2]) in names or name.endswith(ends)]
    assert list(search.named(names, ends)) == by_name
    for meta in (rb"f4\d\d\d ", rb"l", rb"d", rb"[ps]\d+ 0 2"):
        assert list(search.meta(meta)) == [entry for entry in every if re.match(meta, entry.meta)]


def test_objects_that_hold_nothing_are_not_opened() -> None:
    many = [leaf(b"%d/%03d" % (directory, name), b"f644 0 0") for directory in range(50) for name in range(100)]
    one = tree(*many, leaf(b"7/odd", b"p644 0 0"))
    objects = Counted(one.objects)
    search = Search(objects, one.tree, one.stats)
    search.expect([Sought(frozenset({b"odd"})), Sought(frozenset({b"even"}), (b"dd",))])
    assert [entry.path for entry in search.named([b"odd"])] == [b"/7/odd"]
    objects.asked = 0
    assert [entry.path for entry in search.named([b"even"], (b"dd",))] == [b"/7/odd"]
    assert objects.asked == 4  # the root and /7, the stats beside them


def test_stats_tell_as_well() -> None:
    path, meta, _, link = leaf(b"a/linked", b"f644 0 0")
    many = [leaf(b"%s/%03d" % (directory, name), b"f644 0 0") for directory in (b"a", b"b") for name in range(100)]
    one = tree(*many, (path, meta, b"1.0 77 2", link))
    found = Search(one.objects, one.tree, one.stats).select(
        lambda _name, _meta, stats: stats.endswith(b" 2"), stats=lambda stats: b" 77 " in stats
    )
    assert [entry.path for entry in found if entry.kind == "f"] == [b"/a/linked"]


def test_without_a_tree_nothing_is_found() -> None:
    search = Search({}, b"", b"")
    assert not search.named([b"a"])
    assert not list(search.meta(rb"f"))
    assert not list(search.objects)
