"""The file tree: what goes in comes out, in any order that a walk can have, and equal trees have equal names."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from driftscan.model.tree import children, descend, runs, walk
from driftscan.model.treebuilder import TreeBuilder
from tests.unit.handmade import Record, lines

NAMES = st.binary(min_size=1, max_size=6).filter(
    lambda name: not set(name) & {0, ord("/")} and name not in {b".", b".."}
)
LEAF = st.tuples(
    st.sampled_from([b"f644", b"l777", b"s755", b"p600"]), st.binary(max_size=8).filter(lambda t: b"\0" not in t)
)
TREES = st.recursive(
    st.dictionaries(NAMES, LEAF, max_size=5),
    lambda below: st.dictionaries(NAMES, LEAF | below, max_size=5),
    max_leaves=60,
)
ROOT: Record = (b"", b"d755 0 0 4096 1.5", b"2.5 1 3", b"")


def records(tree: dict, prefix: bytes = b"", inode: list[int] | None = None) -> list[Record]:
    counter = inode or [1]
    found: list[Record] = []
    for name, what in tree.items():
        counter[0] += 1
        path = prefix + name
        if isinstance(what, dict):
            found.append((path, b"d755 0 0 4096 7.0", b"9.0 %d 2" % counter[0], b""))
            found += records(what, path + b"/", counter)
        else:
            kind, target = what
            link = target if kind.startswith(b"l") else b""
            found.append((path, kind + b" 1 2 33 4.0", b"8.0 %d 1" % counter[0], link))
    return found


def build(found: list[Record], *, at_once: int = 1000) -> TreeBuilder:
    builder = TreeBuilder()
    builder.begin(b"")
    for start in range(0, len(found), at_once):
        builder.add(lines(found[start : start + at_once]))
    return builder


@given(TREES, st.integers(1, 7))
def test_every_record_comes_back(tree: dict, at_once: int) -> None:
    found = records(tree)
    builder = build([ROOT, *found], at_once=at_once)
    built = builder.finish()
    assert builder.strays == 0
    seen = {entry.path: entry for entry in walk(built.objects, built.tree, built.stats)}
    assert set(seen) == {b"/" + path for path, *_ in found}
    assert built.entries == len(found)
    for path, meta, stats, link in found:
        entry = seen[b"/" + path]
        assert entry.kind == chr(meta[0])
        assert entry.link == link
        assert entry.inode == int(stats.split()[1])
        if entry.kind == "d":
            assert (entry.mode, entry.owner, entry.mtime, entry.ctime) == (0o755, (0, 0), 7.0, 9.0)
        else:
            assert (entry.meta, entry.stats) == (meta, stats)
            assert (entry.size, entry.mtime) == (33, 4.0)


@given(TREES)
def test_order_of_the_walk_does_not_matter(tree: dict) -> None:
    def turned(below: dict) -> dict:
        return {name: turned(what) if isinstance(what, dict) else what for name, what in reversed(below.items())}

    one, other = build([ROOT, *records(tree)]).finish(), build([ROOT, *records(turned(tree))]).finish()
    assert one.tree == other.tree


def test_a_large_directory_is_an_object_of_its_own_and_is_found_by_its_parent() -> None:
    tree = {b"big": {b"%03d" % n: (b"f644", b"") for n in range(200)}, b"small": {b"x": (b"f644", b"")}}
    built = build([ROOT, *records(tree)]).finish()
    assert len(built.objects) == 4
    (below,) = children(built.objects[built.tree], "tree")
    (beside,) = children(built.objects[built.stats], "stats")
    assert {built.tree, built.stats, below, beside} == set(built.objects)
    assert children(built.objects[below], "tree") == []


def test_no_name_or_target_of_a_host_passes_for_a_digest() -> None:
    forged = b"f" * 64
    tree = {b"a": (b"l777", b"d755 0 0"), forged: (b"f644", b""), b"d755 0 0": (b"l777", forged)}
    built = build([ROOT, *records({b"x": tree, b"d755 0 0": {}})]).finish()
    assert children(built.objects[built.tree], "tree") == []


ODD = st.sampled_from([b"d755 0 0", b"0" * 64, b">x", b"f644 0 0", b" ", b"l777"])  # what else stands in an object
ODD_LEAF = st.tuples(st.sampled_from([b"f644", b"l777"]), ODD)
ODD_TREES = st.recursive(
    st.dictionaries(ODD, ODD_LEAF, max_size=4), lambda below: st.dictionaries(ODD, ODD_LEAF | below, max_size=4)
)


@given(ODD_TREES | TREES, st.integers(0, 99))
def test_runs_show_what_a_walk_shows(tree: dict, many: int) -> None:
    tree |= {b"many": {b"%d" % number: (b"f600", b"") for number in range(many)}}
    built = build([ROOT, *records(tree)]).finish()
    seen: list[tuple[bytes, bytes]] = []
    waiting = [(b"", built.tree.hex().encode())]
    while waiting:
        path, name = waiting.pop()
        for run in runs(built.objects[bytes.fromhex(name.decode())], path):
            seen += ((b"%s/%s" % (run.path, name), meta) for name, meta in zip(run.names, run.metas, strict=True))
            if run.child is not None:
                seen.append((run.child[0], b"d"))
                waiting += [run.child] if run.child[1] else []
    walked = [(one.path, b"d" if one.kind == "d" else one.meta) for one in walk(built.objects, built.tree, built.stats)]
    assert sorted(seen) == sorted(walked)


def test_descend_opens_only_what_lies_on_the_way() -> None:
    tree = {name: {b"%03d" % n: (b"f644", b"") for n in range(200)} for name in (b"a", b"ab", b"b")}
    built = build([ROOT, *records(tree)]).finish()

    class Watched(dict[bytes, bytes]):
        opened = 0

        def __getitem__(self, name: bytes) -> bytes:
            Watched.opened += 1
            return super().__getitem__(name)

    found = list(descend(Watched(built.objects), built.tree, built.stats, b"/a"))
    assert len(found) == 201
    assert found[0].path == b"/a"
    assert all(entry.path.startswith(b"/a/") for entry in found[1:])
    assert Watched.opened == 4
    assert list(descend(built.objects, built.tree, built.stats, b"/nothing")) == []


def test_a_mount_that_was_walked_before_hangs_where_it_is_mounted() -> None:
    builder = TreeBuilder()
    builder.begin(b"mnt/data")
    builder.add(lines([(b"", b"d755 0 0 1 1", b"1 1 1", b""), (b"x", b"f600 0 0 1 1", b"1 2 1", b"")]))
    builder.begin(b"")
    builder.add(lines([ROOT, *records({b"mnt": {b"data": {}, b"other": (b"f644", b"")}})]))
    built = builder.finish()
    paths = [entry.path for entry in walk(built.objects, built.tree, built.stats)]
    assert paths == [b"/mnt", b"/mnt/data", b"/mnt/data/x", b"/mnt/other"]


def test_a_mount_below_what_was_not_walked_hangs_there_too() -> None:
    builder = TreeBuilder()
    builder.begin(b"dev/shm")
    builder.add(lines([(b"", b"d1777 0 0 1 1", b"1 1 1", b""), (b"x", b"f600 0 0 1 1", b"1 2 1", b"")]))
    builder.begin(b"")
    builder.add(lines([ROOT, *records({b"dev": {}, b"etc": {}})]))
    built = builder.finish()
    entries = list(walk(built.objects, built.tree, built.stats))
    assert [entry.path for entry in entries] == [b"/dev", b"/dev/shm", b"/dev/shm/x", b"/etc"]
    assert entries[1].mode == 0o1777
    assert built.entries == 4


def test_a_record_without_its_directory_is_counted_and_left_out() -> None:
    builder = build([ROOT, (b"a", b"f644 0 0 1 1", b"1 1 1", b""), (b"gone/b", b"f644 0 0 1 1", b"1 1 1", b"")])
    built = builder.finish()
    assert builder.strays == 1
    assert [entry.path for entry in walk(built.objects, built.tree, built.stats)] == [b"/a"]


def test_an_unchanged_directory_has_the_same_name_and_a_changed_file_changes_its_ancestors_only() -> None:
    tree = {name: {b"%03d" % n: (b"f644", b"") for n in range(100)} for name in (b"a", b"b")}
    before = build([ROOT, *records(tree)]).finish()
    tree[b"b"][b"007"] = (b"s755", b"")
    after = build([ROOT, *records(tree)]).finish()
    assert before.stats == after.stats
    assert len(set(after.objects) - set(before.objects)) == 2


def test_this_directory_as_find_would_list_it(tmp_path: Path) -> None:
    (tmp_path / "odd\nname").write_text("x")
    (tmp_path / "link").symlink_to("odd\nname")
    found = []
    for entry in os.scandir(os.fsencode(tmp_path)):
        kind = b"l" if entry.is_symlink() else b"f"
        target = os.readlink(entry.path) if entry.is_symlink() else b""
        found.append((entry.name, kind + b"644 0 0 1 1", b"1 1 1", target))
    built = build([ROOT, *found]).finish()
    assert {entry.path: entry.link for entry in walk(built.objects, built.tree, built.stats)} == {
        b"/odd\nname": b"",
        b"/link": b"odd\nname",
    }
