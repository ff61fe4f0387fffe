"""The two sides of a comparison: what is the same on both for whoever does not look at names, and what is left out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from driftscan.drift.identity import NOBODY, Identity, identity
from driftscan.drift.volatile import Volatile, volatile
from driftscan.model.item import Item, Json
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry

Items = Mapping[str, Mapping[str, Item]]


@dataclass(frozen=True)
class Sides:
    """Two snapshots; `mine` and `theirs` are what each host has of its own, nothing where that is to be compared too.

    `everything` takes in what changes by itself. `path` limits the comparison to what is at or below it.
    """

    before: Snapshot
    after: Snapshot
    mine: Identity = NOBODY
    theirs: Identity = NOBODY
    everything: bool = False
    path: bytes = b"/"

    @classmethod
    def of(cls, before: Snapshot, after: Snapshot, path: bytes, *, own: bool, everything: bool) -> "Sides":
        """Return the sides; with `own`, names of their own are not told apart."""
        if not own:
            return cls(before, after, everything=everything, path=path)
        return cls(before, after, identity(before), identity(after), everything, path)

    @property
    def own(self) -> bool:
        """Whether names of their own are not told apart."""
        return self.mine is not NOBODY

    @cached_property
    def labels(self) -> tuple[str, str]:
        """What the sides are called in reasons."""
        if self.before.host != self.after.host:
            return f"on {self.before.host}", f"on {self.after.host}"
        return "before", "afterwards"

    @cached_property
    def items(self) -> tuple[Items, Items]:
        """The items of both sides, by scope and key."""
        return _by_scope(self.before), _by_scope(self.after)

    @cached_property
    def titles(self) -> tuple[str, str]:
        """What the texts of the sides are called in a diff."""
        if self.before.host != self.after.host:
            return self.before.host, self.after.host
        mine, theirs = (f"{one.taken:%Y-%m-%dT%H:%M:%SZ}" for one in (self.before, self.after))
        return mine, theirs

    def blind(self, scope: str) -> tuple[bool, bool]:
        """Whether the sides have not seen a scope whole: nothing is then not there, it may only not be known."""
        first, second = (one.coverage.get(scope) for one in (self.before, self.after))
        return first is None or not first.outcome.seen, second is None or not second.outcome.seen

    def equal(self, old: Json, new: Json) -> bool:
        """Whether two values are the same, or are so but for names of their own."""
        if old == new or not self.own:
            return bool(old == new)
        if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            pairs = zip(old, new, strict=True)
            if all(self.equal(one, other) for one, other in pairs):
                return True
        return bool(self.mine.neutral_json(old) == self.theirs.neutral_json(new))

    def spelled(self, old: str, new: str) -> str:
        """Return the one key under which a thing is told that each side may call by a name of its own."""
        return new if old == new else self.theirs.neutral(new)

    def is_own(self, scope: str, key: str) -> bool:
        """Whether every host has its own of an item or path."""
        return self.own and (self.mine.is_own(scope, key) or self.theirs.is_own(scope, key))

    def wanted(self, key: str) -> bool:
        """Whether a key is at or below the path that is compared, or names it."""
        top = text(self.path.rstrip(b"/"))
        if not top:
            return True
        return any(f"{word}/".startswith(f"{top}/") for word in (key, *key.split(" ")))

    def moves(self, before: Entry | None, after: Entry | None) -> bool:
        """Whether the difference between two entries comes by itself."""
        return not self.everything and any(found.change(before, after) for found in self._volatile)

    def moves_item(self, item: Item) -> bool:
        """Whether an item comes and goes by itself."""
        return not self.everything and any(found.item(item) for found in self._volatile)

    def flapping(self, item: Item) -> frozenset[str]:
        """Return the attributes of an item that change by themselves."""
        return frozenset().union(*(found.attributes(item) for found in self._volatile if not self.everything))

    @cached_property
    def _volatile(self) -> Sequence[Volatile]:
        return [volatile(snapshot) for snapshot in (self.before, self.after)]


def below(top: str, path: str) -> bool:
    """Whether `path` is at or below `top`."""
    return path == top or path.startswith(top.rstrip("/") + "/")


def _by_scope(snapshot: Snapshot) -> Items:
    found: dict[str, dict[str, Item]] = {}
    for item in snapshot.items:
        found.setdefault(item.scope, {})[item.key] = item
    return found


def spelling(found: Identity) -> Callable[[bytes], bytes]:
    """Return how names of the file tree are matched between hosts."""

    def spell(name: bytes) -> bytes:
        said = text(name)
        neutral = found.neutral(said)
        return name if neutral == said else raw(neutral)

    return spell
