"""What the rules on symbolic links say."""

import pytest

from driftscan.explain.view import View
from driftscan.findings.symlinks import FAMILY
from driftscan.model.finding import Finding
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree
from tests.unit.test_explain_items import user


def link(path: bytes, target: bytes) -> Record:
    return leaf(path, b"l777 0 0", target)


PEOPLE = (user("root", 0, home="/root"), user("bob", 1000, home="/home/bob"), user("www-data", 33, home="/var/www"))
FILES = (
    leaf(b"etc/hosts", b"f644 0 0"),
    leaf(b"home/bob/env", b"f600 1000 1000"),
    leaf(b"opt/app/v1/index.html", b"f644 0 0"),
    leaf(b"usr/bin/nano", b"f755 0 0"),
)


def found(*links: Record) -> list[Finding]:
    files = tree(*FILES, *links)
    view = View(snapshot(PEOPLE, files=files, manifests=[manifest("nano", b"/usr/bin/nano", b"/usr/bin/ed")]))
    return sorted(FAMILY.find(view), key=lambda one: (one.rule, one.subject))


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ([link(b"opt/next", b"/nowhere")], ["low link-dangling /opt/next"]),
        ([link(b"opt/a", b"b"), link(b"opt/b", b"a")], ["low link-loop /opt/a", "low link-loop /opt/b"]),
        ([link(b"opt/self", b".")], []),
        ([link(b"opt/hosts", b"/etc/hosts")], []),
        ([link(b"usr/bin/ed", b"/nowhere")], []),  # the package's own affair
        ([link(b"opt/1", b"2"), link(b"opt/2", b"3"), link(b"opt/3", b"/etc/hosts")], ["low link-chain /opt/1"]),
        ([link(b"opt/1", b"2"), link(b"opt/2", b"/usr/bin/ed"), link(b"usr/bin/ed", b"nano")], []),
        ([link(b"opt/env", b"/home/bob/env")], ["medium link-into-home /opt/env"]),
        ([link(b"opt/2", b"/opt/1"), link(b"opt/1", b"/home/bob/env")], ["medium link-into-home /opt/2"]),
        ([link(b"home/bob/x", b"env")], []),
        ([link(b"var/www/shop", b"/opt/app/v1")], ["low link-from-web-root /var/www/shop"]),
        ([link(b"var/www/a", b"b"), leaf(b"var/www/b", b"f644 0 0")], []),
        ([link(b"var/www/mine", b"/home/bob/env")], ["medium link-into-home /var/www/mine"]),
        (
            [
                link(b"srv/chroot/etc/x", b"/usr/bin/x"),
                leaf(b"srv/chroot/usr/y", b"f644 0 0"),
                leaf(b"srv/chroot/var/y", b"f644 0 0"),
            ],
            [],
        ),
        (
            [
                link(b"srv/layer/etc/x", b"/usr/bin/x"),
                leaf(b"srv/layer/root/y", b"f644 0 0"),
                leaf(b"srv/layer/var/y", b"f644 0 0"),
            ],
            [],
        ),
        ([link(b"opt/mounts", b"/proc/self/mounts")], []),
    ],
)
def test_what_is_said_of_links(links: list[Record], said: list[str]) -> None:
    assert [f"{one.severity.value} {one.rule} {one.subject}" for one in found(*links)] == said


def test_the_way_into_a_home_is_in_the_evidence() -> None:
    [finding] = found(
        link(b"opt/deep/.env", b"/opt/shared.env"),
        link(b"opt/shared.env", b"/home/bob/env"),
        link(b"etc/other.env", b"/home/bob/env"),
    )
    assert finding.subject == "/opt/deep/.env"
    assert finding.evidence == {
        "final": "/home/bob/env",
        "through": ["/opt/shared.env"],
        "also": ["/etc/other.env"],
    }


def test_many_in_one_directory_are_told_once() -> None:
    [finding] = found(*(link(b"srv/data/%d" % number, b"/mnt/gone/%d" % number) for number in range(9)))
    assert finding.subject == "/srv/data/*"
    assert finding.evidence == {"links": 9, "first": ["/srv/data/0", "/srv/data/1", "/srv/data/2"]}


def test_every_rule_has_its_page() -> None:
    assert all(rule.doc for rule in FAMILY.rules)
