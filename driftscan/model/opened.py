"""What a tree object and the stats object beside it list: entries by path, and directories that are not open yet."""

from typing import NamedTuple

from driftscan.model.tree import DIRECTORY, LINK, Entry

Roots = tuple[bytes, bytes]  # digests of a tree object and of the stats object beside it


class Opened(NamedTuple):
    """`entries` are those of small directories that are listed inside too; `closed` names the objects of the others."""

    entries: dict[bytes, Entry]
    closed: dict[bytes, Roots]


def opened(tree: bytes, stats: bytes, prefix: bytes = b"") -> Opened:
    """Return what two objects, given by their data, list for the directory `prefix`."""
    found = Opened({}, {})
    names, lines = iter(tree.split(b"\0")), iter(stats.split(b"\0"))
    above: list[bytes] = []
    for name in names:
        if not name:
            if not above:
                break
            prefix = above.pop()
            continue
        path, meta, line = b"%s/%s" % (prefix, name), next(names), next(lines)
        third = next(names) if meta[0] in {DIRECTORY, LINK} else b""
        if meta[0] == DIRECTORY and third:
            line, _, beside = line.rpartition(b" ")
            found.closed[path] = bytes.fromhex(third.decode()), bytes.fromhex(beside.decode())
        found.entries[path] = Entry(path, meta, line, third[1:] if meta[0] == LINK else b"")
        if meta[0] == DIRECTORY and not third:
            above.append(prefix)
            prefix = path
    return found
