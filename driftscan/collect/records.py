"""What find prints of a walk, read as the lines of a tree: what is in the tree is taken at its word everywhere later.

One search takes thousands of records out of the bytes that have come, each as it will stand in the tree, and skips what
find never prints.
"""

import re
from itertools import chain
from typing import NamedTuple

from driftscan.model.tree import LINK
from driftscan.model.treebuilder import Line

_TIME = rb"-?[0-9]{1,20}(?:\.[0-9]{0,20})?"
_META = rb"[0-7]{1,5} [0-9]{1,20} [0-9]{1,20} [0-9]{1,20} %s\0" % _TIME
_STATS = rb"%s [0-9]{1,20} [0-9]{1,20}\0" % _TIME
_NAME = rb"(?!\.{1,2}[/\0])[^/\0]{1,65535}"
# A directory by its path, what is none by the directory that it lies in and its name. Each begins where another field
# has ended: garbage is gone through once, however much it looks like the beginning of a path.
_RECORD = re.compile(
    rb"(?<=\0)(?:(?=[^\0]{0,65535}\0)(\.(?:/%(name)s)*(?:\0(?=d)|/(?!\0))|/[0-9]{1,5}/(?!\0)))"
    rb"((?<=\0)d%(meta)s|(?<=/)%(name)s\0(?:[fpsbcDU]%(meta)s|l%(meta)s>[^\0]*\0))"
    rb"(%(stats)s)" % {b"name": _NAME, b"meta": _META, b"stats": _STATS}
)
_FIELDS = 3  # of a record; a link has one more


def printed(path: bytes, meta: bytes, stats: bytes, target: bytes = b"") -> bytes:
    """Return the record of one path (`.`, or `./usr`) as find prints it; only a link has a `target`."""
    link = b">%s\0" % target if meta[0] == LINK else b""
    return b"%s\0%s\0%s%s\0" % (path, meta, link, stats)


class Read(NamedTuple):
    """The lines that some bytes hold, how many records were none, and what has only begun."""

    lines: list[Line]
    strange: int
    rest: bytes


def read(data: bytes) -> Read:
    """Read the records that bytes hold: path, meta, of a link its target, stats, each NUL-terminated."""
    data = b"\0" + data
    lines = _RECORD.findall(data)
    last = b"".join(lines[-1]) if lines else b""
    end = data.rfind(b"\0" + last) + 1 + len(last) if lines else 1
    rest = data[end:]
    if rest.count(b"\0") <= _FIELDS and sum(map(len, chain.from_iterable(lines))) == end - 1:
        return Read(lines, 0, rest)
    strange, at = 0, 1
    for found in _RECORD.finditer(data):
        strange += _records(data[at : found.start()])
        at = found.end()
    if rest.count(b"\0") > _FIELDS:
        strange += _records(rest)
        rest = rest[rest.rindex(b"\0") + 1 :]
    return Read(lines, strange, rest)


def _records(garbage: bytes) -> int:
    """Return how many records bytes of which nothing can be made stand for."""
    return max(1, garbage.count(b"\0") // _FIELDS) if garbage else 0
