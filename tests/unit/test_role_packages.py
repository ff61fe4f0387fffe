from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from driftscan.explain.view import View
from driftscan.findings.base import judge
from driftscan.model.item import Item
from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.outcome import ProbeResult
from driftscan.role.desk import Desk, Planned
from driftscan.role.model import LeftOut, Program
from driftscan.role.planners import packages, repositories
from driftscan.role.planners._needs import needs
from driftscan.role.resources import File, Package, PackageFile, Refresh
from driftscan.role.steering import Steering, Wanted
from driftscan.scopes.base import scopes
from tests.unit.conftest import Recordings
from tests.unit.handmade import leaf, snapshot, tree
from tests.unit.test_role_repack import Marked

MAIN = "deb.example/debian stable main"
FIRST, LATER = "2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"


def package(name: str, *, key: str = "", offers: Iterable[str] = ("1",), **known: Any) -> Item:
    listed = [f"{version} {MAIN}" for version in offers]
    attributes = {"name": name, "version": "1", "architecture": "amd64", "manager": "dpkg", "state": "installed",
                  "reason": "manual", "hold": False, "pin": "", "source": name, "maintainer": "Ex"}  # fmt: skip
    volatile = {"origin": "Debian", "offered": f"1 {MAIN}" in listed, "offers": listed, "installed_at": LATER}
    for name_, value in known.items():
        (volatile if name_ in volatile else attributes)[name_] = value
    return Item("packages", key or name, attributes, volatile)


BASE = [package(name, installed_at=FIRST, maintainer="Debian") for name in ("libc6", "dpkg", "bash", "ssh")]
GONE: dict[str, Any] = {"offers": (), "origin": None}


def planned(
    items: Iterable[Item],
    steering: Steering = Steering(),  # noqa: B008 -- it is frozen
    contents: Mapping[bytes, bytes] | None = None,
    **more: Any,
) -> tuple[Desk, list[Planned]]:
    view = View(snapshot([*BASE, *items], **more))
    desk = Desk(view, judge(view), steering, (contents or {}).get, secrets=Marked())  # type: ignore[arg-type]
    return desk, [*repositories.PLANNER.plan(desk), *packages.PLANNER.plan(desk)]


def told(some: Iterable[Planned]) -> list[str]:
    """Say each in a few words."""
    words = []
    for one in some:
        if isinstance(one, Package):
            sign = "=" if one.exact else ">="
            version = f"{sign}{one.version}" if one.version else ""
            words.append(f"{one.name}{version}{':' * bool(one.architecture)}{one.architecture}{' held' * one.hold}")
        elif isinstance(one, PackageFile):
            words.append(f"file {one.file}{' held' * one.hold}")
        elif isinstance(one, LeftOut):
            words.append(f"left out {one.key}{'!' * one.limit}")
        elif isinstance(one, Program):
            words.append(f"program {one.path}")
    return words


SAUCE = [
    *("acl", "acme-metrics", "attr", "dma", "locales", "nano", "nftables", "nginx-light held", "npm"),
    *("postgresql-client", "python3-pip", "python3-requests", "python3-venv", "redis-server", "rsyslog", "sqlite3"),
    "vim-tiny",
]


def recorded_view(results: dict[str, ProbeResult]) -> View:
    """Return a view of what was recorded of the packages, and of nothing else."""
    parsed = scopes()["packages"].parse(results)
    seen = snapshot(parsed.items, manifests=parsed.manifests)
    return View(replace(seen, taken=datetime(2027, 1, 1, tzinfo=timezone.utc)))


@pytest.mark.parametrize("flavor", ["arch", "bookworm", "bookworm-nopy", "busybox", "rpm", "stock", "sysv"])
def test_a_stock_host_needs_no_packages(recorded: Recordings, flavor: str) -> None:
    view = recorded_view(recorded(flavor, "packages"))
    desk = Desk(view, judge(view), Steering(), lambda _: None, secrets=Marked())  # type: ignore[arg-type]
    assert list(packages.PLANNER.plan(desk)) == []


