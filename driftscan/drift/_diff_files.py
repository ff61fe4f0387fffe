"""Comparing the paths of two file trees, with what is known of their contents: one drift per path."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import cached_property

from driftscan.drift._diff_sides import Items, Sides, below, spelling
from driftscan.drift.treediff import changes
from driftscan.model.drift import Change, Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.item import Item, Json
from driftscan.model.manifest import PackagedFile
from driftscan.model.ownership import Ownership
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry
from driftscan.scopes.files import Names

_CONTEXT = 3  # lines of a diff around each change
_LINES = 200  # of one diff
_RIGHTS = ("mode", "user", "group")
_LOOKED_AT = ("capabilities", "acl", "xattrs", "flags")  # of few paths, by tools that a host need not have


def file_drifts(sides: Sides, _scope: str = "files") -> Iterator[Drift]:
    """Yield the paths that differ; of a directory that only one side has, nothing that is below it."""
    old, new = _Seen(sides.before, sides.items[0]), _Seen(sides.after, sides.items[1])
    done: set[bytes] = set()
    spell = (spelling(sides.mine), spelling(sides.theirs)) if sides.own else None
    for before, after in changes(sides.before, sides.after, sides.path, inside=False, spell=spell):
        done.update(entry.path for entry in (before, after) if entry)
        yield from _drift(sides, old, new, before, after)
    for path in _looked_into(sides, old, new):
        if path not in done:
            before, after = sides.before.directories.entry(path), sides.after.directories.entry(path)
            if before and after:
                yield from _drift(sides, old, new, before, after)


class _Seen:
    """What one side knows of its paths."""

    def __init__(self, snapshot: Snapshot, items: Items) -> None:
        self.snapshot = snapshot
        self.more = items.get("files", {})
        self.texts = items.get("contents", {})
        self.hidden = [key for key, item in self.more.items() if "not_walked" in item.attributes]
        # The names of users and groups alone: whose the paths are takes long to say, and is seldom asked.
        self._names = Names(replace(snapshot, known_ownership=Ownership((), {})))
        coverage = snapshot.coverage.get("files")
        notes = coverage.notes if coverage else ()
        self.blind = {column for note in notes for column, colon, _ in [note.partition(": not looked at")] if colon}

    def attributes(self, entry: Entry) -> dict[str, Json]:
        """Return all that is known of a path."""
        more = self.more.get(text(entry.path))
        return {**self._names.attributes(entry), **(more.attributes if more else {})}

    def told(self, path: bytes) -> str | None:
        """Return the text of a file without its secrets, None where it was not kept."""
        item = self.texts.get(text(path))
        said = item.attributes.get("text") if item else None
        return said if isinstance(said, str) else None

    def digest(self, entry: Entry) -> str:
        """Return the digest of a file; one that was not hashed is as its package brought it. "" is not known."""
        more = self.more.get(text(entry.path))
        if more and more.attributes.get("digest"):
            return str(more.attributes["digest"])
        owned = self._ownership.get(entry.path)
        return PackagedFile.decode(owned[1]).digest if owned else ""

    @cached_property
    def _ownership(self) -> Ownership:
        return self.snapshot.ownership or Ownership((), {})

    def hides(self, path: bytes) -> bool:
        """Whether a path lies where this side was not walked."""
        return any(below(top, text(path)) for top in self.hidden)


def _looked_into(sides: Sides, old: _Seen, new: _Seen) -> Iterator[bytes]:
    """Yield the paths of which both sides know more than the trees say, and not the same."""
    for mine, theirs, names in (
        (old.more, new.more, ("digest", *_LOOKED_AT)),
        (old.texts, new.texts, ("text",)),
    ):
        for key in sorted(mine.keys() | theirs.keys()):
            if _tells_apart(mine.get(key), theirs.get(key), names) and below(text(sides.path), key):
                yield raw(key)


def _tells_apart(mine: Item | None, theirs: Item | None, names: tuple[str, ...]) -> bool:
    if mine is not None and theirs is not None and mine.attributes == theirs.attributes:
        return False
    values = [(mine and mine.attributes.get(name), theirs and theirs.attributes.get(name)) for name in names]
    return any(one != other for one, other in values)


def _drift(sides: Sides, old: _Seen, new: _Seen, before: Entry | None, after: Entry | None) -> Iterator[Drift]:
    """Yield the drift that a pair of entries is, if it is one."""
    both = [text(entry.path) for entry in (before, after) if entry]
    if any(sides.is_own("files", key) for key in both) or sides.moves(before, after):
        return
    if before and after:
        pair = _Pair(sides, old, new, before, after)
        told, diff = tuple(pair.changes()), pair.diff()
        if told or diff:
            key = sides.spelled(both[0], both[1])
            yield Drift(Kind.CHANGED, Severity.MEDIUM, "files", key, told, evidence=pair.evidence(), diff=diff)
        return
    entry, here, there = (after, new, old) if after else (before, old, new)
    if entry and not there.hides(entry.path):
        yield _alone(here, Kind.UNEXPECTED if after else Kind.MISSING, entry)
    elif entry:
        yield Drift(Kind.UNKNOWN, Severity.MEDIUM, "files", text(entry.path), reason="not walked on the other side")


def one_sided(snapshot: Snapshot, items: Items, kind: Kind, entry: Entry) -> Drift:
    """Return what there is to say of a path that only one side has."""
    return _alone(_Seen(snapshot, items), kind, entry)


def _alone(seen: _Seen, kind: Kind, entry: Entry) -> Drift:
    return Drift(kind, Severity.MEDIUM, "files", text(entry.path), evidence=_evidence(seen, entry))


@dataclass(frozen=True)
class _Pair:
    """One path on both sides."""

    sides: Sides
    old: _Seen
    new: _Seen
    before: Entry
    after: Entry

    def changes(self) -> Iterator[Change]:
        """Yield the attributes that differ and are somebody's doing."""
        mine, theirs = self.old.attributes(self.before), self.new.attributes(self.after)
        if mine["type"] != theirs["type"]:
            yield Change("type", mine["type"], theirs["type"])
        for name in _RIGHTS:
            if mine[name] != theirs[name] and not (name == "mode" and "link" in {mine["type"], theirs["type"]}):
                yield Change(name, mine[name], theirs[name])
        if not self.sides.equal(mine["target"], theirs["target"]):
            yield Change("target", mine["target"], theirs["target"])
        if mine["type"] == theirs["type"] == "file":
            yield from self._content(mine, theirs)
        for name in _LOOKED_AT:
            if mine.get(name) != theirs.get(name) and name not in self.old.blind | self.new.blind:
                yield Change(name, mine.get(name), theirs.get(name))

    def _content(self, mine: Mapping[str, Json], theirs: Mapping[str, Json]) -> Iterator[Change]:
        """Yield what tells that the content of a file is another one.

        Digests decide where both are known and of one algorithm; texts too, so far as names of their own go.
        """
        texts = self._texts
        if self.sides.own and texts and texts[0] != texts[1] and self.sides.equal(*texts):
            return
        size = [Change("size", mine["size"], theirs["size"])] if mine["size"] != theirs["size"] else []
        digests = [str(side.get("digest") or "") for side in (mine, theirs)]
        if not size and not all(digests) and self.before.mtime != self.after.mtime:
            digests = [self.old.digest(self.before), self.new.digest(self.after)]
        if all(digests) and digests[0].partition(":")[0] == digests[1].partition(":")[0]:
            if digests[0] != digests[1]:
                yield Change("digest", *digests)
                yield from size
        elif size:
            yield from size
        elif self._only_touched(texts):
            yield Change("modified", _time(self.before), _time(self.after))

    def _only_touched(self, texts: tuple[str, str] | None) -> bool:
        """Whether nothing but the mtime tells of a file that nobody read; between two hosts that says nothing."""
        if self.sides.own or self.before.mtime == self.after.mtime:
            return False
        return self.after.size > 0 and not (texts and texts[0] == texts[1])

    @cached_property
    def _texts(self) -> tuple[str, str] | None:
        mine, theirs = self.old.told(self.before.path), self.new.told(self.after.path)
        return None if mine is None or theirs is None else (mine, theirs)

    def evidence(self) -> dict[str, Json]:
        """Return what helps to read the changes."""
        texts = self._texts
        if texts and texts[0] == texts[1] and any(change.attribute == "digest" for change in self.changes()):
            return {"text": "the same but for a secret in it"}
        return {}

    def diff(self) -> tuple[str, ...]:
        """Return the unified diff of the texts, names of their own made neutral."""
        texts = self._texts
        if not texts or self.sides.equal(*texts):
            return ()
        mine, theirs = (
            [spell(line) for line in said.removesuffix("\n").split("\n")]
            for said, spell in zip(texts, self._spell(texts), strict=True)
        )
        told = list(difflib.unified_diff(mine, theirs, *self.sides.titles, n=_CONTEXT, lineterm=""))
        more = [f"… {len(told) - _LINES:,} more lines"] if len(told) > _LINES else []
        return (*told[:_LINES], *more)

    def _spell(self, texts: tuple[str, str]) -> list[Callable[[str], str]]:
        """Return how the lines of each side are told; what both sides say in the same words stays."""
        shared = set(texts[0].split("\n")) & set(texts[1].split("\n")) if self.sides.own else set()
        return [
            lambda line, side=side: line if line in shared else side.neutral(line)  # type: ignore[misc]
            for side in (self.sides.mine, self.sides.theirs)
        ]


def _time(entry: Entry) -> str:
    return f"{datetime.fromtimestamp(entry.mtime, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def _evidence(seen: _Seen, entry: Entry) -> dict[str, Json]:
    """Return what there is to say of a path that only one side has; of a directory, how much is in it."""
    known = seen.attributes(entry)
    if entry.kind == "d":
        inside = seen.snapshot.directories.measure(entry.path)
        return {
            **{name: known[name] for name in ("type", *_RIGHTS)},
            "entries": inside.entries,
            "files": inside.files,
            "size": inside.size,
        }
    names = ("type", "target") if entry.kind == "l" else ("type", *_RIGHTS, "size", "capabilities", "acl", "flags")
    return {name: known[name] for name in names if known.get(name) not in (None, [])}
