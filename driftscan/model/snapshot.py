"""A snapshot: all that one scan of one host saw, at one time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from driftscan.model.directories import Directories
from driftscan.model.item import Item, Json
from driftscan.model.manifest import Manifest
from driftscan.model.outcome import Coverage, Outcome
from driftscan.model.ownership import Ownership, resolve
from driftscan.model.search import Search
from driftscan.model.unpackaged import Unpackaged, unpackaged


@dataclass(frozen=True)
class Snapshot:
    """What one scan saw.

    `tree` and `stats` are the digests of the root objects of the file tree (see `model.tree`), b"" when the files were
    not seen; `objects` holds those objects and all below them by digest. `coverage` has one entry per scope that was
    asked for: a scope without one was not looked at. `taken` is the auditor's time at the start, in UTC; `seconds` how
    long it took. `known_links` and `known_ownership` save work to whoever has just
    done it.
    """

    host: str
    taken: datetime
    seconds: float
    transport: str
    items: Sequence[Item]
    coverage: Mapping[str, Coverage]
    tree: bytes = b""
    stats: bytes = b""
    objects: Mapping[bytes, bytes] = field(default_factory=dict)
    manifests: Sequence[Manifest] = ()
    files: int = 0
    known_links: Mapping[bytes, bytes] | None = field(default=None, repr=False, compare=False)
    known_ownership: Ownership | None = field(default=None, repr=False, compare=False)

    @cached_property
    def links(self) -> Mapping[bytes, bytes]:
        """Every symbolic link of the tree, absolute path to target."""
        if self.known_links is not None or not self.tree:
            return self.known_links or {}
        return {entry.path: entry.link for entry in self.search.meta(b"l")}

    @cached_property
    def finals(self) -> Mapping[bytes, bytes | None]:
        """Where every symbolic link leads in the end, None where it loops; the links in the order of their paths."""
        return {link: resolve(link, self.links) for link in sorted(self.links)}

    @cached_property
    def search(self) -> Search:
        """The file tree, to be searched by name or meta."""
        return Search(self.objects, self.tree, self.stats)

    @cached_property
    def directories(self) -> Directories:
        """The file tree by path."""
        return Directories(self.objects, self.tree, self.stats)

    @cached_property
    def ownership(self) -> Ownership | None:
        """Whose the paths of the tree are; None where the packages were not seen."""
        if self.known_ownership is not None:
            return self.known_ownership
        outcome = self.outcome("packages")
        if outcome is None or not (outcome.seen or self.manifests):
            return None
        return Ownership(self.manifests, self.links)

    @cached_property
    def unpackaged(self) -> Unpackaged:
        """What no package explains of the tree; all of it where the packages were not seen."""
        return unpackaged(self.objects, self.tree, self.stats, self.ownership or Ownership((), self.links))

    @cached_property
    def facts(self) -> Mapping[str, Json]:
        """The facts of the host as a whole by name."""
        return {item.key: item.attributes.get("value") or item.volatile.get("reading") for item in self.of("system")}

    @property
    def complete(self) -> bool:
        """Whether every scope that was asked for was seen whole."""
        return all(coverage.outcome.seen for coverage in self.coverage.values())

    def of(self, scope: str) -> list[Item]:
        """Return the items of one scope in the order of their keys."""
        return sorted((item for item in self.items if item.scope == scope), key=lambda item: item.key)

    def outcome(self, scope: str) -> Outcome | None:
        """Return how the look at `scope` ended; None when it was not asked for."""
        coverage = self.coverage.get(scope)
        return coverage.outcome if coverage else None
