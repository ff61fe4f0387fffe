"""File trees stored as git stores them: a listing is an object under its digest, a directory names its children's.

Two objects stand for one group of directories. The *tree* object holds what a copy of the tree would share (name,
type, mode, owner, size, mtime, link target), the *stats* object what is this disk's own (ctime, inode, link count, and
the mtime of directories), in the same order. So hosts with the same packages share tree objects, and a night without
changes stores neither. A directory whose whole subtree is small is listed inside its parent's object: objects are
some kilobytes, which compresses well and keeps rows few.

Formats, each field NUL-terminated, entries of one directory in the order of their names:

- tree: `name`, `meta` (find's `%y%m %U %G %s %T@`; of a directory `d755 0 0`), then for a link `>` and its target, and
  for a directory the digest of its object in hexadecimal, or an empty field, its listing and an empty field.
- stats: `ctime inode nlink` (find's `%C@ %i %n`), of a directory ` mtime` too, and where the tree object has a digest
  ` digest` of the stats object beside it; else the directory's own entries follow.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

REGULAR, DIRECTORY, LINK = b"fdl"  # how the `meta` of an entry begins
EXECUTABLE = re.compile(rb"f\d*(?:[1357]\d\d|\d[1357]\d|\d\d[1357]) ")  # begins the `meta` of such a file


class Entry(NamedTuple):
    """One path of a tree: `path` is absolute, `meta` and `stats` are as the objects hold them."""

    path: bytes
    meta: bytes
    stats: bytes
    link: bytes

    @property
    def kind(self) -> str:
        """Type as `find -printf %y` has it: f, d, l, p, s, b, c."""
        return chr(self.meta[0])

    @property
    def mode(self) -> int:
        """Permission bits with setuid, setgid and sticky."""
        return int(self.meta[1 : self.meta.index(b" ")], 8)

    @property
    def owner(self) -> tuple[int, int]:
        """Numeric user and group."""
        _, uid, gid = self.meta.split(b" ", 3)[:3]
        return int(uid), int(gid)

    @property
    def size(self) -> int:
        """Bytes; 0 for a directory."""
        return 0 if self.meta[0] == DIRECTORY else int(self.meta.split(b" ", 4)[3])

    @property
    def mtime(self) -> float:
        """Seconds since 1970."""
        fields = self.stats.split(b" ") if self.meta[0] == DIRECTORY else self.meta.split(b" ")
        return float(fields[3] if self.meta[0] == DIRECTORY else fields[4])

    @property
    def ctime(self) -> float:
        """Seconds since 1970."""
        return float(self.stats[: self.stats.index(b" ")])

    @property
    def inode(self) -> int:
        """Number of the inode."""
        return int(self.stats.split(b" ", 2)[1])

    @property
    def links(self) -> int:
        """Count of hard links."""
        return int(self.stats.split(b" ", 3)[2])


Enter = Callable[[bytes, bytes], bool]  # path of a directory, digest of its tree object in hexadecimal
Wanted = Callable[[bytes, bytes, bytes], object]  # name, meta and stats of an entry


def walk(
    objects: Mapping[bytes, bytes],
    tree: bytes,
    stats: bytes,
    enter: Enter | None = None,
    wanted: Wanted | None = None,
) -> Iterator[Entry]:
    """Yield every entry below the root objects `tree` and `stats`, parents before children, in the order of names.

    Where `enter` is given, a directory that has an object of its own is opened only if it says so; where `wanted` is,
    only what it says is yielded.
    """
    stack = [(b"", *_fields(objects, tree, stats))]
    while stack:
        prefix, names, lines = stack.pop()
        for name in names:
            if not name:
                break
            meta, line = next(names), next(lines)
            if meta[0] != DIRECTORY:
                link = next(names)[1:] if meta[0] == LINK else b""
                if wanted is None or wanted(name, meta, line):
                    yield Entry(b"%s/%s" % (prefix, name), meta, line, link)
                continue
            path, child = b"%s/%s" % (prefix, name), next(names)
            below = b""
            if child:
                line, _, below = line.rpartition(b" ")
            if wanted is None or wanted(name, meta, line):
                yield Entry(path, meta, line, b"")
            if not child:
                stack += (prefix, names, lines), (path, names, lines)
                break
            if enter is None or enter(path, child):
                stack += (prefix, names, lines), (path, *_fields(objects, _name(child), _name(below)))
                break


def _fields(objects: Mapping[bytes, bytes], tree: bytes, stats: bytes) -> tuple[Iterator[bytes], Iterator[bytes]]:
    return iter(objects[tree].split(b"\0")), iter(objects[stats].split(b"\0"))


class Run(NamedTuple):
    """Neighbours in what one tree object lists, all of one directory, and the directory that comes after them.

    `path` is the directory's, `names` and `metas` those of what is no directory itself, in order; `child` the path of
    the directory that ends the run and the digest of its tree object in hexadecimal (b"" where it is listed here, in
    the runs that follow), None where none does.
    """

    path: bytes
    names: Sequence[bytes]
    metas: Sequence[bytes]
    child: tuple[bytes, bytes] | None


# After an entry: a directory's meta and what names its listing, or the end of a listing. Neither a name nor a target is
# taken for them: a meta follows a name, and a target begins with ">".
_NESTS = re.compile(rb"\0(?:d[0-7]+ [0-9]+ [0-9]+\0([0-9a-f]{64})?\0|(\0))")


def runs(data: bytes, prefix: bytes) -> Iterator[Run]:
    """Yield what one tree object lists, for the directory `prefix`, without its links' targets."""
    above: list[bytes] = []
    at = 0
    while at < len(data):
        if data[at] == 0:  # the end of a listing right after its beginning, or after another one
            if not above:
                return
            prefix = above.pop()
            at += 1
            continue
        found = _NESTS.search(data, at)
        if found is None:
            yield Run(prefix, *_leaves(data[at:]), None)
            return
        if found[2] is not None:
            yield Run(prefix, *_leaves(data[at : found.start() + 1]), None)
            at = found.end() - 1
            continue
        begin = data.rfind(b"\0", at, found.start()) + 1 or at
        path, child = b"%s/%s" % (prefix, data[begin : found.start()]), found[1] or b""
        yield Run(prefix, *_leaves(data[at:begin]), (path, child))
        if not child:
            above.append(prefix)
            prefix = path
        at = found.end()