def test_the_sauced_host_needs_what_somebody_asked_for(recorded: Recordings) -> None:
    results = recorded("sauced", "packages")
    view = recorded_view(results)
    read = {b"/var/lib/dpkg/status": results["dpkg-status"].stdout}
    for contents, brought in (({}, ["nodejs"]), (read, [])):  # npm brings it, which dpkg's status tells
        desk = Desk(view, judge(view), Steering(), contents.get, secrets=Marked())  # type: ignore[arg-type]
        words = told(packages.PLANNER.plan(desk))
        assert words[: 17 + len(brought)] == sorted([*SAUCE, *brought])
        assert words[17 + len(brought) :] == ["left out legacy-tool", "left out vpn-helper", "program vpn-helper"]


@pytest.mark.parametrize(
    ("item", "steering", "words"),
    [
        (package("nginx"), {}, ["nginx"]),
        (package("nginx", reason=None), {}, ["nginx"]),
        (package("nginx", reason="automatic"), {}, []),
        (package("nginx", installed_at=FIRST), {}, []),
        (package("nginx", installed_at=FIRST, hold=True), {}, ["nginx held"]),
        (package("nginx", reason="automatic", hold=True), {}, ["nginx held"]),
        (package("nginx", installed_at=FIRST), {"include": (Wanted("nginx", "packages"),)}, ["nginx"]),
        (package("nginx"), {"exclude": (Wanted("nginx", "packages"),)}, []),
        (package("nginx", **GONE), {"exclude": (Wanted("nginx", "packages"),)}, []),
        (package("libx", key="libx:i386", architecture="i386"), {}, ["libx:i386"]),
        (package("nginx"), {"versions": "exact"}, ["nginx=1"]),
        (package("nginx"), {"versions": "at-least"}, ["nginx>=1"]),
        (package("nginx"), {"versions": "exact", "packages": {"nginx": "any"}}, ["nginx"]),
        (package("nginx", offers=("2",)), {}, ["nginx"]),
        (package("nginx", offers=("2",)), {"versions": "at-least"}, ["nginx>=1"]),
        (package("nginx", offers=("0.9",)), {"versions": "at-least"}, ["nginx>=1", "left out nginx>=1"]),
        (package("nginx", offers=("2",)), {"versions": "exact"}, ["nginx=1", "left out nginx=1"]),
        (package("nginx", offers=("2",), hold=True), {}, ["nginx held", "left out nginx=1"]),
        (package("nginx", state="half-configured"), {}, ["left out nginx"]),
        (package("nginx", state="installed (reinstallation required)"), {}, ["left out nginx"]),
        (package("nginx", state="triggers-pending"), {}, ["nginx"]),
        (package("nginx", offers=(), offered=None), {}, ["nginx"]),  # nobody knows what is offered
        (package("vpn", **GONE), {}, ["left out vpn", "program vpn"]),
        (package("vpn", **GONE, installed_at=FIRST), {}, ["left out vpn", "program vpn"]),
        (package("vpn", **GONE, manager="pacman"), {}, ["left out vpn!", "program vpn"]),
        (package("old-lib", **GONE, maintainer="Debian", reason="automatic"), {}, []),  # the distribution's own
        (package("hand", manager="rpm", origin="@commandline"), {}, ["left out hand!", "program hand"]),
        (package("--force", key="--force"), {}, ["left out --force"]),
        (package("gpg-pubkey", key="gpg-pubkey-1-2", manager="rpm"), {}, []),
    ],
)
def test_a_package(item: Item, steering: dict[str, Any], words: list[str]) -> None:
    assert told(planned([item], Steering(**steering))[1]) == words


def test_lists_are_read_anew_where_there_is_something_to_install() -> None:
    found = [one for one in planned([package("nginx")])[1] if isinstance(one, Refresh)]
    assert [(one.manager, one.why.key) for one in found] == [("dpkg", "nginx")]
    assert not [one for one in planned([])[1] if isinstance(one, Refresh)]


def test_what_an_upgrade_has_brought_anew_was_there_before() -> None:
    def happened(kind: str, what: str, when: str) -> Item:
        return Item("history", f"{when} {kind} {what}", {"kind": kind, "what": what, "when": when, "who": ""})

    first = happened("install", "bash", FIRST)
    assert told(planned([package("tzdata"), first, happened("upgrade", "tzdata", LATER)])[1]) == []
    # logs that begin later do not tell whether somebody asked for it before
    assert told(planned([package("tzdata"), happened("upgrade", "tzdata", LATER)])[1]) == ["tzdata"]


