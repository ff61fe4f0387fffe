"""Findings: every rule speaks where it should, is silent where it should, and says so where it cannot judge."""

from dataclasses import dataclass, field

import pytest

from driftscan.explain.view import View
from driftscan.findings.base import families, judge
from driftscan.model.item import Item, Json
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from tests.unit.handmade import leaf, manifest, snapshot, tree

ROOT = Item("accounts", "user root", {"kind": "user", "name": "root", "uid": 0, "gid": 0, "password": "locked"})
ROOTS = Item("accounts", "group root", {"kind": "group", "name": "root", "gid": 0})
NAMES = (ROOT, ROOTS)
RULES = {rule.id: rule for family in families() for rule in family.rules}


def user(name: str, uid: int, password: str = "locked") -> Item:
    return Item("accounts", f"user {name}", {"kind": "user", "name": name, "uid": uid, "password": password})


def process(command: str, **more: Json) -> Item:
    return Item("processes", f"root: {command}", {"user": "root", "command": command, **more}, {"pid": [17]})


def listener(port: int, exe: str | None, package: str | None, state: str = "listen") -> Item:
    told = {"protocol": "tcp", "state": state, "address": "0.0.0.0", "port": port, "exe": exe, "package": package}
    return Item("sockets", f"tcp {port}", told)


@dataclass(frozen=True)
class Case:
    """A host on which `rule` has exactly `subjects` to name; all else on it must be left in peace by that rule."""

    rule: str
    subjects: list[str]
    items: tuple[Item, ...] = ()
    files: tuple = ()
    owned: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def snapshot(self) -> Snapshot:
        packages = [manifest(name, *paths) for name, paths in self.owned.items()]
        # A tree always has something in it: an empty one is a tree that was not seen.
        return snapshot(
            [*NAMES, *self.items], files=tree(leaf(b"etc/hosts", b"f644 0 0"), *self.files), manifests=packages
        )


CASES = [
    Case("second-uid-0", ["toor"], items=(user("toor", 0), user("ann", 1000))),
    Case("empty-password", ["guest"], items=(user("guest", 1001, "empty"), user("ann", 1000), user("bob", 1, "set"))),
    Case(
        "process-deleted-executable",
        ["/tmp/x", "[kworker/u8:9]"],
        items=(
            process("/tmp/x -d", exe="/tmp/x", deleted=True),
            process("[kworker/u8:9]", exe=None, deleted=True),
            process("/usr/sbin/sshd", exe="/usr/sbin/sshd", deleted=False),
            process("[kthreadd]", kernel=True),
        ),
    ),
    Case(
        "listener-unpackaged",
        ["tcp 0.0.0.0:9125"],
        items=(
            listener(9125, "/usr/local/bin/telemetryd", ""),
            listener(22, "/usr/sbin/sshd", "openssh-server"),
            listener(53, "/usr/sbin/named", None),  # inside a container, say: nobody knows
            listener(80, None, ""),  # whose process could not be seen
            listener(5432, "/opt/pg/postgres", "", state="established"),
        ),
    ),
    Case(
        "setuid-unpackaged",
        ["/opt/g", "/opt/s"],
        files=(
            leaf(b"opt/s", b"f4755 0 0"),
            leaf(b"opt/g", b"f2755 0 0"),
            leaf(b"opt/plain", b"f755 0 0"),
            leaf(b"opt/no-program", b"f4644 0 0"),
            leaf(b"opt/shared", b"d2775 0 0"),
            leaf(b"usr/bin/su", b"f4755 0 0"),
        ),
        owned={"util-linux": (b"/usr/bin/su",)},
    ),
    Case(
        "world-writable",
        ["/srv/drop", "/srv/note"],
        files=(
            leaf(b"srv/drop", b"d777 0 0"),
            leaf(b"srv/note", b"f666 0 0"),
            leaf(b"tmp", b"d1777 0 0"),
            leaf(b"srv/link", b"l777 0 0", b"/srv/note"),
            leaf(b"srv/pipe", b"p666 0 0"),
            leaf(b"srv/group", b"f664 0 0"),
        ),
    ),
    Case(
        "owner-without-account",
        ["/home/gone", "/srv/lost", "/srv/lostgroup"],
        items=(user("ann", 1000), Item("accounts", "group ann", {"kind": "group", "name": "ann", "gid": 1000})),
        files=(
            leaf(b"home/gone", b"d755 1042 1042"),
            leaf(b"home/gone/told-by-its-directory", b"f644 1042 1042"),
            leaf(b"srv/lost", b"f644 1042 0"),
            leaf(b"srv/lostgroup", b"f644 1000 77"),
            leaf(b"srv/fine", b"f644 1000 1000"),
            leaf(b"srv/link", b"l777 1042 1042", b"fine"),
        ),
    ),
    Case(
        "link-dangling",
        ["/opt/next"],
        files=(
            leaf(b"opt/next", b"l777 0 0", b"/nowhere/at/all"),
            leaf(b"opt/fine", b"l777 0 0", b"/etc/hosts"),
            leaf(b"opt/kernel", b"l777 0 0", b"/proc/self/mounts"),  # nobody walks there
            leaf(b"usr/lib/shipped", b"l777 0 0", b"/etc/made-later"),
        ),
        owned={"some": (b"/usr/lib/shipped",)},
    ),
    Case(
        "link-loop",
        ["/opt/a", "/opt/b"],
        files=(
            leaf(b"opt/a", b"l777 0 0", b"b"),
            leaf(b"opt/b", b"l777 0 0", b"a"),
            leaf(b"opt/c", b"l777 0 0", b"../etc/hosts"),
            leaf(b"usr/x", b"l777 0 0", b"x"),
        ),
        owned={"strange": (b"/usr/x",)},
    ),
]


