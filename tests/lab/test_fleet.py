"""Hosts enough for processes of their own: what befalls one of these costs one host, and none outlives the run."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab import faults, hosts
from tests.lab.auditor import Auditor, one_line

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("fleet")]

_WELL = 4  # hosts beside the one on which a probe is stuck


@dataclass(frozen=True)
class Fleet:
    """An auditor, its inventory, and the host that never comes to an end."""

    auditor: Auditor
    stuck: hosts.LabHost
    well: list[str]

    def start(self, command: str, *options: str) -> "subprocess.Popen[str]":
        inventory = str(self.auditor.home / "hosts.yaml")
        running = self.auditor.start(command, "-i", inventory, *options)
        faults.wait_until(lambda: faults.is_stuck(self.stuck), 60, "the scan is in the middle")
        faults.wait_until(lambda: sorted(self.auditor.stored()) == self.well, 60, "the others are stored")
        return running


@pytest.fixture(scope="module")
def booted() -> Iterator[list[hosts.LabHost]]:
    with (
        hosts.fleet("t-fleet-", _WELL) as well,
        hosts.host("t-fleet-stuck", "bookworm") as stuck,
        faults.stuck_tool(stuck),
    ):
        yield [*well, stuck]



@pytest.fixture
def fleet(booted: list[hosts.LabHost], tmp_path: Path) -> Iterator[Fleet]:
    *well, stuck = booted
    defaults = {"user": "root", "identity": stuck.key, "accept_new_host_key": True}
    described = {host.name: {"address": host.address} for host in booted}
    (tmp_path / "hosts.yaml").write_text(json.dumps({"defaults": defaults, "hosts": described}))
    before = faults.processes(stuck)
    yield Fleet(Auditor(tmp_path), stuck, sorted(host.name for host in well))
    faults.wait_until(lambda: not faults.processes(stuck) - before, 15, "what ran for the scan has ended")


def below(running: "subprocess.Popen[str]") -> list[int]:
    """Return the ids of the other processes of a command's session that are there."""
    found = subprocess.run(["ps", "-o", "pid=,stat=", "-s", str(running.pid)], capture_output=True, text=True, check=False)
    rows = [line.split() for line in found.stdout.splitlines()]
    return [int(pid) for pid, state in rows if int(pid) != running.pid and not state.startswith("Z")]


def gone(running: "subprocess.Popen[str]") -> None:
    faults.wait_until(lambda: not below(running), 10, "every process of the run has ended")


def talks_to(pid: int, host: hosts.LabHost) -> bool:
    """Whether a process holds a connection to a host."""
    address = "".join(f"{int(part):02X}" for part in reversed(host.address.split(".")))
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{line[9]}]" for line in lines if line[2].startswith(address)}
    return any(os.readlink(link) in sockets for link in Path(f"/proc/{pid}/fd").iterdir())


def test_a_process_that_is_killed_costs_its_host_alone(fleet: Fleet) -> None:
    running = fleet.start("scan")
    (worker,) = [pid for pid in below(running) if talks_to(pid, fleet.stuck)]
    os.kill(worker, signal.SIGKILL)
    done = fleet.auditor.end(running)
    one_line(done, rf"{fleet.stuck.name}: the process that looked at it was killed by signal 9; ", code=1)
    assert sorted(line.split("@")[0] for line in done.stdout.splitlines()) == fleet.well
    gone(running)


def test_an_interrupt_ends_every_process_at_once(fleet: Fleet) -> None:
    running = fleet.start("scan")
    os.killpg(running.pid, signal.SIGINT)
    started = time.monotonic()
    one_line(fleet.auditor.end(running, seconds=20), "interrupted", code=130)
    assert time.monotonic() - started < 5
    gone(running)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_the_one_that_gave_the_work(number: int, fleet: Fleet) -> None:
    running = fleet.start("scan")
    running.send_signal(number)
    running.communicate(timeout=20)
    gone(running)


def test_a_night_cuts_the_host_that_takes_too_long_and_compares_the_others(fleet: Fleet) -> None:
    done = fleet.auditor.end(fleet.start("nightly", "--host-timeout", "12s"))
    assert (done.returncode, done.stderr) == (3, "")
    first, last = done.stdout.splitlines()
    assert first.endswith("  not scanned: timeout after 12 s")
    assert last == f"{_WELL + 1} hosts: {_WELL} with nothing to compare them with, 1 not scanned"
