"""What the store needs, in one run: `python benchmarks/store.py [--database FILE --host NAME]`.

The first snapshot is this machine's, scanned now, or the newest one of a host in a database. From it are made: a night
without changes, a night with 200 changes, and 50 twins of the host in two ways. A *clone* is a copy of its disk, a
*sister* the same installation made anew: each file has a ctime and an inode of its own. Twins grow the store evenly,
so a few are stored and the rest is reckoned. Sizes are pages in use, after everything was written.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from driftscan.collect.records import printed, read
from driftscan.drift.compare import compare
from driftscan.model.item import Item
from driftscan.model.revision import Revision
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import Entry, walk
from driftscan.model.treebuilder import TreeBuilder
from driftscan.store import Store

_TWINS, _STORED = 50, 3
_CHANGES = 200
_ROUNDS = 5


class Row(NamedTuple):
    """One line of the table; `limit` is what is promised."""

    what: str
    figure: float
    unit: str
    limit: float

    def __str__(self) -> str:
        held = "held" if self.figure <= self.limit else "BROKEN"
        return f"{self.what:48} {self.figure:12,.2f} {self.unit:10} limit {self.limit:10,.2f}  {held}"


def used(path: Path) -> int:
    """Return the bytes of the pages in use."""
    connection = sqlite3.connect(path)
    pages, free, each = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    connection.close()
    return int((pages - free) * each)


def records(entries: Iterable[Entry], own: int, changed: bool) -> Iterator[bytes]:
    """Yield a tree as find walks it; with `own` as another installation has it, `changed` with some files larger."""
    step = 0
    for number, entry in enumerate(entries):
        fields = entry.stats.split(b" ")
        if own:
            fields[0] = b"%d.%010d" % (1_700_000_000 + own * 1000 + number // 900, crc32(b"%d %d" % (own, number)))
            fields[1] = b"%d" % (1_000_000 + own * 7 + number)
        meta = entry.meta
        if meta[:1] == b"d":
            meta = b"%s 0 %s" % (meta, fields.pop())
        elif changed and meta[:1] == b"f" and number % 1999 == 7 and step < _CHANGES:
            step += 1
            parts = meta.split(b" ")
            meta = b" ".join([*parts[:3], b"%d" % (int(parts[3]) + 1), *parts[4:]])
        yield printed(b"." + entry.path, meta, b" ".join(fields), entry.link)


def rebuilt(snapshot: Snapshot, *, own: int = 0, changed: bool = False) -> Snapshot:
    """Return a snapshot with its tree made anew."""
    builder = TreeBuilder()
    builder.begin(b"")
    builder.add(read(b"".join(records(walk(snapshot.objects, snapshot.tree, snapshot.stats), own, changed))).lines)
    built = builder.finish()
    return replace(snapshot, tree=built.tree, stats=built.stats, objects=built.objects)


def night(snapshot: Snapshot, days: int) -> Snapshot:
    """Return what a later night sees of a host that is as it was: processes have other numbers."""
    items = [
        Item(
            one.scope, one.key, one.attributes, {**one.volatile, "pid": days} if "pid" in one.volatile else one.volatile
        )
        for one in snapshot.items
    ]
    return replace(snapshot, items=items, taken=snapshot.taken + timedelta(days=days))


def first(given: Path | None, host: str) -> Snapshot:
    """Return the snapshot that all begins with, wholly in memory."""
    with tempfile.TemporaryDirectory() as scratch:
        path = given or Path(scratch) / "first.db"
        if given is None:
            command = [str(Path(sys.executable).with_name("driftscan")), "scan", "localhost", "-q", "--db", str(path)]
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        with Store.open(path, create=False) as store:
            loaded = store.load(store.snapshots(host or None, 1)[0])
            objects = {name: loaded.objects[name] for name in loaded.objects}
            return replace(loaded, objects=objects, manifests=list(loaded.manifests))


def growth(path: Path, snapshots: Iterable[Snapshot]) -> float:
    """Return by how many bytes each of some snapshots makes the store grow, on average."""
    before, count = used(path), 0
    with Store.open(path) as store:
        for one in snapshots:
            store.save(one)
            count += 1
    return (used(path) - before) / count


def seconds(path: Path, work: Callable[[Store], object]) -> float:
    """Return the CPU seconds of the quickest of some rounds: on a machine of its own the wall shows the same."""
    rounds = []
    for _ in range(_ROUNDS):
        with Store.open(path) as store:
            start = time.process_time()
            work(store)
            rounds.append(time.process_time() - start)
    return min(rounds)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", type=Path)
    parser.add_argument("--host", default="")
    asked = parser.parse_args()
    base = first(asked.database, asked.host)
    name = base.host
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "driftscan.db"
        empty = growth_of_nothing(path)
        whole = growth(path, [base])
        rows = [Row("first snapshot", (whole + empty) / base.files, "B/file", 25)]
        trees = sum(len(data) for data in base.objects.values())
        print(f"{name}: {base.files:,} files, {len(base.items):,} items, {trees / 1e6:.0f} MB of listings", flush=True)
        rows.append(Row("night without changes", growth(path, [night(base, 1)]) / 1000, "kB", 50))
        rows.append(
            Row(
                f"night with {_CHANGES} changes",
                growth(path, [rebuilt(night(base, 2), changed=True)]) / 1000,
                "kB",
                5000,
            )
        )

        def comparison(store: Store) -> object:
            before, after = (store.load(store.snapshot_at(name, Revision("back", number=back))) for back in (1, 0))
            return compare(before, after)

        rows.append(Row(f"comparison, {_CHANGES} changes", seconds(path, comparison), "s CPU", 0.2))
        for what, own in (("clones", 0), ("sisters", 1)):
            made = (
                replace(rebuilt(base, own=own * number) if own else base, host=f"{what}{number}")
                for number in range(1, _STORED + 1)
            )
            each = growth(path, made)
            rows.append(
                Row(f"{_TWINS} {what} (each {each / 1e6:.2f} MB)", 1 + (_TWINS - 1) * each / whole, "times one", 1.5)
            )
    for row in rows:
        print(row)
    return int(any(row.figure > row.limit for row in rows))


def growth_of_nothing(path: Path) -> int:
    """Make an empty store and return its size."""
    Store.open(path).close()
    return used(path)


if __name__ == "__main__":
    print(f"cores: {os.cpu_count()}, load: {os.getloadavg()[0]:.2f}")
    sys.exit(main())