def test_a_system_that_is_older_than_its_packages_was_upgraded_as_a_whole() -> None:
    files = tree(leaf(b"etc/machine-id", b"f444 0 0"))  # of 1970
    assert told(planned([], files=files)[1]) == ["bash", "dpkg", "libc6", "ssh"]


def test_of_what_came_with_the_system_what_was_changed_is_asked_for() -> None:
    unit = Item("services", "ssh.service", {"name": "ssh.service", "package": "ssh", "enabled": "enabled"})
    path = b"etc/ssh/sshd_config"
    shipped = PackagedFile("md5:" + "0" * 32, kind="config").encode()
    manifest = Manifest("ssh", "ssh", 100.0, {b"/" + path: shipped})
    other = Item("files", "/etc/ssh/sshd_config", {"digest": "md5:" + "1" * 32})
    for more, words in (([], []), ([other], ["ssh"])):
        desk, found = planned([unit, *more], files=tree(leaf(path, b"f644 0 0")), manifests=[manifest])
        assert told(found) == words, sorted(desk.subjects)


def test_what_is_left_of_a_removed_package_is_not_carried() -> None:
    shipped = PackagedFile("md5:" + "0" * 32, kind="config").encode()
    files = {b"/etc": b"", b"/etc/tool.conf": shipped, b"/etc/tool.d/a": shipped, b"/etc/gone": shipped}
    leaves = tree(leaf(b"etc/tool.conf", b"f644 0 0"), leaf(b"etc/tool.d/a", b"f644 0 0"))
    gone = package("tool", state="config-files", reason=None, offers=())
    desk, found = planned([gone], files=leaves, manifests=[Manifest("tool", "tool", 9.0, files)])
    assert desk.taken == {"/etc/tool.conf", "/etc/tool.d/a"}
    assert "(/etc/tool.conf, /etc/tool.d/a)" in next(one.reason for one in found if isinstance(one, LeftOut))
    steering = Steering(include=(Wanted("/etc/tool.conf", "files"),))
    assert planned([gone], steering, files=leaves, manifests=[Manifest("tool", "tool", 9.0, files)])[0].taken == {
        "/etc/tool.d/a"
    }


def test_a_package_that_no_repository_has_comes_along_with_what_it_needs() -> None:
    stanza = b"Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n%s\n"
    contents = {
        b"/var/lib/dpkg/status": stanza % (b"vpn", b"Depends: libvpn (>= 1), libc6\n") + stanza % (b"libvpn", b""),
        b"/etc/vpn.conf": b"psk=<<psk>>",
        b"/usr/lib/libvpn.so": b"elf",
    }
    items = [
        package("vpn", **GONE, hold=True),
        package("libvpn", **GONE, reason="automatic", maintainer="Debian"),
        package("libold", **GONE, reason="automatic", maintainer="Debian"),
    ]
    manifests = [
        Manifest("vpn", "vpn", 9.0, {b"/etc/vpn.conf": b""}),
        Manifest("libvpn", "libvpn", 9.0, {b"/usr/lib/libvpn.so": b""}),
    ]
    files = tree(leaf(b"etc/vpn.conf", b"f600 0 0"), leaf(b"usr/lib/libvpn.so", b"f644 0 0"))
    desk, found = planned(items, contents=contents, files=files, manifests=manifests)
    assert told(found) == ["file libvpn_1_amd64.deb", "file vpn_1_amd64.deb held"]
    assert [(one.path, one.mode) for one in found if isinstance(one, File)] == [("/etc/vpn.conf", "0600")]
    assert {b"/var/lib/dpkg/status", b"/etc/vpn.conf"} <= desk.wanted
    blind, _ = planned(items, files=files, manifests=manifests)
    assert {b"/var/lib/dpkg/status", b"/etc/vpn.conf"} <= blind.wanted


