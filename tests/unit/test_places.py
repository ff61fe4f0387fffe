"""Roots of other systems are told from applications that have an etc of their own."""

import pytest

from driftscan.scopes import _places
from driftscan.scopes._places import system_around, systems
from tests.unit.handmade import leaf, snapshot, tree


@pytest.mark.parametrize(
    ("below", "is_root"),
    [
        ("etc/x usr/x var/x", True),
        ("etc/x usr/x var/x data/x pyenv-installer", True),  # an image with a directory of its own
        ("etc/hostname root/x tmp/x var/x", True),  # a layer: what one machine has written
        ("etc/hostname home/x root/x usr/x", True),
        ("etc/passwd usr/x", True),
        ("etc/passwd bin/x", False),
        ("bin/x etc/x lib/x sbin/x tmp/x var/x", False),  # an application below /opt
        ("bin/x etc/x home/x logs/x var/x", False),
        ("etc/x usr/x", False),  # what a package is made from
        ("root/x usr/x var/x", False),
        ("etc root/x var/x", False),
    ],
)
@pytest.mark.parametrize("many", [0, 100])
def test_roots_of_other_systems(monkeypatch: pytest.MonkeyPatch, below: str, is_root: bool, many: int) -> None:
    monkeypatch.setattr(_places, "_ROOTS", {})
    leaves = [leaf(f"srv/it/{path}".encode(), b"f644 0 0") for path in below.split()]
    leaves += [leaf(b"srv/it/var/%d" % number, b"f644 0 0") for number in range(many * ("var/x" in below))]
    seen = snapshot(files=tree(leaf(b"etc/passwd", b"f644 0 0"), leaf(b"usr/x", b"f644 0 0"), *leaves))
    inside = (b"/srv/it/", b"/srv/it/etc/x", b"/srv/it/var/y/z", b"/srv/it/no/such")
    outside = (b"", b"/", b"/srv/it", b"/srv/x", b"/etc/x", b"/no/such")
    for _ in range(2):  # before and after all of them are known
        assert {system_around(seen, path) for path in inside} == {b"/srv/it" if is_root else b""}
        assert {system_around(seen, path) for path in outside} == {b""}
        assert systems(seen) == ({b"/srv/it"} if is_root else frozenset())
