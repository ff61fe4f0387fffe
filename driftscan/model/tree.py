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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from driftscan.model.objects import Objects

_INLINE = 64  # entries of a subtree that is listed inside its parent's object
_DIRECTORY = ord("d")
_LINK = ord("l")
_LINE_COST, _LINK_COST = 350, 300  # bytes of memory
EXECUTABLE = re.compile(rb"f\d*(?:[1357]\d\d|\d[1357]\d|\d\d[1357]) ")  # begins the `meta` of such a file

# Path without leading "/", "%y%m %U %G %s %T@", "%C@ %i %n", link target. Of what is no directory the path may be told
# as "/DEPTH/NAME", where DEPTH counts from the walk's root: in the order of a walk that says it all.
Record = tuple[bytes, bytes, bytes, bytes]
_Line = tuple[bytes, bytes, bytes]  # name, its part of the tree object, its part of the stats object


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
        return 0 if self.meta[0] == _DIRECTORY else int(self.meta.split(b" ", 4)[3])

    @property
    def mtime(self) -> float:
        """Seconds since 1970."""
        fields = self.stats.split(b" ") if self.meta[0] == _DIRECTORY else self.meta.split(b" ")
        return float(fields[3] if self.meta[0] == _DIRECTORY else fields[4])

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


class Built(NamedTuple):
    """A finished tree: digests of its two root objects, all objects by digest, the number of entries."""

    tree: bytes
    stats: bytes
    objects: Mapping[bytes, bytes]
    entries: int


class _Directory:
    """A directory that is being read: what it lists so far, and how many entries are below it."""

    __slots__ = ("lines", "meta", "name", "path", "stats", "total")

    def __init__(self, path: bytes, name: bytes, meta: bytes, stats: bytes) -> None:
        self.path = path
        self.name = name
        self.meta = meta
        self.stats = stats
        self.lines: list[_Line] = []
        self.total = 0


