"""The index of git, versions 2 to 4: what is tracked, and how each file looked when git last looked at it."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

_FIXED = struct.Struct(">10I")  # ctime, its ns, mtime, its ns, dev, ino, mode, uid, gid, size
_LIMIT = 2_000_000  # entries
_GITLINK, _SPARSE = 0o160000, 0o040000


class Tracked(NamedTuple):
    """One tracked path, relative to the checkout; `size` is modulo 2^32, `mtime` in seconds, `ns` 0 when not kept.

    `optional`: that it is missing or other says nothing (skip-worktree, assume-unchanged, not added yet, a conflict's
    second side).
    """

    path: bytes
    mode: int
    size: int
    mtime: int
    ns: int
    optional: bool

    @property
    def directory(self) -> bool:
        """Whether it stands for a directory: a submodule, or one that a sparse checkout leaves out."""
        return self.mode & 0o170000 in {_GITLINK, _SPARSE}


def parse(data: bytes, digest: int = 20) -> list[Tracked] | None:
    """Return what an index tracks, each path once; None when it is none or cannot be understood.

    `digest` is the length of object names in bytes: 20, or 32 in a repository of SHA-256.
    """
    if len(data) < 12 or data[:4] != b"DIRC":
        return None
    version, count = struct.unpack_from(">II", data, 4)
    if version not in {2, 3, 4} or count > _LIMIT or count * (42 + digest) > len(data):
        return None
    try:
        return list(_entries(data, version, count, digest))
    except (struct.error, ValueError, IndexError):
        return None


def _entries(data: bytes, version: int, count: int, digest: int) -> Iterator[Tracked]:
    at, path = 12, b""
    for _ in range(count):
        start = at
        _, _, mtime, ns, _, _, mode, _, _, size = _FIXED.unpack_from(data, at)
        at += 40 + digest
        flags = struct.unpack_from(">H", data, at)[0]
        at += 2
        extended = 0
        if flags & 0x4000 and version >= 3:
            extended = struct.unpack_from(">H", data, at)[0]
            at += 2
        kept = path
        if version == 4:
            strip, at = _varint(data, at)
            if strip > len(path):
                raise ValueError
            kept = path[: len(path) - strip]
        end = data.index(b"\0", at)
        new = kept + data[at:end] if version == 4 else data[at:end]
        at = end + 1 if version == 4 else start + (end - start + 8) // 8 * 8
        optional = bool(flags & 0xB000 or extended & 0x6000)
        if new != path or not path:  # the sides of a conflict stand one after the other
            yield Tracked(new, mode, size, mtime, ns, optional)
        path = new


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number as git packs offsets; return it and where it ends."""
    byte = data[at]
    value = byte & 0x7F
    for _ in range(4):
        if not byte & 0x80:
            break
        at += 1
        byte = data[at]
        value = (value + 1) << 7 | byte & 0x7F
    return value, at + 1
