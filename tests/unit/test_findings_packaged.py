"""Packaged paths: what deviates from the package database is named, what is as it should be is not."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from driftscan.explain._debian_modes import is_known, known_modes
from driftscan.explain.packaged import deviations
from driftscan.explain.view import View
from driftscan.findings.packaged import find
from driftscan.model.item import Item, Json
from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from tests.unit.handmade import Record, leaf, snapshot, tree

ONE, TWO = "md5:" + "1" * 32, "md5:" + "2" * 32
LATER = 200.0  # after all was unpacked
NAMES = [
    Item("accounts", "user root", {"kind": "user", "name": "root", "uid": 0, "gid": 0}),
    Item("accounts", "group root", {"kind": "group", "name": "root", "gid": 0}),
    Item("accounts", "user ann", {"kind": "user", "name": "ann", "uid": 1000, "gid": 1000}),
    Item("accounts", "user svc", {"kind": "user", "name": "svc", "uid": 120, "gid": 0}),
]
SUITE = Item("system", "release codename", {"fact": "release codename", "value": "bookworm"})


def dpkg(name: str, files: dict[bytes, PackagedFile | None], unpacked: float = 100.0) -> Manifest:
    """Return a package of dpkg, which keeps digests of files and nothing of directories and links."""
    return Manifest(name, name, unpacked, {path: file.encode() if file else b"" for path, file in files.items()})


def more(path: str, **values: Json) -> Item:
    return Item("files", path, values)


def host(
    records: Iterable[Record], packages: Iterable[Manifest], items: Iterable[Item] = (), **kwargs: object
) -> Snapshot:
    return snapshot(
        [*NAMES, *items], files=tree(leaf(b"etc/hosts", b"f644 0 0"), *records), manifests=packages, **kwargs
    )


def found(seen: Snapshot, peers: Iterable[Snapshot] = ()) -> list[tuple[str, str, str]]:
    """Return severity, rule and subject of all findings."""
    known = list(peers)
    return sorted((one.severity.value, one.rule, one.subject) for one in find(View(seen, lambda: known)))


PLAIN = PackagedFile(digest=ONE)
CONFIG = PackagedFile(digest=ONE, kind="config")
TOOL = dpkg("tool", {b"/usr/bin/tool": PLAIN, b"/usr": None, b"/usr/bin": None})


@pytest.mark.parametrize(
    ("path", "mode", "kind", "expected"),
    [
        (b"/usr/share/x/page", b"f644", PLAIN, ("medium", "packaged-file-changed")),
        (b"/usr/bin/tool", b"f755", PLAIN, ("high", "packaged-file-changed")),
        (b"/usr/lib/libx.so.1", b"f644", PLAIN, ("high", "packaged-file-changed")),
        (b"/etc/x.conf", b"f644", CONFIG, ("low", "conffile-changed")),
    ],
)
def test_what_differs_from_its_digest(path: bytes, mode: bytes, kind: PackagedFile, expected: tuple[str, str]) -> None:
    records = [leaf(path[1:], mode + b" 0 0", ctime=LATER)]
    for digest, told in ((TWO, [(*expected, path.decode())]), (ONE, []), ("sha256:" + "2" * 64, []), (None, [])):
        items = [more(path.decode(), digest=digest)] if digest else []
        assert found(host(records, [dpkg("tool", {path: kind})], items)) == told


def test_a_ghost_may_be_anything() -> None:
    ghost = PackagedFile(digest=ONE, mode=0o100644, kind="ghost")
    packages = [dpkg("tool", {b"/var/log/x": ghost, b"/var/log/gone": ghost})]
    assert found(host([leaf(b"var/log/x", b"d700 9 9")], packages)) == []


def test_what_is_missing_is_told_topmost() -> None:
    doc = {b"/usr/share/doc/tool": None, b"/usr/share/doc/tool/a": PLAIN, b"/usr/share/doc/tool/b": PLAIN}
    files = {b"/usr/bin/tool": PLAIN, b"/etc/tool.conf": CONFIG, b"/etc/never": replace(CONFIG, digest=""), **doc}
    assert found(host([], [dpkg("tool", files)])) == [
        ("low", "conffile-missing", "/etc/tool.conf"),
        ("low", "packaged-file-missing", "/usr/share/doc/tool"),
        ("medium", "packaged-file-missing", "/usr/bin/tool"),
    ]


def test_what_could_not_be_looked_at_is_not_missing() -> None:
    package = [dpkg("tool", {b"/usr/bin/tool": PLAIN, b"/mnt/data/tool": PLAIN, b"/run/tool": PLAIN})]
    beside = leaf(b"usr/bin/other", b"f755 0 0")
    unwalked = more("/mnt/data", not_walked="nfs")
    told = ("medium", "packaged-file-missing", "/usr/bin/tool")
    assert found(host([beside], package, [unwalked])) == [told]
    assert found(host([beside], package, [unwalked], outcomes={"files": Outcome.DENIED})) == [told]
    closed = leaf(b"usr/bin", b"d700 0 0")
    assert found(host([closed], package, [unwalked], outcomes={"files": Outcome.DENIED})) == []
    assert found(host([beside], package, [unwalked], outcomes={"files": Outcome.TIMEOUT})) == []


def test_what_dpkg_was_told_to_leave_out_is_not_missing() -> None:
    files = {b"/usr/share/doc/tool/copyright": PLAIN, b"/usr/share/doc/tool/changelog.gz": PLAIN}
    told = "# docker\npath-exclude /usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n"
    excludes = Item("contents", "/etc/dpkg/dpkg.cfg.d/docker", {"path": "/etc/dpkg/dpkg.cfg.d/docker", "text": told})
    assert found(host([], [dpkg("tool", files)], [excludes])) == [
        ("low", "packaged-file-missing", "/usr/share/doc/tool/copyright")
    ]


def test_what_many_packages_lack_in_one_place_was_a_choice() -> None:
    def packages(count: int) -> list[Manifest]:
        return [dpkg(f"p{n}", {b"/usr/share/man/man1/p%d.1.gz" % n: PLAIN}) for n in range(count)]

    assert found(host([], packages(12))) == []
    assert len(found(host([], packages(4)))) == 4


def test_a_removed_package_lacks_nothing() -> None:
    gone = Item("packages", "tool", {"name": "tool", "state": "config-files"})
    other = Item("packages", "other", {"name": "other", "state": "installed"})
    assert found(host([], [dpkg("tool", {b"/etc/tool.conf": CONFIG})], [gone, other])) == []


def test_another_type() -> None:
    files = {b"/usr/bin/tool": PLAIN, b"/usr/share/t": None, b"/usr/share/t/x": PLAIN, b"/lib": None, b"/lib/y": PLAIN}
    records = [
        leaf(b"usr/bin/tool", b"l777 0 0", b"/tmp/x"),
        leaf(b"usr/share/t", b"l777 0 0", b"/srv/t"),
        leaf(b"srv/t/x", b"f644 0 0"),
        leaf(b"lib", b"l777 0 0", b"usr/lib"),
        leaf(b"usr/lib/y", b"f644 0 0"),
    ]
    assert found(host(records, [dpkg("tool", files)])) == [
        ("high", "packaged-replaced", "/usr/bin/tool"),
        ("low", "packaged-replaced", "/usr/share/t"),
    ]


def test_what_is_diverted_is_compared_where_it_lies() -> None:
    records = [leaf(b"usr/bin/tool", b"f755 0 0"), leaf(b"usr/bin/tool.real", b"f755 0 0")]
    told = {"path": "/usr/bin/tool", "diverted_to": "/usr/bin/tool.real", "by": ""}
    digests = [more("/usr/bin/tool", digest=TWO), more("/usr/bin/tool.real", digest=ONE)]
    assert found(host(records, [TOOL], [Item("diversions", "/usr/bin/tool", told), *digests])) == []
    assert found(host(records, [TOOL], digests)) == [("high", "packaged-file-changed", "/usr/bin/tool")]


def rights(mode: bytes, *items: Item, package: Manifest = TOOL, ctime: float = LATER) -> list[tuple[str, str, str]]:
    return found(host([leaf(b"usr/bin/tool", mode, ctime=ctime)], [package], items))


def test_rights_on_a_package_that_nobody_knows() -> None:
    touched_before = dpkg("tool", {**dict.fromkeys([b"/usr/bin/tool", b"/usr/bin/old"], PLAIN)})
    old = leaf(b"usr/bin/old", b"f755 0 0", ctime=8.0)

    def told(mode: bytes, *items: Item, ctime: float = LATER) -> list[tuple[str, str, str]]:
        return found(host([leaf(b"usr/bin/tool", mode, ctime=ctime), old], [touched_before], items))

    subject = "/usr/bin/tool"
    assert told(b"f4755 0 0") == [("high", "packaged-mode", subject)]
    assert told(b"f4755 0 0", ctime=50.0) == []  # shipped so
    assert told(b"f777 0 0") == [("medium", "packaged-mode", subject)]
    assert told(b"f750 0 0") == [("low", "packaged-mode", subject)]
    assert told(b"f755 1000 0") == [("medium", "packaged-owner", subject)]
    named = Item("declarations", "tool postinst", {"path": subject, "kind": "script", "whole": False, "by": "tool"})
    assert told(b"f4755 0 0", named) == []
    override = Item("statoverrides", subject, {"path": subject, "user": "root", "group": "root", "mode": "4750"})
    assert told(b"f4750 0 0", override) == []
    assert told(b"f755 0 0", override) == [("low", "packaged-mode", subject)]


@pytest.mark.parametrize("name", ["ann:x", ":", "a:b:c", ""])
def test_a_user_whose_name_is_no_name(name: str) -> None:
    odd = Item("accounts", "user odd", {"kind": "user", "name": name, "uid": 4321, "gid": 0})
    package = dpkg("tool", {b"/usr/bin/tool": PackagedFile(mode=0o755, user="root", group="root"), b"/usr/bin": None})
    assert rights(b"f755 4321 0", odd, package=package) == [("medium", "packaged-owner", "/usr/bin/tool")]
    assert rights(b"f755 4321 0", odd) == [("low", "packaged-owner", "/usr/bin/tool")]


def test_on_a_copied_disk_a_strange_mode_is_only_strange() -> None:
    assert rights(b"f4755 0 0") == [("low", "packaged-mode", "/usr/bin/tool")]


def test_the_fleet_knows_what_a_package_ships() -> None:
    listed = Item("packages", "tool", {"name": "tool", "version": "1", "state": "installed"})

    def one(name: str, mode: bytes) -> Snapshot:
        return host([leaf(b"usr/bin/tool", mode, ctime=LATER)], [TOOL], [listed], host=name)

    alike = [one("a", b"f4755 0 0"), one("b", b"f4755 0 0")]
    others = [one("a", b"f755 0 0"), one("b", b"f755 0 0")]
    assert found(one("me", b"f4755 0 0"), alike) == []
    assert found(one("me", b"f4755 0 0"), others) == [("high", "packaged-mode", "/usr/bin/tool")]


@pytest.mark.parametrize(
    ("package", "path", "mode", "told"),
    [
        ("coreutils", b"/usr/bin/tail", b"f4755 0 0", [("high", "packaged-mode", "/usr/bin/tail")]),
        ("coreutils", b"/usr/bin/tail", b"f755 0 0", []),
        ("util-linux", b"/bin/su", b"f4755 0 0", []),
        ("util-linux", b"/bin/su", b"f755 0 0", [("low", "packaged-mode", "/bin/su")]),
        ("util-linux", b"/bin/su", b"f4777 0 0", [("medium", "packaged-mode", "/bin/su")]),
    ],
)
def test_debian_is_known(package: str, path: bytes, mode: bytes, told: list[tuple[str, str, str]]) -> None:
    record = leaf(path[1:], mode, ctime=LATER)
    assert found(host([record], [dpkg(package, {path: PLAIN})], [SUITE])) == told


def test_the_table_of_debian() -> None:
    assert is_known("coreutils", "bookworm")
    assert is_known("sudo", "trixie")
    assert known_modes("no-such-package", "bookworm") is None
    sudo = {known.path: known.mode for known in known_modes("sudo", "bookworm") or () if known.shipped}
    assert sudo[b"/usr/bin/sudo"] == 0o4755


def test_rpm_says_all_itself() -> None:
    file = PackagedFile(digest=ONE, mode=0o100755, user="root", group="root")
    link = PackagedFile(mode=0o120777, user="root", group="root", link="tool")
    folder = PackagedFile(mode=0o040700, user="root", group="root")
    package = Manifest(
        "t", "t", 100.0, {b"/usr/bin/t": file.encode(), b"/usr/bin/l": link.encode(), b"/etc/t": folder.encode()}
    )

    def told(tool: bytes, target: bytes, folder: bytes) -> list[tuple[str, str, str]]:
        records = [leaf(b"usr/bin/t", tool), leaf(b"usr/bin/l", b"l777 0 0", target), leaf(b"etc/t", folder)]
        return found(host(records, [package]))

    assert told(b"f755 0 0", b"tool", b"d700 0 0") == []
    assert told(b"f755 1000 0", b"other", b"d755 0 0") == [
        ("low", "packaged-mode", "/etc/t"),
        ("medium", "packaged-file-changed", "/usr/bin/l"),
        ("medium", "packaged-owner", "/usr/bin/t"),
    ]


def test_capabilities_of_a_packaged_file() -> None:
    caps = PackagedFile(mode=0o100755, user="root", group="root", capabilities="cap_net_raw=ep")
    for spelled in ("cap_net_raw=ep", "= cap_net_raw+ep"):
        assert (
            rights(
                b"f755 0 0", more("/usr/bin/tool", capabilities=spelled), package=dpkg("t", {b"/usr/bin/tool": caps})
            )
            == []
        )
    assert rights(b"f755 0 0", more("/usr/bin/tool", capabilities="cap_setuid=ep")) == [
        ("high", "packaged-capabilities", "/usr/bin/tool")
    ]


def test_a_service_keeps_its_own_state() -> None:
    package = dpkg("svc", {b"/var/lib/svc": None, b"/var/lib/svc/x": None})
    assert found(host([leaf(b"var/lib/svc/x", b"d755 120 0")], [package])) == []
    assert [rule for _, rule, _ in found(host([leaf(b"var/lib/svc/x", b"d755 1000 0")], [package]))] == [
        "packaged-owner"
    ]


@pytest.mark.parametrize(
    ("copy", "told"),
    [("sha256:" + "1" * 64, []), ("sha256:" + "2" * 64, [("low", "conffile-changed", "/etc/ssh/sshd_config")])],
)
def test_configuration_kept_by_ucf(copy: str, told: list[tuple[str, str, str]]) -> None:
    path = "/etc/ssh/sshd_config"
    kept = Item("ucf", path, {"path": path, "package": "openssh-server", "digest": ONE})
    records = [leaf(b"etc/ssh/sshd_config", b"f644 0 0"), leaf(b"var/lib/ucf/cache/:etc:ssh:sshd_config", b"f644 0 0")]
    digests = [
        more(path, digest="sha256:" + "1" * 64),
        more("/var/lib/ucf/cache/:etc:ssh:sshd_config", digest=copy),
    ]
    packages = [dpkg("other", {b"/etc/hosts": None})]
    assert found(host(records, packages, [kept, *digests])) == told
    assert found(host([leaf(b"etc/ssh/x", b"f644 0 0")], packages, [kept])) == [("low", "conffile-missing", path)]


def test_leftovers_wait() -> None:
    records = [leaf(b"etc/x.conf.dpkg-dist", b"f644 0 0"), leaf(b"home/ann/x.rpmnew", b"f644 0 0")]
    assert found(host(records, [TOOL]))[0] == ("low", "leftover-config", "/etc/x.conf.dpkg-dist")
    assert [rule for _, rule, _ in found(host(records, [TOOL]))].count("leftover-config") == 1


def test_many_alike_in_one_package_are_one() -> None:
    files = {b"/usr/share/t/%d" % n: PLAIN for n in range(30)}
    records = [leaf(path[1:], b"f666 0 0", ctime=LATER) for path in files] + [leaf(b"usr/share/o", b"f644 0 0")]
    package = dpkg("t", {**files, b"/usr/share/o": PLAIN})
    assert found(host(records, [package])) == [("medium", "packaged-mode", "t")]


def test_many_changed_files_of_one_package_are_one_and_programs_come_first() -> None:
    files = {b"/usr/lib/t/%d.js" % n: PLAIN for n in range(30)} | {b"/usr/lib/t/bin/%d" % n: PLAIN for n in range(3)}
    digests = [more(path.decode(), digest=TWO) for path in files]
    records = [leaf(path[1:], b"f755 0 0" if b"/bin/" in path else b"f644 0 0", ctime=LATER) for path in files]
    finding, *others = find(View(host(records, [dpkg("t", files)], digests)))
    assert (finding.severity.value, finding.rule, finding.subject) == ("high", "packaged-file-changed", "t")
    assert (finding.evidence["count"], finding.evidence["programs"]) == (33, 3)
    assert finding.evidence["paths"] == [f"/usr/lib/t/bin/{n}" for n in range(3)]
    assert finding.evidence["modified"] == "1970-01-01T00:00:04Z"
    assert others == []


def test_what_npm_has_put_over_a_package_is_one_and_no_alarm() -> None:
    top = b"/usr/lib/node_modules/npm"
    files = {b"%s/bin/%d.js" % (top, n): PLAIN for n in range(9)} | {top + b"/package.json": PLAIN}
    digests = [more(path.decode(), digest=TWO) for path in files]
    records = [leaf(path[1:], b"f755 0 0", ctime=LATER) for path in files] + [leaf(top[1:] + b"/new/x", b"f644 0 0")]
    view = View(host(records, [dpkg("nodejs", files)], digests))
    [finding] = find(view)
    assert (finding.severity.value, finding.subject, finding.evidence["put there by"]) == ("medium", "nodejs", ["npm"])
    assert str(view.explained.of(top + b"/new/x")) == str(view.explained.of(top + b"/new"))
    assert view.explained.of(top + b"/new/x") is not None


def test_without_facts_nothing_is_said() -> None:
    assert list(deviations(View(snapshot(outcomes={"files": Outcome.DENIED, "packages": None})))) == []
