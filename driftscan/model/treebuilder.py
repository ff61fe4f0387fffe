"""Building a file tree (see `model.tree`) from the lines of a walk, as they arrive."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from driftscan.model.objects import Objects

_INLINE = 64  # entries of a subtree that is listed inside its parent's object
_LINE_COST, _LINK_COST = 350, 300  # bytes of memory
_TARGET = b"\0>"  # before a link's target: neither a name nor a meta begins so

# One path as a walk tells it, each part NUL-terminated but for the first of what is no directory:
# - of a directory its path from the walk's root as find prints it (`.`, `./usr`), `%y%m %U %G %s %T@`, `%C@ %i %n`;
# - of another the directory that it lies in (`./usr/`, or `/DEPTH/` counted from the walk's root: in the order of a
#   walk that says it all), `%f\0%y%m %U %G %s %T@` with `\0>%l` of a link, `%C@ %i %n`.
# The second and third are as the tree and the stats object list it; a directory that is finished lies b"".
Line = tuple[bytes, bytes, bytes]
_where, _listed, _beside = itemgetter(0), itemgetter(1), itemgetter(2)


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
        self.lines: list[Line] = []
        self.total = 0


class TreeBuilder:
    """Builds the objects of a tree from lines in the order of a depth-first walk, as they arrive.

    A walk begins with the line of its root. Mounts are walked before what they are mounted on: `begin(b"var/lib")`
    starts the walk of one, and the later walk that meets the directory `var/lib` takes that listing for it.
    """

    def __init__(self) -> None:
        self.objects = Objects()
        self.links: dict[bytes, bytes] = {}  # absolute path -> target, of every symbolic link
        self.strays = 0  # paths whose directory was never opened: the walk was cut or garbled
        self._stack: list[_Directory] = []
        self._mounts: dict[bytes, _Directory] = {}

    def begin(self, path: bytes) -> None:
        """End the walk in hand and start that of the directory `path` (b"" is the root)."""
        self._end_walk()
        self._stack = [_Directory(path, path.rpartition(b"/")[2], b"", b"")]

    def add(self, lines: Iterable[Line]) -> None:
        """Take the next lines of the walk in hand."""
        for where, neighbours in groupby(lines, _where):
            if where.endswith(b"\0"):
                for line in neighbours:
                    self._enter(line)
            elif self._rise(where) if where.startswith(b"/") else self._rewind(self._path(where)):
                self._stack[-1].lines += neighbours
            else:
                self.strays += sum(1 for _ in neighbours)

    def _path(self, where: bytes) -> bytes:
        """Return the absolute path, without leading "/", of a directory as a line names it."""
        root, below = self._stack[0].path, where[2:-1]
        return b"%s/%s" % (root, below) if root and below else root or below

    @property
    def entries(self) -> int:
        """How many paths have been taken, but for those of walks that have ended."""
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
        tree, stats = self._join(root)
        return Built(self.objects.keep(tree), self.objects.keep(stats), self.objects, root.total + len(root.lines))

    def _enter(self, line: Line) -> None:
        """Make the directory that a line tells of the one in hand."""
        where, listed, beside = line
        fields = listed[:-1].split(b" ")  # its mtime goes to the stats, and its size nowhere: they are the disk's own
        meta, stats = b" ".join(fields[:3]), b"%s %s" % (beside[:-1], fields[-1])
        path = self._path(where)
        parent, _, name = path.rpartition(b"/")
        if len(where) == len(b".\0"):
            directory = self._stack[0]
        elif parent == self._stack[-1].path or self._rewind(parent):
            directory = self._mounts.pop(path) if path in self._mounts else _Directory(path, name, b"", b"")
            self._stack.append(directory)
        else:
            self.strays += 1
            return
        directory.meta, directory.stats = meta, stats

    def _rise(self, where: bytes) -> bool:
        """Close directories until the one at `/DEPTH/` is in hand; False if none is open there."""
        depth = int(where[1:-1])
        if not 0 < depth <= len(self._stack):
            return False
        while len(self._stack) > depth:
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

    def _line(self, done: _Directory) -> Line:
        tree, stats = self._join(done)
        if done.total + len(done.lines) <= _INLINE:
            return b"", b"%s\0%s\0\0%s\0" % (done.name, done.meta, tree), b"%s\0%s" % (done.stats, stats)
        tree_name, stats_name = self.objects.keep(tree).hex().encode(), self.objects.keep(stats).hex().encode()
        return b"", b"%s\0%s\0%s\0" % (done.name, done.meta, tree_name), b"%s %s\0" % (done.stats, stats_name)

    def _join(self, done: _Directory) -> tuple[bytes, bytes]:
        """Return what a directory lists, in the order of the names, for its two objects; note its links."""
        done.lines.sort(key=_listed)
        tree = b"".join(map(_listed, done.lines))
        if _TARGET in tree:
            begin = b"/%s/" % done.path if done.path else b"/"
            for where, listed, _ in done.lines:
                if where and _TARGET in listed:
                    name, _, told = listed.partition(b"\0")
                    self.links[begin + name] = told.partition(_TARGET)[2][:-1]
        return tree, b"".join(map(_beside, done.lines))

    def _end_walk(self) -> None:
        if not self._stack:
            return
        while len(self._stack) > 1:
            self._close()
        root = self._stack.pop()
        if self._mounts:
            self._hang(root)
        self._mounts[root.path] = root


def _depth(path: bytes) -> int:
    return path.count(b"/") + 1 if path else 0
