"""The file trees of a host's snapshots side by side: what each has at a path, equal directories being read once."""

from typing import final

from sqlalchemy import Connection, select

from driftscan.model.opened import Opened, opened
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import Entry
from driftscan.store.load import list_snapshots, outcome_of
from driftscan.store.objects import ObjectReader, StoredObjects
from driftscan.store.records import StoredSnapshot
from driftscan.store.schema import scope_coverage, snapshot
from driftscan.store.statements import is_one_of

_MOST = 500_000  # entries that are held: a directory of many files may be another one every night


@final
class StoredTree:
    """The file tree of one kept snapshot; `whole` says whether what is not in it was not there."""

    def __init__(self, stored: StoredSnapshot, roots: tuple[bytes, bytes], shelf: "_Shelf", *, whole: bool) -> None:
        self.snapshot = stored
        self.whole = whole
        self._roots = roots
        self._shelf = shelf

    def entry(self, path: bytes) -> Entry | None:
        """Return what is at the absolute `path`, links not followed; None where there is nothing."""
        return self._shelf.entry(*self._roots, path)

    def content(self, path: bytes) -> bytes | None:
        """Return what is equal for equal listings of the directory at `path`, None where it has no object."""
        return self._shelf.content(*self._roots, path)

    def bare(self) -> Snapshot:
        """Return the snapshot with nothing but its tree."""
        stored, (tree, stats) = self.snapshot, self._roots
        objects = StoredObjects(self._shelf.reader, tree, stats)
        return Snapshot(
            stored.host, stored.taken, stored.seconds, stored.transport, (), {},
            tree=tree, stats=stats, objects=objects, files=stored.files,
        )  # fmt: skip


class _Shelf:
    """The objects that were opened, for trees that have most of them in common."""

    def __init__(self, reader: ObjectReader) -> None:
        self.reader = reader
        self._opened: dict[tuple[bytes, bytes], Opened] = {}
        self._entries = 0

    def entry(self, tree: bytes, stats: bytes, path: bytes) -> Entry | None:
        (tree, stats), rest = self._lead(tree, stats, path)
        found = self._open(tree, stats).entries.get(rest)
        return found and found._replace(path=path)

    def content(self, tree: bytes, stats: bytes, path: bytes) -> bytes | None:
        (tree, stats), rest = self._lead(tree, stats, path)
        return self._open(tree, stats).closed.get(rest, (None,))[0]

    def _lead(self, tree: bytes, stats: bytes, path: bytes) -> tuple[tuple[bytes, bytes], bytes]:
        """Return the objects that list `path`, and the path from there."""
        here, rest = (tree, stats), b""
        for name in path.strip(b"/").split(b"/"):
            if rest and (below := self._open(*here).closed.get(rest)):
                here, rest = below, b""
            rest += b"/" + name
        return here, rest

    def _open(self, tree: bytes, stats: bytes) -> Opened:
        known = self._opened.get((tree, stats))
        if known is None:
            known = opened(self.reader.get(tree), self.reader.get(stats))
            self._entries += len(known.entries)
            if self._entries > _MOST:
                self._opened.clear()
                self._entries = len(known.entries)
            self._opened[tree, stats] = known
        return known


def trees(
    connection: Connection, reader: ObjectReader, name: str, until: int | None, limit: int | None
) -> list[StoredTree]:
    """Return the trees of the newest `limit` snapshots of a host up to number `until`, newest first.

    Snapshots that saw no files are left out.
    """
    stored = [one for one in list_snapshots(connection, name, None) if until is None or one.id <= until][:limit]
    among = is_one_of(connection, snapshot.c.id, [one.id for one in stored])
    roots = {row.id: (row.tree, row.stats) for row in connection.execute(select(snapshot).where(among)) if row.tree}
    covered = is_one_of(connection, scope_coverage.c.snapshot_id, list(roots))
    outcome = select(scope_coverage.c.snapshot_id, scope_coverage.c.outcome).where(scope_coverage.c.scope == "files")
    whole = {number for number, told in connection.execute(outcome.where(covered)) if outcome_of(told).seen}
    shelf = _Shelf(reader)
    return [StoredTree(one, roots[one.id], shelf, whole=one.id in whole) for one in stored if one.id in roots]
