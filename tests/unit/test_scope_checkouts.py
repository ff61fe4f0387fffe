import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.explain.view import View
from driftscan.findings.checkouts import FAMILY
from driftscan.model.item import Item
from driftscan.scopes.checkout import git_index, mercurial
from driftscan.scopes.checkout.git_ignore import ignored, patterns
from driftscan.scopes.checkouts import SCOPE
from tests.unit.handmade import snapshot
from tests.unit.test_scope_language_packages import put, read, seen

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def git(where: Path, *words: str) -> str:
    ran = subprocess.run(["git", *words], cwd=where, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def items(root: Path) -> dict[str, dict]:
    parsed = read(root, seen(root), SCOPE.follow)
    stable = {column.name for column in SCOPE.columns if not column.owner_of}
    assert all(set(item.attributes) == stable for item in parsed.items)
    return {item.key: dict(item.attributes) for item in parsed.items}


def made(root: Path, version: int = 2) -> Path:
    """Make a checkout of four files with one commit."""
    top = root / "srv/app"
    put(top, {"a.py": "a\n", "lib/b.py": "bb\n", "lib/deep/c.py": "c\n", "run.sh": "#!/bin/sh\n"})
    put(top, {".gitignore": "*.log\n/build/\n!keep.log\n", "lib/.gitignore": "local_*\n"})
    (top / "link").symlink_to("a.py")
    git(top, "init", "-q", "-b", "main")
    git(top, "config", "index.version", str(version))
    git(top, "remote", "add", "origin", f"https://ci:{TOKEN}@git.example/acme/app.git")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "first")
    return top


@needs_git
@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_clean_checkout(tmp_path: Path, version: int) -> None:
    top = made(tmp_path, version)
    put(top, {"x.log": "", "build/out/y": "", "lib/local_z": ""})
    found = items(tmp_path)
    assert list(found) == ["/srv/app"]
    assert found["/srv/app"] == {
        "path": "/srv/app",
        "kind": "git",
        "remote": "https://git.example/acme/app.git",
        "branch": "main",
        "commit": git(top, "rev-parse", "HEAD"),
        "bare": False,
        "credentials": True,
        "tracked": 7,
        "changed": 0,
        "dirty": [],
        "strangers": 0,
        "untracked": [],
    }
    assert TOKEN not in repr(found)


@needs_git
def test_what_became_of_a_checkout_is_what_git_says(tmp_path: Path) -> None:
    top = made(tmp_path)
    put(top, {"a.py": "changed\n", "keep.log": "", "new/one": "", "new/two.log": "", "lib/other": ""})
    (top / "run.sh").chmod(0o755)
    (top / "lib/deep/c.py").unlink()
    found = items(tmp_path)["/srv/app"]
    told = [line.split(" ", 1) for line in git(top, "status", "--porcelain").replace("\n ", "\n").splitlines()]
    assert found["dirty"] == sorted(name for mark, name in told if mark != "??")
    assert sorted(found["untracked"]) == sorted(name for mark, name in told if mark == "??")
    assert (found["changed"], found["strangers"]) == (3, 3)


@needs_git
def test_in_a_copy_times_do_not_count(tmp_path: Path) -> None:
    top = made(tmp_path)
    for path in top.rglob("*"):
        if path.is_file() and ".git" not in path.parts[-2:]:
            os.utime(path, (1, 1), follow_symlinks=False)
    put(top, {"a.py": "longer than before\n"})
    os.utime(top / "a.py", (2, 2))  # else it may be the very second that the index remembers
    assert items(tmp_path)["/srv/app"]["dirty"] == ["a.py"]


@needs_git
def test_packed_branches_worktrees_and_bare_repositories(tmp_path: Path) -> None:
    top = made(tmp_path)
    commit = git(top, "rev-parse", "HEAD")
    git(top, "pack-refs", "--all")
    git(top, "worktree", "add", "-q", "--detach", "../tree")
    git(top.parent, "clone", "-q", "--bare", "app", "store.git")
    for file in (top / ".git/worktrees/tree/gitdir", top.parent / "tree/.git"):
        file.write_text(file.read_text().replace(str(tmp_path), ""))  # as it would be on the host
    found = items(tmp_path)
    assert {key: (one["branch"], one["commit"], one["bare"]) for key, one in found.items()} == {
        "/srv/app": ("main", commit, False),
        "/srv/store.git": ("main", commit, True),
        "/srv/tree": (None, commit, False),
    }
    assert found["/srv/tree"]["remote"] == "https://git.example/acme/app.git"
    assert (found["/srv/tree"]["changed"], found["/srv/store.git"]["tracked"]) == (0, None)


def test_a_directory_that_is_no_repository_is_told_all_the_same(tmp_path: Path) -> None:
    put(tmp_path, {"/srv/web/.git/config": f'[remote "origin"]\n\turl = https://ci:{TOKEN}@git.example/web.git\n'})
    [found] = items(tmp_path).values()
    assert (found["remote"], found["commit"], found["credentials"]) == ("https://git.example/web.git", None, True)
    assert (found["tracked"], found["changed"], found["dirty"]) == (None, None, None)


