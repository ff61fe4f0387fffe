"""Whoever logs in, with whatever rights and login files: what could be seen, and an exact account of what could not."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.lab import hosts, rights
from tests.lab.auditor import Auditor, Done

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("rights")]

SMALL = ("--scope", "system", "--scope", "packages", "--scope", "alternatives")
Coverage = dict[str, tuple[str, list[str]]]
soak = pytest.mark.soak


@pytest.fixture(scope="module")
def host() -> Iterator[hosts.LabHost]:
    with hosts.host("rights-many", "bookworm") as host:
        host.root(rights.SETUP, "bash -s")
        yield host


@pytest.fixture(scope="module")
def shells(host: hosts.LabHost) -> None:
    host.root(rights.SHELLS, "bash -s")


@pytest.fixture(scope="module")
def contexts(host: hosts.LabHost) -> None:
    host.root(rights.contexts(), "bash -s")


class Scans:
    """Scans of the host as one account or another, kept under one name."""

    def __init__(self, home: Path, host: hosts.LabHost) -> None:
        self.auditor = Auditor(home)
        self.host = host

    def run(self, user: str, *arguments: str, port: int = 22, **variables: str) -> Done:
        described = {"address": self.host.address, "user": user, "port": port, "identity": self.host.key}
        inventory = self.auditor.home / "inventory.yaml"
        inventory.write_text(json.dumps({"hosts": {"host": {**described, "accept_new_host_key": True}}}))
        return self.auditor.run("scan", "host", "-i", str(inventory), *arguments, **variables)

    def coverage(self, snapshot: int = 1) -> Coverage:
        with closing(sqlite3.connect(self.auditor.database)) as connection:
            rows = connection.execute(
                "select scope, outcome, gaps from scope_coverage where snapshot_id = ?", [snapshot]
            )
            return {scope: (outcome, json.loads(gaps)) for scope, outcome, gaps in rows}

    def counts(self, snapshot: int) -> dict[str, int]:
        with closing(sqlite3.connect(self.auditor.database)) as connection:
            return dict(connection.execute("select scope, items from scope_coverage where snapshot_id = ?", [snapshot]))

    def drifts(self, before: int, after: int) -> list[dict[str, object]]:
        done = self.auditor.run("diff", f"host@{before}", f"host@{after}", "--format", "json")
        return [drift for drift in json.loads(done.stdout)["drifts"] if drift["kind"] != "unknown"]


@pytest.fixture
def scans(tmp_path: Path, host: hosts.LabHost) -> Scans:
    return Scans(tmp_path, host)


def named(coverage: Coverage) -> set[str]:
    """Return every path that is said not to have been seen."""
    words = [word for _, gaps in coverage.values() for gap in gaps for word in re.split(r",? ", gap.partition(": ")[2])]
    return {word for word in words if re.match(r"/(?!proc\b)\S", word)}


def closed_to(host: hosts.LabHost, user: str) -> set[str]:
    """Return what the kernel itself does not let the account look into, by asking it from outside of any session."""
    as_user = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups")
    tops = ("/", "/dev/shm", "-xdev")
    lists = host.exec(*as_user, "sh", "-c", f"find {' '.join(tops)} -type d ! -readable -print 2>/dev/null; :")
    # What can be listed and not entered shows the names in it and nothing of what bears them.
    passes = host.exec(
        *as_user, "sh", "-c", f"find {' '.join(tops)} -type d -readable ! -executable -print 2>/dev/null; :"
    )
    inside = [host.exec("find", path, "-mindepth", "1", "-maxdepth", "1") for path in passes.split()]
    return {*lists.split(), *(path for found in inside for path in found.split())}


def readable_by(host: hosts.LabHost, user: str, paths: set[str]) -> set[str]:
    """Return those of `paths` that the account can read; directories that it can also enter."""
    script = 'for f; do [ -r "$f" ] && { [ ! -d "$f" ] || [ -x "$f" ]; } && echo "$f"; done; :'
    as_user = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups")
    return set(host.exec(*as_user, "sh", "-c", script, "sh", *sorted(paths)).split())


def test_what_a_plain_user_cannot_see_is_named_to_the_last_path(scans: Scans, host: hosts.LabHost) -> None:
    done = scans.run("plain")
    assert done.returncode == 3, done.stderr
    coverage = scans.coverage()
    claimed = named(coverage)
    assert named({"files": coverage["files"]}) == closed_to(host, "plain")
    assert not readable_by(host, "plain", claimed)
    assert set(rights.CLOSED_FILES) <= claimed
    for scope in rights.FOUND_AMONG_FILES:  # what is in a closed directory may be one of these
        assert coverage[scope][0] == "denied", scope
    assert not [gap for _, gaps in coverage.values() for gap in gaps if gaps.count(gap) > 1]


def test_other_rights_are_no_change_of_the_host(scans: Scans) -> None:
    assert scans.run("root").returncode == 0
    assert scans.run("plain").returncode == 3
    assert scans.run("root").returncode == 0
    assert scans.drifts(1, 2) == []
    assert scans.drifts(2, 3) == []


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("few-find", "sudo asks for a password"),
        pytest.param("none-sudo", "sudo asks for a password", marks=soak),
        pytest.param("doas", "sudo asks for a password", marks=soak),
    ],
)
def test_sudo_for_other_commands_shows_what_the_login_user_may_see(user: str, words: str, scans: Scans) -> None:
    done = scans.run(user, "--sudo")
    assert done.returncode == 3, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"driftscan: host: {words}")
    assert line.endswith("this is what the login user may see")
    coverage = scans.coverage()
    assert coverage["packages"] == ("ok", [])
    for scope, (outcome, gaps) in coverage.items():
        assert gaps[0].startswith(f"sudo: denied, {words}") if outcome == "denied" else not gaps, scope
    assert "/root" in named(coverage)


@soak
@pytest.mark.parametrize("user", ["few-sh", "all-ask", "lecture", "iolog", "targetpw"])
def test_sudo_of_any_manner_sees_everything(user: str, scans: Scans) -> None:
    secret = scans.auditor.home / "secret"
    secret.write_text("root-secret" if user == "targetpw" else "secret")
    described = {"address": scans.host.address, "user": user, "identity": scans.host.key, "accept_new_host_key": True}
    how = {"sudo": "passwordless"} if user == "few-sh" else {"sudo": "password", "sudo_password": {"file": str(secret)}}
    inventory = scans.auditor.home / "inventory.yaml"
    inventory.write_text(json.dumps({"hosts": {"host": {**described, **how}}}))
    done = scans.auditor.run("scan", "host", "-i", str(inventory))
    assert (done.returncode, done.stderr) == (0, "")


def unharmed(scans: Scans, user: str, *, port: int = 22) -> None:
    """Hold a scan as `user` to what the plain user sees of the same."""
    for name, at in (("plain", 22), (user, port)):
        done = scans.run(name, *SMALL, port=at)
        assert (done.returncode, done.stderr) == (0, ""), name
    assert scans.coverage(1) == scans.coverage(2)
    assert scans.counts(1) == scans.counts(2)
    assert scans.drifts(1, 2) == []


@pytest.mark.parametrize(
    "user", [name if name in rights.QUICK else pytest.param(name, marks=soak) for name in rights.LOGIN_FILES]
)
def test_what_login_files_do_changes_nothing(user: str, scans: Scans) -> None:
    unharmed(scans, user)


@soak
@pytest.mark.usefixtures("shells")
@pytest.mark.parametrize("user", sorted(rights.OTHER_SHELLS))
def test_no_shell_of_another_kind_changes_anything(user: str, scans: Scans) -> None:
    unharmed(scans, user)


@pytest.mark.parametrize(
    ("user", "words"),
    [
        (user, words) if user in rights.QUICK else pytest.param(user, words, marks=soak)
        for user, words in rights.NO_SHELL.items()
    ],
)
def test_an_account_that_runs_no_probe_says_why(user: str, words: str, scans: Scans) -> None:
    done = scans.run(user, *SMALL)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert words in line, line
    assert scans.auditor.stored() == []


def test_what_the_server_says_of_an_account_is_told(scans: Scans) -> None:
    done = scans.run("ended", *SMALL)
    assert done.returncode == 3
    assert "Your account has expired" in done.stderr


Check = Callable[[Coverage], bool]


def gap(scope: str, words: str) -> Check:
    return lambda coverage: (
        coverage[scope][0] not in {"ok", "absent"} and any(words in one for one in coverage[scope][1])
    )


@soak
@pytest.mark.usefixtures("contexts")
@pytest.mark.parametrize(
    ("context", "checks"),
    [
        ("caps", [gap("files", "/home/plain/private"), gap("accounts", "/home/plain/.ssh/authorized_keys")]),
        ("invisible", [gap("processes", "hidepid")]),
        ("subset", [gap("kernel", "/proc is not shown whole"), gap("mounts", "/proc is not shown whole")]),
        (
            "no-proc",
            [gap("files", "only / was walked"), gap("mounts", "/proc"), gap("kernel", "/proc is not shown whole")],
        ),
        (
            "closed",
            [gap("schedules", "/etc/cron.d"), gap("packages", "/var/lib/dpkg/info"), gap("files", "/etc/cron.d")],
        ),
    ],
)
def test_a_session_that_is_shown_less_says_so(context: str, checks: list[Check], scans: Scans) -> None:
    user = "plain" if context in {"invisible", "closed"} else "root"  # root enters what has no mode at all
    assert scans.run(user).returncode == (0 if user == "root" else 3)
    done = scans.run(user, port=rights.PORTS[context])
    assert done.returncode == 3, done.stderr
    coverage = scans.coverage(2)
    assert [number for number, check in enumerate(checks) if not check(coverage)] == [], coverage
    # What such a session has mounted over a directory has another mode, and its own /proc can be written where the
    # host's cannot.
    covered = {"closed": {"/etc/cron.d", "/var/lib/dpkg/info"}}.get(context, {"/proc"})
    drifts = [one for one in scans.drifts(1, 2) if one["scope"] != "files" or one["key"] not in covered]
    assert [drift for drift in drifts if drift["scope"] not in {"kernel", "mounts"}] == []


@soak
@pytest.mark.usefixtures("contexts")
def test_limits_that_are_tight_change_nothing(scans: Scans) -> None:
    unharmed(scans, "plain", port=rights.PORTS["limits"])
