"""Explaining paths: what packages and claims leave over, topmost first, and counted."""

from collections.abc import Callable, Iterable

import pytest

from driftscan.explain import paths
from driftscan.explain.base import Claim, Explainer
from driftscan.explain.view import View
from driftscan.model.explanation import Explanation
from driftscan.model.tree import walk
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree

Claiming = Callable[..., None]
CACHE = Explanation("state", "apt", "its cache")


def view(*files: Record, owned: tuple[bytes, ...] = ()) -> View:
    return View(snapshot(files=tree(*files), manifests=[manifest("stock", *owned)]))


@pytest.fixture(autouse=True)
def claim(monkeypatch: pytest.MonkeyPatch) -> Claiming:
    """Let one explainer make the claims of a test, and no other any."""

    def make(*claims: Claim) -> None:
        def told(_view: View) -> Iterable[Claim]:
            return claims

        monkeypatch.setattr(paths, "explainers", lambda: (Explainer("test", "", 80, told),))

    make()
    return make


def strangers(seen: View) -> list[bytes]:
    return [stranger.entry.path for stranger in seen.explained.strangers]


def test_what_no_package_lists_is_strange_and_told_by_its_topmost_directory() -> None:
    seen = view(
        leaf(b"bin/sh", b"f755 0 0"),
        leaf(b"bin/odd", b"f755 0 0"),
        leaf(b"opt/shop/app.py", b"f644 0 0"),
        leaf(b"opt/shop/lib/x.py", b"f644 0 0"),
        owned=(b"/bin", b"/bin/sh", b"/opt"),
    )
    assert strangers(seen) == [b"/bin/odd", b"/opt/shop"]
    assert seen.explained.counts == {"package": 3}
    assert seen.explained.unexplained == 5
    assert seen.explained.strangers[1].entries == 4


def test_children_of_a_packaged_directory_are_strange_each_however_large_they_are() -> None:
    many = [leaf(b"srv/%03d/f" % number, b"f644 0 0") for number in range(200)]
    seen = view(*many, owned=(b"/srv",))
    assert strangers(seen) == [b"/srv/%03d" % number for number in range(200)]


def test_a_claim_explains_a_path_or_all_below_it(claim: Claiming) -> None:
    claim(Claim(b"/var/cache/apt", CACHE, whole=True), Claim(b"/etc/mtab", CACHE), Claim(b"/no/such", CACHE))
    many = [leaf(b"var/cache/apt/archives/%03d.deb" % number, b"f644 0 0") for number in range(200)]
    seen = view(
        *many, leaf(b"var/cache/own", b"f644 0 0"), leaf(b"etc/mtab", b"l777 0 0"), owned=(b"/etc", b"/var/cache/apt")
    )
    assert strangers(seen) == [b"/var/cache/own"]
    assert seen.explained.counts["state"] == 202
    assert seen.explained.of(b"/var/cache/apt/archives/007.deb") == CACHE
    assert seen.explained.of(b"/var/cache/own") is None


def test_a_claimed_directory_explains_nothing_below_unless_it_is_claimed_as_a_whole(claim: Claiming) -> None:
    claim(Claim(b"/srv/www", CACHE))
    seen = view(leaf(b"srv/www/a", b"f644 0 0"), leaf(b"srv/www/b/c", b"f644 0 0"), owned=(b"/srv",))
    assert strangers(seen) == [b"/srv/www/a", b"/srv/www/b"]


def test_what_is_explained_inside_a_stranger_is_counted_there(claim: Claiming) -> None:
    claim(Claim(b"/opt/shop/venv", CACHE, whole=True), Claim(b"/opt/shop/lock", CACHE))
    seen = view(
        leaf(b"opt/shop/venv/lib/a.py", b"f644 0 0"),
        leaf(b"opt/shop/venv/lib/b.py", b"f644 0 0"),
        leaf(b"opt/shop/app.py", b"f644 0 0"),
        leaf(b"opt/shop/lock", b"f644 0 0"),
        owned=(b"/opt",),
    )
    assert strangers(seen) == [b"/opt/shop"]
    assert seen.explained.strangers[0].explained == {"state": 5}
    assert seen.explained.counts == {"package": 1, "state": 5}


def test_claims_are_spelled_as_anybody_likes_and_found_where_links_lead(claim: Claiming) -> None:
    claim(Claim(b"/lib/made.cache", CACHE), Claim(b"/var/run/", CACHE, whole=True))
    seen = view(
        leaf(b"lib", b"l777 0 0", b"usr/lib"),
        leaf(b"usr/lib/made.cache", b"f644 0 0"),
        leaf(b"usr/lib/own.cache", b"f644 0 0"),
        leaf(b"var/run", b"l777 0 0", b"/run"),
        owned=(b"/lib", b"/usr/lib", b"/var"),
    )
    assert strangers(seen) == [b"/usr/lib/own.cache"]


def test_every_path_is_either_counted_or_below_a_stranger(claim: Claiming) -> None:
    claim(Claim(b"/a/b/c", CACHE, whole=True), Claim(b"/a/d/e/f", CACHE), Claim(b"/g/h", CACHE, whole=True))
    files = [
        leaf(b"%s/%s/%s/%d" % (one, two, three, number), b"f644 0 0")
        for one in (b"a", b"g")
        for two in (b"b", b"d", b"h")
        for three in (b"c", b"e", b"f")
        for number in range(9)
    ]
    seen = view(*files, owned=(b"/a", b"/a/b", b"/a/d/c/1"))
    strange = sum(stranger.entries - sum(stranger.explained.values()) for stranger in seen.explained.strangers)
    assert strange == seen.explained.unexplained
    entries = list(walk(seen.snapshot.objects, seen.snapshot.tree, seen.snapshot.stats))
    assert len(entries) == seen.explained.total
    told = sum(seen.explained.of(entry.path) is not None for entry in entries)
    assert told == sum(seen.explained.counts.values())
