"""Two snapshots: what is missing, unexpected, changed, and what nobody can say."""

from dataclasses import replace

import pytest

from driftscan.drift.compare import comparable, compare
from driftscan.model.drift import Change, Drift, Kind
from driftscan.model.item import Item, Json
from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.outcome import Coverage, Outcome
from driftscan.model.snapshot import Snapshot
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree


def files(*leaves: Record, **more: Json) -> Snapshot:
    return snapshot(files=tree(*leaves), **more)


def told(drifts: list[Drift]) -> list[tuple[str, str, str]]:
    return [(drift.kind.value, drift.scope, drift.key) for drift in drifts]


def service(name: str, **attributes: Json) -> Item:
    return Item(
        "services", name, {"name": name, "enabled": "enabled", "active": "active", "fragment": "", **attributes}
    )


def resized(record: Record, size: int, mtime: float = 4.0) -> Record:
    path, meta, stats, link = record
    kind, uid, gid, _, _ = meta.split(b" ")
    return path, b"%s %s %s %d %f" % (kind, uid, gid, size, mtime), stats, link


def test_items_are_missing_unexpected_or_changed() -> None:
    old = snapshot([service("a"), service("b"), service("c")])
    new = snapshot([service("b", active="failed"), service("c"), service("d")])
    drifts = compare(old, new)
    assert told(drifts) == [
        ("missing", "services", "a"),
        ("changed", "services", "b"),
        ("unexpected", "services", "d"),
    ]
    assert drifts[1].changes == (Change("active", "active", "failed"),)
    assert drifts[2].evidence["enabled"] == "enabled"
    assert compare(new, new) == []


def test_what_follows_or_grows_by_itself_is_not_compared() -> None:
    assert not {"declarations", "history", "contents", "ucf", "symlinks"} & set(comparable())
    assert {"files", "packages", "services", "accounts", "network"} <= set(comparable())
    owner = Item("applications", "/opt/x", {"path": "/opt/x", "version": "1", "extra": 1})
    other = replace(owner, attributes={**owner.attributes, "extra": 2})  # no column of that name
    assert compare(snapshot([owner]), snapshot([other])) == []


@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.TIMEOUT, None])
@pytest.mark.parametrize("side", [0, 1])
def test_a_scope_that_was_not_seen_whole_is_unknown_never_missing(outcome: Outcome | None, side: int) -> None:
    outcomes = [{}, {}]
    outcomes[side] = {"services": outcome}
    lists = [[service("a"), service("b")], [service("a"), service("b")]]
    lists[side] = [service("b", active="failed")] if outcome else []
    drifts = compare(*(snapshot(items, outcomes=more) for items, more in zip(lists, outcomes, strict=True)))
    unknown = drifts[0]
    assert told(drifts) == [("unknown", "services", "")] + [("changed", "services", "b")] * (outcome is not None)
    assert ("before", "afterwards")[side] in unknown.reason


def test_a_scope_whose_tool_is_proven_absent_has_nothing_and_says_so() -> None:
    old = snapshot([service("a")])
    new = snapshot([], outcomes={"services": Outcome.ABSENT})
    assert told(compare(old, new)) == [("missing", "services", "a")]


def test_one_drift_per_path_with_all_that_changed() -> None:
    accounts = [
        Item("accounts", "user root", {"kind": "user", "name": "root", "uid": 0}),
        Item("accounts", "user carl", {"kind": "user", "name": "carl", "uid": 1000}),
    ]
    digests = [[Item("files", "/etc/x", {"digest": f"sha256:{letter * 64}"})] for letter in "ab"]
    old = files(leaf(b"etc/x", b"f644 0 0"), items=accounts + digests[0])
    new = files(resized(leaf(b"etc/x", b"f4755 1000 0"), 40), items=accounts + digests[1])
    (drift,) = compare(old, new)
    assert (drift.kind, drift.scope, drift.key) == (Kind.CHANGED, "files", "/etc/x")
    assert [change.attribute for change in drift.changes] == ["mode", "user", "digest", "size"]
    assert drift.changes[:2] == (Change("mode", "0644", "4755"), Change("user", "root", "carl"))
    assert drift.severity.value == "high"