def test_mercurial_and_subversion(tmp_path: Path) -> None:
    entry = b"n" + (0o100644).to_bytes(4, "big") + (2).to_bytes(4, "big") + (1000).to_bytes(4, "big")
    state = b"\x11" * 20 + b"\0" * 20 + entry + (1).to_bytes(4, "big") + b"f" + entry + (1).to_bytes(4, "big") + b"g"
    put(tmp_path, {"/srv/hg/.hg/hgrc": "[paths]\ndefault = https://u:pw-12345@hg.example/r\n", "/srv/hg/f": "x\n"})
    (tmp_path / "srv/hg/.hg/dirstate").write_bytes(state)
    os.utime(tmp_path / "srv/hg/f", (1000, 1000))
    put(tmp_path, {"/srv/svn/.svn/entries": "10\n\ndir\n4711\nhttps://svn.example/trunk\nhttps://svn.example\n"})
    put(tmp_path, {"/srv/svn/sub/.svn/entries": "10\n", "/srv/new/.svn/entries": "12\n"})
    found = items(tmp_path)
    assert sorted(found) == ["/srv/hg", "/srv/new", "/srv/svn"]
    hg, svn = found["/srv/hg"], found["/srv/svn"]
    assert (hg["remote"], hg["credentials"], hg["commit"]) == ("https://hg.example/r", True, "11" * 20)
    assert (hg["branch"], hg["tracked"], hg["dirty"]) == ("default", 2, ["g"])
    assert (svn["remote"], svn["commit"], found["/srv/new"]["remote"]) == ("https://svn.example/trunk", "r4711", None)


@pytest.mark.parametrize(
    ("rules", "path", "directory", "told"),
    [
        (b"*.log", b"a/b.log", False, True),
        (b"*.log\n!b.log", b"a/b.log", False, False),
        (b"/build", b"a/build", True, False),
        (b"build/", b"a/build", True, True),
        (b"build/", b"a/build", False, False),
        (b"a/*/c", b"a/b/c", False, True),
        (b"a/*/c", b"a/b/b/c", False, False),
        (b"a/**/c", b"a/b/b/c", False, True),
        (b"a/**/c", b"a/c", False, True),
        (b"**/c", b"a/b/c", False, True),
        (b"a/**", b"a/b/c", False, True),
        (b"[a-c]?.t[!x]t", b"b1.tat", False, True),
        (b"[a-c]?.t[!x]t", b"b1.txt", False, False),
        (b"\\#x", b"#x", False, True),
        (b"# x", b"# x", False, False),
        (b"x ", b"x", False, True),
        (b"x\\ ", b"x ", False, True),
        (b"*" * 40 + b"z", b"a" * 250, False, False),
    ],
)
def test_patterns(rules: bytes, path: bytes, directory: bool, told: bool) -> None:
    assert ignored(patterns(rules), path, directory=directory) is told


@needs_git
@given(
    st.lists(st.text("ab*?/!.[]", min_size=1, max_size=6), min_size=1, max_size=3),
    st.lists(st.text("ab.", min_size=1, max_size=3).filter(lambda name: set(name) != {"."}), min_size=1, max_size=3),
)
def test_patterns_need_no_more_than_their_text(lines: list[str], names: list[str]) -> None:
    path = "/".join(names).encode()
    assert ignored(patterns("\n".join(lines).encode()), path, directory=False) in {True, False}


@given(st.binary(max_size=300), st.integers(0, 400), st.sampled_from([2, 3, 4]))
def test_a_hostile_index_raises_nothing(junk: bytes, count: int, version: int) -> None:
    header = b"DIRC" + version.to_bytes(4, "big") + count.to_bytes(4, "big")
    for data in (junk, header + junk):
        found = git_index.parse(data)
        assert found is None or len(found) <= count
    mercurial.hg(b"/x", {b"/x/dirstate": b"\1" * 40 + junk, b"/x/hgrc": junk})
    mercurial.svn(b"/x", {b"/x/entries": b"10\n" + junk})


def checkout(**known: object) -> Item:
    usual = {"path": "/srv/app", "kind": "git", "remote": "https://x/y", "commit": "1" * 40, "bare": False}
    return Item("checkouts", "/srv/app", {**usual, "changed": 0, "credentials": False, **known})


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({}, []),
        ({"changed": 2, "dirty": ["a", "b"], "strangers": 0}, ["medium checkout-changed"]),
        ({"path": "/home/x/app", "changed": 2}, ["low checkout-changed"]),
        ({"credentials": True}, ["high checkout-credentials"]),
        ({"commit": None}, ["low checkout-without-origin"]),
        ({"remote": None}, ["low checkout-without-origin"]),
        ({"remote": None, "bare": True}, []),
        ({"remote": None, "commit": None, "kind": "svn", "changed": None}, []),
    ],
)
def test_what_is_said_of_checkouts(known: dict, told: list[str]) -> None:
    found = FAMILY.find(View(snapshot([checkout(**known)])))
    assert [f"{one.severity.value} {one.rule}" for one in found] == told
