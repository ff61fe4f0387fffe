"""Files that came, went or changed with their package: the package tells it, and how many they are."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from driftscan.drift._diff_files import one_sided
from driftscan.drift._diff_sides import Items, Sides
from driftscan.model.drift import Drift, Kind
from driftscan.model.manifest import PackagedFile
from driftscan.model.ownership import Ownership
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry

_BROUGHT = frozenset({"type", "digest", "size", "modified", "target"})  # what a new version changes by itself


def with_packages(sides: Sides, drifts: Sequence[Drift]) -> list[Drift]:
    """Return `drifts` with the files that are as a new, gone or changed package has them counted with the package."""
    told = {drift.key for drift in drifts if drift.scope == "packages" and drift.kind is not Kind.UNKNOWN}
    if not told or not any(drift.scope == "files" for drift in drifts):
        return list(drifts)
    old = _Packages(sides.before, sides.items[0], told)
    new = _Packages(sides.after, sides.items[1], told)
    counts: Counter[str] = Counter()
    kept: list[Drift] = []
    for drift in drifts:
        kept += _folded(drift, old, new, counts) if drift.scope == "files" else [drift]
    return [
        replace(drift, evidence={**drift.evidence, "files": counts[drift.key]})
        if drift.scope == "packages" and counts[drift.key]
        else drift
        for drift in kept
    ]


class _Packages:
    """The packages of one side that differ from the other's, and their files."""

    def __init__(self, snapshot: Snapshot, items: Items, told: set[str]) -> None:
        self.snapshot = snapshot
        self.items = items
        self._told = told
        self._ownership = snapshot.ownership or Ownership((), {})

    def of(self, path: bytes) -> str:
        """Return the package that a path is of, and as that has it; "" where it is of none that differs."""
        found = self._ownership.get(path)
        if found is None or found[0].package not in self._told:
            return ""
        item = self.items.get("files", {}).get(text(path))
        hashed = item.attributes.get("digest") if item else None
        brought = PackagedFile.decode(found[1]).digest
        return found[0].package if not hashed or hashed == brought else ""

    def holds(self, path: bytes) -> bool:
        """Whether some package has something in the directory `path`."""
        return path in self._ownership.directories

    def below(self, path: bytes) -> Iterator[Entry]:
        """Yield what a directory lists."""
        yield from self.snapshot.directories.list(path).values()


def _folded(drift: Drift, old: _Packages, new: _Packages, counts: Counter[str]) -> Iterator[Drift]:
    """Yield `drift`, or what is left of it."""
    path = raw(drift.key)
    if drift.kind is Kind.CHANGED:
        package = old.of(path) and new.of(path)
        if package and {change.attribute for change in drift.changes} <= _BROUGHT:
            counts[package] += 1
        else:
            yield drift
    elif drift.kind is Kind.UNKNOWN:
        yield drift
    else:
        side = new if drift.kind is Kind.UNEXPECTED else old
        entry = side.snapshot.directories.entry(path)
        if entry is None or not (side.of(path) or side.holds(path)):
            yield drift
        else:
            yield from _strangers(drift, entry, side, counts)


def _strangers(drift: Drift, entry: Entry, side: _Packages, counts: Counter[str]) -> Iterator[Drift]:
    """Yield what is at or below a path that only one side has, and is of no package that tells it."""
    package = side.of(entry.path)
    counts[package] += bool(package)
    if entry.kind == "d" and (package or side.holds(entry.path)):
        for one in side.below(entry.path):
            yield from _strangers(drift, one, side, counts)
    elif not package:
        yield drift if text(entry.path) == drift.key else one_sided(side.snapshot, side.items, drift.kind, entry)
