"""Explaining the paths of a snapshot: packages first, then claims; what is left are strangers, topmost first."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driftscan.explain.base import explainers
from driftscan.model.explanation import Explanation
from driftscan.model.ownership import Ownership
from driftscan.model.tree import Entry, walk

if TYPE_CHECKING:
    from driftscan.explain.view import View

_PACKAGE = "package"
_SLASH = ord("/")


class Claims:
    """All claims on a snapshot, by the paths that the disk has."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership
        self._exact: dict[bytes, Explanation] = {}
        self._whole: dict[bytes, Explanation] = {}

    def add(self, path: bytes, explanation: Explanation, *, whole: bool) -> None:
        """Keep a claim; the first on a path counts."""
        path = self._ownership.canonical(path.rstrip(b"/"))
        (self._whole if whole else self._exact).setdefault(path, explanation)

    def at(self, path: bytes) -> Explanation | None:
        """Return what claims this very path."""
        return self._exact.get(path) or self._whole.get(path)

    def whole(self, path: bytes) -> Explanation | None:
        """Return what claims this path with all below it."""
        return self._whole.get(path)

    def above(self, path: bytes) -> Explanation | None:
        """Return what claims one of the directories above `path` with all below, the nearest first."""
        while path:
            path = path.rpartition(b"/")[0]
            if path in self._whole:
                return self._whole[path]
        return None

    @property
    def paths(self) -> Iterator[bytes]:
        """Every path that is claimed."""
        yield from self._exact
        yield from self._whole


@dataclass(frozen=True, slots=True)
class Stranger:
    """A path that nothing explains, with nothing explained above it but directories; `entries` counts it and below.

    `explained` says how many of the entries below are explained after all, by kind (a venv in an application).
    """

    entry: Entry
    entries: int
    explained: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Explained:
    """What is explained of a tree: `counts` are paths by kind of explanation, `total` all of them."""

    total: int
    counts: Mapping[str, int]
    strangers: Sequence[Stranger]
    claims: Claims
    ownership: Ownership

    @property
    def unexplained(self) -> int:
        """How many paths nothing explains."""
        return self.total - sum(self.counts.values())

    def of(self, path: bytes) -> Explanation | None:
        """Return why `path` (absolute, as the disk spells it) is there; None where nothing explains it."""
        if path in self.ownership:
            return Explanation(_PACKAGE, self.ownership.owner(path))
        if path in self.ownership.directories:
            return Explanation(_PACKAGE, "", "a package has something in it")
        return self.claims.at(path) or self.claims.above(path)


def explain(view: "View") -> Explained:
    """Explain every path of the view's snapshot."""
    snapshot, ownership = view.snapshot, view.ownership
    claims = _claims(view)
    if not snapshot.tree:
        return Explained(0, {}, (), claims, ownership)
    counts: Counter[str] = Counter()
    strangers: list[Entry] = []
    told = _told(claims, ownership)
    directories = ownership.directories
    inside: bytes | None = None  # a directory about which all has been said

    def enter(path: bytes, _child: bytes) -> bool:
        return path in told and path != inside

    for entry in walk(snapshot.objects, snapshot.tree, snapshot.stats, enter):
        path = entry.path
        if inside is not None:
            if path.startswith(inside) and path[len(inside)] == _SLASH:
                continue
            inside = None
        if path in ownership or path in directories:
            counts[_PACKAGE] += 1
        elif (explanation := claims.at(path) or claims.above(path)) is not None:
            counts[explanation.kind] += 1
        else:
            strangers.append(entry)
            inside = path
            continue
        if entry.kind == "d" and path not in told:
            inside = path
            whole = claims.whole(path) or claims.above(path)
            if whole is not None:
                counts[whole.kind] += view.directories.measure(path).entries
            else:  # nothing below it is explained
                strangers += view.directories.list(path).values()
    below = sorted(set(claims.paths))
    found = [_stranger(view, entry, claims, below) for entry in strangers]
    for stranger in found:
        counts.update(stranger.explained)
    return Explained(snapshot.files, dict(counts), found, claims, ownership)


def _claims(view: "View") -> Claims:
    """Ask every explainer."""
    claims = Claims(view.ownership)
    for explainer in explainers():
        for claim in explainer.claims(view):
            claims.add(claim.path, claim.explanation, whole=claim.whole)
    return claims


def _told(claims: Claims, ownership: Ownership) -> set[bytes]:
    """Return every directory with something packaged or claimed below it: only these need be opened."""
    found = set(ownership.directories)
    for path in claims.paths:
        step = path.rpartition(b"/")[0]
        while step and step not in found:
            found.add(step)
            step = step.rpartition(b"/")[0]
    return found


def _stranger(view: "View", entry: Entry, claims: Claims, below: Sequence[bytes]) -> Stranger:
    """Measure a stranger, and count what is explained below it."""
    if entry.kind != "d":
        return Stranger(entry, 1)
    top = entry.path + b"/"
    counts: Counter[str] = Counter()
    last: bytes | None = None
    for path in below[bisect_left(below, top) :]:
        if not path.startswith(top):
            break
        if last is not None and path.startswith(last):
            continue
        found = view.directories.entry(path)
        explanation = claims.at(path)
        if found is None or explanation is None:
            continue
        counts[explanation.kind] += 1
        if found.kind == "d" and claims.whole(path) is not None:
            counts[explanation.kind] += view.directories.measure(path).entries
            last = path + b"/"
    return Stranger(entry, 1 + view.directories.measure(entry.path).entries, dict(counts))
