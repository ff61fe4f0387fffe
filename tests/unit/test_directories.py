"""Directories: what is at a path and below it is what a walk of the whole tree finds."""

from hypothesis import given
from hypothesis import strategies as st

from driftscan.model.directories import Directories
from driftscan.model.tree import Entry, walk
from driftscan.model.treebuilder import Built
from tests.unit.handmade import leaf, tree

NAMES = st.binary(min_size=1, max_size=4).filter(lambda name: not set(name) & {0, 0x2F} and name not in {b".", b".."})
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=5), min_size=1, max_size=40)


def built(paths: list[list[bytes]]) -> Built:
    """Build a tree of files; what is above another is a directory."""
    wanted = {tuple(path) for path in paths}
    above = {path[:size] for path in wanted for size in range(1, len(path))}
    return tree(*(leaf(b"/".join(path), b"f644 %d 0" % len(path)) for path in wanted - above))


def everything(of: Built) -> list[Entry]:
    return list(walk(of.objects, of.tree, of.stats))


def of_a_large_tree() -> Built:
    many = [leaf(b"srv/big/%03d/f" % number, b"f600 1 2") for number in range(100)]
    return tree(leaf(b"etc/hosts", b"f644 0 0"), leaf(b"opt/x/y/l", b"l777 0 0", b"../a"), *many)


@given(PATHS)
def test_every_entry_is_where_a_walk_finds_it(paths: list[list[bytes]]) -> None:
    one = built(paths)
    directories = Directories(one.objects, one.tree, one.stats)
    entries = everything(one)
    assert [directories.entry(entry.path) for entry in entries] == entries
    assert directories.entry(b"/no such/path") is None
    listed = {tuple(entry.path.rpartition(b"/")[::2]) for entry in entries}
    for directory in {b"", *(entry.path for entry in entries)}:
        unopened = Directories(one.objects, one.tree, one.stats)
        entry = directories.entry(directory) if directory else None
        assert unopened.has(directory) == (entry is None or entry.kind == "d")
        for name in {name for _, name in listed}:
            assert unopened.lists(directory, name) == ((directory, name) in listed)


def test_large_directories_are_opened_on_the_way_and_measured_unopened() -> None:
    one = of_a_large_tree()
    for opened in (b"", b"/srv/big/007/f", b"/srv/big"):  # what was opened before makes no difference
        directories = Directories(one.objects, one.tree, one.stats)
        directories.entry(opened)
        found = directories.entry(b"/srv/big/042/f")
        assert found is not None
        assert found.owner == (1, 2)
        measured = directories.measure(b"/srv/big")
        assert (measured.entries, measured.files, measured.size) == (200, 100, 3300)
        assert measured.owners == {(0, 0), (1, 2)}
        assert (measured.oldest, measured.newest) == (4.0, 4.0)
        assert directories.measure(b"/").entries == one.entries


def test_a_large_directory_without_the_name_is_not_opened() -> None:
    one = of_a_large_tree()
    directories = Directories(one.objects, one.tree, one.stats)
    assert not directories.lists(b"/srv/big", b"etc")
    assert b"/srv/big" not in directories._known
    assert directories.lists(b"/srv/big", b"099")
    assert directories.lists(b"/srv/big/099", b"f")


def test_a_path_of_a_thousand_directories_is_found() -> None:
    deep = b"/".join([b"d"] * 1500)
    one = tree(leaf(deep + b"/file", b"f644 0 0"))
    directories = Directories(one.objects, one.tree, one.stats)
    assert directories.entry(b"/" + deep + b"/file") is not None
    assert directories.measure(b"/d").files == 1
