"""Second and later scans of an unchanged host against the bare find with the same fields, in one run.

    python benchmarks/nightly.py [--image ROOT | --ssh USER@HOST --identity FILE] [--nights N] [--program DRIFTSCAN]

Without a target this machine is scanned. Each night is: the yardstick, a scan, the yardstick again; the scan is judged
by the mean of the two, so that what else the machine does counts on both sides. Both walk at the lowest priority. The
last column is how far the database grew: pages in use, and below it what each of its tables and indexes holds.
"""

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

FORMAT = r"%p\0%y%m %U %G %s %T@\0%C@ %i %n\0%l\0"
LIMIT = 1.5  # times the bare find
GROWTH = 50_000  # bytes per night
TABLES = "SELECT name, sum(payload) FROM dbstat GROUP BY name"


class Run(NamedTuple):
    """Seconds that one run took, and seconds of CPU on this machine, its children's too."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:6.2f} s {self.cpu:6.2f} s"


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> Run:
    """Run `command`; its output is read and thrown away, as the scan reads it."""
    start, used = time.perf_counter(), os.times()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment
    ) as child:
        while child.stdout is not None and child.stdout.read(1 << 16):
            pass
    if child.returncode not in {0, 1, 3, 4}:  # 1: find met a path that it may not see; 3, 4: the scan has findings
        sys.exit(f"{command[0]} ended with {child.returncode}")
    now = os.times()
    cpu = now.children_user + now.children_system - used.children_user - used.children_system
    return Run(time.perf_counter() - start, cpu)


def tables(database: Path) -> dict[str, int]:
    """Return the bytes of what each table and index holds."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        try:
            return dict(connection.execute(TABLES))
        except sqlite3.OperationalError:  # built without dbstat
            return {}


def size(database: Path) -> int:
    """Return the bytes in use: pages, less those that are free."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        pages, free, each = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * each)


def main() -> None:
    """Print one line per night, and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="")
    parser.add_argument("--ssh", default="")
    parser.add_argument("--identity", default="")
    parser.add_argument("--nights", type=int, default=4)
    parser.add_argument("--program", default=str(Path(sys.executable).with_name("driftscan")))
    asked = parser.parse_args()
    find = ["nice", "-n", "19", "find", asked.image or "/", "-xdev", "-printf", FORMAT]
    scan = [asked.program, "scan", asked.image or asked.ssh or "localhost", "-q"]
    if asked.ssh:
        known = [*(["-i", asked.identity] if asked.identity else []), "-o", "StrictHostKeyChecking=no"]
        find = ["ssh", *known, "-o", "LogLevel=ERROR", asked.ssh, f"nice -n 19 find / -xdev -printf '{FORMAT}'"]
        scan += ["--accept-new-host-key", *(["--identity", asked.identity] if asked.identity else [])]
    with tempfile.TemporaryDirectory() as directory:
        database = Path(directory) / "night.db"
        environment = {**os.environ, "DRIFTSCAN_DB": str(database), "XDG_CONFIG_HOME": directory}
        run(find)  # warms the cache for all
        ratios = list[float]()
        growth = 0
        before, held = 0, dict[str, int]()
        print(f"{'':10} {'find, CPU':>17}  {'scan, CPU':>17}  {'find, CPU':>17}  {'ratio':>6} {'grew by':>12}")
        for night in range(asked.nights):
            yardstick = run(find)
            took = run(scan, environment)
            after = run(find)
            ratio = took.wall / ((yardstick.wall + after.wall) / 2)
            growth, before = size(database) - before, size(database)
            print(f"night {night + 1:4} {yardstick}  {took}  {after}  {ratio:6.2f} {growth:10,} B", flush=True)
            now = tables(database)
            if night:
                ratios.append(ratio)
                grown = {name: now[name] - held.get(name, 0) for name in now if now[name] != held.get(name, 0)}
                print("           " + ", ".join(f"{name} {more:+,}" for name, more in sorted(grown.items())))
            held = now
    middle = statistics.median(ratios) if ratios else 0.0
    verdict = "within" if middle <= LIMIT else "over"
    print(f"\nlater nights: {middle:.2f} times the bare find ({verdict} {LIMIT}); the last grew by {growth:,} B")


if __name__ == "__main__":
    print(f"cores: {os.cpu_count()}, load: {os.getloadavg()[0]:.2f}")
    main()
