"""Old and odd hosts: servers with one old algorithm each, a mount whose server is dead, a directory of a million files."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from driftscan.errors import TransportError
from driftscan.model.host import Host
from driftscan.transport.connect import connect
from tests.conftest import Cli
from tests.lab import hosts
from tests.lab.deadmount import dead_mount

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("odd")]

OLD = [
    {"Ciphers": "aes128-cbc"},
    {"Ciphers": "3des-cbc"},
    {"Ciphers": "aes128-ctr", "MACs": "hmac-md5"},
    {"Ciphers": "aes128-ctr", "MACs": "hmac-sha1-96"},
    {"KexAlgorithms": "diffie-hellman-group1-sha1"},
    {"KexAlgorithms": "diffie-hellman-group-exchange-sha1"},
    {"HostKey": "/etc/ssh/odd_rsa", "HostKeyAlgorithms": "ssh-rsa"},
]
PORTS = range(3000, 3000 + len(OLD))
Login = Callable[..., list[str]]


@pytest.fixture(scope="module")
def odd() -> Iterator[hosts.LabHost]:
    with hosts.host("t-odd") as host:
        host.root("true")  # the first login of all starts what stays
        yield host


@pytest.fixture(scope="module")
def servers(odd: hosts.LabHost) -> None:
    """Start one sshd per old algorithm."""
    lines = ["ssh-keygen -q -t rsa -b 2048 -N '' -f /etc/ssh/odd_rsa"]
    for port, settings in zip(PORTS, OLD, strict=True):
        given = {"Port": str(port), "PidFile": "none", "HostKey": "/etc/ssh/ssh_host_ed25519_key"} | settings
        lines.append("/usr/sbin/sshd -f /dev/null " + " ".join(f"-o {key}={value}" for key, value in given.items()))
    odd.root("\n".join(lines))


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize("transport", ["ssh", "openssh"])
@pytest.mark.parametrize(("port", "settings"), zip(PORTS, OLD, strict=True), ids=[str(one) for one in PORTS])
def test_one_old_algorithm_is_taken_on_request_only(
    port: int, settings: dict[str, str], transport: str, odd: hosts.LabHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    def reach(*, legacy: bool) -> None:
        host = Host(
            "odd", odd.address, user="root", identity=odd.key, port=port, transport=transport,
            accept_new_host_key=True, legacy_algorithms=legacy,
        )  # fmt: skip
        connect(host, lambda question: pytest.fail(question)).close()

    refused = "in common.*`legacy_algorithms: true` in the inventory or --legacy-algorithms"
    if transport == "ssh" or settings.get("MACs") != "hmac-sha1-96":  # the system's client may still offer that one
        with pytest.raises(TransportError, match=refused) as caught:
            reach(legacy=False)
        assert "\n" not in str(caught.value)
    reach(legacy=True)


@pytest.mark.soak
def test_a_dead_mount_costs_what_looks_into_it(odd: hosts.LabHost, cli: Cli, login: Login) -> None:
    """Who asks the dead server for something waits for ever and cannot be killed."""
    odd.root(
        "useradd -d /srv/dead/far -s /bin/sh far; ln -s /srv/dead/job /etc/cron.daily/far\n"
        "ln -s /srv/dead /opt/data; ln -s /srv/dead/shop.conf /etc/shop.conf"
    )
    with dead_mount(odd, "/srv/dead"):
        started = time.monotonic()
        done = cli("scan", *login(odd), "--timeout", "5")
        took = time.monotonic() - started
        shown = cli("show", odd.address, "files", "/srv", "--format", "json")
        query = "select scope || ': ' || gaps from scope_coverage where outcome not in ('ok', 'absent') order by 1"
        gaps = cli("sql", query, "--format", "json").stdout
    odd.root("userdel far; rm /etc/cron.daily/far /opt/data /etc/shop.conf")
    assert took < 60, done.stdout
    assert done.returncode == 3, done.stderr
    # What runs of itself every day leads there: the two probes that look at it are named, and nothing else is lost.
    assert [next(iter(row.values())) for row in json.loads(gaps)] == [
        'declarations: ["run: timeout, no end after 5 s"]',
        'schedules: ["scripts: timeout, no end after 5 s"]',
    ], done.stdout
    found = {row["path"]: row for row in json.loads(shown.stdout)}
    assert found["/srv/dead"]["not_walked"] == "fuse.sshfs: not a filesystem of this machine's disks"


_MILLION = """
import os
os.mkdir("/srv/many")
at = os.open("/srv/many", os.O_RDONLY)
for number in range({count}):
    os.mknod("session-%032x" % (number * 7919), 0o100600, dir_fd=at)
"""


@pytest.mark.soak
@pytest.mark.parametrize("count", [1_000_000])
def test_a_directory_of_a_million_files(count: int, odd: hosts.LabHost, tmp_path: Path, login: Login) -> None:
    odd.root(_MILLION.format(count=count), "python3 -")
    bare = time.monotonic()
    ssh = ["ssh", "-F", "none", "-i", odd.key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    command = r"find / -xdev -printf '%p\0%y%m %U %G %s %T@\0%C@ %i %n\0%l\0' | cat"
    subprocess.run([*ssh, f"root@{odd.address}", command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    bare = time.monotonic() - bare
    environment = {**os.environ, "HOME": str(tmp_path), "DRIFTSCAN_DB": str(tmp_path / "db")}
    started = time.monotonic()
    running = subprocess.Popen([sys.executable, "-m", "driftscan", "scan", *login(odd)], env=environment)
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - started
    odd.root("rm -rf /srv/many")
    peak, busy = used.ru_maxrss >> 10, used.ru_utime + used.ru_stime
    print(f"{count} files: find {bare:.1f} s, scan {took:.1f} s, {busy:.1f} s of them CPU, peak {peak} MiB")
    assert running.returncode == 0
    assert peak < 1000
    assert busy < 6 * bare + 20  # the rest is what this machine's other tests left of it
