"""The view of a snapshot that explainers and rules share: what is costly to work out is worked out once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from driftscan.explain.paths import Explained, explain
from driftscan.explain.references import References
from driftscan.model.directories import Directories
from driftscan.model.item import Item, Json
from driftscan.model.outcome import Outcome
from driftscan.model.ownership import Ownership
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw
from driftscan.model.tree import Entry
from driftscan.scopes._places import systems
from driftscan.scopes.base import scopes
from driftscan.scopes.files import Names


class View:
    """A snapshot as explainers and rules look at it.

    `peers` gives snapshots of other hosts, for what can only be told by comparison (modes that a package has
    elsewhere); it is called at most once, and only where something is to be told.
    """

    def __init__(self, snapshot: Snapshot, peers: Callable[[], Sequence[Snapshot]] = tuple) -> None:
        self.snapshot = snapshot
        self._peers = peers
        self._items: dict[str, list[Item]] | None = None

    def of(self, scope: str) -> Iterable[Item]:
        """Return the items of `scope`, those that live in the file tree too."""
        known = scopes().get(scope)
        if known is not None and known.derive is not None:
            return known.derive(self.snapshot, b"/")
        if self._items is None:
            self._items = {}
            for item in sorted(self.snapshot.items, key=lambda item: item.key):
                self._items.setdefault(item.scope, []).append(item)
        return self._items.get(scope, ())

    def seen(self, scope: str) -> bool:
        """Whether there is something of `scope` to judge by, or proof that there is nothing."""
        outcome = self.snapshot.outcome(scope)
        if outcome is None:
            return False
        if scope == "files":
            return bool(self.snapshot.tree)
        if scope == "packages":  # without lists of files nothing is a stranger
            return bool(self.snapshot.ownership)
        return outcome.seen or any(item.scope == scope for item in self.snapshot.items)

    def whole(self, scope: str) -> bool:
        """Whether all of `scope` was seen: what is not among its items is not there."""
        return (self.snapshot.outcome(scope) or Outcome.FAILED).seen

    @cached_property
    def peers(self) -> Sequence[Snapshot]:
        """Snapshots of other hosts."""
        return self._peers()

    @cached_property
    def names(self) -> Names:
        """Users, groups and packages behind the numbers and paths of the tree."""
        return Names(self.snapshot)

    @cached_property
    def ownership(self) -> Ownership:
        """Whose the paths are; nobody's where the packages were not seen."""
        return self.snapshot.ownership or Ownership((), self.snapshot.links)

    @property
    def directories(self) -> Directories:
        """The file tree by path."""
        return self.snapshot.directories

    @cached_property
    def more(self) -> Mapping[bytes, Mapping[str, Json]]:
        """What is known of a path beyond the tree: digest, capabilities, acl, xattrs, flags, not_walked."""
        return {raw(item.key): item.attributes for item in self.snapshot.items if item.scope == "files"}

    @property
    def facts(self) -> Mapping[str, Json]:
        """The facts of the host as a whole by name."""
        return self.snapshot.facts

    @cached_property
    def references(self) -> References:
        """Which files name a path, and which links lead to it."""
        return References(self)

    @cached_property
    def systems(self) -> frozenset[bytes]:
        """The roots of other systems that lie on this host: chroots, unpacked images, disks of containers."""
        return systems(self.snapshot)

    def system(self, path: bytes) -> bytes | None:
        """Return the outermost root of another system that `path` lies in; None where it is this host's own."""
        found = None
        while path and self.systems:
            path = path.rpartition(b"/")[0]
            found = path if path in self.systems else found
        return found

    @cached_property
    def explained(self) -> Explained:
        """Which paths are explained, and by what."""
        return explain(self)

    def search(self, meta: bytes) -> Iterator[Entry]:
        """Yield the entries of the file tree whose `meta` begins with a match of an expression."""
        return self.snapshot.search.meta(meta)

    def named(self, names: Iterable[bytes], endings: Iterable[bytes] = ()) -> Sequence[Entry]:
        """Return the entries of the file tree with one of `names`, or whose name ends with one of `endings`."""
        return self.snapshot.search.named(names, endings)

    def objects(self) -> Iterator[bytes]:
        """Yield the tree objects of the snapshot as they lie."""
        return self.snapshot.search.objects
