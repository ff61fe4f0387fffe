"""Many hosts in one run: how many per minute, and what each costs the auditor, at 2 and at 50 hosts (root, the lab).

    python benchmarks/fleet.py [--hosts 2,50] [--jobs N] [--flavor bookworm]

The lab's hosts run on this very machine and take its cores too: `host` is what one of them used, by its cgroup,
`auditor/host` what every process of the run used. Elsewhere the hosts have cores of their own, so what counts is the
auditor's CPU time per host: 60 seconds of a core, divided by it, are the hosts per minute and core. The yardstick is
the bare find with the same fields over the same hosts, by ssh under `xargs -P`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

LAB = Path(__file__).parent.parent / "tests" / "lab" / "lab.sh"
PLACE = Path(os.environ.get("LAB_DIR", "/srv/lab"))
FIND = r"find / -xdev -printf '%p\0%y%m %U %G %s %T@\0%C@ %i %n\0%l\0'"
PREFIX = "fleet"
# Runs a command and prints the CPU seconds of all that came of it: it adopts (prctl 36) what outlives its parent.
COUNT = """
import ctypes, os, resource, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL).returncode
try:
    while True:
        os.wait()
except ChildProcessError:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
sys.exit(code)
"""


class Run(NamedTuple):
    """Seconds: the wall's, and the CPU's of all processes that were started, and of the hosts."""

    wall: float
    auditor: float
    hosts: float


def lab(*arguments: str) -> str:
    """Run a command of the lab."""
    return subprocess.run([LAB, *arguments], check=True, capture_output=True, text=True).stdout


def used(names: Sequence[str]) -> float:
    """Return the seconds of CPU that hosts have used since they were booted."""
    stats = [(PLACE / "cg" / "lab" / name / "cpu.stat").read_text().split() for name in names]
    return sum(int(words[words.index("usage_usec") + 1]) for words in stats) / 1e6


def measured(command: Sequence[str], names: Sequence[str], environment: dict[str, str] | None = None) -> Run:
    """Run a command to its end, and all that it has left behind."""
    theirs, started = used(names), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", COUNT, *command], stdout=subprocess.PIPE, text=True, env=environment, check=False
    )
    wall = time.perf_counter() - started
    if done.returncode not in {0, 3}:
        sys.exit(f"{command[0]} ended with {done.returncode}")
    return Run(wall, float(done.stdout), used(names) - theirs)


def row(what: str, run: Run, count: int) -> str:
    """Return the line about one run over `count` hosts."""
    cores = os.cpu_count() or 1
    return (
        f"{count:5} {what:22} {run.wall:7.1f} s {60 * count / run.wall:8.0f} {run.auditor / count:9.2f} s"
        f" {60 * count / run.auditor:9.0f} {run.hosts / count:7.2f} s"
        f" {(run.auditor + run.hosts) / run.wall / cores:8.0%} {run.auditor / run.wall / cores:8.0%}"
    )


def fleet(count: int, asked: argparse.Namespace, directory: Path) -> None:
    """Boot `count` hosts, measure, and take them down again."""
    names = [f"{PREFIX}{number}" for number in range(1, count + 1)]
    try:
        lab("up", "-n", str(count), PREFIX, asked.flavor)
        addresses = {name: lab("ip", name).strip() for name in names}
        key = str(PLACE / "id")
        defaults = {"user": "root", "identity": key, "accept_new_host_key": True}
        described = {"defaults": defaults, "hosts": {name: {"address": at} for name, at in addresses.items()}}
        inventory = directory / f"{count}.yaml"
        inventory.write_text(json.dumps(described))
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        each = f'ssh -n -i {key} {options} root@"$0" "$1" | cat >/dev/null'
        spread = [
            "sh",
            "-c",
            'n=$1 each=$2 find=$3; shift 3; printf "%s\\n" "$@" | xargs -P "$n" -I {} sh -c "$each" {} "$find"',
        ]
        find = [*spread, "sh", str(asked.jobs), each, FIND, *addresses.values()]
        home = directory / str(count)  # each with known_hosts of its own: addresses are given anew
        home.mkdir()
        environment = {**os.environ, "HOME": str(home), "DRIFTSCAN_DB": str(home / "fleet.db")}
        scan = [asked.program, "scan", "-q", "-i", str(inventory), "-j", str(asked.jobs)]
        measured(find, names)  # warms the cache for all
        print(row("ssh find, xargs -P", measured(find, names), count), flush=True)
        print(row("scan, the first", measured(scan, names, environment), count), flush=True)
        print(row("scan, a later night", measured(scan, names, environment), count), flush=True)
    finally:
        lab("down", *names)


def main() -> None:
    """Print one line per run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", default="2,50")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--flavor", default="bookworm")
    parser.add_argument("--program", default=str(Path(sys.executable).with_name("driftscan")))
    asked = parser.parse_args()
    print(f"{'hosts':>5} {'':22} {'wall':>9} {'per min':>8} {'auditor/host':>11} {'/min/core':>9} {'host':>9}"
          f" {'all busy':>8} {'auditor':>8}")  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        for count in map(int, asked.hosts.split(",")):
            fleet(count, asked, Path(directory))
    print(
        f"\n{asked.flavor} hosts on this machine; `auditor/host`: CPU of all of the auditor's processes per host, and\n"
        "the hosts per minute that one core would give it; the last columns: the share of all cores in use."
    )


if __name__ == "__main__":
    print(f"cores: {os.cpu_count()}, load: {os.getloadavg()[0]:.2f}")
    main()
