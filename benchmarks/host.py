"""A scan of a host of 400,000 files over SSH beside the bare find and driftscan's peers, in one run: `make bench`.

    python benchmarks/host.py [--files N] [--without-peers]

Needs the lab (root). The host is a sauced lab host with a generated archive on it; it runs on this very machine, so
that its CPU and the auditor's share the cores. For each tool one line: wall seconds, their ratio to the bare find with
the same fields over the same SSH (piped to cat; the mean of those before and after), CPU seconds of the auditor and of
the host, peak memory of the auditor. The best of some rounds counts. Peers that look at a host from inside are run
there, once and for five minutes at most; each line is printed as it is known.
"""

import argparse
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.peers import PEERS
from tests.lab import hosts

FORMAT = r"%p\0%y%m %U %G %s %T@\0%C@ %i %n\0%l\0"
ROUNDS = 3
# Days of a year with two dozen files each, of many kinds, some of which may be executed.
ARCHIVE = """
import os, sys
left, year = int(sys.argv[1]), 2000
kinds = "jpg txt js py html d.ts map json png c h xml gz md".split()
while left > 0:
    for day in range(336):
        folder = f"/srv/archive/{year}/{day // 28:02}/day-{day % 28:02}"
        os.makedirs(folder)
        for number in range(24):
            name = f"{folder}/document-{(number * 7919 + day) % 10000:05}-{number}.{kinds[(number + day) % len(kinds)]}"
            with open(os.open(name, os.O_CREAT | os.O_WRONLY, 0o644 if number % 7 else 0o755), "w") as file:
                file.write("a line\\n" * (1 + number))
        left -= 25
    year += 1
"""
PATIENCE = 300  # seconds for a peer


@dataclass(frozen=True)
class Run:
    """Seconds of one run, of CPU on the auditor and on the host; peak memory of the auditor in MB."""

    wall: float
    cpu: float
    host: float
    memory: float
    cut: bool = False

    def line(self, name: str, floor: float) -> str:
        """Return a line of the table; the bare find takes `floor` seconds."""
        return (
            f"{name:28} {'over ' if self.cut else '':>5}{self.wall:7.2f} s {self.wall / floor:8.2f} {self.cpu:6.2f} s"
            f" {self.host:7.2f} s {self.memory:5.0f} MB"
        )


def host_cpu(host: hosts.LabHost) -> float:
    """Return the CPU seconds that the host has used, by its control group."""
    lines = Path(f"/proc/{host.leader()}/cgroup").read_text().splitlines()
    group = next(line.split(":", 2)[2] for line in lines if line.startswith("0::")).split("/payload")[0]
    mounts = Path("/proc/self/mounts").read_text()
    top = re.search(r" (\S+) cgroup2 ", mounts)
    told = Path(f"{top[1] if top else '/sys/fs/cgroup'}{group}/cpu.stat").read_text()
    return int(told.split("usage_usec ")[1].split()[0]) / 1e6


def measure(
    host: hosts.LabHost,
    command: Sequence[str],
    environment: dict[str, str] | None = None,
    codes: Container[int] = range(5),
) -> Run:
    """Run `command` in a process of its own, its output thrown away."""
    before, start, reader = host_cpu(host), time.perf_counter(), os.fork()
    if not reader:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        os.execvpe(command[0], list(command), environment or dict(os.environ))
    _, status, used = os.wait4(reader, 0)
    wall = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) not in codes:
        sys.exit(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    time.sleep(0.5)  # the host's side of the connection ends a little later
    return Run(wall, used.ru_utime + used.ru_stime, host_cpu(host) - before, used.ru_maxrss / 1024)


def best(runs: Callable[[], Run]) -> Run:
    """Return the quickest of some rounds."""
    return min((runs() for _ in range(ROUNDS)), key=lambda run: run.wall)


def main() -> None:
    """Boot the host, run everything, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=350_000, help="files besides those of the sauced host")
    parser.add_argument("--without-peers", action="store_true")
    asked = parser.parse_args()
    with hosts.host("bench", "sauced") as host, tempfile.TemporaryDirectory() as home:
        host.root(f"python3 - {asked.files} <<'END'\n{ARCHIVE}\nEND")
        entries = int(host.root("find / -xdev | wc -l"))
        print(f"{entries:,} entries; cores: {os.cpu_count()}, load: {os.getloadavg()[0]:.2f}", flush=True)
        rows = rounds(host, home)
        floor = rows["find"].wall
        print(f"\n{'':28} {'wall':>14} {'to find':>8} {'CPU':>8} {'host CPU':>9} {'memory':>8}")
        for name, run in rows.items():
            print(run.line(name, floor), flush=True)
        if not asked.without_peers:
            for name, one in PEERS.items():
                one.install(host)
                print(peer(host, one.command).line(name, floor), flush=True)
        size = Path(home, "driftscan.db").stat().st_size
    print(f"database after all: {size / 1e6:.1f} MB, {size / entries:.1f} bytes per entry")
    print(f"took {resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime:.0f} s of CPU here")


def peer(host: hosts.LabHost, command: str) -> Run:
    """Run what looks at the host from inside, as long as there is patience."""
    alone = f"setsid -w timeout -s KILL {PATIENCE} sh -c '{command}'"  # lest the kill reach the login's shell as well
    run = measure(host, [*ssh(host), alone], codes={*range(125), 137})
    return replace(run, cut=run.wall >= PATIENCE)


def ssh(host: hosts.LabHost) -> list[str]:
    """Return the system's client to the host."""
    options = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
    return ["ssh", "-F", "none", *options, "-i", host.key, f"root@{host.address}"]


def rounds(host: hosts.LabHost, home: str) -> dict[str, Run]:
    """Return the runs of find and driftscan by name."""
    program = str(Path(sys.executable).with_name("driftscan"))
    database = f"{home}/driftscan.db"
    environment = {**os.environ, "HOME": home, "DRIFTSCAN_DB": database}
    find = ["sh", "-c", f"{' '.join(ssh(host))} \"find / -xdev -printf '{FORMAT}'\" | cat"]
    scan = [program, "scan", f"root@{host.address}", "--identity", host.key, "--accept-new-host-key", "-q"]

    def first() -> Run:
        for path in Path(home).glob("driftscan.db*"):
            path.unlink()
        return measure(host, scan, environment)

    measure(host, find)  # warms the host's cache for all
    before = best(lambda: measure(host, find))
    rows = {"first scan": best(first), "later night": best(lambda: measure(host, scan, environment))}
    rows["first scan, with audit"] = measure(host, [program, "audit", *scan[2:]], environment)
    after = best(lambda: measure(host, find))
    parts = ("wall", "cpu", "host", "memory")
    mean = Run(*((getattr(before, part) + getattr(after, part)) / 2 for part in parts))
    return {"find": mean, **rows}


if __name__ == "__main__":
    main()
