"""The file survey: what is walked and what is not even touched, and the real find read back as the tree it walked."""

import os
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from driftscan.collect.survey import Plan, Survey, Walk, plan, walk_probe, with_names
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.model.tree import walk
from driftscan.model.treebuilder import TreeBuilder

FILESYSTEMS = b"".join(b"nodev\t%s\n" % kind for kind in (b"proc", b"tmpfs", b"nfs4", b"autofs", b"overlay", b"fuse"))
FILESYSTEMS += b"\text4\n\tfuseblk\n"


def mounts(*lines: str) -> bytes:
    """Lines of `device root path type [options]` as a mountinfo and the rest of the probe's output."""
    info = []
    for number, line in enumerate(lines):
        device, root, path, kind, *options = line.split()
        info.append(f"{number} 1 {device} {root} {path} {options[0] if options else 'rw'} shared:1 - {kind} src rw")
    return "\n".join(info).encode() + b"\n\0" + FILESYSTEMS + b"\0gnu\0" + b"0\n"


def test_local_filesystems_are_walked_innermost_first_and_the_others_named() -> None:
    made = plan(
        mounts(
            "8:1 / / ext4",
            "0:5 / /proc proc",
            "0:6 / /run tmpfs",
            "0:7 / /tmp tmpfs",
            "8:2 / /srv ext4",
            "8:3 / /srv/deep ext4",
            "0:9 / /mnt/nfs nfs4",
            "0:10 / /home/u/remote fuse.sshfs",
            "0:11 / /auto autofs",
            "0:12 / /var/lib/docker/overlay2/x/merged overlay",
        )
    )
    assert [w.path for w in made.walks] == [b"tmp", b"srv/deep", b"srv", b""]
    assert set(made.skipped) == {
        b"proc",
        b"run",
        b"mnt/nfs",
        b"home/u/remote",
        b"auto",
        b"var/lib/docker/overlay2/x/merged",
    }
    assert made.walks[-1].avoid == (b"auto", b"home/u/remote", b"mnt/nfs")
    assert made.walks[1].avoid == ()


def test_a_bind_mount_is_walked_once() -> None:
    made = plan(mounts("8:1 / / ext4", "8:1 /data/x /srv/x ext4", "8:1 /lab /lab ext4", "0:9 / /lab/nfs nfs4"))
    assert [w.path for w in made.walks] == [b""]
    assert made.skipped[b"srv/x"] == "the same files as /data/x"
    assert b"lab" not in made.skipped
    assert made.walks[0].avoid == (b"lab/nfs", b"srv/x")


def test_a_disk_inside_a_remote_mount_is_left_out_by_name() -> None:
    made = plan(mounts("8:1 / / ext4", "0:9 / /net nfs4", "8:2 / /net/disk ext4"))
    assert [w.path for w in made.walks] == [b""]
    assert "lies inside /net" in made.skipped[b"net/disk"]


def test_an_image_is_walked_from_its_root_with_what_is_mounted_in_it() -> None:
    made = plan(
        mounts(
            "8:1 / / ext4",
            "0:5 / /proc proc",
            "7:0 / /mnt/img ext4",
            "7:1 / /mnt/img/home ext4",
            "8:9 / /mnt/imgs ext4",
        ),
        b"/mnt/img",
    )
    assert [w.path for w in made.walks] == [b"home", b""]
    assert made.skipped == {}
    assert [w.path for w in plan(mounts("8:1 / / ext4"), b"/plain/directory").walks] == [b""]


@given(st.binary(max_size=300))
def test_any_mountinfo_gives_a_plan_with_the_root_in_it(data: bytes) -> None:
    assert [w for w in plan(data).walks if not w.path]


def survey(root: Path, made: Walk, *, gnu: bool = True, chunk: int = 1000) -> tuple[dict[bytes, tuple], Survey]:
    builder = TreeBuilder()
    separator = "5e9a7a7042" if not gnu else ""
    reader = Survey(builder, made, separator)
    probe = walk_probe(made, Plan((made,), {}, gnu=gnu), separator)
    done = subprocess.run(["sh"], input=f"R='{root}'\n{probe.script}\n".encode(), capture_output=True, check=True)
    assert done.stderr == b""
    for start in range(0, len(done.stdout), chunk):
        reader(done.stdout[start : start + chunk])
    built = builder.finish()
    assert not reader.cut
    assert builder.strays == 0
    return {
        e.path: (e.kind, e.mode, e.owner, e.size, int(e.mtime), e.link)
        for e in walk(built.objects, built.tree, built.stats)
    }, reader


ODD = [
    b"plain",
    b"new\nline",
    b"tab\t",
    b" lead",
    b"trail ",
    b"-rf",
    b"*",
    b"!",
    b"!.x",
    b"\xff\xfe",
    b"quote'",
    b'dq"',
    b"back\\slash",
    b"$(id)",
    b"%s",
]


