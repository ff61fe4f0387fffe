"""Building a file tree (see `model.tree`) from the records of a walk, as they arrive."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from driftscan.model.objects import Objects
from driftscan.model.tree import DIRECTORY, LINK

_INLINE = 64  # entries of a subtree that is listed inside its parent's object
_LINE_COST, _LINK_COST = 350, 300  # bytes of memory

# Path without leading "/", "%y%m %U %G %s %T@", "%C@ %i %n", link target. Of what is no directory the path may be told
# as "/DEPTH/NAME", where DEPTH counts from the walk's root: in the order of a walk that says it all.
Record = tuple[bytes, bytes, bytes, bytes]
_Line = tuple[bytes, bytes, bytes]  # name, its part of the tree object, its part of the stats object


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
            if path.startswith(near) and kind != DIRECTORY:
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
            if kind == DIRECTORY:
                self._open(path, name, meta, stats)
                here, near, append = self._in_hand()
            elif kind == LINK:
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
        root, directory = self._stack[0], meta[0] == DIRECTORY
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
