"""The second look: what is chosen for it, and what the tools say of files with odd names."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from driftscan.collect.attributes import parse, probes
from driftscan.collect.bundle import Task, by_scope
from driftscan.collect.runner import Link, run_tasks
from driftscan.collect.selection import Selection, select
from driftscan.model.host import Host
from driftscan.model.item import Item
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.model.ownership import Ownership
from driftscan.model.snapshot import Snapshot
from driftscan.transport.base import Privilege
from driftscan.transport.image import connect
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree

NAMES = [
    b"plain",
    b"two words",
    b" ",
    b"it's",
    b'say "x"',
    b"back\\slash",
    b"100%s",
    b"caf\xe9",
    "日本".encode(),
    b"-rf",
    b"$(id)",
    b"tab\there",
    b"new\nline",
    b"ends\n",
    b"cap_net_raw=ep",
]


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"NOT TESTED: {tool} is not on this machine")


def ask(root: Path, chosen: Selection) -> dict[str, ProbeResult]:
    """Run the probes for `chosen` below `root`, as the transport `image` does."""
    image = connect(Host("image", transport="image", path=str(root)), str)
    try:
        tasks = [Task("files", probe) for probe in probes(chosen)]
        return by_scope(run_tasks(Link(image, Privilege()), tasks, lambda _scope: None), "files")
    finally:
        image.close()


def below(root: Path) -> list[bytes]:
    """Make a root with a file of every name, and return their paths as the tree has them."""
    for name in ("d", "etc", "usr"):
        (root / name).mkdir()
    for name in NAMES:
        with open(os.fsencode(root) + b"/d/" + name, "wb") as file:
            file.write(name)
    return [b"/d/" + name for name in NAMES]


# --- what is looked at again ----------------------------------------------------------------------------------------


def program(path: bytes) -> Record:
    """Return the record of the smallest program that there can be."""
    return path, b"f755 0 0 84 4.0", b"8.0 77 1", b""


BUILT = tree(
    leaf(b"bin/bash", b"f755 0 0", ctime=50.0),
    leaf(b"bin/changed", b"f755 0 0", ctime=500.0),
    leaf(b"bin/link", b"l777 0 0", b"bash", ctime=500.0),
    program(b"bin/stranger"),
    leaf(b"etc/mine.conf", b"f644 0 0"),
    leaf(b"etc/shipped.conf", b"f644 0 0", ctime=500.0),
    leaf(b"etc/socket", b"s755 0 0"),
    leaf(b"srv/data/one", b"f644 0 0"),
    program(b"srv/data/tool"),
)
SEEN = snapshot(files=BUILT)
PACKAGES = Ownership(
    [
        manifest("bash", b"/bin/bash", b"/bin/changed", b"/bin/link", b"/bin", unpacked=100.0),
        manifest("shipped", b"/etc/shipped.conf", b"/etc", unpacked=100.0),
    ],
    {},
)


def owned(seen: Snapshot, ownership: Ownership) -> Snapshot:
    return replace(seen, known_ownership=ownership)


def test_only_what_changed_since_it_was_unpacked_is_hashed() -> None:
    chosen = select(owned(SEEN, PACKAGES), full=False)
    among_packaged = [b"/bin/changed", b"/bin/stranger", b"/etc/mine.conf", b"/etc/shipped.conf"]
    assert chosen.digests == {"sha256": [*among_packaged, b"/srv/data/one", b"/srv/data/tool"]}
    assert chosen.left_out == 0


def test_in_full_every_packaged_file_is_hashed() -> None:
    chosen = select(owned(SEEN, PACKAGES), full=True)
    assert b"/bin/bash" in chosen.digests["sha256"]
    assert b"/bin/link" not in chosen.digests["sha256"]


def test_small_files_among_no_packaged_ones_are_hashed_but_where_data_lies() -> None:
    config, large = leaf(b"x", b"f644 0 0")[1], b"f644 0 0 262145 5.0"
    paths = (b"opt/shop/app.rb", b"root/.ssh/config", b"home/a/x", b"usr/local/bin/tool", b"srv/.git/hooks/push")
    data = (b"var/lib/db/x", b"var/log/app/x", b"tmp/x", b"srv/.git/objects/aa/bb", b"root/.cache/x", b"srv/chroot/x")
    many = [(path, config, b"1.0 1 1", b"") for path in (*paths, *data)] + [(b"opt/large", large, b"1.0 1 1", b"")]
    every = tree(*many)
    chosen = select(owned(snapshot(files=every), Ownership([], {})), [b"/srv/chroot"], full=False)
    assert set(chosen.digests["sha256"]) == {b"/" + path for path in paths}


def test_the_topmost_are_hashed_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driftscan.collect.selection._HASHED", 3)
    many = tree(*(leaf(b"srv/a/%03d" % number, b"f644 0 0") for number in range(200)), leaf(b"srv/top", b"f644 0 0"))
    chosen = select(owned(snapshot(files=many), Ownership([], {})), full=False)
    assert b"/srv/top" in chosen.digests["sha256"]
    assert len(chosen.digests["sha256"]) == 3
    assert (chosen.unhashed, chosen.hashed) == (198, 2)
    assert parse({}, chosen, {}).notes == [
        "digest: of small files among no packaged ones the topmost were hashed (3 files, 64 MB at most)"
    ]


def test_a_hash_is_made_as_the_package_database_has_it() -> None:
    own = manifest("bash", b"/bin/changed")
    own.files[b"/bin/changed"] = b"md5:aa"
    assert select(owned(SEEN, Ownership([own], {})), full=False).digests["md5"] == [b"/bin/changed"]


def test_executables_and_what_no_package_owns_are_asked_after() -> None:
    chosen = select(owned(SEEN, PACKAGES), full=False)
    assert chosen.executables == [b"/bin/changed", b"/bin/stranger", b"/srv/data/tool"]
    assert len(chosen.others) == len(set(chosen.others))
    assert {b"/etc/socket", b"/srv/data/tool", b"/srv"} <= set(chosen.others)
    assert b"/bin/bash" not in chosen.others


def test_there_is_an_end_to_what_is_asked_after_and_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driftscan.collect.selection._ATTRIBUTE_LIMIT", 3)
    many = tree(
        *(leaf(b"srv/%s%03d" % (below, number), b"f644 0 0") for below in (b"", b"x/") for number in range(200)),
        program(b"srv/x/y"),
        leaf(b"srv/x/z", b"f755 0 0"),
    )
    chosen = select(owned(snapshot(files=many), Ownership([], {})), full=False)
    assert len(chosen.others) == 3
    assert chosen.left_out == many.entries - 3
    assert chosen.executables == [b"/srv/x/y"]  # wanted wherever they are, for it may be a program
    (note,) = parse({}, chosen, {}).notes
    assert note == f"acl, xattrs, flags: looked at 3 of {many.entries} unpackaged paths, topmost first"


# --- what the tools say ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_digests_of_odd_names(tmp_path: Path, algorithm: str) -> None:
    import hashlib

    paths = below(tmp_path)
    chosen = Selection(digests={algorithm: [*paths, b"/d/vanished"]})
    results = ask(tmp_path, chosen)
    parsed = parse({f"digest {algorithm}": results[f"digest {algorithm}"]}, chosen, {})
    assert parsed.unparsed == {}
    expected = {
        b"/d/" + name: f"{algorithm}:{hashlib.new(algorithm, name, usedforsecurity=False).hexdigest()}"
        for name in NAMES
    }
    assert {item_path(item): item.attributes["digest"] for item in parsed.items} == expected


def item_path(item: Item) -> bytes:
    from driftscan.model.text import raw

    return raw(item.key)


@needs("getcap")
@needs("setcap")
@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can give capabilities")
def test_capabilities_of_odd_names(tmp_path: Path) -> None:
    paths = below(tmp_path)
    for path in paths:
        if subprocess.run(["setcap", "cap_net_raw=ep", os.fsencode(tmp_path) + path], check=False).returncode:
            pytest.skip("NOT TESTED: this filesystem keeps no capabilities")
    chosen = Selection(executables=[*paths, b"/d/vanished"])
    parsed = parse({"capabilities": ask(tmp_path, chosen)["capabilities"]}, chosen, {})
    found = {item_path(item): item.attributes["capabilities"] for item in parsed.items}
    readable = [path for path in paths if b"\n" not in path]
    assert {path: found.get(path) for path in readable} == dict.fromkeys(readable, "cap_net_raw=ep")
    # getcap spells no newline: such a name is told as not understood, and never passes for another path.
    assert set(found) <= set(paths)
    assert set(found) == set(paths) or parsed.unparsed


@needs("lsattr")
@needs("chattr")
@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can set flags")
def test_flags_of_odd_names(tmp_path: Path) -> None:
    paths = below(tmp_path)
    marked = [path for path in paths if path != b"/d/plain"]
    targets = [os.fsencode(tmp_path) + path for path in marked]
    try:
        if subprocess.run(["chattr", "+i", *targets], check=False, capture_output=True).returncode:
            pytest.skip("NOT TESTED: this filesystem keeps no flags")
        chosen = Selection(others=[*paths, b"/d/vanished"])
        parsed = parse({"flags": ask(tmp_path, chosen)["flags"]}, chosen, {})
    finally:
        subprocess.run(["chattr", "-i", *targets], check=False, capture_output=True)
    assert {item_path(item): item.attributes for item in parsed.items} == {
        path: {"flags": ["immutable"]} for path in marked
    }


ACL = rb"""# file: ./srv/caf\351 x
# owner: 0
# group: 0
user::rw-
user:1000:rw-			#effective:r--
mask::r--

