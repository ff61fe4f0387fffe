"""Things that go wrong on a host or under a database, each for as long as a block runs."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab import hosts

_STUCK = "/usr/bin/systemd-detect-virt"  # called by one probe, of the scope `system`


def processes(host: hosts.LabHost) -> Counter[str]:
    """Return the command lines of all that runs on the host, sshd's own greeting of this look left out."""
    return Counter(line for line in host.exec("ps", "-eo", "args").splitlines() if not line.startswith("ps -eo"))


def wait_until(happens: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)


@contextmanager
def stuck_tool(host: hosts.LabHost) -> Iterator[None]:
    """Replace a tool that probes call by one that never ends and will not be asked to."""
    host.root(
        f"mv {_STUCK} {_STUCK}.true\n"
        f"printf '#!/bin/sh\\ntrap \"\" TERM INT HUP\\nwhile :; do sleep 1; done\\n' >{_STUCK}\nchmod 755 {_STUCK}"
    )
    try:
        yield
    finally:
        host.root(f"mv {_STUCK}.true {_STUCK}")


def is_stuck(host: hosts.LabHost) -> bool:
    """Whether a probe has called the tool that never ends."""
    return any(_STUCK in line for line in processes(host))


@contextmanager
def no_sshd(host: hosts.LabHost) -> Iterator[None]:
    host.exec("systemctl", "stop", "ssh")
    try:
        yield
    finally:
        host.exec("systemctl", "start", "ssh")


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[None]:
    """Mount a file system of a few megabytes on `directory`."""
    directory.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "driftscan-test", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def fill(directory: Path) -> Path:
    """Write until nothing more fits; return the file that takes the room."""
    path = directory / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    return path


@contextmanager
def immutable(path: Path) -> Iterator[None]:
    """Let nobody write a file: what a mode does for other users, this does for root as well."""
    subprocess.run(["chattr", "+i", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", path], check=True)
