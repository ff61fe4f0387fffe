"""Ownership: a path has its package, however the package database and the disk spell it."""

import time

import pytest

from driftscan.model.ownership import Ownership, resolve
from tests.unit.handmade import manifest

MERGED = {b"/bin": b"usr/bin", b"/lib": b"/usr/lib", b"/usr/lib64": b"lib"}


def test_a_merged_usr_is_one_place_whatever_the_package_says() -> None:
    known = Ownership([manifest("libc6", b"/lib/libc.so"), manifest("bash", b"/bin/bash", b"/usr/lib/y")], MERGED)
    assert known.owner(b"/usr/lib/libc.so") == "libc6"
    assert known.owner(b"/lib/libc.so") == "libc6"
    assert known.owner(b"/usr/lib64/libc.so") == "libc6"
    assert known.owner(b"/usr/bin/bash") == "bash"
    assert b"/usr/bin/bash" in known
    assert b"/bin/bash" not in known  # the disk's spelling only
    assert known.owner(b"/usr/bin/bash2") == ""
    assert len(known) == 3
    assert {b"/usr/lib", b"/usr/bin", b"/usr"} <= known.directories
    assert b"/lib" not in known.directories


def test_a_link_that_a_package_owns_is_itself_and_not_its_target() -> None:
    known = Ownership([manifest("mawk", b"/usr/bin/awk")], {**MERGED, b"/usr/bin/awk": b"/etc/alternatives/awk"})
    assert known.owner(b"/bin/awk") == "mawk"
    assert known.owner(b"/etc/alternatives/awk") == ""


def test_what_a_manifest_holds_of_a_path_is_found_by_the_path_of_the_disk() -> None:
    own = manifest("bash", b"/bin/bash")
    own.files[b"/bin/bash"] = b"md5:00"
    known = Ownership([own], MERGED)
    assert known.get(b"/usr/bin/bash") == (own, b"md5:00")
    assert known.get(b"/bin/bash") is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/bin/sh", b"/usr/bin/sh"),
        (b"/lib/../bin/./x", b"/usr/bin/x"),
        (b"/up", b"/"),
        (b"/up/up/bin", b"/usr/bin"),
        (b"/loop", None),
        (b"/loop/x", None),
        (b"/selfish/x", None),
        (b"/a/b", b"/deep/b"),
        (b"//double//slash/", b"/double/slash"),
        (b"/", b"/"),
    ],
)
def test_links_are_followed_as_the_kernel_does(path: bytes, expected: bytes | None) -> None:
    links = {**MERGED, b"/loop": b"pool", b"/pool": b"loop", b"/selfish": b"selfish/x", b"/up": b"..", b"/a": b"deep"}
    assert resolve(path, links) == expected


def test_a_chain_ends_after_forty_links() -> None:
    chain = {b"/l%d" % number: b"l%d" % (number + 1) for number in range(60)}
    assert resolve(b"/l21", chain) == b"/l60"
    assert resolve(b"/l10", chain) is None


def test_a_looping_directory_is_nobodys_and_nobody_waits() -> None:
    links = {b"/x/loop": b"../y/loop", b"/y/loop": b"../x/loop"}
    known = Ownership([manifest("odd", b"/x/loop/file")], links)
    assert known.owner(b"/x/loop/file") == "odd"
    assert known.owner(b"/y/loop/file") == ""


@pytest.mark.parametrize("depth", [99, 100, 101, 3000])
def test_deep_paths_are_paths(depth: int) -> None:
    deep = b"/lib" + b"/d" * depth + b"/file"
    known = Ownership([manifest("deep", deep)], MERGED)
    assert known.owner(b"/usr" + deep) == "deep"
    assert known.owner(deep) == "deep"
    assert known.owner(b"/usr" + deep + b"x") == ""
    assert b"/usr" + deep.rpartition(b"/")[0] in known.directories


def test_a_tree_full_of_deep_paths_costs_no_ages() -> None:
    paths = [b"/d" * depth for depth in range(1, 600)]
    started = time.monotonic()
    known = Ownership([manifest("deep", *paths)], MERGED)
    assert all(known.owner(path) == "deep" for path in paths)
    assert time.monotonic() - started < 10
