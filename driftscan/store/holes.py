"""What cannot be read of a snapshot because objects that it needs are not there any more."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from driftscan.model.text import text
from driftscan.model.tree import children, runs
from driftscan.store.manifests import bucket_names, listed_files, reachable_manifests
from driftscan.store.objects import intact, reachable, stats_children, tree_children
from driftscan.store.schema import host, snapshot

_Pair = tuple[bytes, bytes]  # digests of a tree object and of the stats object beside it


@dataclass(frozen=True, slots=True)
class Hole:
    """A part of the snapshots `numbers` of a host that cannot be read: a directory with all below it, or file lists."""

    host: str
    numbers: tuple[int, ...]
    part: str


def needed(connection: Connection, there: Collection[bytes]) -> set[bytes]:
    """Return the digests of all objects that kept snapshots name, as far as those `there` tell."""

    def read(digests: Collection[bytes]) -> Iterator[tuple[bytes, bytes]]:
        return intact(connection, set(digests) & set(there))

    roots = connection.execute(select(snapshot.c.tree, snapshot.c.stats, snapshot.c.manifests).distinct()).all()
    found = reachable(read, (row.tree for row in roots), tree_children)
    found |= reachable(read, (row.stats for row in roots), stats_children)
    return found | reachable_manifests(read, (row.manifests for row in roots))


def holes(connection: Connection, missing: Collection[bytes]) -> list[Hole]:
    """Return what cannot be read for want of the objects `missing`, by host."""
    columns = (host.c.name, snapshot.c.id, snapshot.c.tree, snapshot.c.stats, snapshot.c.manifests)
    rows = connection.execute(
        select(*columns).join(host, host.c.id == snapshot.c.host_id).where(~snapshot.c.pruned).order_by(snapshot.c.id)
    ).all()
    torn = _Torn(connection, frozenset(missing))
    found: dict[tuple[str, str], list[int]] = {}
    for name, number, tree, stats, manifests in rows:
        parts = [f"{text(path) or '/'} and all below it" for path in torn.paths((tree, stats))] if tree else []
        parts += torn.lists(manifests) if manifests else []
        for part in parts:
            found.setdefault((name, part), []).append(number)
    return [Hole(name, tuple(numbers), part) for (name, part), numbers in sorted(found.items())]


class _Torn:
    """Looks for what is missing; what several snapshots have in common is looked through once."""

    def __init__(self, connection: Connection, missing: frozenset[bytes]) -> None:
        self._connection = connection
        self._missing = missing
        self._paths: dict[_Pair, list[bytes]] = {}
        self._lists: dict[bytes, list[str]] = {}

    def paths(self, pair: _Pair) -> list[bytes]:
        """Return the directories, from the one that `pair` lists (b""), of which an object is missing."""
        known = self._paths.get(pair)
        if known is None:
            known = self._paths[pair] = [b""] if self._missing & set(pair) else list(self._below(pair))
        return known

    def _below(self, pair: _Pair) -> Iterator[bytes]:
        read = self._read(pair)
        tree, stats = read.get(pair[0], b""), read.get(pair[1], b"")
        # Both name the objects of their directories in the same order.
        nested = (run.child for run in runs(tree, b"") if run.child is not None)
        closed = [(path, bytes.fromhex(name.decode())) for path, name in nested if name]
        for (path, child), beside in zip(closed, children(stats, "stats"), strict=False):
            yield from (path + below for below in self.paths((child, beside)))

    def lists(self, root: bytes) -> list[str]:
        """Return the packages whose file lists are missing."""
        known = self._lists.get(root)
        if known is None:
            known = self._lists[root] = sorted(self._packages(root))
        return known

    def _packages(self, root: bytes) -> Iterator[str]:
        read = self._read([root])
        if root not in read:
            yield "the file lists of all packages"
            return
        buckets = bucket_names(read[root])
        if self._missing.intersection(buckets):
            yield "the file lists of some packages"
        for data in self._read(buckets).values():
            yield from (
                f"the file list of package {name}" for name, files in listed_files(data) if files in self._missing
            )

    def _read(self, digests: Collection[bytes]) -> Mapping[bytes, bytes]:
        return dict(intact(self._connection, set(digests) - self._missing))
