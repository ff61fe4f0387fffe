"""The second scan of a host: whatever has changed, it says what a scan from scratch says, and looks at little else."""

import os
import shutil
import subprocess
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from driftscan.collect import attributes, reuse
from driftscan.collect.collector import Wish, collect
from driftscan.collect.reuse import MARK, Looker, Mark, changed, looker
from driftscan.collect.runner import Link
from driftscan.collect.selection import Selection
from driftscan.model.host import Host
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import walk
from driftscan.scopes.base import scopes
from driftscan.store import Store
from driftscan.transport.base import Privilege
from driftscan.transport.image import connect
from tests.unit.handmade import leaf, snapshot, tree
from tests.unit.test_scope_certificates import made, pem

# The scopes that look a second time, and what they need.
SCOPES = ("accounts", "files", "packages", *(name for name, scope in scopes().items() if scope.follow))

FILE_OF_CONTAINER = "etc/containers/systemd/web.container"
SITE = "usr/local/lib/python3.11/site-packages"
FILES = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nshop:x:0:0::/opt/shop:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/mine.conf": "colour = red\n",
    "etc/shipped.conf": "shipped = yes\n",
    "etc/ssl/site.pem": pem(made("red.example")).decode(),
    "opt/shop/package.json": '{"name": "shop", "version": "1.0.0"}',
    "opt/shop/.env": "COLOUR=red\n",
    "opt/shop/server.js": "serve(80)\n",
    "opt/tool": "#!/bin/sh\nexit 0\n",
    "srv/code/.git/HEAD": "ref: refs/heads/main\n",
    "srv/code/.git/config": "[core]\n\tbare = false\n",
    "srv/code/.git/refs/heads/main": "a" * 40 + "\n",
    "srv/code/.git/objects/x": "",
    "srv/code/app.conf": "a = 1\n",
    "srv/data/notes.db": "SQLite format 3\0" + "x" * 600,
    "srv/half/etc/passwd": "",
    "srv/half/bin/tool": "tool\n",
    f"{SITE}/dice-1.0.dist-info/METADATA": "Name: dice\nVersion: 1.0\n",
    f"{SITE}/dice-1.0.dist-info/RECORD": "dice.py,,\n",
    f"{SITE}/dice.py": "x = 1\n",
    "var/lib/dpkg/status": "Package: shipped\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n",
    "var/lib/dpkg/info/shipped.list": "/.\n/etc\n/etc/shipped.conf\n",
    FILE_OF_CONTAINER: "[Container]\nImage=web:1\n",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the root of a host whose files count as older than they are, so that only what changes is looked at."""
    monkeypatch.setattr(reuse, "_GRACE", -1e9)
    for path, body in FILES.items():
        put(tmp_path / path, body)
    (tmp_path / "srv" / "current").symlink_to("code")
    return tmp_path


def put(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body)


def scan(root: Path, before: Snapshot | None = None, *, full: bool = False) -> Snapshot:
    image = connect(Host("image", transport="image", path=str(root)), str)
    try:
        return collect("image", Link(image, Privilege()), Wish(SCOPES, full=full), before=lambda: before)
    finally:
        image.close()


def said(seen: Snapshot) -> dict[object, object]:
    """Return all that a snapshot says, but for how it was made."""
    items = {
        (item.scope, item.key): (dict(item.attributes), dict(item.volatile))
        for item in seen.items
        if (item.scope, item.key) != ("files", MARK)
    }
    return {**items, **seen.coverage, "tree": (seen.tree, seen.stats)}


def same_size_and_time(root: Path) -> None:
    file = root / "etc/mine.conf"
    stat = file.stat()
    file.write_text("colour = tan\n")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def replaced(root: Path) -> None:
    put(root / "opt/new", "#!/bin/sh\nexit 1\n")
    (root / "opt/new").rename(root / "opt/tool")


def through_another_name(root: Path) -> None:
    with (root / "opt/another").open("r+") as file:
        file.write("listen")


def to_link(root: Path) -> None:
    (root / "etc/mine.conf").unlink()
    (root / "etc/mine.conf").symlink_to("shipped.conf")


CHANGES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda _root: None,
    "content, with the size and time it had": same_size_and_time,
    "a commit": lambda root: put(root / "srv/code/.git/refs/heads/main", "b" * 40 + "\n"),
    "mode": lambda root: (root / "opt/tool").chmod(0o4755),
    "a certificate": lambda root: put(root / "etc/ssl/site.pem", pem(made("tan.example")).decode()),
    "a package of pip": lambda root: put(root / SITE / "dice-1.0.dist-info/METADATA", "Name: dice\nVersion: 1.1\n"),
    "replaced by rename": replaced,
    "a container": lambda root: put(root / FILE_OF_CONTAINER, "[Container]\nImage=web:2\n"),
    "a version": lambda root: put(root / "opt/shop/package.json", '{"name": "shop", "version": "2.0.0"}'),
    "data grows": lambda root: put(root / "srv/data/notes.db", "SQLite format 3\0" + "x" * 900),
    "a link in place of a file": to_link,
    "a file of pip": lambda root: (root / SITE / "dice.py").unlink(),
    "a link to another place": lambda root: [
        (root / "srv/current").unlink(),
        (root / "srv/current").symlink_to("data"),
    ],
    "data no more": lambda root: put(root / "srv/data/notes.db", "x" * 900),
    "a second name": lambda root: os.link(root / "opt/shop/server.js", root / "opt/another"),
    "a checkout": lambda root: put(root / "opt/shop/.git/HEAD", "ref: refs/heads/main\n"),
    "written through another name": through_another_name,
    "a text": lambda root: put(root / "opt/shop/.env", "COLOUR=tan\n"),
    "a directory renamed": lambda root: (root / "opt/shop").rename(root / "opt/store"),
    "a file of a package": lambda root: put(root / "etc/shipped.conf", "shipped = no\n"),
    "a cache": lambda root: put(root / "opt/store/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n"),
    "a name of an account": lambda root: put(root / "etc/passwd", FILES["etc/passwd"].replace("root:x", "toor:x")),
    "a packaged path": lambda root: put(
        root / "var/lib/dpkg/info/shipped.list", "/.\n/etc\n/etc/shipped.conf\n/opt\n/opt/tool\n"
    ),
    "another system's root": lambda root: [(root / "srv/half" / name).mkdir() for name in ("usr", "var")],
    "gone": lambda root: shutil.rmtree(root / "opt/store"),
}
# Some at once, where each concerns another scope: what is kept of one is not kept because of another.
STEPS = (1, 2, 3, 4, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1)


def test_the_second_scan_says_what_a_scan_from_scratch_says(root: Path) -> None:
    last = scan(root)
    assert {name for name, scope in scopes().items() if scope.follow} <= {item.scope for item in last.items}
    left = iter(CHANGES.items())
    for count in STEPS:
        some = list(islice(left, count))
        for _, change in some:
            change(root)
        last = scan(root, last)
        assert said(last) == said(scan(root)), [name for name, _ in some]
    assert not list(left)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Selection]:
    """Give the selections of the scans that follow."""
    made: list[Selection] = []
    probes = attributes.probes
    monkeypatch.setattr(attributes, "probes", lambda chosen: [made.append(chosen), *probes(chosen)][1:])
    return made


def test_only_what_changed_is_looked_at_again_and_all_of_it_on_demand(root: Path, asked: list[Selection]) -> None:
    first = scan(root)
    put(root / "opt/tool", "#!/bin/sh\nexit 2\n")
    second = scan(root, first)
    full = scan(root, second, full=True)
    assert [list(one.digests["sha256"]) for one in asked[1:2]] == [[b"/opt/tool"]]
    assert set(asked[1].others) <= {b"/opt/tool", b"/opt"}
    assert len(asked[0].digests["sha256"]) > 10
    assert set(asked[0].digests["sha256"]) <= set(asked[2].digests["sha256"])
    assert said(second)["files", "/opt/tool"] == said(full)["files", "/opt/tool"]


def test_what_may_have_been_written_while_it_was_read_is_read_again(
    root: Path, asked: list[Selection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reuse, "_GRACE", 3600.0)  # as if the clock of its filesystem ticked that slowly
    first = scan(root)
    scan(root, first)
    assert b"/opt/tool" in asked[1].digests["sha256"]


def test_what_could_not_be_hashed_is_asked_again(root: Path, asked: list[Selection]) -> None:
    first = scan(root)
    mark = Mark.of(first)
    assert mark is not None
    results = {"digest sha256": ProbeResult("digest sha256", Outcome.OK, stdout=b"")}
    unread = attributes.unread(results, asked[0], [])
    assert unread == set(asked[0].digests["sha256"])
    items = [item for item in first.items if (item.scope, item.key) not in {("files", MARK), ("files", "/opt/tool")}]
    partly = Snapshot(
        "image", first.taken, 0.0, "image", [*items, Mark(**kept(mark) | {"asked": frozenset([b"/opt/tool"])}).item()],
        first.coverage, first.tree, first.stats, first.objects, first.manifests, first.files,
    )  # fmt: skip
    assert said(scan(root, partly)) == said(first)


def kept(mark: Mark) -> dict[str, object]:
    return {name: getattr(mark, name) for name in mark.__slots__}


@pytest.mark.parametrize("other", [{"rules": "0.1 0"}, {"user": 4711}, {"asked": None}])
def test_nothing_is_reused_of_what_was_seen_in_another_way(
    root: Path, asked: list[Selection], other: dict[str, object]
) -> None:
    first = scan(root)
    mark = Mark.of(first)
    assert mark is not None
    items = [item for item in first.items if (item.scope, item.key) != ("files", MARK)]
    odd = Snapshot(
        "image", first.taken, 0.0, "image", [*items, Mark(**kept(mark) | other).item()],
        first.coverage, first.tree, first.stats, first.objects, first.manifests, first.files,
    )  # fmt: skip
    assert said(scan(root, odd)) == said(first)
    assert asked[1].digests == asked[0].digests


def test_a_stored_snapshot_serves_as_well(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    first = scan(root)
    with Store.open(tmp_path_factory.mktemp("store") / "db") as store:
        store.save(first)
        last = store.load(store.snapshots("image")[0])
        put(root / "opt/tool", "#!/bin/sh\nexit 2\n")
        assert said(scan(root, last)) == said(scan(root))


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can")
@pytest.mark.parametrize(
    ("tool", "words", "undo"),
    [
        ("setcap", ["cap_net_raw=ep"], []),
        ("chattr", ["+i"], ["chattr", "-i"]),
        ("setfacl", ["-m", "u:1:r"], []),
        ("setfattr", ["-n", "user.x", "-v", "1"], []),
    ],
)
def test_what_no_mode_tells_is_seen(root: Path, tool: str, words: list[str], undo: list[str]) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"NOT TESTED: {tool} is not on this machine")
    first, file = scan(root), str(root / "opt/tool")
    try:
        if subprocess.run([tool, *words, file], check=False, capture_output=True).returncode:
            pytest.skip(f"NOT TESTED: {tool} does not work on this filesystem")
        assert said(scan(root, first)) == said(scan(root))
    finally:
        if undo:
            subprocess.run([*undo, file], check=False, capture_output=True)


# --- what has changed in a tree -------------------------------------------------------------------------------------


def test_changes_are_found_however_the_trees_are_cut_into_objects() -> None:
    many = [leaf(b"srv/many/%03d" % number, b"f644 0 0") for number in range(100)]
    few = [leaf(b"srv/many/deep/%d" % number, b"f644 0 0") for number in range(3)]
    other = leaf(b"srv/many/000", b"f600 0 0")
    versions = [
        tree(leaf(b"etc/a", b"f644 0 0")),
        tree(leaf(b"etc/a", b"f600 0 0"), *many),
        tree(leaf(b"etc/a", b"f600 0 0"), *many[1:], other, *few),
        tree(leaf(b"etc/a", b"f600 0 0"), *many[:20], *few),
        tree(leaf(b"srv/many", b"f644 0 0")),
    ]
    for before in versions:
        for after in versions:
            old, new = snapshot(files=before), snapshot(files=after)
            olds, news = ({entry.path: entry for entry in walk(*root_of(one))} for one in (old, new))
            expected = {path for path in olds.keys() | news.keys() if olds.get(path) != news.get(path)}
            found = {change.path: change for change in changed(old, new)}
            assert set(found) == expected
            assert all(one.before == olds.get(path) and one.after == news.get(path) for path, one in found.items())


def root_of(seen: Snapshot) -> tuple[object, bytes, bytes]:
    return seen.objects, seen.tree, seen.stats


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"0\n1700000000\n", Looker(0, 1.7e9)), (b"", None), (b"0\n", None), (b"x\n1\n", None), (b"1\n%s\n", None)],
)
def test_who_looks(data: bytes, told: Looker | None) -> None:
    assert looker(ProbeResult("looker", Outcome.OK, stdout=data)) == told
