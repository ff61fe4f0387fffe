"""Devices, fifos and sockets out of place, hard links and hostile names are named; those with a reason are not."""

import time
from collections.abc import Iterable

from driftscan.explain.view import View
from driftscan.findings.special import find
from driftscan.model.finding import Finding
from driftscan.model.item import Item
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree


def named(record: Record, inode: int, links: int = 2) -> Record:
    path, meta, _, link = record
    return path, meta, b"8.0 %d %d" % (inode, links), link


def found(records: Iterable[Record], *items: Item, owned: tuple[bytes, ...] = ()) -> list[Finding]:
    files = tree(leaf(b"etc/hosts", b"f644 0 0"), *records)
    seen = snapshot(items, files=files, manifests=[manifest("some", *owned)] if owned else ())
    return sorted(find(View(seen)), key=lambda one: (one.rule, one.subject))


def told(records: Iterable[Record], *items: Item, owned: tuple[bytes, ...] = ()) -> list[tuple[str, str, str]]:
    return [(one.severity.value, one.rule, one.subject) for one in found(records, *items, owned=owned)]


def test_devices() -> None:
    records = [
        leaf(b"opt/chroot/dev/null", b"c666 0 0"),
        leaf(b"dev/sda", b"b660 0 6"),
        leaf(b"srv/overlay/hidden", b"c0 0 0"),
        leaf(b"usr/share/dev/x", b"c666 0 0"),
        *(leaf(b"srv/image/" + path, b"f644 0 0") for path in (b"etc/passwd", b"usr/x", b"var/x")),
        leaf(b"srv/image/dev/null", b"c666 0 0"),
        *(leaf(b"srv/many/%d" % n, b"b600 0 0") for n in range(6)),
    ]
    assert told(records, owned=(b"/usr/share/dev/x",)) == [
        ("medium", "device-outside-dev", "/opt/chroot/dev/null"),
        ("low", "device-outside-dev", "/srv/image/dev/null"),
        ("medium", "device-outside-dev", "/srv/many"),
    ]


def test_fifos_and_sockets() -> None:
    boot = Item("system", "boot time", {"fact": "boot time", "value": None}, {"reading": "1970-01-02T00:00:00Z"})
    runs = Item("processes", "ann: app", {"user": "ann", "command": "app", "cwd": "/opt/app", "exe": "/usr/bin/ruby"})
    records = [
        leaf(b"srv/old.sock", b"s755 0 0"),
        leaf(b"srv/pipe", b"p644 0 0", ctime=1e6),
        leaf(b"opt/app/tmp/new.sock", b"s755 0 0", ctime=1e6),
        leaf(b"opt/app/tmp/old.sock", b"s755 0 0"),
        leaf(b"run/x.sock", b"s755 0 0"),
        leaf(b"tmp/x.sock", b"s755 0 0"),
    ]
    assert told(records, boot, runs) == [
        ("low", "special-unheld", "/opt/app/tmp/old.sock"),
        ("low", "special-unheld", "/srv/old.sock"),
        ("low", "special-unheld", "/srv/pipe"),
    ]


def test_hard_links() -> None:
    records = [
        named(leaf(b"opt/a/one", b"f644 0 0"), 7),
        named(leaf(b"srv/b/two", b"f644 0 0"), 7),
        named(leaf(b"opt/a/x", b"f644 0 0"), 8),
        named(leaf(b"opt/a/y", b"f644 0 0"), 8),  # its directory's own affair
        named(leaf(b"srv/c/other", b"f600 0 0"), 7),  # the number repeats on another filesystem
        named(leaf(b"srv/d/su", b"f755 0 0"), 9),
        named(leaf(b"usr/bin/su", b"f755 0 0"), 9),
        named(leaf(b"usr/lib/p/enabled/z", b"f755 0 0"), 10),
        named(leaf(b"usr/lib/p/available/z", b"f755 0 0"), 10),  # linked by the package's own script
        leaf(b"home/alone", b"f644 0 0"),
    ]
    owned = (
        b"/usr/bin/su",
        b"/usr/lib/p/enabled",
        b"/usr/lib/p/available",
        b"/usr/lib/p/available/z",
        b"/opt",
        b"/srv",
    )
    assert [(one.rule, one.subject, one.evidence) for one in found(records, owned=owned)] == [
        ("hardlink-unexplained", "/opt/a/one", {"other": "/srv/b/two"}),
        ("hardlink-unexplained", "/srv/d/su", {"other": "/usr/bin/su", "package": "some"}),
    ]


def test_hostile_names_are_shown_escaped_and_per_directory() -> None:
    names = [
        b"new\nline",
        b"-rf",
        b"$(touch x)",
        b"`id`",
        b"{{ x }}",
        b"trailing ",
        b"\xe9\xff",
        b"esc\x1b[31m",
        b"<%= x %>",
    ]
    fine = ["ünïcode".encode(), b"with space", b"a-b", b"...x", b"back\\x2dslash", b"dots..", b"(1)", b"[x]"]
    (one,) = found([leaf(b"srv/weird/" + name, b"f644 0 0") for name in names + fine])
    assert (one.rule, one.subject, one.evidence["count"]) == ("name-hostile", "/srv/weird", len(names))
    assert "$(touch x)" in one.evidence["names"]
    assert not any(character < " " for name in one.evidence["names"] for character in name)


def test_names_that_hide_are_graver() -> None:
    assert told([leaf(b"var/tmp/.. /x", b"f644 0 0"), leaf(b"opt/.../y", b"f644 0 0")]) == [
        ("medium", "name-hostile", "/opt"),
        ("medium", "name-hostile", "/var/tmp"),
    ]


def test_packaged_names_are_the_packages_affair() -> None:
    assert told([leaf(b"usr/share/{{ x }}", b"f644 0 0")], owned=(b"/usr/share/{{ x }}",)) == []


def test_a_large_tree_takes_linear_time() -> None:
    records = [leaf(b"srv/%03d/%03d-\n" % (n // 200, n % 200), b"f644 0 0") for n in range(8000)]
    begun = time.monotonic()
    assert len(found(records)) == 40
    assert time.monotonic() - begun < 3