# file: ./srv/new\012line
# owner: 0
# group: 0
user::rwx

"""
XATTRS = rb"""# file: ./srv/caf\351
user.one="two\012three"
security.capability=0sAQAAAgAgAAA=

"""


def test_lists_of_getfacl_and_getfattr() -> None:
    results = {
        "acl": ProbeResult("acl", Outcome.OK, stdout=ACL),
        "xattrs": ProbeResult("xattrs", Outcome.OK, stdout=XATTRS),
    }
    parsed = parse(results, Selection(), {})
    assert {item_path(item): dict(item.attributes) for item in parsed.items} == {
        b"/srv/caf\xe9 x": {"acl": ["user::rw-", "user:1000:rw-", "mask::r--"]},
        b"/srv/new\nline": {"acl": ["user::rwx"]},
        b"/srv/caf\xe9": {"xattrs": ["security.capability=0sAQAAAgAgAAA=", 'user.one="two\\012three"']},
    }


def test_a_tool_that_is_not_there_is_noted_and_a_strange_answer_is_a_gap() -> None:
    results = {
        "acl": ProbeResult("acl", Outcome.ABSENT, detail="no getfacl on the host"),
        "digest md5": ProbeResult("digest md5", Outcome.OK, stdout=b"what?\n"),
        "flags": ProbeResult("flags", Outcome.TIMEOUT, stdout=b"----i------- ./etc/x\ncut o"),
    }
    parsed = parse(results, Selection(), {b"mnt/nfs": "nfs4"})
    assert parsed.notes == ["acl: not looked at, no getfacl on the host"]
    assert parsed.unparsed == {"digest md5": "1 lines not understood"}
    assert [(item.key, dict(item.attributes)) for item in parsed.items] == [
        ("/etc/x", {"flags": ["immutable"]}),
        ("/mnt/nfs", {"not_walked": "nfs4"}),
    ]