def _leaves(data: bytes) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Return the names and the metas of entries none of which is a directory."""
    fields = data.split(b"\0")
    if b"\0>" not in data:
        return fields[:-1:2], fields[1::2]
    names, metas = list[bytes](), list[bytes]()
    rest = iter(fields[:-1])
    for name in rest:
        meta = next(rest, b"")
        if not meta:
            break
        names.append(name)
        metas.append(meta)
        if meta[0] == LINK:
            next(rest, b"")
    return names, metas


def _name(hexadecimal: bytes) -> bytes:
    return bytes.fromhex(hexadecimal.decode())


_TREE_CHILD = re.compile(rb"\0d[0-7]+ [0-9]+ [0-9]+\0([0-9a-f]{64})\0")
_STATS_CHILD = re.compile(rb" ([0-9a-f]{64})\0")


def children(data: bytes, kind: Literal["tree", "stats"]) -> list[bytes]:
    """Return the digests of the objects that an object names.

    No name or link target of a host can pass for one: before a digest stands a directory's `meta`, and neither a
    target (it begins with ">") nor what follows a name can be that.
    """
    pattern = _TREE_CHILD if kind == "tree" else _STATS_CHILD
    return [_name(found) for found in pattern.findall(data)]


def descend(objects: Mapping[bytes, bytes], tree: bytes, stats: bytes, path: bytes) -> Iterator[Entry]:
    """Yield the entry of `path` and all that is below it; nothing if there is no such path. b"/" is everything."""
    top = path.rstrip(b"/")
    below = top + b"/"

    def enter(directory: bytes, _child: bytes) -> bool:
        return directory == top or below.startswith(directory + b"/") or directory.startswith(below)

    for entry in walk(objects, tree, stats, enter):
        if not top or entry.path == top or entry.path.startswith(below):
            yield entry