def test_a_directory_that_came_or_went_is_told_once() -> None:
    here = [leaf(b"srv/x/%02d" % number, b"f644 0 0") for number in range(70)]
    drifts = compare(files(leaf(b"srv/y", b"f644 0 0")), files(leaf(b"srv/y", b"f644 0 0"), *here))
    assert told(drifts) == [("unexpected", "files", "/srv/x")]
    assert (drifts[0].evidence["entries"], drifts[0].evidence["size"]) == (70, 70 * 33)
    assert told(compare(files(*here), files(leaf(b"srv/x", b"l777 0 0", b"y")))) == [("changed", "files", "/srv/x")]


def test_what_was_only_touched_is_no_drift_where_the_content_is_known_to_be_the_same() -> None:
    digest = [Item("files", "/srv/f", {"digest": "sha256:" + "a" * 64})]
    plain, touched = leaf(b"srv/f", b"f644 0 0"), resized(leaf(b"srv/f", b"f644 0 0"), 33, 9.0)
    assert compare(files(plain, items=digest), files(touched, items=digest)) == []
    (drift,) = compare(files(plain), files(touched))
    assert [change.attribute for change in drift.changes] == ["modified"]
    assert compare(files(plain), files(touched, host="web2"), identity=True) == []


def test_a_packaged_file_that_was_hashed_on_one_side_only_is_compared_with_what_its_package_says() -> None:
    digest = "md5:" + "a" * 32
    owns = [Manifest("x:amd64", "x", 100.0, {b"/usr/bin/x": PackagedFile(digest=digest).encode()})]
    plain, touched = leaf(b"usr/bin/x", b"f755 0 0"), resized(leaf(b"usr/bin/x", b"f755 0 0"), 33, 9.0)
    for found, expected in ((digest, []), ("md5:" + "b" * 32, ["digest"])):
        new = files(touched, manifests=owns, items=[Item("files", "/usr/bin/x", {"digest": found})])
        drifts = compare(files(plain, manifests=owns), new)
        assert [change.attribute for drift in drifts for change in drift.changes] == expected


def test_what_a_tool_could_not_tell_on_one_side_is_not_compared() -> None:
    has_acl = [Item("files", "/srv/f", {"acl": ["user:carl:rw-"], "capabilities": "cap_net_raw=ep"})]
    old, new = (files(leaf(b"srv/f", b"f755 0 0"), items=items) for items in (has_acl, []))
    assert [one.attribute for drift in compare(old, new) for one in drift.changes] == ["capabilities", "acl"]
    blind = Coverage("files", Outcome.OK, notes=("acl: not looked at, no getfacl on the host",))
    new = replace(new, coverage={**new.coverage, "files": blind})
    assert [one.attribute for drift in compare(old, new) for one in drift.changes] == ["capabilities"]


def test_below_a_mount_that_was_not_walked_nothing_is_missing() -> None:
    old = files(leaf(b"mnt/a/f", b"f644 0 0"))
    new = files(leaf(b"mnt", b"d755 0 0"), items=[Item("files", "/mnt", {"not_walked": "nfs"})])
    assert told(compare(old, new)) == [("unknown", "files", "/mnt/a")]


def text(said: str, path: str = "/etc/app.conf") -> Item:
    return Item("contents", path, {"path": path, "text": said, "lines": 1, "size": 1, "secrets": [], "shebang": None})


def test_a_text_that_is_known_on_both_sides_is_told_as_a_diff() -> None:
    lines = [f"line {number}" for number in range(20)]
    old, new = "\n".join(lines) + "\n", "\n".join([*lines[:10], "new", *lines[11:]]) + "\n"
    sides = [
        files(resized(leaf(b"etc/app.conf", b"f644 0 0"), 100 + n), items=[text(said)])
        for n, said in enumerate([old, new])
    ]
    (drift,) = compare(*sides)
    assert [line for line in drift.diff if line[:1] in "-+"][2:] == ["-line 10", "+new"]
    assert len(drift.diff) == 11
    many = "\n".join(str(number) for number in range(1000))
    (drift,) = compare(sides[0], files(resized(leaf(b"etc/app.conf", b"f644 0 0"), 9), items=[text(many)]))
    assert len(drift.diff) == 201
    assert drift.diff[-1].endswith("more lines")


def test_a_secret_that_changed_is_told_without_it() -> None:
    sides = [
        files(
            leaf(b"etc/app.conf", b"f600 0 0"),
            items=[text("password = {{ password }}\n"), Item("files", "/etc/app.conf", {"digest": f"sha256:{x * 64}"})],
        )
        for x in "ab"
    ]
    (drift,) = compare(*sides)
    assert [change.attribute for change in drift.changes] == ["digest"]
    assert drift.diff == ()
    assert "secret" in str(drift.evidence)


