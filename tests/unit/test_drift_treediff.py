"""Two trees in lockstep: the same as a comparison of all that is in them, and no more is read than differs."""

from collections.abc import Collection, Iterator, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.drift.treediff import changes
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import Entry, walk
from driftscan.model.treebuilder import Built
from tests.unit import handmade
from tests.unit.test_tree import NAMES, ROOT, build, records

LEAF = st.tuples(st.sampled_from([b"f644", b"f600", b"l777"]), st.sampled_from([b"a", b"b"]))
FEW = st.sampled_from([b"a", b"b", b"c", b"dd", b"e"]) | NAMES
TREES = st.recursive(
    st.dictionaries(FEW, LEAF, max_size=5), lambda below: st.dictionaries(FEW, LEAF | below, max_size=5), max_leaves=40
)
# Directories of more than 64 entries have an object of their own.
BULK = st.sampled_from([{}, {b"%03d" % n: (b"f644", b"a") for n in range(70)}])


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict, dict]:
    """Draw two trees that share much; directories in them are large on both sides, on one, or on none."""
    one = draw(TREES)
    other = draw(st.just(one) | TREES)
    for name in draw(st.lists(FEW, max_size=2)):
        extra = draw(TREES)
        one = {**one, name: {**draw(BULK), **extra, b"sub": {**draw(BULK), **draw(TREES)}}}
        other = {**other, name: {**draw(BULK), **draw(st.just(extra) | TREES), b"sub": {**draw(BULK), **draw(TREES)}}}
    return one, other


def snapshot(tree: dict) -> Snapshot:
    return handmade.snapshot(files=build([ROOT, *records(tree)]).finish())


def brute(one: Snapshot, other: Snapshot) -> dict[bytes, tuple[Entry | None, Entry | None]]:
    old, new = ({e.path: e for e in walk(s.objects, s.tree, s.stats)} for s in (one, other))
    found = {path: (old.get(path), new.get(path)) for path in old.keys() | new.keys()}
    return {path: pair for path, pair in found.items() if not same(*pair)}


def same(one: Entry | None, other: Entry | None) -> bool:
    return one is not None and other is not None and (one.meta, one.link) == (other.meta, other.link)


@settings(max_examples=30)
@given(pairs())
def test_what_differs_is_what_a_comparison_of_all_entries_finds(trees: tuple[dict, dict]) -> None:
    one, other = map(snapshot, trees)
    found = list(changes(one, other))
    told = {(new or old).path: (old, new) for old, new in found}
    assert told == brute(one, other)
    assert len(found) == len(told)
    paths = [(new or old).path.split(b"/") for old, new in found]
    assert paths == sorted(paths)


@settings(max_examples=30)
@given(pairs(), FEW)
def test_below_a_path_alone(trees: tuple[dict, dict], name: bytes) -> None:
    one, other = map(snapshot, trees)
    top = b"/" + name
    told = {(new or old).path for old, new in changes(one, other, top)}
    assert told == {path for path in brute(one, other) if path == top or path.startswith(top + b"/")}


@settings(max_examples=30)
@given(pairs())
def test_of_a_directory_that_one_side_has_only_itself_is_told(trees: tuple[dict, dict]) -> None:
    one, other = map(snapshot, trees)
    told = {(new or old).path for old, new in changes(one, other, inside=False)}
    alone = {path for path, pair in brute(one, other).items() if is_directory(pair[0]) != is_directory(pair[1])}
    assert told == {path for path in brute(one, other) if not any(path.startswith(top + b"/") for top in alone)}


def is_directory(entry: Entry | None) -> bool:
    return entry is not None and entry.kind == "d"


def test_a_touched_file_is_told_and_a_touched_directory_is_not() -> None:
    def touched(*, file: bool) -> Snapshot:
        found = records({b"d": {b"f": (b"f644", b"")}})
        return handmade.snapshot(
            files=build(
                [ROOT]
                + [
                    (path, meta.replace(b" 4.0", b" 5.0") if file else meta.replace(b" 7.0", b" 9.0"), stats, link)
                    for path, meta, stats, link in found
                ]
            ).finish()
        )

    plain = snapshot({b"d": {b"f": (b"f644", b"")}})
    assert [new.path for _, new in changes(plain, touched(file=True)) if new] == [b"/d/f"]
    assert list(changes(plain, touched(file=False))) == []


def test_names_of_their_own_meet() -> None:
    one = snapshot({b"log": {b"host1": {b"x": (b"f644", b"")}, b"y": (b"f644", b"")}})
    other = snapshot({b"log": {b"host2": {b"x": (b"f600", b"")}, b"y": (b"f644", b"")}})

    def spell(name: bytes) -> bytes:
        return b"HOST" if name.startswith(b"host") else name

    ((old, new),) = changes(one, other, spell=(spell, spell))
    assert (old and old.path, new and new.path) == (b"/log/host1/x", b"/log/host2/x")


class Counted(Mapping[bytes, bytes]):
    """Objects that count what is read of them, and can be asked for many at once."""

    def __init__(self, built: Built) -> None:
        self.built = built
        self.read: set[bytes] = set()
        self.questions = 0

    def many(self, digests: Collection[bytes]) -> Mapping[bytes, bytes]:
        self.questions += 1
        self.read |= set(digests)
        return {digest: self.built.objects[digest] for digest in digests}

    def __getitem__(self, digest: bytes) -> bytes:
        self.read.add(digest)
        return self.built.objects[digest]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.built.objects)

    def __len__(self) -> int:
        return len(self.built.objects)


def test_only_the_directories_on_the_way_to_a_change_are_read_a_level_at_a_time() -> None:
    def tree(changed: bytes) -> Built:
        big = {b"%03d" % n: (b"f644", b"") for n in range(100)}
        found = {b"%02d" % n: {**big, b"sub": {**big, b"z": (b"f644", b"%d" % n)}} for n in range(20)}
        found[b"07"][b"sub"][b"z"] = (changed, b"")
        return build([ROOT, *records(found)]).finish()

    one, other = (handmade.snapshot(files=tree(meta)) for meta in (b"f644", b"f600"))
    counted = [Counted(tree(meta)) for meta in (b"f644", b"f600")]
    object.__setattr__(one, "objects", counted[0])
    object.__setattr__(other, "objects", counted[1])
    assert [new.path for _, new in changes(one, other) if new] == [b"/07/sub/z"]
    assert [(len(side.read), side.questions) for side in counted] == [(6, 3), (6, 3)]  # three levels, tree and stats
