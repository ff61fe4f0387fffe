"""A first baseline of hand-made subjects, which line decides on a thing, and drift that is taken in."""

from collections.abc import Mapping
from datetime import date

import pytest

from driftscan.baseline.model import Baseline, Expected, Ignore, Tree
from driftscan.drift.decide import decide, scopes_of
from driftscan.drift.propose import Declared, Proposal, Shown, Whole, propose, without
from driftscan.drift.subject import Subject
from driftscan.drift.take import Step, Wanted, chosen, steps
from driftscan.model.drift import Acceptance, Change, Check, Drift, Kind
from driftscan.model.explanation import Explanation
from driftscan.model.finding import Severity
from driftscan.model.item import Json

PACKAGE = Explanation("package", "nginx")
TODAY = date(2026, 11, 22)
Key = tuple[str, str]


def subject(
    scope: str, key: str, *, golden: bool = True, why: Explanation | None = None, **attributes: Json
) -> Subject:
    return Subject(scope, key, attributes, why, golden)


def shown(host: str, *subjects: Subject, past: tuple[Subject, ...] | None = None, **more: object) -> Shown:
    by_key = {(one.scope, one.key): one for one in subjects}
    earlier = [] if past is None else [(4, {(one.scope, one.key): one for one in past})]
    return Shown(host, 5, by_key, earlier, **more)  # type: ignore[arg-type]


def lines(proposal: Proposal) -> dict[str, Mapping[str, Json]]:
    return {f"{one.scope} {one.key}": one.attributes for one in proposal.declared}


def test_what_the_hosts_share_is_declared_and_the_rest_is_a_remark() -> None:
    motd = {"mode": "0644", "user": "root"}
    found = propose(
        [
            shown("web1", subject("files", "/etc/motd", digest="sha256:" + "a" * 64, **motd)),
            shown("web2", subject("files", "/etc/motd", digest="sha256:" + "a" * 64, **motd)),
            shown(
                "web3",
                subject("files", "/etc/motd", digest="sha256:" + "b" * 64, **motd),
                subject("accounts", "user bob", uid=1001),
            ),
        ]
    )
    assert lines(found) == {"files /etc/motd": motd}
    assert found.remarks == {
        "files": ("/etc/motd: digest differs: web1, web2 sha256:aaaaaaaaaaaa…; web3 sha256:bbbbbbbbbbbb…",),
        "accounts": ("user bob: only on web3",),
    }


def test_what_is_explained_and_nobodys_decision_is_not_declared() -> None:
    found = propose(
        [
            shown(
                "web1",
                subject("packages", "libc6", golden=False, why=PACKAGE),
                subject("packages", "nginx", why=PACKAGE),
                subject("processes", "/opt/x", golden=False),
            )
        ]
    )
    assert list(lines(found)) == ["packages nginx", "processes /opt/x"]


@pytest.mark.parametrize(
    ("versions", "declared"),
    [("any", {}), ("at-least", {"version": ">= 1.18"}), ("exact", {})],
)
def test_versions_of_several_hosts(versions: str, declared: Mapping[str, Json]) -> None:
    hosts = [shown(f"web{n}", subject("packages", "nginx", version=v)) for n, v in enumerate(("1.22", "1.18"))]
    found = propose(hosts, versions, lambda _key, known: min(known))  # type: ignore[arg-type]
    assert lines(found) == {"packages nginx": declared}
    assert bool(found.remarks) == (versions == "exact")


def test_a_version_that_cannot_be_ordered_is_declared_as_it_is() -> None:
    host = shown("web1", subject("packages", "nginx", version="1.22"), subject("applications", "/opt/a", version="7"))
    assert lines(propose([host], "at-least"))["applications /opt/a"] == {"version": "7"}
    assert lines(propose([host], "exact"))["packages nginx"] == {"version": "1.22"}


def test_a_packaged_file_that_is_missing_is_declared_absent() -> None:
    gone = Subject("files", "/usr/share/doc/x", {}, PACKAGE, absent=True)
    assert propose([shown("web1", gone)]).declared == (Declared("files", "/usr/share/doc/x", {}, absent=True),)
    both = propose([shown("web1", gone), shown("web2")])
    assert both.declared == ()
    assert both.remarks == {"files": ("/usr/share/doc/x: missing on web1",)}


