"""Audit of this machine against the bare find with the same fields, in one run: `make bench`.

Prints wall time, CPU time and peak memory of each, and the ratio to find. The best of three runs counts: what else the
machine does can only make a run slower.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

FIND = ["find", "/", "-xdev", "-printf", r"%p\0%y%m %U %G %s %T@\0%C@ %i %n\0%l\0"]
ROUNDS = 3


@dataclass(frozen=True)
class Run:
    """One run: wall and CPU seconds, peak memory of the largest process in MB."""

    wall: float
    cpu: float
    memory: float


def measure(command: list[str], environment: dict[str, str] | None = None) -> Run:
    """Run `command` with its output thrown away; the figures include its children."""
    code = (
        "import resource,subprocess,sys,time\n"
        "t=time.perf_counter(); subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL)\n"
        "u=resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(time.perf_counter()-t,u.ru_utime+u.ru_stime,u.ru_maxrss/1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, check=True, env=environment
    )
    return Run(*map(float, done.stdout.split()))


def best(name: str, command: list[str], environment: dict[str, str] | None = None) -> Run:
    runs = [measure(command, environment) for _ in range(ROUNDS)]
    print(f"{name:28} " + "  ".join(f"{run.wall:6.2f} s" for run in runs), flush=True)
    return min(runs, key=lambda run: run.wall)


def main() -> None:
    driftscan = str(Path(sys.executable).with_name("driftscan"))
    with tempfile.TemporaryDirectory() as directory:
        environment = {**os.environ, "DRIFTSCAN_DB": f"{directory}/first.db", "HOME": directory}
        measure(FIND)  # warms the cache for all
        rows = {"find": best("find -xdev -printf", FIND)}
        # --no-keep first: the audit alone; then with a database that is new each time, and one that knows the host.
        rows["audit"] = best(
            "audit localhost --no-keep", [driftscan, "audit", "localhost", "-q", "--no-keep"], environment
        )
        first = ["sh", "-c", f"rm -f {directory}/first.db*; exec {driftscan} audit localhost -q"]
        rows["audit, new database"] = best("audit localhost, new database", first, environment)
        rows["audit again"] = best("audit localhost, again", [driftscan, "audit", "localhost", "-q"], environment)
        rows["find, after"] = best("find -xdev -printf", FIND)
    floor = min(rows["find"].wall, rows["find, after"].wall)
    print(f"\n{'':28} {'wall':>8} {'to find':>8} {'CPU':>8} {'memory':>9}")
    for name, run in rows.items():
        print(f"{name:28} {run.wall:6.2f} s {run.wall / floor:8.2f} {run.cpu:6.2f} s {run.memory:6.0f} MB")


if __name__ == "__main__":
    print(f"cores: {os.cpu_count()}, load: {os.getloadavg()[0]:.2f}")
    start = time.perf_counter()
    main()
    print(f"took {time.perf_counter() - start:.0f} s")
