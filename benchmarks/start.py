"""How soon a person sees something, against `python -c pass`, in one run.

    python benchmarks/start.py [--program DRIFTSCAN] [--rounds N]

Wall time until `--help` has ended, and until the first line of `audit localhost` stands on a terminal; the CPU time
tells the same on a machine that is busy. The best of the rounds counts: what else runs can only make one slower.
"""

import argparse
import os
import pty
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

HELP, FIRST = 0.15, 0.5  # seconds that are promised


def ended(command: Sequence[str]) -> tuple[float, float]:
    """Return the wall and CPU seconds of a command."""
    used, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    wall, now = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def first_line(command: Sequence[str], environment: dict[str, str]) -> float:
    """Return the seconds until a command on a terminal shows something; it is ended then."""
    ours, theirs = pty.openpty()
    started = time.perf_counter()
    child = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    shown = os.read(ours, 4096)
    took = time.perf_counter() - started
    os.killpg(child.pid, signal.SIGINT)
    try:
        while os.read(ours, 4096):
            pass
    except OSError:  # what Linux says of a terminal whose other end is closed
        pass
    child.wait()
    os.close(ours)
    if b"localhost" not in shown:
        sys.exit(f"the first line is {shown!r}")
    return took


def main() -> None:
    """Print one line per measurement, and its ratio to the bare interpreter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(Path(sys.executable).with_name("driftscan")))
    parser.add_argument("--rounds", type=int, default=10)
    asked = parser.parse_args()
    bare, told, typer, first = [], [], [], []
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "DRIFTSCAN_DB": f"{home}/driftscan.db", "TERM": "xterm"}
        for _ in range(asked.rounds):  # by turns, so that all meet the same machine
            bare.append(ended([sys.executable, "-c", "pass"]))
            typer.append(ended([sys.executable, "-c", "import typer"]))
            told.append(ended([asked.program, "--help"]))
            first.append(first_line([asked.program, "audit", "localhost", "--no-keep"], environment))
    floor = min(wall for wall, _ in bare)
    rows = [(name, min(wall for wall, _ in runs), min(cpu for _, cpu in runs)) for name, runs in
            (("python -c pass", bare), ("python -c 'import typer'", typer), ("driftscan --help", told))]  # fmt: skip
    print(f"{'':34} {'wall':>8} {'CPU':>8} {'to pass':>8}")
    for name, wall, cpu in rows:
        print(f"{name:34} {wall:6.3f} s {cpu:6.3f} s {wall / floor:8.1f}")
    print(f"{'audit localhost, first line':34} {min(first):6.3f} s {'':8} {min(first) / floor:8.1f}")
    for name, took, limit in (("--help", rows[-1][1], HELP), ("the first line", min(first), FIRST)):
        print(f"{name}: {took:.3f} s ({'within' if took <= limit else 'over'} {limit} s)")


if __name__ == "__main__":
    print(f"cores: {os.cpu_count()}, load: {os.getloadavg()[0]:.2f}")
    main()