class TreeBuilder:
    """Builds the objects of a tree from records in the order of a depth-first walk, as they arrive.

    A walk begins with the record of its root. Mounts are walked before what they are mounted on: `begin(b"var/lib")`
    starts the walk of one, and the later walk that meets the directory `var/lib` takes that listing for it.
    """

    def __init__(self) -> None:
        self.objects = Objects()
        self.links: dict[bytes, bytes] = {}  # absolute path -> target, of every symbolic link
        self.strays = 0  # records whose directory was never opened: the walk was cut or garbled
        self._stack: list[_Directory] = []
        self._mounts: dict[bytes, _Directory] = {}

    def begin(self, path: bytes) -> None:
        """End the walk in hand and start that of the directory `path` (b"" is the root)."""
        self._end_walk()
        self._stack = [_Directory(path, path.rpartition(b"/")[2], b"", b"")]

    def add(self, records: Iterable[Record]) -> None:
        """Take the next records of the walk in hand."""
        here, near, append = self._in_hand()
        for path, meta, stats, link in records:
            kind = meta[0]
            if path.startswith(near) and kind != _DIRECTORY:
                name = path[len(near) :]
                if not name or b"/" in name:
                    self.strays += 1
                    continue
            else:
                parent, _, name = path.rpartition(b"/")
                if parent != here or not name:
                    if not self._reach(path, meta, stats):
                        continue
                    here, near, append = self._in_hand()
            if kind == _DIRECTORY:
                self._open(path, name, meta, stats)
                here, near, append = self._in_hand()
            elif kind == _LINK:
                append((name, b"%s\0%s\0>%s\0" % (name, meta, link), stats + b"\0"))
                self.links[b"/%s/%s" % (here, name) if here else b"/" + name] = link
            else:
                append((name, b"%s\0%s\0" % (name, meta), stats + b"\0"))

    def _in_hand(self) -> tuple[bytes, bytes, Callable[[_Line], None]]:
        """Return the path of the directory in hand, how paths in it begin, and what takes its lines."""
        top = self._stack[-1]
        return top.path, b"/%d/" % len(self._stack), top.lines.append

    def _reach(self, path: bytes, meta: bytes, stats: bytes) -> bool:
        """Make the directory that `path` lies in the one in hand; False where none is open, or `path` is the root."""
        root, directory = self._stack[0], meta[0] == _DIRECTORY
        if path.startswith(b"/"):
            found = not directory and self._rise(path)
        elif path == root.path or not path or path.endswith(b"/"):
            found = False
            if directory:
                root.meta, root.stats = _directory_parts(meta, stats)
                return False
        else:
            found = self._rewind(path.rpartition(b"/")[0])
        self.strays += not found
        return found

    @property
    def entries(self) -> int:
        """How many records have been taken, but for those of walks that have ended."""
        return sum(directory.total + len(directory.lines) for directory in tuple(self._stack))

    @property
    def held(self) -> int:
        """How many bytes of memory all this takes, roughly."""
        waiting = sum(len(directory.lines) for directory in (*self._stack, *self._mounts.values()))
        return self.objects.held + waiting * _LINE_COST + len(self.links) * _LINK_COST

    def finish(self) -> Built:
        """Return the tree below the root, which was begun with b""."""
        self._end_walk()
        root = self._mounts.pop(b"", None)
        if root is None:
            return Built(b"", b"", {}, 0)
        tree, stats = _join(root.lines)
        return Built(self.objects.keep(tree), self.objects.keep(stats), self.objects, root.total + len(root.lines))

    def _open(self, path: bytes, name: bytes, meta: bytes, stats: bytes) -> None:
        mounted = self._mounts.pop(path, None)
        if mounted is not None:
            mounted.meta, mounted.stats = _directory_parts(meta, stats)
            self._stack.append(mounted)
        else:
            self._stack.append(_Directory(path, name, *_directory_parts(meta, stats)))

    def _rise(self, path: bytes) -> bool:
        """Close directories until `/DEPTH/NAME` is in the one in hand; False if it cannot be."""
        depth, _, name = path[1:].partition(b"/")
        if not (
            name and b"/" not in name and depth.isdigit() and len(depth) < 6 and 0 < int(depth) <= len(self._stack)
        ):
            return False
        while len(self._stack) > int(depth):
            self._close()
        return True

    def _rewind(self, parent: bytes) -> bool:
        """Close directories until `parent` is the one in hand; False, and nothing closed, if it is not open."""
        stack = self._stack
        at = _depth(parent) - _depth(stack[0].path)
        if not 0 <= at < len(stack) or stack[at].path != parent:
            return False
        while len(stack) > at + 1:
            self._close()
        return True

    def _close(self) -> None:
        done = self._stack.pop()
        if self._mounts:
            self._hang(done)
        self._stack[-1].lines.append(self._line(done))
        self._stack[-1].total += done.total + len(done.lines)

    def _hang(self, directory: _Directory) -> None:
        """Hang into `directory` what is mounted there though its walk did not show the mount point (/dev/shm)."""
        for path in [path for path in self._mounts if path and path.rpartition(b"/")[0] == directory.path]:
            mounted = self._mounts.pop(path)
            if not mounted.meta:  # its walk was garbled or cut before its own record: nobody knows what it is
                self.strays += 1 + mounted.total + len(mounted.lines)
                continue
            directory.lines.append(self._line(mounted))
            directory.total += mounted.total + len(mounted.lines)

    def _line(self, done: _Directory) -> _Line:
        tree, stats = _join(done.lines)
        if done.total + len(done.lines) <= _INLINE:
            line = b"%s\0%s\0\0%s\0" % (done.name, done.meta, tree)
            return done.name, line, b"%s\0%s" % (done.stats, stats)
        tree_name, stats_name = self.objects.keep(tree).hex().encode(), self.objects.keep(stats).hex().encode()
        line = b"%s\0%s\0%s\0" % (done.name, done.meta, tree_name)
        return done.name, line, b"%s %s\0" % (done.stats, stats_name)

    def _end_walk(self) -> None:
        if not self._stack:
            return
        while len(self._stack) > 1:
            self._close()
        root = self._stack.pop()
        if self._mounts:
            self._hang(root)
        self._mounts[root.path] = root


def _directory_parts(meta: bytes, stats: bytes) -> tuple[bytes, bytes]:
    """Move a directory's mtime to the stats, and leave its size out: they are the disk's own."""
    fields = meta.split(b" ")
    return b" ".join(fields[:3]), b"%s %s" % (stats, fields[-1])


def _depth(path: bytes) -> int:
    return path.count(b"/") + 1 if path else 0


def _join(lines: list[_Line]) -> tuple[bytes, bytes]:
    lines.sort()
    return b"".join([line[1] for line in lines]), b"".join([line[2] for line in lines])


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
            if meta[0] != _DIRECTORY:
                link = next(names)[1:] if meta[0] == _LINK else b""
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
        if meta[0] == _LINK:
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
