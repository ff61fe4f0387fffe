"""A database with a little of everything, and all that can be read of it: what tests of damage compare."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from driftscan.errors import StoreError
from driftscan.model.item import Item
from driftscan.model.manifest import Manifest
from driftscan.model.outcome import Coverage, Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import walk
from driftscan.model.treebuilder import Built, TreeBuilder
from driftscan.store import Store, StoredSnapshot
from tests.unit.handmade import lines

PAGE = 4096
_FIRST = datetime(2026, 11, 1, 3, 0, tzinfo=timezone.utc)


def tree(more: int, size: int = 90) -> Built:
    """Return a tree of six directories; `more` files make the fourth one another."""
    builder = TreeBuilder()
    builder.begin(b"")
    builder.add(lines([(b"", b"d755 0 0 4096 1600000000.0", b"1600000001.0 7 2", b"")]))
    for top in range(6):
        builder.add(lines([(b"d%d" % top, b"d755 0 0 4096 1600000000.0", b"1600000001.0 7 2", b"")]))
        records = [
            (b"d%d/file%04d" % (top, n), b"f644 0 0 %d 1600000000.0" % (n * 37), b"1600000001.%d %d 1" % (n, n), b"")
            for n in range(size + (more if top == 3 else 0))
        ]
        builder.add(lines(records))
    return builder.finish()


def worn_snapshot(host: int, day: int, more: int, size: int = 90) -> Snapshot:
    """Return what a scan of the host web`host` might have seen on a day."""
    built = tree(more, size)
    items = [Item("packages", f"p{n}", {"name": f"p{n}", "version": str(n * host)}, {"pid": day}) for n in range(120)]
    items += [Item("contents", f"/etc/c{n}", {"path": "", "text": f"{host} line\n" * 600}) for n in range(6)]
    items += [Item("services", f"u{n}", {"name": str(day)}) for n in range(10)]
    names = ("packages", "contents", "services")
    coverage = {name: Coverage(name, Outcome.OK, sum(item.scope == name for item in items)) for name in names}
    manifests = [
        Manifest(f"p{n}", f"p{n}", 1.6e9, {b"/x/%d/%d" % (n, m): b"md5:%032x" % (m * host) for m in range(20)})
        for n in range(12)
    ]
    taken = _FIRST + timedelta(days=day)
    roots: dict[str, Any] = {"tree": built.tree, "stats": built.stats, "objects": built.objects, "files": built.entries}
    return Snapshot(f"web{host}", taken, 1.0, "ssh", items, coverage, manifests=manifests, **roots)


def worn(path: Path | str) -> None:
    """Make a database of three hosts, five kept snapshots, a check, a note and free pages."""
    with Store.open(path) as store:
        for day in range(3):
            for host in (1, 2):
                store.save(worn_snapshot(host, day, host * 10 + day))
        store.keep_check("web1", 1, "digest", "{}" * 300)
        store.remember("name", "value")
        store.prune(keep_last=2)
        store.save(worn_snapshot(3, 9, 3))


def facts(store: Store, stored: StoredSnapshot) -> tuple[Any, ...]:
    """Return all that is to be read of a snapshot."""
    loaded = store.load(stored)
    entries = list(walk(loaded.objects, loaded.tree, loaded.stats))
    items = [(item.scope, item.key, dict(item.attributes), dict(item.volatile)) for item in loaded.items]
    return items, dict(loaded.coverage), entries, [(one.name, one.files) for one in loaded.manifests]


def read(path: Path | str) -> tuple[dict[int, Any], list[str]]:
    """Return what can be read of each snapshot, and the lines that say of the rest that it cannot."""
    found: dict[int, Any] = {}
    said: list[str] = []

    def ask(question: Callable[[], object]) -> None:
        try:
            question()
        except StoreError as error:
            said.append(str(error))

    def everything() -> None:
        with Store.open(path, create=False) as store:
            store.hosts()
            for stored in store.snapshots():
                ask(lambda one=stored: found.update({one.id: facts(store, one)}))  # type: ignore[misc]
            ask(lambda: store.last_check("web1"))
            ask(lambda: store.recall("name"))
            ask(lambda: store.changes("web1"))
            ask(lambda: list(store.sql("SELECT * FROM packages").rows))

    ask(everything)
    assert not any("\n" in line for line in said)
    return found, said


def without_lost(told: tuple[Any, ...], truth: tuple[Any, ...]) -> bool:
    """Whether `told` is the truth but for items that are missing, and whose scope then says so or is not there."""
    items, coverage, *rest = told
    whole, _, *same = truth
    missing = {(item[0]) for item in whole if item not in items and (*item[:3], {}) not in items}
    invented = [item for item in items if item not in whole and all(item[:3] != one[:3] for one in whole)]
    return (
        rest == same
        and not invented
        and not any(scope in coverage and coverage[scope].outcome.seen for scope in missing)
    )
