"""Comparison of two stored snapshots of 400,000 files with 200 changes: `python benchmarks/compare.py`.

Two things are measured in the process: loading both snapshots and comparing them, and, as the yardstick, reading every
object of one of them and walking its tree once. Both start with a new connection; the best of five rounds counts. The
limit is held by CPU seconds: on a machine of its own the wall shows the same.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from driftscan.collect.records import printed, read
from driftscan.drift.compare import compare
from driftscan.model.item import Item
from driftscan.model.manifest import Manifest
from driftscan.model.outcome import Coverage, Outcome
from driftscan.model.revision import Revision
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import walk
from driftscan.model.treebuilder import TreeBuilder
from driftscan.scopes.base import scopes
from driftscan.store import Store

_TOP, _MIDDLE, _FILES = 40, 100, 100  # directories, directories in each, files in each of these
_CHANGES = 200
_PACKAGES = 700
_ROUNDS = 5
_LIMIT = 0.2  # seconds
_TAKEN = datetime(2026, 11, 1, 3, 0, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Changed:
    """What is different in the second snapshot, by path: `mode`, `size` or `gone`, a fifth each; the rest is new."""

    kinds: dict[bytes, str]


def changed() -> Changed:
    """Return changes that are spread over the whole tree, each in a directory of its own."""
    kinds = {}
    for number in range(_CHANGES):
        top, middle = number % _TOP, (number * 37) % _MIDDLE
        kinds[b"usr/lib/top%02d/middle%03d/file%03d.so" % (top, middle, number % _FILES)] = (
            "mode", "size", "gone", "new", "new directory",
        )[number % 5]  # fmt: skip
    return Changed(kinds)


def records(changes: Changed) -> Iterator[bytes]:
    """Yield the tree as find walks it."""

    def directory(path: bytes) -> bytes:
        return printed(b"./" + path if path else b".", b"d755 0 0 4096 1600000000.0", b"1600000001.0 7 2")

    yield directory(b"")
    yield directory(b"usr")
    yield directory(b"usr/lib")
    for top in range(_TOP):
        yield directory(b"usr/lib/top%02d" % top)
        for middle in range(_MIDDLE):
            here = b"usr/lib/top%02d/middle%03d" % (top, middle)
            yield directory(here)
            for file in range(_FILES):
                path = b"%s/file%03d.so" % (here, file)
                kind = changes.kinds.get(path)
                if kind == "gone":
                    continue
                mode, size = (b"4755" if kind == "mode" else b"644"), crc32(path) % 90_000 + (kind == "size")
                yield printed(
                    b"./" + path, b"f%s 0 0 %d 1600000000.0" % (mode, size), b"1600000001.0 %d 1" % crc32(path)
                )
                if kind == "new":
                    yield printed(b"./" + path + b".new", b"f644 0 0 3 1700000000.0", b"1700000001.0 8 1")
                if kind == "new directory":
                    yield directory(path + b".d")
                    yield printed(b"./" + path + b".d/x", b"f644 0 0 3 1700000000.0", b"1700000001.0 8 1")


def snapshot(changes: Changed, taken: datetime) -> Snapshot:
    """Return a snapshot of the tree, with packages that own its files and some thousand items of other scopes."""
    builder = TreeBuilder()
    builder.begin(b"")
    builder.add(read(b"".join(records(changes))).lines)
    built = builder.finish()
    items = [
        Item("packages", f"package{n}", {"name": f"package{n}", "version": "1.0", "architecture": "amd64"})
        for n in range(_PACKAGES)
    ]
    items += [Item("services", f"unit{n}.service", {"name": f"unit{n}", "enabled": "enabled"}) for n in range(300)]
    items += [Item("declarations", f"package{n} /x", {"path": f"/x/{n}", "whole": False}) for n in range(900)]
    items += [Item("contents", f"/etc/conf{n}", {"path": "", "text": "a line\n" * 40}) for n in range(200)]
    manifests = [
        Manifest(f"package{n}", f"package{n}", 1.6e9, {b"/usr/lib/package%d/%d" % (n, m): b"" for m in range(140)})
        for n in range(_PACKAGES)
    ]
    coverage = {name: Coverage(name, Outcome.OK) for name in scopes()}
    return Snapshot(
        "web1", taken, 4.0, "ssh", items, coverage, built.tree, built.stats, built.objects, manifests, built.entries
    )


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "driftscan.db"
        changes = changed()
        with Store.open(path) as store:
            for number, kinds in enumerate((Changed({}), changes)):
                saved = snapshot(kinds, _TAKEN + timedelta(days=number))
                store.save(saved)
                print(f"snapshot {number + 1}: {saved.files:,} files, {len(saved.objects):,} objects", flush=True)

        def comparison(store: Store) -> int:
            before, after = (store.load(store.snapshot_at("web1", Revision("back", back))) for back in (1, 0))
            return len(compare(before, after))

        def reading(store: Store) -> int:
            after = store.load(store.snapshot_at("web1", Revision("latest")))
            return sum(1 for _ in walk(after.objects, after.tree, after.stats))

        found, best = measure("load and compare both", path, comparison)
        walked, yardstick = measure("load one, walk its tree", path, reading)
    print(f"{found} differences ({len(changes.kinds)} planted); {walked:,} entries walked")
    print(f"wall: {best.wall:.3f} s, {best.wall / yardstick.wall:.2f} of the walk")
    print(f"CPU:  {best.cpu:.3f} s, {best.cpu / yardstick.cpu:.2f} of the walk; limit {_LIMIT} s")
    return 0 if found == len(changes.kinds) and best.cpu < _LIMIT else 1


class Best(NamedTuple):
    """The least wall and CPU seconds of some rounds."""

    wall: float
    cpu: float


def measure(name: str, path: Path, work: Callable[[Store], int]) -> tuple[int, Best]:
    """Return what `work` said, and the seconds of the quickest of its rounds."""
    walls, cpus = [], []
    said = 0
    for _ in range(_ROUNDS):
        with Store.open(path) as store:
            wall, cpu = time.perf_counter(), time.process_time()
            said = work(store)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
    print(f"{name:28} " + "  ".join(f"{one:6.3f} s" for one in walls), flush=True)
    return said, Best(min(walls), min(cpus))


if __name__ == "__main__":
    print(f"cores: {os.cpu_count()}, load: {os.getloadavg()[0]:.2f}")
    sys.exit(main())
