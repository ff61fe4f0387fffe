"""What goes wrong: one line, the right exit code, the other hosts unharmed, nothing left on a host or half in the store."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from driftscan.scopes.base import scopes
from tests.lab import faults, hosts
from tests.lab.auditor import Auditor, Done, one_line

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("faults")]

SCOPES = set(scopes())
_SHELLS = "set -e; apt-get -qq update; apt-get -qq install -y --no-install-recommends tcsh fish >/dev/null 2>&1"


@pytest.fixture(scope="module")
def bad() -> Iterator[hosts.LabHost]:
    with hosts.host("t-faults-bad", hosts.prepared("bookworm", _SHELLS)) as host:
        host.root("true")  # the first login of all starts what stays
        yield host


@pytest.fixture(scope="module")
def good() -> Iterator[hosts.LabHost]:
    with hosts.host("t-faults-good", "busybox") as host:
        yield host


@dataclass(frozen=True)
class Pair:
    """An auditor whose inventory has one host that is well and one that is not."""

    auditor: Auditor
    good: hosts.LabHost
    bad: hosts.LabHost

    @property
    def inventory(self) -> Path:
        return self.auditor.home / "inventory.yaml"

    def describe(self, **bad: Any) -> None:
        """Write the inventory, with settings for the bad host."""
        defaults = {"user": "root", "identity": self.good.key, "accept_new_host_key": True}
        described = {"good": {"address": self.good.address}, "bad": {"address": self.bad.address, **bad}}
        self.inventory.write_text(json.dumps({"defaults": defaults, "hosts": described}))

    def scan(self, *arguments: str, **variables: str) -> Done:
        return self.auditor.run("scan", "-i", str(self.inventory), *arguments, **variables)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return self.auditor.start("scan", "-i", str(self.inventory), *arguments)

    def show(self, *arguments: str) -> Done:
        return self.auditor.run("show", "-i", str(self.inventory), *arguments, "--format", "json")

    def outcomes(self, snapshot: int) -> dict[str, str]:
        with closing(sqlite3.connect(self.auditor.database)) as connection:
            found = connection.execute("select scope, outcome from scope_coverage where snapshot_id = ?", [snapshot])
            return dict(found.fetchall())


@pytest.fixture
def pair(good: hosts.LabHost, bad: hosts.LabHost, tmp_path: Path) -> Pair:
    pair = Pair(Auditor(tmp_path), good, bad)
    pair.describe()
    return pair


def only_the_bad_one_fails(pair: Pair, done: Done, pattern: str) -> None:
    one_line(done, pattern, code=3)
    assert done.stderr.startswith("driftscan: bad: ")
    (line,) = done.stdout.splitlines()
    assert line.startswith("good@1 ")
    assert line.endswith(" complete")
    assert pair.auditor.stored() == ["good"]


def new_key(path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path.with_name(path.name + ".pub").read_text().rsplit(" ", 1)[0]


@pytest.mark.parametrize(
    ("fault", "settings", "pattern"),
    [
        ("stopped sshd", {}, r"[Cc]onnection refused"),
        ("unreachable", {"address": "{network}.254"}, r"{network}\.254.*(no route|timed out|did not answer|no answer)"),
        ("wrong key", {"identity": "{home}/strange"}, r"root.*strange"),
        ("unknown host key", {"accept_new_host_key": False}, r"its host key is not known \(ssh-ed25519 SHA256:.*--accept-new-host-key"),
        ("changed host key", {}, r"its host key has CHANGED to ssh-ed25519 SHA256:.*ssh-keygen -R"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) and "{" not in value else "",
)
def test_a_host_that_cannot_be_reached_costs_itself_alone(
    fault: str, settings: dict[str, Any], pattern: str, pair: Pair
) -> None:
    names = {"network": pair.bad.address.rpartition(".")[0], "home": str(pair.auditor.home)}
    strange = new_key(pair.auditor.home / "strange")
    pair.describe(**{key: value.format(**names) if isinstance(value, str) else value for key, value in settings.items()})
    if fault == "changed host key":
        pair.auditor.known_hosts.parent.mkdir(mode=0o700)
        pair.auditor.known_hosts.write_text(f"{pair.bad.address} {strange}\n")
    down: AbstractContextManager[None] = faults.no_sshd(pair.bad) if fault == "stopped sshd" else nullcontext()
    with down:
        done = pair.scan("good", "bad", "--timeout", "5")
    only_the_bad_one_fails(pair, done, pattern.replace("{network}", names["network"]))


def test_a_stuck_probe_costs_itself_alone(pair: Pair) -> None:
    before = faults.processes(pair.bad)
    with faults.stuck_tool(pair.bad):
        started = time.monotonic()
        done = pair.scan("good", "bad", "--timeout", "3")
        took = time.monotonic() - started
        faults.wait_until(lambda: not faults.processes(pair.bad) - before, 10, "what ran for the scan has ended")
    assert done.returncode == 3
    assert done.stderr == ""
    by_host = dict(line.split("@", 1) for line in done.stdout.splitlines())
    assert by_host["good"].endswith(" complete")
    assert by_host["bad"].endswith("INCOMPLETE: system timeout")
    assert took < 30
    outcomes = pair.outcomes(pair.auditor.stored().index("bad") + 1)
    assert outcomes == {scope: "timeout" if scope == "system" else "ok" for scope in SCOPES}
    shown = pair.show("bad", "system")
    one_line(shown, r"system was not seen whole \(timeout\): system-running: timeout, no end after 3 s", 3)
    assert "release id" in {row["fact"] for row in json.loads(shown.stdout)}  # another probe of the same scope
    assert pair.show("bad", "packages").returncode == 0


def test_a_killed_auditor_leaves_nothing_on_the_host_and_nothing_half_in_the_store(pair: Pair) -> None:
    before = faults.processes(pair.bad)
    assert pair.scan("bad").returncode == 0
    with faults.stuck_tool(pair.bad):
        running = pair.start("good", "bad")
        faults.wait_until(lambda: faults.is_stuck(pair.bad), 20, "the scan is in the middle")
        faults.wait_until(lambda: pair.auditor.stored() == ["bad", "good"], 20, "the other host is stored")
        running.kill()
        running.communicate()
        assert running.returncode == -signal.SIGKILL
        faults.wait_until(lambda: not faults.processes(pair.bad) - before, 15, "what ran for the scan has ended")
    assert pair.auditor.stored() == ["bad", "good"]
    again = pair.scan("bad")
    assert again.returncode == 0, again.stderr
    assert again.stdout.rstrip().endswith(" complete")


def test_an_auditor_killed_at_any_moment_leaves_whole_snapshots_only(pair: Pair) -> None:
    started = time.monotonic()
    assert pair.scan("good").returncode == 0
    whole = time.monotonic() - started
    for tenths in range(4, 11):
        running = pair.start("good")
        time.sleep(whole * tenths / 10)
        running.kill()
        running.communicate()
    stored = pair.auditor.stored()
    assert set(stored) == {"good"}
    for number in range(1, len(stored) + 1):
        assert set(pair.outcomes(number)) == SCOPES
    done = pair.show(f"good@{len(stored)}", "files", "/etc")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) > 10
    assert pair.scan("good").returncode == 0


def test_an_interrupt_ends_everything_at_once(pair: Pair) -> None:
    before = faults.processes(pair.bad)
    with faults.stuck_tool(pair.bad):
        running = pair.start("good", "bad")
        faults.wait_until(lambda: faults.is_stuck(pair.bad), 20, "the scan is in the middle")
        os.killpg(running.pid, signal.SIGINT)
        started = time.monotonic()
        done = pair.auditor.end(running, seconds=20)
        assert time.monotonic() - started < 5
        one_line(done, "interrupted", code=130)
        faults.wait_until(lambda: not faults.processes(pair.bad) - before, 10, "what ran for the scan has ended")
    assert pair.auditor.stored() in ([], ["good"])


def test_a_full_disk_keeps_what_was_stored(pair: Pair) -> None:
    directory = pair.auditor.database.parent
    with faults.small_disk(directory, megabytes=4):
        assert pair.scan("good").returncode == 0
        filler = faults.fill(directory)
        one_line(pair.scan("bad"), r"database .*; (free some space|check the disk and the space left)", code=1)
        os.truncate(filler, filler.stat().st_size - (300 << 10))  # enough to begin with, too little for a host
        one_line(pair.scan("bad"), r"bad: database .* has no space left, nothing was stored", code=1)
        assert pair.auditor.stored() == ["good"]
        assert pair.show("good", "system").returncode == 0
        filler.unlink()
        assert pair.scan("good").returncode == 0
        assert pair.auditor.stored() == ["good", "good"]


def test_a_read_only_database_can_still_be_read(pair: Pair) -> None:
    with faults.small_disk(pair.auditor.database.parent, megabytes=16):
        assert pair.scan("good").returncode == 0
        with faults.immutable(pair.auditor.database):
            one_line(pair.scan("good"), r"database .* cannot be written; check who owns the file", code=1)
            shown = pair.show("good", "system")
            assert shown.returncode == 0, shown.stderr
            assert json.loads(shown.stdout)


def test_a_database_on_a_read_only_disk_is_one_line(pair: Pair) -> None:
    directory = pair.auditor.database.parent
    with faults.small_disk(directory, megabytes=16):
        assert pair.scan("good").returncode == 0
        subprocess.run(["mount", "-o", "remount,ro", directory], check=True)
        one_line(pair.scan("good"), r"database .* cannot be (written|opened); check ", code=1)


def content(path: Path) -> object:
    """Return what a path holds, of a database its tables; None of a directory."""
    if not path.is_file():
        return None
    if not path.read_bytes().startswith(b"SQLite format 3"):
        return path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@pytest.mark.parametrize("kind", ["text", "empty-directory", "another-program"])
def test_what_is_no_database_of_ours_is_left_alone(kind: str, pair: Pair) -> None:
    path = pair.auditor.database
    path.parent.mkdir()
    if kind == "text":
        path.write_text("dear diary,\n" * 1000)
    elif kind == "empty-directory":
        path.mkdir()
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("create table diary (day text)")
    before = content(path)
    one_line(pair.scan("good"), r"database .*driftscan\.db (is not|cannot)", code=1)
    assert content(path) == before


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        (None, r"inventory\.yaml.*(no such|not there|No such|does not exist)"),
        (b"hosts:\n  web1: {address: 192.0.2.1\n  web2:\n", r"inventory\.yaml:[23]"),
        (b"hosts:\n  web1:\n    adress: 192.0.2.1\n", r"inventory\.yaml:3: .*adress.*address"),
        (b"hosts:\n  web1:\n    address: \xff\xfe\n", r"inventory\.yaml"),
        (os.urandom(512), r"inventory\.yaml"),
    ],
    ids=["missing", "no YAML", "unknown setting", "no UTF-8", "noise"],
)
def test_an_inventory_that_is_none_is_a_usage_error(content: bytes | None, pattern: str, pair: Pair) -> None:
    pair.inventory.unlink()
    if content is not None:
        pair.inventory.write_bytes(content)
    one_line(pair.scan("web1"), pattern, code=2)
    assert not pair.auditor.database.exists()


def test_two_scans_fill_one_new_database_at_the_same_time(pair: Pair) -> None:
    both = [pair.start("good"), pair.start("bad")]
    for done in [pair.auditor.end(running) for running in both]:
        assert done.returncode == 0, done.stderr
        assert done.stdout.rstrip().endswith(" complete")
    assert sorted(pair.auditor.stored()) == ["bad", "good"]


@pytest.fixture(scope="module")
def shells(bad: hosts.LabHost) -> set[str]:
    """Make roots of other names, each with a login shell of another kind that says more than it was asked."""
    bad.root("printf '#!/bin/sh\\necho Welcome\\necho beware >&2\\nexec /bin/sh \"$@\"\\n' >/usr/local/bin/banner")
    bad.root("chmod 755 /usr/local/bin/banner; echo 'echo noise; echo noise >&2' >/root/noise")
    found = {"bash": "/bin/bash", "banner": "/usr/local/bin/banner", "csh": "/bin/csh", "fish": "/usr/bin/fish"}
    for name, shell in found.items():
        bad.root(
            f"useradd -o -u 0 -g 0 -m -s {shell} {name}; cd /home/{name}; cp -r /root/.ssh .\n"
            "mkdir -p .config/fish; cp /root/noise .bashrc; cp /root/noise .config/fish/config.fish\n"
            "echo 'echo noise' >.cshrc"  # csh cannot write to stderr
        )
    bad.root("rm /root/noise")
    return set(found)


@pytest.mark.parametrize("name", ["bash", "banner", "csh", "fish"])
def test_what_a_login_shell_says_changes_nothing(name: str, shells: set[str], pair: Pair) -> None:
    assert name in shells
    said = subprocess.run(  # the shell does say it
        ["ssh", "-F", "none", "-i", pair.bad.key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
         f"{name}@{pair.bad.address}", "true"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "noise" in said.stdout or "Welcome" in said.stdout
    pair.describe(user=name)
    done = pair.scan("bad")
    assert (done.returncode, done.stdout.rstrip().endswith(" complete")) == (0, True), done.stderr
    assert set(pair.outcomes(1).values()) == {"ok"}
    with closing(sqlite3.connect(pair.auditor.database)) as connection:
        # The files that say it are on the host, and their text is kept.
        rows = connection.execute("select key || attributes from item where scope != 'contents'")
        stored = "\n".join(row for (row,) in rows)
    assert "Welcome" not in stored
    assert "noise" not in stored


def test_after_all_this_nothing_of_ours_runs_on_the_host(bad: hosts.LabHost) -> None:
    assert not [line for line in faults.processes(bad) if "sleep" in line or line.strip() == "sh"]