def test_two_hosts_differ_in_what_is_not_their_own_alone() -> None:
    def host(name: str, address: str, *more: Item) -> Snapshot:
        items = [
            Item("system", "hostname", {"fact": "hostname", "value": name}),
            Item("network", f"address eth0 {address}/24", {"kind": "address", "value": f"{address}/24", "live": True}),
            text(f"127.0.0.1 localhost\n{address} {name}\n", "/etc/hosts"),
            *more,
        ]
        return files(
            resized(leaf(b"etc/hosts", b"f644 0 0"), 30 + len(name)),
            resized(leaf(b"etc/machine-id", b"f444 0 0"), 33, float(len(name))),
            leaf(b"opt/backup.%s.conf" % name.encode(), b"f644 0 0"),
            items=items,
            host=name,
        )

    one, other = host("web1", "10.0.0.1"), host("web21", "10.0.0.21")
    assert compare(one, other, identity=True) == []
    assert len(compare(one, other)) > 3
    listens = Item("sockets", "tcp 10.0.0.21:80", {"protocol": "tcp", "address": "10.0.0.21", "port": 80})
    assert told(compare(one, host("web21", "10.0.0.21", listens), identity=True)) == [
        ("unexpected", "sockets", "tcp 10.0.0.21:80")
    ]


def test_a_plain_word_that_one_host_is_called_by_is_not_taken_for_its_name_elsewhere() -> None:
    def host(name: str, *services: str) -> Snapshot:
        fact = Item("system", "hostname", {"fact": "hostname", "value": name})
        return snapshot([fact, *map(service, services)], host=name)

    both = ("mail.service", "db.service")
    assert compare(host("mail", *both), host("db", *both), identity=True) == []
    assert told(compare(host("mail", "mail-server.service"), host("db", "db-server.service"), identity=True)) == [
        ("unexpected", "services", "db-server.service"),
        ("missing", "services", "mail-server.service"),
    ]


def test_only_one_scope_or_path() -> None:
    old = files(leaf(b"etc/a", b"f644 0 0"), leaf(b"srv/a", b"f644 0 0"), items=[service("a")])
    new = files(leaf(b"etc/a", b"f600 0 0"), leaf(b"srv/a", b"f600 0 0"), items=[service("b")])
    assert told(compare(old, new, scopes=["services"])) == [
        ("missing", "services", "a"),
        ("unexpected", "services", "b"),
    ]
    assert told(compare(old, new, path=b"/etc")) == [("changed", "files", "/etc/a")]


def test_the_files_of_a_package_that_came_are_counted_with_it_and_strangers_among_them_are_not() -> None:
    package = Item("packages", "x:amd64", {"name": "x", "version": "1"})
    owns = [manifest("x", b"/usr/share/x", b"/usr/share/x/a", b"/usr/bin/x")]
    old = files(leaf(b"usr/bin/sh", b"f755 0 0"), leaf(b"usr/share/y", b"f644 0 0"))
    new = files(
        leaf(b"usr/bin/sh", b"f755 0 0"),
        leaf(b"usr/share/y", b"f644 0 0"),
        leaf(b"usr/bin/x", b"f755 0 0"),
        leaf(b"usr/share/x/a", b"f644 0 0"),
        leaf(b"usr/share/x/stranger", b"f644 0 0"),
        items=[package],
        manifests=owns,
    )
    drifts = compare(old, new)
    assert told(drifts) == [("unexpected", "files", "/usr/share/x/stranger"), ("unexpected", "packages", "x:amd64")]
    assert drifts[1].evidence["files"] == 3
    assert ("unexpected", "files", "/usr/bin/x") in told(compare(old, new, everything=True))


@pytest.mark.parametrize("side", [0, 1])
def test_what_a_side_could_not_look_at_is_not_changed_to_nothing(side: int) -> None:
    seen = snapshot(
        [Item("accounts", "user a", {"kind": "user", "name": "a", "password": "locked", "shell": "/bin/sh"})]
    )
    known = Item("accounts", "user a", {"kind": "user", "name": "a", "password": None, "shell": "/bin/sh"})
    blind = replace(snapshot([known]), coverage={"accounts": Coverage("accounts", Outcome.DENIED, 1, ("shadow",))})
    pair = (seen, blind) if side else (blind, seen)
    assert {drift.kind for drift in compare(*pair)} == {Kind.UNKNOWN}
    whole = replace(blind, coverage=seen.coverage)
    assert {drift.kind for drift in compare(seen, whole)} == {Kind.CHANGED}
