"""Drift on real hosts: three clones of the sauced one and a baseline of one; changes of every kind, each told once."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import command_line
from tests.lab import hosts

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("drift")]

Told = tuple[str, str, str]  # kind, scope, key
_HERE = Path(__file__).parent
_CHANGES = (_HERE / "changes.sh").read_text()
_DEPLOY_KEY = "key deploy SHA256:EkWiFEEan2CoCWkEBZN4qobFb+MWhYuhfYPBCd0FYgM /home/deploy/.ssh/authorized_keys"
_EXPECTED = {
    # rights
    ("changed", "files", "/etc/motd"),
    ("changed", "files", "/usr/local/sbin/nightly"),
    ("changed", "files", "/usr/bin/tail"),
    ("changed", "files", "/usr/bin/wc"),
    ("changed", "files", "/usr/local/bin/imgconv"),
    ("changed", "files", "/srv/weird"),
    ("changed", "files", "/opt/acme/lib/libacme.so.1"),
    ("changed", "files", "/etc/shadow"),
    ("changed", "files", "/root/.ssh"),
    # contents
    ("changed", "files", "/etc/nginx/nginx.conf"),
    ("changed", "files", "/etc/security/limits.conf"),
    ("changed", "files", "/etc/ssh/sshd_config"),
    ("changed", "files", "/usr/sbin/e2freefrag"),
    ("changed", "files", "/etc/hosts"),
    ("changed", "trees", "/opt/shopapp"),
    # kinds of path
    ("changed", "files", "/etc/profile.d/zz-acme.sh"),
    ("unexpected", "files", "/opt/acme/zz-acme.sh"),
    ("changed", "files", "/var/www/shop"),
    ("missing", "files", "/etc/logrotate.d/shop"),
    ("missing", "files", "/usr/bin/tac"),
    ("unexpected", "files", "/opt/newapp"),
    ("unexpected", "files", "/opt/acme/new.sh"),
    ("unexpected", "files", "/usr/local/bin/rootsh"),
    # packages
    ("unexpected", "packages", "lab-installed"),
    ("changed", "packages", "lab-upgraded"),
    ("missing", "packages", "lab-removed"),
    ("changed", "packages", "lab-held"),
    ("unexpected", "diversions", "/usr/bin/yes"),
    ("unexpected", "statoverrides", "/usr/bin/tsort"),
    ("changed", "alternatives", "awk"),
    ("unexpected", "repositories", "/etc/apt/sources.list.d/other.list: deb file:/srv/mirror/other ./"),
    # services and schedules
    ("changed", "services", "fstrim.timer"),
    ("changed", "services", "rsyslog.service"),
    ("changed", "services", "redis-server.service"),
    ("unexpected", "services", "odd.service"),
    ("unexpected", "schedules", "/etc/crontab: 9 9 * * * /bin/true added"),
    ("unexpected", "schedules", "/var/spool/cron/crontabs/root: 8 8 * * * /bin/true mine"),
    ("unexpected", "schedules", "/etc/cron.d/extra: 7 7 * * * /bin/true ours"),
    # accounts
    ("unexpected", "accounts", "user bob"),
    ("changed", "accounts", "user auditor"),
    ("changed", "accounts", "group adm"),
    ("changed", "accounts", "user svc-backup"),
    ("unexpected", "accounts", _DEPLOY_KEY),
    ("unexpected", "accounts", "sudo /etc/sudoers.d/deploy: deploy ALL=(ALL) NOPASSWD: /usr/bin/id"),
    # in memory only
    ("changed", "kernel", "sysctl net.ipv4.tcp_keepalive_time"),
    ("unexpected", "kernel", "module nf_tables"),
    ("unexpected", "mounts", "/mnt"),
    ("unexpected", "network", "firewall nft inet filter input tcp dport 6666 accept"),
    ("unexpected", "processes", "root: sleep 98765 [ssh.service]"),
    ("unexpected", "processes", "root: python3 -m http.server 8099 [ssh.service]"),
    ("changed", "system", "timezone"),
}


@pytest.fixture(scope="module")
def clones(worker_id: str) -> Iterator[list[hosts.LabHost]]:
    """Three hosts with the same sauce, in memory as well, and the packages that are changed later."""
    sauce = (_HERE / "sauce.sh").read_text()
    with ExitStack() as stack, ThreadPoolExecutor(3) as pool:
        up = [stack.enter_context(hosts.host(f"drift{number}-{worker_id}", "sauced")) for number in (1, 2, 3)]
        list(pool.map(lambda host: host.root(sauce, "bash -s live"), up))
        list(pool.map(lambda host: host.root(_CHANGES, "sh -s before"), up))
        yield up


class Fleet:
    """The clones as an inventory with one role, its baseline made of the first; one database for all tests."""

    def __init__(self, clones: list[hosts.LabHost], directory: Path) -> None:
        self.clones = clones
        self.cli = command_line(directory)
        self._inventory = directory / "hosts.yaml"
        self._write()

    def _write(self, user: str = "root") -> None:
        addresses = {f"shop{number}": {"address": host.address} for number, host in enumerate(self.clones, 1)}
        defaults = {"user": user, "identity": self.clones[0].key, "accept_new_host_key": True, "role": "shop"}
        self._inventory.write_text(json.dumps({"defaults": defaults, "hosts": addresses}))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.cli(*arguments, "--inventory", str(self._inventory))

    def check(self, *names: str, user: str = "root") -> tuple[int, dict[str, set[Told]]]:
        """Scan and compare; return the exit code and the drifts of each host, of which none is told twice."""
        self._write(user)
        done = self.run("check", *names, "--format", "json")
        self._write()
        found = {}
        for check in json.loads(done.stdout):
            told = [(drift["kind"], drift["scope"], drift["key"]) for drift in check["drifts"]]
            assert len(told) == len(set(told)), told
            found[check["host"]] = set(told)
        return done.returncode, found


@pytest.fixture(scope="module")
def fleet(clones: list[hosts.LabHost], tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    made = Fleet(clones, tmp_path_factory.mktemp("fleet"))
    for done in (made.run("scan", "shop1"), made.run("baseline", "init", "shop1", "--versions", "exact")):
        assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_clones_do_not_drift_twice_in_a_row(fleet: Fleet) -> None:
    for _ in range(2):
        assert fleet.check() == (0, {"shop1": set(), "shop2": set(), "shop3": set()})


def test_what_has_no_tool_any_more_is_unknown_and_never_missing(fleet: Fleet) -> None:
    """Neither for the tool that may not be run nor for the one that is gone."""
    host = fleet.clones[2]
    host.root("chmod 0 /usr/bin/systemctl && mv /usr/sbin/nft /usr/sbin/nft.away")
    try:
        code, told = fleet.check("shop3")
    finally:
        host.root("chmod 755 /usr/bin/systemctl && mv /usr/sbin/nft.away /usr/sbin/nft")
    known = {drift for drift in told["shop3"] if drift[0] != "unknown"}
    assert code == 3
    assert {scope for kind, scope, _ in told["shop3"] if kind == "unknown"} >= {"services", "network"}
    assert known == {
        ("changed", "files", "/usr/bin/systemctl"),
        ("missing", "files", "/usr/sbin/nft"),
        ("unexpected", "files", "/usr/sbin/nft.away"),
    }


def test_what_only_root_may_see_is_unknown_without_sudo_and_never_missing(fleet: Fleet) -> None:
    code, told = fleet.check("shop3", user=hosts.plain_user(fleet.clones[2]))
    assert code == 3
    assert {kind for kind, _, _ in told["shop3"]} <= {"unknown", "unexpected"}
    # The account that the test itself has made is there, and is nobody's.
    assert {key.split(" SHA")[0] for kind, _, key in told["shop3"] if kind == "unexpected"} == {
        "user guest",
        "key guest",
    }


def test_changes_of_every_kind_are_each_told_once(fleet: Fleet) -> None:
    fleet.clones[1].root(_CHANGES, "sh -s after")
    code, told = fleet.check("shop1", "shop2")
    assert code == 4
    assert told["shop1"] == set()
    assert told["shop2"] - _EXPECTED == set()
    assert _EXPECTED - told["shop2"] == set()