STATUS = b"".join(
    b"Package: %s\nStatus: install ok installed\nArchitecture: amd64\nPriority: %s\n%s\n" % stanza
    for stanza in (
        (b"npm", b"optional", b"Depends: nodejs:any (>= 18), node-x | nothing, virtual\n"),
        (b"node-x", b"optional", b"Pre-Depends: deep\n"),
        (b"nodejs", b"optional", b""),
        (b"deep", b"optional", b""),
        (b"nothing", b"optional", b""),
        (b"one", b"optional", b"Depends: two\n"),
        (b"two", b"optional", b"Depends: one\n"),
        (b"mawk", b"required", b""),
        (b"init", b"optional", b"Essential: yes\n"),
        (b"curl", b"optional", b"Recommends: npm\n"),
    )
)


def test_leaves_are_what_nothing_else_brings() -> None:
    known = needs(STATUS)
    assert known.leaves({"npm", "nodejs", "deep", "nothing", "curl"}, ()) == {"npm", "nothing", "curl"}
    assert known.leaves({"one", "two"}, ()) == {"one"}
    assert known.leaves({"nodejs", "mawk"}, {"npm"}) == {"mawk"}
    assert known.base == {"mawk", "init"}
    assert needs(None).leaves({"a", "b"}, {"c"}) == {"a", "b"}


def repository(name: str, manager: str = "apt", **known: Any) -> Item:
    attributes = {"manager": manager, "file": f"/etc/{name}", "name": name, "types": ["deb"], "uris": [],
                  "enabled": True, "signed_by": "", "trusted": False, "third_party": True, "origin": None,
                  **known}  # fmt: skip
    return Item("repositories", name, attributes)


@pytest.mark.parametrize(
    ("item", "early"),
    [
        (repository("a", uris=["file:/srv/mirror/acme"]), ["/srv/mirror/acme"]),
        (repository("a", uris=["file:///srv/a%20b/"], third_party=False), ["/srv/a b"]),
        (repository("a", uris=["copy:/srv/x"], signed_by="/opt/k/a.gpg,/usr/share/b.gpg ABCDEF"),
         ["/opt/k/a.gpg", "/srv/x", "/usr/share/b.gpg"]),
        (repository("a", "dnf", uris=["file:///srv/repo/$basearch/os"], signed_by="file:///opt/key https://x/key"),
         ["/opt/key", "/srv/repo"]),
        (repository("a", "apk", uris=["/srv/apk"]), ["/srv/apk"]),
        (repository("a", uris=["http://a.example/x", "file:/", "http://[bad"]), []),
        (repository("a", uris=["file:/srv/off"], enabled=False), []),
        (repository("a.asc", types=["key"], signed_by="/x"), []),
    ],
)  # fmt: skip
def test_what_a_repository_needs_is_made_early(item: Item, early: list[str]) -> None:
    desk, _ = planned([item])
    assert sorted(desk.early) == sorted([*early, "/etc/apt", "/etc/dpkg"])


def test_a_strange_directory_with_a_mirror_alone_is_early_as_a_whole() -> None:
    mirror = repository("a", uris=["file:/srv/mirror/acme"])
    alone = [leaf(b"srv/mirror/acme/Packages", b"f644 0 0"), leaf(b"usr/x", b"f644 0 0")]
    known = [Manifest("libc6", "libc6", 9.0, {b"/srv": b"", b"/usr/x": b""})]
    assert "/srv/mirror" in planned([mirror], files=tree(*alone), manifests=known)[0].early
    beside = leaf(b"srv/mirror/data", b"f644 0 0")
    assert "/srv/mirror" not in planned([mirror], files=tree(*alone, beside), manifests=known)[0].early


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (repository("a", uris=["https://a.example"]), ["Refresh dpkg"]),
        (repository("a", third_party=False), []),
        (repository("a", uris=["cdrom:[Debian]/"]), ["Refresh dpkg", "left out a"]),
        (repository("a", "dnf", signed_by="https://a.example/key"), ["Refresh rpm"]),
        (repository("a", "dnf", trusted=True), ["Refresh rpm"]),
        (repository("a", "yum"), ["Refresh rpm", "left out key of a"]),
    ],
)
def test_a_repository(item: Item, words: list[str]) -> None:
    found = list(planned([item])[1])
    assert [f"Refresh {one.manager}" for one in found if isinstance(one, Refresh)] + told(found) == words
