from collections.abc import Iterable
from typing import Any

import pytest

from driftscan.explain.packages import ITEMS
from driftscan.explain.view import View
from driftscan.findings import overrides, packages, repositories
from driftscan.model.item import Item
from driftscan.model.manifest import Manifest, PackagedFile
from tests.unit.handmade import leaf, manifest, snapshot, tree

MAIN, SHOP = "deb.example/debian stable main", "/srv/mirror"


def package(name: str, **known: Any) -> Item:
    volatile = {"origin": None, "offered": None, "offers": [], "installed_at": None}
    attributes = {"name": name, "version": "1", "manager": "dpkg", "state": "installed", "reason": "manual",
                  "hold": False, "pin": "", "source": name, "maintainer": "Debian Devs"}  # fmt: skip
    for key, value in known.items():
        (volatile if key in volatile else attributes)[key] = value
    return Item("packages", name, attributes, volatile)


def offered(name: str, origin: str = "Debian", repository: str = MAIN, version: str = "1", **known: Any) -> Item:
    same = version == known.get("version", "1")
    return package(name, origin=origin if same else None, offered=same, offers=[f"{version} {repository}"], **known)


BASE = [offered(name) for name in ("libc6", "dpkg", "bash")]
RPMS = [package(name, manager="rpm", maintainer="Rocky", origin="baseos") for name in ("glibc", "rpm", "bash")]


def said(items: Iterable[Item], family: Any = packages, **more: Any) -> list[tuple[str, str]]:
    view = View(snapshot(items, **more))
    return sorted((finding.rule, finding.subject) for finding in family.find(view))


@pytest.mark.parametrize(
    ("item", "rules", "explained"),
    [
        (offered("ok"), [], "distribution"),
        (offered("older", version="2"), [], "distribution"),
        (offered("shop", origin=SHOP, repository=SHOP), ["package-third-party"], "repository"),
        (package("vpn", offered=False, maintainer="Ex"), ["package-foreign"], None),
        (package("old-kernel", offered=False, source="bash"), ["package-superseded"], "superseded"),
        (package("old-lib", offered=False), ["package-superseded"], "superseded"),
        (package("unsure", maintainer="Ex"), [], "unlisted"),
        (offered("held", hold=True), ["package-hold"], "distribution"),
        (offered("pinned", pin="version 1*"), ["package-pin"], "distribution"),
        (package("gone", state="config-files", offered=False), ["package-residual"], "superseded"),
        (offered("half", state="half-configured"), ["package-broken"], "distribution"),
        (offered("bad", state="installed (reinstallation required)"), ["package-broken"], "distribution"),
        (offered("busy", state="triggers-pending"), [], "distribution"),
    ],
)
def test_a_package_of_dpkg(item: Item, rules: list[str], explained: str | None) -> None:
    items = [*BASE, item]
    assert said(items) == [(rule, item.key) for rule in rules]
    explanation = ITEMS.explain(View(snapshot(items)), item)
    assert (explanation.kind if explanation else None) == explained


@pytest.mark.parametrize(
    ("item", "rules"),
    [
        (package("base", manager="rpm", maintainer="Rocky"), []),
        (package("epel", manager="rpm", maintainer="Fedora", origin="epel"), ["package-third-party"]),
        (package("hand", manager="rpm", maintainer="Acme"), ["package-foreign"]),
        (package("bare", manager="rpm", maintainer=""), ["package-foreign"]),
        (package("gpg-pubkey", manager="rpm", maintainer=""), []),
    ],
)
def test_a_package_of_rpm(item: Item, rules: list[str]) -> None:
    assert said([*RPMS, item]) == [(rule, item.key) for rule in rules]


def test_without_a_history_a_vendor_is_all_that_is_known_of_an_rpm() -> None:
    base = [package(name, manager="rpm", maintainer="Rocky") for name in ("glibc", "rpm", "bash")]
    strange = package("agent", manager="rpm", maintainer="Acme")
    assert said([*base, strange]) == [("package-third-party", "agent")]


def test_a_stock_host_without_lists_has_nothing_to_tell() -> None:
    assert said([package(name) for name in ("libc6", "dpkg", "bash")]) == []


def test_what_a_removed_package_has_left_is_named() -> None:
    config = PackagedFile(kind="config").encode()
    left = Manifest("gone", "gone", 1.0, {b"/etc/gone.conf": config, b"/etc/away.conf": config, b"/etc": b""})
    view = View(snapshot([package("gone", state="config-files")], files=tree(leaf(b"etc/gone.conf", b"f644 0 0")),
                         manifests=[left]))  # fmt: skip
    [finding] = packages.find(view)
    assert finding.evidence["files"] == ["/etc/gone.conf"]


def repository(key: str = "file: deb x y", **known: Any) -> Item:
    attributes = {"manager": "apt", "file": "file", "name": "y", "types": ["deb"], "uris": ["https://x.example"],
                  "enabled": True, "trusted": False, "signed": True, "listed": True, "origin": None,
                  "third_party": None, "signed_by": "", "package": ""}  # fmt: skip
    return Item("repositories", key, {**attributes, **known})


