"""Comparing a host with a baseline: each class of drift, what nobody could see, acceptances, ignored things."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from driftscan.baseline.model import Baseline, Expected, Grade, Ignore, Tree
from driftscan.drift.check import check, renewed, unseen
from driftscan.drift.observed import observe
from driftscan.explain.view import View
from driftscan.model.drift import Acceptance, Change, Check, Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.item import Item
from driftscan.model.outcome import Coverage, Outcome
from driftscan.model.snapshot import Snapshot
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree

TODAY = date(2026, 11, 22)


def user(name: str, uid: int = 1001, **more: Any) -> Item:
    attributes = {"kind": "user", "name": name, "uid": uid, "gid": uid, "home": f"/home/{name}", "shell": "/bin/sh"}
    return Item("accounts", f"user {name}", {**attributes, **more})


def package(name: str, version: str = "1.0", **more: Any) -> Item:
    has = {"name": name, "version": version, "manager": "dpkg", "state": "installed", "reason": "manual"}
    return Item("packages", name, {**has, "hold": False, **more})


def expected(scope: str, key: str, absent: bool = False, **attributes: Any) -> Expected:
    return Expected(scope, key, attributes, "web.yaml:7", absent)


def baseline(*things: Expected | Tree, **more: Any) -> Baseline:
    return Baseline(
        "web",
        ("web.yaml",),
        {(one.scope, one.key): one for one in things if isinstance(one, Expected)},
        {one.path: one for one in things if isinstance(one, Tree)},
        **more,
    )


def told(found: Check) -> list[tuple[str, str, str]]:
    return [(one.kind.value, one.scope, one.key) for one in found.drifts]


def checked(seen: Snapshot, *things: Expected | Tree, earlier: Iterable[Snapshot] = (), **more: Any) -> Check:
    return check(View(seen), baseline(*things, **more), TODAY, list(earlier))


def disk(*records: Record, items: Iterable[Item] = (), shipped: Iterable[bytes] = (b"/usr/bin/tool",)) -> Snapshot:
    return snapshot(items, files=tree(*records), manifests=[manifest("tools", *shipped)])


# --- items


def test_what_is_as_declared_is_no_drift() -> None:
    seen = snapshot([user("jane")])
    assert checked(seen, expected("accounts", "user jane", uid=1001, shell="/bin/sh")).clean


def test_a_declared_attribute_that_differs_is_changed_with_both_values_and_the_line() -> None:
    (drift,) = checked(snapshot([user("jane")]), expected("accounts", "user jane", shell="/bin/bash")).drifts
    assert (drift.kind, drift.changes) == (Kind.CHANGED, (Change("shell", "/bin/bash", "/bin/sh"),))
    assert drift.reason == "web.yaml:7"


def test_what_is_declared_and_not_there_is_missing() -> None:
    assert told(checked(snapshot(), expected("accounts", "user jane"))) == [("missing", "accounts", "user jane")]


def test_what_must_not_be_there_is_unexpected() -> None:
    seen = snapshot([package("telnetd")])
    assert told(checked(seen, expected("packages", "telnetd", absent=True))) == [("unexpected", "packages", "telnetd")]
    assert checked(snapshot(), expected("packages", "telnetd", absent=True)).clean


def test_what_nothing_declares_or_explains_is_unexpected() -> None:
    assert told(checked(snapshot([user("mallory", 0)]))) == [("unexpected", "accounts", "user mallory")]


def test_a_package_that_another_pulled_in_needs_no_line() -> None:
    assert checked(snapshot([package("libone", reason="automatic")])).clean
    assert told(checked(snapshot([package("one")]))) == [("unexpected", "packages", "one")]


@pytest.mark.parametrize(
    ("policy", "kinds"), [("allowed", []), ("explained", ["unexpected"]), ("unexpected", ["unexpected"])]
)
def test_the_baseline_says_what_holds_for_others(policy: str, kinds: list[str]) -> None:
    found = checked(snapshot([package("one")]), others={"packages": policy})
    assert [kind for kind, _, _ in told(found)] == kinds


def test_a_mark_that_nobody_declared_is_a_change() -> None:
    """A hold on a package of which the baseline only says that it is there."""
    (drift,) = checked(snapshot([package("nginx", hold=True)]), expected("packages", "nginx")).drifts
    assert drift.changes == (Change("hold", None, True),)


@pytest.mark.parametrize(
    ("said", "clean"), [("any", True), ("1.0", True), (">= 0.9", True), (">= 1.1", False), ("1.1", False)]
)
def test_versions_are_conditions(said: str, clean: bool) -> None:
    assert checked(snapshot([package("nginx")]), expected("packages", "nginx", version=said)).clean is clean


# --- what nobody could see


@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.TIMEOUT, Outcome.FAILED, Outcome.UNPARSED])
def test_a_scope_that_was_not_seen_whole_is_unknown_and_nothing_in_it_missing(outcome: Outcome) -> None:
    seen = snapshot(outcomes={"accounts": outcome})
    assert told(checked(seen, expected("accounts", "user jane"))) == [("unknown", "accounts", "")]


def test_a_scope_that_was_not_looked_at_is_unknown_only_where_something_is_declared() -> None:
    seen = snapshot(outcomes={"accounts": None})
    assert told(checked(seen, expected("accounts", "user jane"))) == [("unknown", "accounts", "")]
    assert checked(seen).clean


def test_what_was_seen_of_a_half_seen_scope_is_compared() -> None:
    seen = snapshot([user("jane")], outcomes={"accounts": Outcome.DENIED})
    found = checked(seen, expected("accounts", "user jane", uid=7), expected("accounts", "user bob"))
    assert told(found) == [("changed", "accounts", "user jane"), ("unknown", "accounts", "")]


def test_a_digest_that_was_not_made_is_unknown() -> None:
    seen = disk(leaf(b"srv/data", b"f644 0 0"), leaf(b"usr/bin/tool", b"f755 0 0"))
    found = checked(seen, expected("files", "/srv/data", digest="sha256:aa"), expected("files", "/srv"))
    assert told(found) == [("unknown", "files", "/srv/data")]


def test_a_tool_that_is_not_on_the_host_makes_its_attribute_unknown() -> None:
    seen = disk(leaf(b"srv/tool", b"f755 0 0"), leaf(b"usr/bin/tool", b"f755 0 0"))
    note = Coverage("files", Outcome.OK, 0, (), ("capabilities: not looked at, no getcap",))
    blind = replace(seen, coverage={**seen.coverage, "files": note})
    things = expected("files", "/srv/tool", capabilities="cap_net_raw=ep"), expected("files", "/srv")
    assert told(checked(blind, *things)) == [("unknown", "files", "/srv/tool")]
    assert told(checked(seen, *things)) == [("changed", "files", "/srv/tool")]


def test_what_was_not_seen_is_told_where_there_is_nothing_to_compare_with() -> None:
    seen = snapshot(outcomes={"accounts": Outcome.DENIED, "sockets": None})
    assert [(one.kind, one.scope, one.key) for one in unseen(seen)] == [(Kind.UNKNOWN, "accounts", "")]
    assert unseen(snapshot()) == ()


# --- paths


def test_a_new_directory_is_told_once_and_not_path_by_path() -> None:
    seen = disk(leaf(b"opt/new/a", b"f644 0 0"), leaf(b"opt/new/b/c", b"f644 0 0"), leaf(b"usr/bin/tool", b"f755 0 0"))
    (drift,) = checked(seen).drifts
    assert (drift.kind, drift.key, drift.evidence["entries"]) == (Kind.UNEXPECTED, "/opt/new", 4)


def test_a_new_path_in_a_directory_of_declared_ones_is_told_by_itself() -> None:
    seen = disk(leaf(b"opt/app/a", b"f644 0 0"), leaf(b"opt/app/b", b"f644 0 0"), leaf(b"usr/bin/tool", b"f755 0 0"))
    found = checked(seen, expected("files", "/opt/app"), expected("files", "/opt/app/a"))
    assert told(found) == [("unexpected", "files", "/opt/app/b")]


def test_another_type_is_one_change_of_the_type_alone() -> None:
    seen = disk(leaf(b"opt/tool", b"l777 0 0", b"/tmp/x"), leaf(b"usr/bin/tool", b"f755 0 0"))
    said = {"type": "file", "mode": "0755", "digest": "sha256:aa"}
    (drift,) = checked(seen, expected("files", "/opt/tool", **said)).drifts
    assert (drift.kind, drift.changes) == (Kind.CHANGED, (Change("type", "file", "link"),))


def test_a_packaged_file_that_is_gone_is_missing_without_a_line() -> None:
    seen = disk(leaf(b"usr/bin/other", b"f755 0 0"), shipped=[b"/usr/bin/tool", b"/usr/bin/other"])
    assert told(checked(seen)) == [("missing", "files", "/usr/bin/tool")]
    assert checked(seen, expected("files", "/usr/bin/tool", absent=True)).clean


def test_rights_that_a_package_does_not_keep_are_compared_with_an_older_snapshot() -> None:
    before = disk(leaf(b"usr/bin/tool", b"f755 0 0"), items=[package("tools")])
    after = disk(leaf(b"usr/bin/tool", b"f644 0 0"), items=[package("tools")])
    line = expected("packages", "tools")
    assert checked(after, line).clean
    (drift,) = checked(after, line, earlier=[before]).drifts
    assert drift.changes == (Change("mode", "0755", "0644"),)
    upgraded = disk(leaf(b"usr/bin/tool", b"f644 0 0"), items=[package("tools", "2.0")])
    assert checked(upgraded, line, earlier=[before]).clean


def test_a_tree_is_one_drift_that_names_what_changed_where_an_older_snapshot_knows() -> None:
    stock = leaf(b"usr/bin/tool", b"f755 0 0")
    before = disk(leaf(b"opt/app/a", b"f644 0 0"), leaf(b"opt/app/old", b"f644 0 0"), stock)
    after = disk(leaf(b"opt/app/a", b"f600 0 0"), leaf(b"opt/app/new", b"f644 0 0"), stock)
    data = baseline(Tree("/opt/app", "", "web.yaml:9"))
    known = observe(View(before), data).subjects["trees", "/opt/app"].attributes["digest"]
    thing = Tree("/opt/app", known, "web.yaml:9")
    assert checked(before, thing).clean
    (drift,) = checked(after, thing, earlier=[before]).drifts
    assert (drift.kind, drift.scope, drift.key) == (Kind.CHANGED, "trees", "/opt/app")
    assert drift.evidence["paths"] == ["~ /opt/app/a", "+ /opt/app/new", "- /opt/app/old"]
    assert check(View(after), data, TODAY).clean


def test_a_path_may_be_declared_as_people_spell_it() -> None:
    """By a link above it, as on a host with merged /usr."""
    link = leaf(b"bin", b"l777 0 0", b"usr/bin")
    seen = disk(link, leaf(b"usr/bin/tool", b"f755 0 0"), leaf(b"usr/bin/mine", b"f755 0 0"))
    assert told(checked(seen)) == [("unexpected", "files", "/usr/bin/mine")]
    assert checked(seen, expected("files", "/bin/mine", mode="0755")).clean
    assert told(checked(seen, expected("files", "/bin/mine", mode="0700"))) == [("changed", "files", "/bin/mine")]


def test_times_alone_are_no_drift() -> None:
    stock = leaf(b"usr/bin/tool", b"f755 0 0")
    one, other = (disk((b"opt/app", b"f644 0 0 33 %d.0" % mtime, b"8 1 1", b""), stock) for mtime in (4, 5))
    things = [
        Expected("files", key, subject.attributes, "web.yaml:1")
        for (scope, key), subject in observe(View(one)).subjects.items()
        if scope == "files"
    ]
    assert checked(other, *things, earlier=[one]).clean


# --- what people say about it


def test_what_is_ignored_is_not_told_nor_what_lies_below() -> None:
    seen = disk(leaf(b"opt/log/a", b"f644 0 0"), leaf(b"usr/bin/tool", b"f755 0 0"))
    assert checked(seen, ignore=(Ignore("", "/opt/log", "written by it", "web.yaml:3"),)).clean
    assert not checked(seen, ignore=(Ignore("packages", "/opt/log", "another scope", "web.yaml:3"),)).clean


def accepted(until: date, pattern: str = "user m*") -> Acceptance:
    return Acceptance("accounts", pattern, "for the move", "jane", until, "web.yaml:5")


@pytest.mark.parametrize(
    ("until", "open_", "warning"),
    [
        (date(2027, 1, 1), 0, ""),
        (date(2026, 11, 29), 0, "ends on 2026-11-29"),
        (TODAY, 0, "ends on 2026-11-22"),
        (date(2026, 11, 21), 1, "ended on 2026-11-21"),
    ],
)
def test_an_acceptance_holds_until_its_day_and_says_so_a_week_before(until: date, open_: int, warning: str) -> None:
    found = checked(snapshot([user("mallory", 0)]), acceptances=(accepted(until),))
    assert (len(found.drifts), len(found.accepted)) == (open_, 1 - open_)
    assert [warning in line for line in found.warnings] == ([True] if warning else [])
    later = renewed(found, baseline(acceptances=(accepted(date(2026, 1, 1)),)), TODAY)
    assert (len(later.drifts), len(later.accepted)) == (1, 0)


def test_what_could_not_be_seen_cannot_be_accepted() -> None:
    seen = snapshot(outcomes={"accounts": Outcome.DENIED})
    found = checked(seen, expected("accounts", "user jane"), acceptances=(accepted(date(2027, 1, 1), "*"),))
    assert told(found) == [("unknown", "accounts", "")]


def test_the_last_grade_that_fits_decides_the_severity() -> None:
    grades = (
        Grade(Severity.INFO, "web.yaml:1", scope="accounts"),
        Grade(Severity.CRITICAL, "web.yaml:2", scope="accounts", pattern="user m*", kind=Kind.UNEXPECTED),
        Grade(Severity.LOW, "web.yaml:3", attribute="shell"),
    )
    found = checked(snapshot([user("mallory", 0), user("eve", 0)]), grades=grades)
    assert {one.key: one.severity for one in found.drifts} == {
        "user mallory": Severity.CRITICAL,
        "user eve": Severity.INFO,
    }


@pytest.mark.parametrize(
    ("change", "severity"),
    [
        (Change("mode", "0755", "4755"), Severity.HIGH),
        (Change("mode", "0644", "0666"), Severity.HIGH),
        (Change("mode", "0755", "1777"), Severity.MEDIUM),
        (Change("mode", "0644", "0600"), Severity.MEDIUM),
        (Change("capabilities", None, "cap_setuid=ep"), Severity.HIGH),
        (Change("digest", "sha256:a", "sha256:b"), Severity.MEDIUM),
    ],
)
def test_rights_that_open_something_are_grave(change: Change, severity: Severity) -> None:
    from driftscan.drift.severity import severity as graded

    assert graded(Drift(Kind.CHANGED, Severity.MEDIUM, "files", "/x", (change,))) is severity
