"""Each thing is told once: what follows from another drift is named with it."""

from typing import Any

import pytest

from driftscan.drift.fold import folded
from driftscan.model.drift import Change, Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.item import Item


def drift(kind: str, scope: str, key: str, *changes: Change, **evidence: Any) -> Drift:
    return Drift(Kind(kind), Severity.MEDIUM, scope, key, changes, evidence=evidence)


def items(*found: Item) -> dict[tuple[str, str], Item]:
    return {(item.scope, item.key): item for item in found}


_DIGEST = Change("digest", "sha256:a", "sha256:b")
_MODE = Change("mode", "0644", "0666")


@pytest.mark.parametrize(
    ("cause", "effect", "known"),
    [
        (("unexpected", "schedules", "/etc/crontab: 1 1 * * * x"), ("changed", "files", "/etc/crontab", _DIGEST), ()),
        (("unexpected", "accounts", "sudo /etc/sudoers.d/x: a"), ("unexpected", "files", "/etc/sudoers.d/x"), ()),
        (
            ("changed", "kernel", "sysctl vm.swappiness"),
            ("changed", "files", "/etc/sysctl.d/9.conf", _DIGEST),
            (Item("kernel", "sysctl vm.swappiness", {"file": "/etc/sysctl.d/9.conf"}),),
        ),
        (("changed", "services", "a.timer"), ("unexpected", "files", "/etc/systemd/system/a.timer"), ()),
        (("changed", "services", "a.service"), ("unexpected", "files", "/etc/systemd/system/a.service.d/o.conf"), ()),
        (("changed", "services", "a.timer"), ("changed", "schedules", "a.timer"), ()),
        (("unexpected", "accounts", "user bob"), ("unexpected", "accounts", "group bob"), ()),
        (
            ("unexpected", "accounts", "user bob"),
            ("changed", "accounts", "group sudo", Change("members", ["a"], ["a", "bob"])),
            (),
        ),
        (
            ("changed", "accounts", "group sudo", Change("members", ["a"], ["a", "bob"])),
            ("changed", "accounts", "user bob", Change("groups", ["bob"], ["bob", "sudo"])),
            (),
        ),
        (("unexpected", "mounts", "/mnt"), ("changed", "files", "/mnt", _MODE), ()),
        (("changed", "services", "sysv: cron"), ("missing", "files", "/etc/rc2.d/S01cron"), ()),
        (
            ("changed", "alternatives", "awk"),
            ("changed", "files", "/etc/alternatives/nawk", Change("target", "/a", "/b")),
            (Item("alternatives", "awk", {"link": "/usr/bin/awk", "slaves": [["nawk", "/usr/bin/nawk"]]}),),
        ),
        (
            ("unexpected", "processes", "root: nc"),
            ("unexpected", "sockets", "tcp 0.0.0.0:1"),
            (Item("processes", "root: nc", {}, {"pid": [7]}), Item("sockets", "tcp 0.0.0.0:1", {}, {"pid": [7]})),
        ),
        (
            ("unexpected", "files", "/opt/new"),
            ("unexpected", "checkouts", "/opt/new/src"),
            (Item("checkouts", "/opt/new/src", {"path": "/opt/new/src"}),),
        ),
    ],
)
def test_what_follows_is_named_with_its_cause(
    cause: tuple[Any, ...], effect: tuple[Any, ...], known: tuple[Item, ...]
) -> None:
    for order in ((cause, effect), (effect, cause)):
        (one,) = folded([drift(*told) for told in order], items(*known))
        assert (one.scope, one.key) == cause[1:3]
        assert one.evidence["includes"] == [f"{effect[1]} {effect[2]}"]


def test_a_missing_socket_follows_from_its_service_by_what_was_declared() -> None:
    found = folded(
        [drift("changed", "services", "r.service"), drift("missing", "sockets", "tcp 1", unit="r.service")], {}
    )
    assert [one.key for one in found] == ["r.service"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Rights are no consequence of what stands in the file.
        (("unexpected", "schedules", "/etc/crontab: 1 1 * * * x"), ("changed", "files", "/etc/crontab", _MODE)),
        # Another file whose name begins so.
        (("unexpected", "schedules", "/etc/cron.d/a: x"), ("changed", "files", "/etc/cron.d/ab", _DIGEST)),
        (("unexpected", "accounts", "user bob"), ("missing", "accounts", "group bob")),
        (
            ("unexpected", "accounts", "user bob"),
            ("changed", "accounts", "group sudo", Change("members", ["a"], ["bob"])),
        ),
        (("unexpected", "mounts", "/"), ("changed", "files", "/etc/motd", _DIGEST)),
        (("unexpected", "files", "/opt/new"), ("unexpected", "checkouts", "/opt/newer")),
        (("unknown", "services", "a.timer"), ("unexpected", "files", "/etc/systemd/system/a.timer")),
    ],
)
def test_what_has_a_cause_of_its_own_is_told(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert len(folded([drift(*one), drift(*other)], {})) == 2


def test_two_lines_in_one_file_are_two_drifts_and_the_file_none() -> None:
    lines = [drift("unexpected", "schedules", f"/etc/crontab: {n} * * * * x") for n in (1, 2)]
    found = folded([*lines, drift("changed", "files", "/etc/crontab", _DIGEST)], {})
    assert [one.key for one in found] == [one.key for one in lines]


def test_the_cause_is_as_grave_as_what_follows_and_has_its_text() -> None:
    file = Drift(Kind.CHANGED, Severity.HIGH, "files", "/etc/crontab", (_DIGEST,), diff=("+x",), by="root")
    (one,) = folded([drift("unexpected", "schedules", "/etc/crontab: x"), file], {})
    assert (one.severity, one.diff, one.by) == (Severity.HIGH, ("+x",), "root")
