"""A night over twenty hosts, two of them dead and one hanging; killed in the middle, and gone on with."""

import json
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab import faults, hosts
from tests.lab.auditor import Auditor

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("nightly")]

_WELL = 17
_HOST_TIMEOUT = 20


@pytest.fixture(scope="module")
def fleet() -> Iterator[list[hosts.LabHost]]:
    with hosts.fleet("t-night-", _WELL + 1) as booted:
        yield booted


@contextmanager
def frozen(host: hosts.LabHost) -> Iterator[None]:
    """Let everything on a host stand still: the kernel still accepts connections, and nobody says a word."""
    group = Path(host.key).parent / "cg" / "lab" / host.name / "cgroup.freeze"
    group.write_text("1")
    try:
        yield
    finally:
        group.write_text("0")


def test_a_night_over_twenty_hosts(fleet: list[hosts.LabHost], tmp_path: Path) -> None:
    *well, stuck = fleet
    auditor = Auditor(tmp_path)
    network = stuck.address.rpartition(".")[0]
    described = {host.name: {"address": host.address} for host in well}
    described |= {"hangs": {"address": stuck.address}}
    described |= {"dead1": {"address": f"{network}.254"}, "dead2": {"address": well[0].address, "port": 2222}}
    defaults = {"user": "root", "identity": stuck.key, "accept_new_host_key": True, "timeout": 60}
    inventory = tmp_path / "hosts.yaml"
    inventory.write_text(json.dumps({"defaults": defaults, "hosts": described}))
    metrics = tmp_path / "night.prom"
    limits = ("--host-timeout", f"{_HOST_TIMEOUT}s")
    arguments = ("nightly", "-i", str(inventory), *limits, "--prometheus", str(metrics))
    assert len(described) == 20
    with frozen(stuck):
        first = auditor.start(*arguments)
        faults.wait_until(lambda: len(_stored(auditor)) >= 5, 60, "five hosts are stored")
        first.kill()
        first.communicate()
        assert first.returncode == -signal.SIGKILL
        before = auditor.stored()  # the database is whole
        assert 5 <= len(before) < _WELL

        started = time.monotonic()
        done = auditor.run(*arguments)
        took = time.monotonic() - started
    assert (done.returncode, done.stderr) == (3, "")
    assert auditor.stored()[: len(before)] == before
    assert Counter(auditor.stored()) == Counter(host.name for host in well)  # none twice, none missed
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["dead1", "dead2", "hangs"]
    assert all("  not scanned: " in line for line in lines[:3])
    assert lines[2].endswith(f"timeout after {_HOST_TIMEOUT} s")
    assert lines[3:] == [f"20 hosts: {_WELL} with nothing to compare them with, 3 not scanned"]
    assert took < _HOST_TIMEOUT + 20
    up = [line for line in metrics.read_text().splitlines() if line.startswith("driftscan_host_up{")]
    assert sorted(line[-3:] for line in up) == ["0.0"] * 3 + ["1.0"] * _WELL

    # The next night begins anew: nothing has changed, and only the three are told.
    well[1].root("chmod 777 /etc/passwd")
    done = auditor.run(*arguments, "all", "!hangs")
    assert done.returncode == 3
    assert Counter(auditor.stored()) == Counter([host.name for host in well] * 2)
    assert [line.split()[0] for line in done.stdout.splitlines()[:3]] == ["dead1", "dead2", well[1].name]


def _stored(auditor: Auditor) -> list[str]:
    try:
        return auditor.stored()
    except sqlite3.OperationalError:  # there is no database yet, or no table in it
        return []


def test_systemd_takes_what_is_installed(tmp_path: Path) -> None:
    auditor = Auditor(tmp_path)
    with hosts.host("t-night-units", "bookworm") as host:
        done = auditor.run("nightly", "install", "root@web1", "--keep", "daily 14", "--report", "json=/var/lib/a b%c$d")
        assert done.returncode == 0, done.stderr
        for part in done.stdout.split("# /etc/systemd/system/")[1:]:
            name, _, text = part.partition("\n")
            program = text.partition("ExecStart=")[2].partition(" ")[0]
            text = text.replace(program, "/bin/echo") if program else text
            (host.disk() / "etc/systemd/system" / name).write_text(text)
        units = "driftscan-nightly.service driftscan-nightly.timer"
        said = host.root(
            f"cd /etc/systemd/system; systemd-analyze verify --man=no {units} 2>&1 | grep driftscan; "
            "systemctl daemon-reload; systemctl enable -q --now driftscan-nightly.timer; "
            "systemctl start driftscan-nightly.service; journalctl -o cat -u driftscan-nightly.service | grep '^nightly run'; "
            "systemctl show -p Result driftscan-nightly.service; systemctl list-timers | grep -c driftscan"
        )
    assert said.splitlines() == [
        f"nightly run --report json=/var/lib/a b%c$d --keep daily 14 --db {auditor.database} root@web1",
        "Result=success",
        "1",
    ]