def test_paths_of_one_directory_are_told_in_one_remark() -> None:
    many = [subject("files", f"/opt/x/{name}") for name in "abcdefghij"]
    assert propose([shown("web1"), shown("web2", *many)]).remarks == {
        "files": ("/opt/x/: 10 paths only on web2: a, b, c, d, e, f, g, h …",)
    }
    below = [subject("files", path) for path in ("/opt/y", "/opt/y/a", "/opt/y/a/b", "/opt/y-z", "/opt/z")]
    assert propose([shown("web1"), shown("web2", *below)]).remarks == {
        "files": ("/opt/y: only on web2, with 2 paths below it", "/opt/y-z: only on web2", "/opt/z: only on web2")
    }


def test_of_what_each_host_has_its_own_only_the_rights_are_declared() -> None:
    own = {"own": lambda scope, key: (scope, key) == ("files", "/etc/machine-id")}
    explained = shown("web1", subject("files", "/etc/machine-id", why=PACKAGE, digest="a:1", mode="0444"), **own)
    assert (lines(propose([explained])), propose([explained]).remarks) == (
        {"files /etc/machine-id": {"mode": "0444"}},
        {},
    )
    strange = shown("web1", subject("files", "/etc/machine-id", digest="a:1", mode="0444"), **own)
    assert lines(propose([strange])) == {"files /etc/machine-id": {"mode": "0444"}}


def test_a_value_that_names_the_host_is_not_declared() -> None:
    def host(name: str) -> Shown:
        sudo = subject("accounts", "sudo admins", hosts=name, rule="ALL")
        return shown(name, sudo, neutral=lambda text: text.replace(name, "<hostname>"))

    alone = propose([host("web1")])
    assert lines(alone) == {"accounts sudo admins": {"rule": "ALL"}}
    assert alone.remarks == {"accounts": ("sudo admins: hosts is not declared, it names the host itself",)}
    both = propose([host("web1"), host("web2")])
    assert lines(both) == {"accounts sudo admins": {"rule": "ALL"}}
    assert both.remarks == {"accounts": ("sudo admins: hosts is each host's own",)}


def test_what_was_not_seen_whole_is_not_declared() -> None:
    found = propose(
        [
            shown("web1", subject("services", "a.service"), subject("trees", "/opt/x", digest="tree:1")),
            shown("web2", subject("services", "a.service"), blind={"services": "denied", "files": "timeout"}),
        ]
    )
    assert found.declared == found.trees == ()
    assert found.blind == ("files (web2: timeout)", "services (web2: denied)")


def test_trees_are_declared_by_digest_and_those_that_change_as_data() -> None:
    before = (subject("trees", "/srv/cache", digest="tree:1"), subject("trees", "/opt/app", digest="tree:2"))
    now = (subject("trees", "/srv/cache", digest="tree:9"), subject("trees", "/opt/app", digest="tree:2"))
    assert propose([shown("web1", *now, past=before)]).trees == (
        Whole("/opt/app", "tree:2"),
        Whole("/srv/cache", "", "changed between snapshot 4 and 5"),
    )


def test_a_tree_that_differs_is_a_remark() -> None:
    found = propose([shown(f"web{n}", subject("trees", "/opt/app", digest=f"tree:{n}")) for n in (1, 2)])
    assert found.trees == ()
    assert found.remarks == {"trees": ("/opt/app: digest differs: web1 tree:1; web2 tree:2",)}


def test_a_directory_in_which_paths_come_and_go_is_data() -> None:
    before = (subject("files", "/srv/spool"), subject("files", "/srv/spool/1"))
    now = (subject("files", "/srv/spool"), subject("files", "/srv/spool/2"), subject("files", "/etc/x"))
    found = propose([shown("web1", *now, past=before)])
    assert found.trees == (Whole("/srv/spool", "", "paths in it came and went between snapshot 4 and 5"),)
    assert list(lines(found)) == ["files /etc/x"]


def test_the_data_of_a_database_is_data() -> None:
    host = shown("web1", subject("state", "/srv/db", engine="redis"), subject("files", "/srv/db/dump.rdb"))
    assert propose([host]).trees == (Whole("/srv/db", "", "data of redis"),)


