"""The records of the file survey, and the tree that is built of them: one tree, whoever reads it."""

from collections.abc import Iterator

from driftscan.collect.survey import Survey, Walk, plan
from driftscan.model.directories import Directories
from driftscan.model.tree import children, descend, runs, walk
from driftscan.model.treebuilder import Built, TreeBuilder
from tests.fuzz.target import Target, pieces
from tests.unit.handmade import leaf, tree

SEPARATOR = "@@sep@@"
_SMALL = b"f644 0 0 1 2.0\03.0 4 1\0"


def _read(built: Built) -> None:
    """Hold all that reads a tree to one another."""
    found = list(walk(built.objects, built.tree, built.stats))
    assert len(found) == built.entries
    todo = [built.tree]
    while todo:
        data = built.objects[todo.pop()]
        list(runs(data, b""))
        todo += children(data, "tree")
    for entry in found[:20]:
        assert entry.path.startswith(b"/")
        assert isinstance((entry.kind, entry.mode, entry.owner, entry.size, entry.mtime, entry.ctime), tuple)
        assert isinstance((entry.inode, entry.links), tuple)
        list(descend(built.objects, built.tree, built.stats, entry.path))
    directories = Directories(built.objects, built.tree, built.stats)
    for entry in found[:20]:
        directories.entry(entry.path)
        directories.list(entry.path)
        directories.measure(entry.path)


def _built(data: bytes, separator: str) -> None:
    builder = TreeBuilder()
    for number, piece in enumerate(pieces(data)[:8]):
        walked = Walk((b"srv", b"")[min(number, 1)], (), ()) if number < 2 else None
        if walked is not None:
            builder.begin(walked.path)
            survey = Survey(builder, walked, separator)
        survey(piece)
    if builder._stack and builder._stack[0].path:
        builder.begin(b"")
    _read(builder.finish())


def find(data: bytes) -> None:
    """Take what find prints."""
    _built(data, "")


def stat(data: bytes) -> None:
    """Take what stat prints."""
    _built(data.replace(b"@@", SEPARATOR.encode()), SEPARATOR)


def mounts(data: bytes) -> None:
    """Take mountinfo and what stands beside it."""
    made = plan(data)
    assert len(made.walks) + len(made.skipped) <= data.count(b"\n") + 2


def _find() -> Iterator[bytes]:
    root = b".\0d755 0 0 4096 1.5\02.5 1 3\0"
    some = root + b"./etc\0d755 0 0 1 2.0\03.0 4 1\0" + b"/2/y\0" + _SMALL + b"./etc/x\0" + _SMALL
    yield some + b"./l\0l777 0 0 1 2.0\0>etc/x\03.0 4 1\0"
    yield b".\0d755 0 0 1 1.0\01.0 1 1\0./a\0" + _SMALL + b"\xff\xfe" + some + b"./srv\0d755 0 0 1 2.0\03.0 4 1\0"


def _stat() -> Iterator[bytes]:
    for name, target in ((b"x", b"x"), (b"x\0\0\0\0", b"x"), (b"x", b"x\0\0")):
        yield (
            b"41ed 0 0 4096 1 2 3 4@@.@@.@@81a4 0 0 5 1 2 3 1@@./%s@@./%s@@a1ff 0 0 1 1 2 3 1@@./l@@'./l' -> '%s'@@"
            % (name, name, target)
        )


def _mounts() -> Iterator[bytes]:
    yield (
        b"1 0 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n2 1 0:5 / /proc rw - proc proc rw\n\0nodev\tproc\n\text4\n\0gnu\0"  # noqa: E501
        b"0\n"
    )
    yield b"1 0 8:1 / / rw - ext4 x rw\n3 1 8:1 /a /srv\\040x rw - ext4 x rw\n4 1 0:9 / /srv/n rw - nfs4 h:/ rw\n\0nodev\tnfs4\n\0\0"  # noqa: E501


def forged(data: bytes) -> None:
    """Read objects that are none: a damaged store is an error that can be told, and never a loop."""
    made = tree(leaf(b"etc/x", b"f644 0 0"))
    parts = pieces(data)
    objects = {**made.objects, made.tree: parts[0], made.stats: parts[-1]}
    try:
        found = list(walk(objects, made.tree, made.stats))
        Directories(objects, made.tree, made.stats).measure(b"/")
    except (LookupError, ValueError, RuntimeError):  # what the store turns into a line about the database
        return
    assert len(found) <= len(data) + 2


def _forged() -> Iterator[bytes]:
    made = tree(leaf(b"etc/x", b"f644 0 0"), leaf(b"l", b"l777 0 0", b"x"))
    yield made.objects[made.tree] + b"\xff\xfe" + made.objects[made.stats]


TARGETS = [
    Target("survey-find", find, _find),
    Target("survey-stat", stat, _stat),
    Target("mountinfo", mounts, _mounts),
    Target("tree-forged", forged, _forged),
]