def test_the_cases_are_of_rules_that_there_are() -> None:
    assert {case.rule for case in CASES} <= set(RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_names_what_it_is_for_and_nothing_else(case: Case) -> None:
    judgement = judge(View(case.snapshot()))
    found = [finding for finding in judgement.findings if finding.rule == case.rule]
    assert sorted(finding.subject for finding in found) == sorted(case.subjects)
    assert judgement.unjudged == {}
    for finding in found:
        rule = RULES[case.rule]
        assert (finding.severity, finding.scope, finding.title, finding.advice) == (
            rule.severity,
            rule.scope,
            rule.title,
            rule.advice,
        )
        assert finding.evidence


def test_a_plain_host_has_no_findings() -> None:
    judgement = judge(View(Case("", [], files=(leaf(b"bin/stock", b"f755 0 0"),)).snapshot()))
    assert (list(judgement.findings), judgement.unjudged) == ([], {})


@pytest.mark.parametrize("outcome", [None, Outcome.DENIED, Outcome.TIMEOUT, Outcome.FAILED, Outcome.UNPARSED])
@pytest.mark.parametrize("scope", sorted({scope for rule in RULES.values() for scope in rule.needs}))
def test_rules_whose_scope_was_not_seen_say_so(scope: str, outcome: Outcome | None) -> None:
    everything = {record[0]: record for case in CASES for record in case.files}
    items = [*NAMES, *{item.key: item for case in CASES for item in case.items}.values()]
    blind = snapshot(
        [item for item in items if item.scope != scope],
        files=None if scope == "files" else tree(leaf(b"etc/hosts", b"f644 0 0"), *everything.values()),
        outcomes={scope: outcome},
    )
    judgement = judge(View(blind))
    needing = {rule.id for rule in RULES.values() if scope in rule.needs}
    assert {rule for rule, lacks in judgement.unjudged.items() if scope in lacks} == needing
    assert [finding for finding in judgement.findings if finding.rule in needing] == []


@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.TIMEOUT])
def test_a_partial_look_judges_what_it_has_seen(outcome: Outcome) -> None:
    judgement = judge(
        View(
            snapshot(
                [*NAMES, user("toor", 0), process("/tmp/x", exe="/tmp/x", deleted=True)],
                files=tree(leaf(b"opt/s", b"f4755 0 0")),
                manifests=[manifest("bash", b"/bin/bash")],
                outcomes=dict.fromkeys(("accounts", "processes", "files", "packages"), outcome),
            )
        )
    )
    assert {"second-uid-0", "process-deleted-executable", "setuid-unpackaged"} <= {f.rule for f in judgement.findings}
    assert judgement.unjudged == {}


@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.ABSENT])
def test_without_lists_of_files_nothing_is_a_stranger(outcome: Outcome) -> None:
    listed = [Item("packages", "bash", {"name": "bash"})] if outcome is Outcome.DENIED else []
    judgement = judge(
        View(
            snapshot(
                [*NAMES, *listed, listener(22, "/usr/sbin/sshd", None)],
                files=tree(leaf(b"bin/su", b"f4755 0 0")),
                outcomes={"packages": outcome},
            )
        )
    )
    assert {"listener-unpackaged", "setuid-unpackaged"} <= set(judgement.unjudged)
    assert all("packages" in RULES[rule].needs for rule in judgement.unjudged)
    assert list(judgement.findings) == []


def test_the_gravest_come_first() -> None:
    rules = ("world-writable", "setuid-unpackaged", "link-loop")
    files = [record for case in CASES if case.rule in rules for record in case.files]
    found = judge(View(snapshot([*NAMES, user("toor", 0)], files=tree(*files)))).findings
    ranks = [finding.severity.rank for finding in found]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == 4


def test_what_is_none_of_the_hosts_own_is_told_as_one() -> None:
    chroots = [f"srv/{name}/{place}" for name in ("chroot", "other") for place in ("etc/x", "usr/x", "var/x")]
    ordinary = [leaf(path.encode(), b"f644 0 0") for path in chroots]
    strange = ["srv/chroot/opt/a", "srv/chroot/opt/b", "srv/other/opt/a", "opt/a", "tmp/run/1/x", "tmp/run/2/x"]
    strange += ["tmp/run/3/x", "tmp/few/x", "tmp/few/y"]
    setuid = [leaf(path.encode(), b"f4755 0 0") for path in strange]
    found = judge(View(snapshot(NAMES, files=tree(*ordinary, *setuid)))).findings
    told = {one.subject: one.evidence.get("count") for one in found if one.rule == "setuid-unpackaged"}
    alone = ["/srv/other/opt/a", "/opt/a", "/tmp/few/x", "/tmp/few/y"]
    assert told == {"/srv/chroot": 2, "/tmp/run": 3, **dict.fromkeys(alone)}


def test_evidence_of_a_link_says_the_end_only_where_it_is_not_the_target() -> None:
    files = tree(leaf(b"opt/far", b"l777 0 0", b"../a/b"), leaf(b"opt/near", b"l777 0 0", b"/a/b"))
    findings = judge(View(snapshot(NAMES, files=files))).findings
    found = {finding.subject: finding.evidence for finding in findings if finding.scope == "symlinks"}
    assert found == {"/opt/far": {"target": "../a/b", "final": "/a/b"}, "/opt/near": {"target": "/a/b"}}