def test_content_that_a_program_writes_is_not_declared_but_what_somebody_changed_is() -> None:
    before = (subject("files", "/srv/counter", mode="0644", digest="a:1"), subject("files", "/etc/motd", digest="a:1"))
    now = (subject("files", "/srv/counter", mode="0644", digest="a:2"), subject("files", "/etc/motd", digest="a:2"))
    found = propose([shown("web1", *now, past=before)])
    assert lines(found) == {"files /etc/motd": {"digest": "a:2"}, "files /srv/counter": {"mode": "0644"}}
    assert found.remarks["files"] == (
        "/etc/motd: digest changed between snapshot 4 and 5",
        "/srv/counter: digest is not declared, it changed between snapshot 4 and 5",
    )


def test_what_other_layers_say_is_left_out() -> None:
    whole = Proposal(
        (Declared("packages", "a", {}), Declared("packages", "b", {})),
        (Whole("/opt/a", "tree:1"), Whole("/opt/b", "tree:2"), Whole("/opt/c", "tree:3")),
        {},
        (),
    )
    left = without(whole, lambda one: one.key == "a", {"/opt/a": "tree:1", "/opt/b": "tree:7", "/opt/c": ""})
    assert [one.key for one in left.declared] == ["b"]
    assert [tree.path for tree in left.trees] == ["/opt/b"]


def test_hostile_names_are_escaped_in_remarks() -> None:
    remark = propose([shown("web1"), shown("web2", subject("files", "/x\n\x1b[31m"))]).remarks["files"]
    assert remark == ("/x\\n\\x1b[31m: only on web2",)


BASELINE = Baseline(
    "web",
    expected={
        ("files", "/etc/motd"): Expected("files", "/etc/motd", {"mode": "0644"}, "web.yaml:3"),
        ("packages", "telnetd"): Expected("packages", "telnetd", {}, "web.yaml:5", absent=True),
        ("packages", "nginx"): Expected("packages", "nginx", {"version": ">= 1.18"}, "stock.yaml:2"),
        ("certificates", "/etc/ssl/a.pem"): Expected("certificates", "/etc/ssl/a.pem", {}, "web.yaml:6"),
    },
    trees={"/opt/shop": Tree("/opt/shop", "tree:1", "web.yaml:7"), "/srv/data": Tree("/srv/data", "", "web.yaml:8")},
    others={"sockets": "unexpected"},
    ignore=(Ignore("", "/var/tmp/*", "anything", "web.yaml:9"),),
    acceptances=(
        Acceptance("files", "/etc/motd", "new text", "anna", date(2026, 12, 1), "web.yaml:12"),
        Acceptance("files", "/etc/issue", "old text", "bert", date(2026, 11, 1), "web.yaml:13"),
    ),
)


@pytest.mark.parametrize(
    ("scope", "key", "what"),
    [
        ("files", "/etc/motd", ["declared web.yaml:3", "accepted web.yaml:12"]),
        ("packages", "telnetd", ["absent web.yaml:5"]),
        ("files", "/opt/shop/bin/x", ["tree web.yaml:7"]),
        ("files", "/srv/data", ["data web.yaml:8"]),
        ("files", "/srv/database", ["nothing "]),
        ("files", "/var/tmp/x", ["ignored web.yaml:9"]),
        ("files", "/etc/issue", ["nothing ", "accepted once web.yaml:13"]),
        ("sockets", "tcp 0.0.0.0:80", ["nothing "]),
    ],
)
def test_the_line_that_decides(scope: str, key: str, what: list[str]) -> None:
    assert [f"{one.what} {one.where}" for one in decide(BASELINE, scope, key, TODAY).rulings] == what


