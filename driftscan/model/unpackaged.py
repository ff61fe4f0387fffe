"""What no package explains of a file tree: what none owns, and what was changed after its package was unpacked."""

from collections.abc import Mapping
from typing import NamedTuple

from driftscan.model.manifest import Manifest
from driftscan.model.ownership import Ownership
from driftscan.model.tree import REGULAR, Entry, walk

Owned = tuple[Manifest, bytes]  # as Ownership.get has it


class Unpackaged(NamedTuple):
    """What no package explains, seen by one walk through what packages share with others.

    `entries` are in the order of that walk, each with its owner, None where no package owns it: of those that one owns
    the regular files with a ctime after its unpacking. `foreign` are the directories that have an object of their own
    and nothing packaged at or below them, each with the digest of its tree object in hexadecimal: nothing in there was
    looked at. `walked` is how many entries were.
    """

    entries: list[tuple[Entry, Owned | None]]
    foreign: list[tuple[bytes, bytes]]
    walked: int


def unpackaged(
    objects: Mapping[bytes, bytes], tree: bytes, stats: bytes, ownership: Ownership, *, full: bool = False
) -> Unpackaged:
    """Go through the directories that have something packaged; with `full` every packaged regular file is told."""
    entries: list[tuple[Entry, Owned | None]] = []
    foreign: list[tuple[bytes, bytes]] = []

    def enter(path: bytes, child: bytes) -> bool:
        if path in ownership.directories:
            return True
        foreign.append((path, child))
        return False

    walked = 0
    for entry in walk(objects, tree, stats, enter) if tree else ():
        walked += 1
        owned = ownership.get(entry.path)
        if owned is None or (entry.meta[0] == REGULAR and (full or entry.ctime > owned[0].unpacked)):
            entries.append((entry, owned))
    return Unpackaged(entries, foreign, walked)