def make(root: Path) -> dict[bytes, tuple]:
    top = os.fsencode(root)
    for name in ODD:
        os.mkdir(top + b"/d-" + name)
        with open(top + b"/d-" + name + b"/" + name, "wb") as out:
            out.write(name)
        os.symlink(b"to " + name, top + b"/l-" + name)
    os.chmod(top + b"/d-plain/plain", 0o4711)
    expected = {}
    for directory, below, files in os.walk(top):
        for name in below + files:
            path = os.path.join(directory, name)
            s = os.lstat(path)
            kind = "l" if os.path.islink(path) else "d" if os.path.isdir(path) else "f"
            link = os.readlink(path) if kind == "l" else b""
            size = 0 if kind == "d" else s.st_size
            expected[path[len(top) :]] = (kind, s.st_mode & 0o7777, (s.st_uid, s.st_gid), size, int(s.st_mtime), link)
    return expected


def test_find_is_read_back_as_the_tree_it_walked(tmp_path: Path) -> None:
    expected = make(tmp_path)
    for chunk in (1, 7, 100_000):
        assert survey(tmp_path, Walk(b""), chunk=chunk)[0] == expected


def test_without_gnu_find_the_same_tree_comes_out(tmp_path: Path) -> None:
    expected = make(tmp_path)
    for chunk in (1, 100_000):
        assert survey(tmp_path, Walk(b""), gnu=False, chunk=chunk)[0] == expected


def test_what_is_to_be_avoided_is_not_looked_at(tmp_path: Path) -> None:
    for name in ("mnt/nfs/inside", "mnt/other/x", "srv/.hidden/y", "srv/..odd/z", "empty"):
        (tmp_path / name).mkdir(parents=True)
    seen, _ = survey(
        tmp_path, Walk(b"", avoid=(b"mnt/nfs", b"srv/.hidden"), mounts=(b"empty", b"mnt/nfs", b"srv/.hidden"))
    )
    assert sorted(seen) == [b"/empty", b"/mnt", b"/mnt/other", b"/mnt/other/x", b"/srv", b"/srv/..odd", b"/srv/..odd/z"]


def test_avoided_mounts_are_never_stat_ed(tmp_path: Path) -> None:
    """A dead server hangs whoever looks at its mount point: the trace of the walk must not name it."""
    for name in ("mnt/nfs", "mnt/other", "srv"):
        (tmp_path / name).mkdir(parents=True)
    made = Walk(b"", avoid=(b"mnt/nfs",))
    probe = walk_probe(made, Plan((made,), {}, gnu=True), "")
    trace = tmp_path / "srv" / "trace"
    command = ["strace", "-f", "-e", "trace=%file,%desc", "-o", str(trace), "sh"]
    subprocess.run(command, input=f"R='{tmp_path}'\n{probe.script}\n".encode(), stdout=subprocess.PIPE, check=True)
    calls = [line for line in trace.read_text(errors="replace").splitlines() if "nfs" in line and "stat" in line]
    assert calls == []


def test_every_directory_that_could_not_be_listed_is_named() -> None:
    said = (
        b"find: './root': Permission denied\nfind: './srv/a b\\n\\303\\251\\'': Permission denied\n"
        b"find: ./bare: Permission denied\nfind: './mnt/nfs': Stale file handle\n"
    )
    result = with_names(Walk(b"var"), ProbeResult("walk /var", Outcome.DENIED, stderr=said, detail="the last"))
    assert [(file.path, file.outcome) for file in result.files] == [
        (b"/var/root", Outcome.DENIED),
        (b"/var/srv/a b\n\xc3\xa9'", Outcome.DENIED),
        (b"/var/bare", Outcome.DENIED),
        (b"/var/mnt/nfs", Outcome.FAILED),
    ]
    assert (result.outcome, result.detail) == (Outcome.FAILED, "")
    strange = with_names(Walk(b""), ProbeResult("walk /", Outcome.FAILED, stderr=b"sh: out of memory\n", detail="sh"))
    assert (strange.files, strange.detail) == ((), "sh")


@given(st.binary())
def test_any_complaint_of_find_is_read(said: bytes) -> None:
    with_names(Walk(b""), ProbeResult("walk /", Outcome.DENIED, stderr=b"find: " + said + b": Permission denied\n"))


def test_without_the_kernels_list_what_has_no_device_is_not_walked() -> None:
    lines = (
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
        "2 1 0:40 / /nfs rw - nfs4 a:/x rw",
        "3 1 0:41 / /data rw - btrfs /dev/b rw",
    )
    made = plan("\n".join(lines).encode() + b"\0\0gnu")
    assert {walk.path for walk in made.walks} == {b"", b"data"}