@pytest.mark.parametrize(
    ("known", "rule"),
    [
        ({}, ""),
        ({"origin": "Docker", "third_party": True}, "repository-third-party low"),
        ({"origin": "Debian", "third_party": True}, ""),  # a derivative that lives on Debian's own
        ({"third_party": True, "enabled": False, "trusted": True}, ""),
        ({"listed": False, "signed": None}, "repository-never-fetched low"),
        ({"trusted": True, "uris": ["http://x.example"]}, "repository-unsigned high"),
        ({"trusted": True, "third_party": True}, "repository-unsigned medium"),
        ({"signed": False}, "repository-unsigned medium"),
        ({"trusted": True, "uris": ["file:/srv/mirror"]}, "repository-unsigned low"),
        ({"trusted": True, "uris": ["file:///srv/open/m"]}, "repository-unsigned high"),
        ({"trusted": True, "uris": ["file:/home/bob/m", "file:/srv/mirror"]}, "repository-unsigned high"),
        ({"types": ["setting"], "uris": [], "trusted": True, "signed": None}, "repository-unsigned high"),
        ({"types": ["key"], "signed": None}, "repository-key-for-all low"),
        ({"types": ["key"], "signed": None, "package": "debian-archive-keyring"}, ""),
        ({"manager": "dnf", "signed": None, "signed_by": "file:///etc/key-epel"}, "repository-third-party low"),
        ({"manager": "dnf", "signed": None, "signed_by": "file:///etc/key-rocky"}, ""),
        ({"manager": "dnf", "signed": None}, ""),
    ],
)
def test_a_repository(known: dict[str, Any], rule: str) -> None:
    files = tree(leaf(b"srv/mirror", b"d755 0 0"), leaf(b"srv/open", b"d777 0 0"), leaf(b"home/bob", b"d755 1000 1000"),
                 leaf(b"srv/open/m", b"d755 0 0"))  # fmt: skip
    owners = [manifest("epel-release", b"/etc/key-epel"), manifest("rocky-release", b"/etc/key-rocky")]
    sellers = [
        package("epel-release", manager="rpm", maintainer="Fedora", origin="extras"),
        package("rocky-release", manager="rpm", maintainer="Rocky", origin="baseos"),
    ]
    items = [*BASE, *RPMS, *sellers, repository(**known)]
    view = View(snapshot(items, files=files, manifests=owners))
    assert [f"{finding.rule} {finding.severity.value}" for finding in repositories.find(view)] == [rule][: bool(rule)]


def test_of_pacman_what_lies_beside_the_main_repository_is_the_distributions() -> None:
    base = [package(name, manager="pacman", origin="core", offered=True, offers=["1 core"]) for name in "abc"]
    sources = [
        repository(name, manager="pacman", name=name, signed=None, uris=[f"https://{host}/{name}"])
        for name, host in (("core", "m.example"), ("multilib", "m.example"), ("mine", "own.example"))
    ]
    assert said([*base, *sources], repositories) == [("repository-third-party", "mine")]
    own = package("tool", manager="pacman", origin="mine", offered=True, offers=["1 mine"])
    more = package("wine", manager="pacman", origin="multilib", offered=True, offers=["1 multilib"])
    assert said([*base, *sources, own, more]) == [("package-third-party", "tool")]


def alternative(name: str, value: str | None, owner: str | None, status: str = "auto") -> Item:
    known = {"name": name, "link": f"/usr/bin/{name}", "status": status, "value": value, "best": "/usr/bin/best"}
    choices = [["/usr/bin/best", 50], ["/usr/local/bin/mine", 99], ["/run/php.sock", 1]]
    return Item("alternatives", name, {**known, "choices": choices, "slaves": [], "package": owner})


@pytest.mark.parametrize(
    ("value", "owner", "status", "told"),
    [
        ("/usr/bin/best", "best", "auto", False),
        ("/usr/bin/best", "best", "manual", True),
        ("/usr/local/bin/mine", "", "auto", True),
        ("/usr/local/bin/mine", None, "auto", False),
        ("/run/php.sock", "", "auto", False),
        ("/opt/elsewhere", "", "auto", True),
        (None, None, "auto", False),
    ],
)
def test_an_alternative(value: str | None, owner: str | None, status: str, told: bool) -> None:
    items = [alternative("pager", value, owner, status)]
    assert said(items, overrides) == [("alternative-by-hand", "pager")] * told


def test_diversions_and_overrides_of_rights_that_people_made() -> None:
    def divert(path: str, by: str) -> Item:
        return Item("diversions", path, {"path": path, "diverted_to": f"{path}.distrib", "by": by})

    def override(path: str, made_by: str | None) -> Item:
        known = {"path": path, "user": "root", "group": "x", "mode": "4750", "made_by": made_by, "package": "p"}
        return Item("statoverrides", path, known)

    items = [divert("/usr/bin/less", ""), divert("/bin/sh", "dash")]
    items += [override("/usr/bin/psql", ""), override("/usr/bin/crontab", "cron"), override("/usr/bin/unsure", None)]
    assert said(items, overrides) == [("diversion-local", "/usr/bin/less"), ("statoverride-local", "/usr/bin/psql")]


def test_many_packages_of_one_maker_are_told_as_one() -> None:
    cloud = [package(f"cloud{end}", offered=False, maintainer="Cloud") for end in ("", "-a", "-b", "-c", "-d", "-e")]
    few = [package(f"few{end}", offered=False, maintainer="Few") for end in "abc"]
    view = View(snapshot([*BASE, *cloud, *few]))
    told = {finding.subject: finding.evidence for finding in packages.FAMILY.find(view)}
    assert set(told) == {"cloud", "fewa", "fewb", "fewc"}
    assert (told["cloud"]["packages"], told["cloud"]["with"]) == (6, [item.key for item in cloud[1:]])
