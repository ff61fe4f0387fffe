"""What tests of findings and reports share: snapshots made by hand, with a small file tree."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone

from driftscan.collect.records import printed, read
from driftscan.model.item import Item
from driftscan.model.manifest import Manifest
from driftscan.model.outcome import Coverage, Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.model.treebuilder import Built, Line, TreeBuilder
from driftscan.scopes.base import scopes

Record = tuple[bytes, bytes, bytes, bytes]  # path without leading "/", meta, stats and target, as find prints them
TAKEN = datetime(2026, 11, 1, 3, 0, tzinfo=timezone.utc)


def leaf(path: bytes, meta: bytes, link: bytes = b"", ctime: float = 8.0) -> Record:
    """Return a record; `meta` is type, mode, user and group as in `f644 0 0`."""
    return path, meta + b" 33 4.0", b"%f 77 1" % ctime, link


def lines(records: Iterable[Record]) -> list[Line]:
    """Return what a walk of the root reads of records."""
    told = b"".join(printed(b"./" + path if path else b".", *facts) for path, *facts in records)
    found = read(told)
    assert (found.strange, found.rest) == (0, b""), told
    return found.lines


def tree(*leaves: Record) -> Built:
    """Build a tree with the directories that `leaves` need (mode 755, of root), unless they are among them."""
    given = {path.lstrip(b"/"): (path.lstrip(b"/"), *told) for path, *told in leaves}
    for path in list(given):
        above = path.rpartition(b"/")[0]
        while above:
            given.setdefault(above, leaf(above, b"d755 0 0"))
            above = above.rpartition(b"/")[0]
    builder = TreeBuilder()
    builder.begin(b"")
    ordered = (given[path] for path in sorted(given, key=lambda path: path.split(b"/")))
    builder.add(lines([leaf(b"", b"d755 0 0"), *ordered]))
    return builder.finish()


def manifest(name: str, *paths: bytes, unpacked: float = 100.0) -> Manifest:
    """Return a package that owns `paths`."""
    return Manifest(f"{name}:amd64", name, unpacked, dict.fromkeys(paths, b""))


def snapshot(
    items: Iterable[Item] = (),
    *,
    files: Built | None = None,
    manifests: Iterable[Manifest] = (),
    outcomes: Mapping[str, Outcome | None] | None = None,
    host: str = "web1",
) -> Snapshot:
    """Return a snapshot in which every scope was seen, but for what `outcomes` says (None: not looked at).

    Where the packages were, there is one at least: a host without any has no strangers.
    """
    mine = list(items)
    told: dict[str, Outcome | None] = {**dict.fromkeys(scopes(), Outcome.OK), **(outcomes or {})}
    return Snapshot(
        host=host,
        taken=TAKEN,
        seconds=2.5,
        transport="ssh",
        items=mine,
        coverage={
            scope: Coverage(scope, outcome, sum(item.scope == scope for item in mine))
            for scope, outcome in told.items()
            if outcome is not None
        },
        tree=files.tree if files else b"",
        stats=files.stats if files else b"",
        objects=files.objects if files else {},
        manifests=list(manifests) or [manifest("stock", b"/run/stock")] * (told["packages"] is Outcome.OK),
        files=files.entries if files else 0,
    )