def test_the_missing_line_is_what_the_host_has() -> None:
    there = subject("files", "/etc/issue", mode="0600")
    assert decide(BASELINE, "files", "/etc/issue", TODAY, {("files", "/etc/issue"): there}).missing == Declared(
        "files", "/etc/issue", {"mode": "0600"}
    )
    tree = {("trees", "/opt/other"): subject("trees", "/opt/other", digest="tree:5")}
    inside = decide(BASELINE, "files", "/opt/other/a/b", TODAY, tree)
    assert inside.missing == Declared("trees", "/opt/other", {"digest": "tree:5"})
    assert decide(BASELINE, "files", "/etc/motd", TODAY, {("files", "/etc/motd"): there}).missing is None
    assert scopes_of(BASELINE, "/etc/ssl/a.pem", {}) == ["files", "certificates"]


def drift(kind: Kind, scope: str, key: str, *changes: Change, **evidence: Json) -> Drift:
    return Drift(kind, Severity.MEDIUM, scope, key, changes, evidence=evidence)


LOWER = Baseline(
    "stock", expected={("packages", "nginx"): Expected("packages", "nginx", {"version": ">= 1.18"}, "s:2")}
)


@pytest.mark.parametrize(
    ("found", "step"),
    [
        (
            drift(Kind.CHANGED, "files", "/etc/motd", Change("mode", "0644", "0600"), Change("digest", None, "a:1")),
            Step("expect", "files", "/etc/motd", {"mode": "0600", "digest": "a:1"}),
        ),
        (
            drift(Kind.CHANGED, "packages", "nginx", Change("version", ">= 1.18", "1.14")),
            Step("expect", "packages", "nginx", {"version": ">= 1.14"}),
        ),
        (
            drift(Kind.CHANGED, "packages", "nginx", Change("hold", None, True)),
            Step("expect", "packages", "nginx", {"hold": True}),
        ),
        (drift(Kind.MISSING, "files", "/etc/motd"), Step("forget", "files", "/etc/motd", {})),
        (drift(Kind.MISSING, "packages", "nginx"), Step("absent", "packages", "nginx", {})),
        (drift(Kind.MISSING, "files", "/usr/share/x"), Step("absent", "files", "/usr/share/x", {})),
        (drift(Kind.MISSING, "trees", "/opt/shop"), Step("forget", "trees", "/opt/shop", {})),
        (drift(Kind.UNEXPECTED, "packages", "telnetd"), Step("expect", "packages", "telnetd", {"hold": True})),
        (
            drift(Kind.CHANGED, "files", "/bin/x", Change("mode", "0755", "4755")),
            Step("expect", "files", "/bin/x", {"mode": "4755"}),
        ),
        (drift(Kind.UNKNOWN, "services", ""), None),
    ],
)
def test_taking_in(found: Drift, step: Step | None) -> None:
    subjects = {
        ("files", "/usr/share/x"): Subject("files", "/usr/share/x", {}, PACKAGE, absent=True),
        ("packages", "telnetd"): subject("packages", "telnetd", version="0.17", hold=True),
    }
    assert steps([found], BASELINE, LOWER, subjects) == ([] if step is None else [step])


def test_lines_that_are_not_there_are_taken_out() -> None:
    baseline = Baseline("w", expected={("files", "/f"): Expected("files", "/f", {"lines": ["a", "b"]}, "w:1")})
    found = drift(Kind.CHANGED, "files", "/f", Change("lines", ["a", "b"], ["not there: a"]))
    assert steps([found], baseline, Baseline(""), {}) == [Step("expect", "files", "/f", {"lines": ["b"]})]


def test_what_was_told_with_a_wanted_drift_comes_with_it_and_what_is_accepted_does_not() -> None:
    user = drift(Kind.UNEXPECTED, "accounts", "user bob", includes=["accounts group bob"])
    group, other = drift(Kind.UNEXPECTED, "accounts", "group bob"), drift(Kind.CHANGED, "files", "/etc/motd")
    blind = drift(Kind.UNKNOWN, "services", "")
    check = Check("web1", drifts=(user, blind), accepted=(other,))
    single = [user, group, other, blind]
    assert chosen(check, single, Wanted(keys=frozenset({"user bob"}))) == [user, group]
    assert chosen(check, single, Wanted(everything=True)) == [user, group]
    assert chosen(check, single, Wanted(keys=frozenset({"/etc/motd"}))) == [other]
    assert chosen(check, single, Wanted(paths=("/etc",))) == []
    assert chosen(check, single, Wanted(scopes=frozenset({"accounts"}))) == [user, group]
