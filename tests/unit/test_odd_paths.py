"""Odd trees: paths longer than the system takes in one piece, times before 1970, and what a poor `stat` leaves out."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftscan.collect.reuse import _late
from driftscan.collect.survey import Plan, Survey, Walk, walk_probe
from driftscan.model.tree import walk
from driftscan.model.treebuilder import TreeBuilder

DEPTH = 100  # directories one in the other
NAME = b"d" * 250  # of each: 25,000 bytes of path, where the system takes 4,096


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """Give a tree that nobody can name the end of."""
    top = tmp_path / "deep"
    top.mkdir()
    at = os.open(top, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir(NAME, dir_fd=at)
        below = os.open(NAME, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("end", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    yield top
    subprocess.run(["rm", "-rf", top], check=True)


def survey(root: Path, *, gnu: bool, path: str = "") -> tuple[TreeBuilder, Survey, int]:
    """Walk `root`; return the builder, the reader and the walk's exit code."""
    walked = Walk(b"")
    builder, separator = TreeBuilder(), "" if gnu else "5e9a7a7042"
    reader = Survey(builder, walked, separator)
    script = walk_probe(walked, Plan((walked,), {}, gnu=gnu), separator).script
    lack = "ds_lack() { echo no $1 >&2; }\n"
    environment = {"PATH": path or os.environ["PATH"]}
    sh = shutil.which("dash") or "/bin/sh"
    done = subprocess.run([sh, "-c", f"R='{root}'\n{lack}{script}"], env=environment, capture_output=True, check=False)
    reader(done.stdout)
    return builder, reader, done.returncode


def test_a_path_of_25_000_bytes_is_walked_to_its_end(deep: Path) -> None:
    builder, reader, code = survey(deep, gnu=True)
    built = builder.finish()
    assert (code, reader.cut, builder.strays) == (0, False, 0)
    longest = max((entry.path for entry in walk(built.objects, built.tree, built.stats)), key=len)
    assert longest == b"/" + b"/".join([NAME] * DEPTH) + b"/end"


def applets(directory: Path, *names: str, **scripts: str) -> str:
    """Return a PATH of busybox applets, and of scripts in place of some."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("no busybox here")
    directory.mkdir()
    for name in names:  # busybox's own xargs does not ask which stat there is
        (directory / name).symlink_to((shutil.which("xargs") if name == "xargs" else None) or busybox)
    for name, script in scripts.items():
        (directory / name).write_text(f"#!{busybox} sh\n{script}\n")
        (directory / name).chmod(0o755)
    return str(directory)


def test_where_a_poor_find_cannot_go_the_walk_has_failed(deep: Path, tmp_path: Path) -> None:
    _, _, code = survey(deep, gnu=False, path=applets(tmp_path / "bin", "find", "xargs", "stat"))
    assert code != 0


def test_a_file_from_before_1970_is_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "old").touch()
    os.utime(root / "old", (-86400, -86400))
    for gnu in (True, False):
        path = "" if gnu else applets(tmp_path / "bin", "find", "xargs", "stat")
        builder, reader, code = survey(root, gnu=gnu, path=path)
        built = builder.finish()
        assert (code, reader.cut) == (0, False)
        (entry,) = walk(built.objects, built.tree, built.stats)
        assert (entry.path, entry.mtime) == (b"/old", -86400.0)


@pytest.mark.parametrize(
    ("tool", "script"),
    [
        ("stat", "echo 'stat: invalid option -- c' >&2; exit 1"),
        ("xargs", "echo 'xargs: invalid option -- 0' >&2; exit 1"),
        ("find", "echo 'find: unrecognized: -print0' >&2; exit 1"),
        ("xargs", 'case $* in *" %f %u"* | *"-c %f %u"*) kill -KILL $$ ;; esac; exec busybox xargs "$@"'),
    ],
)
def test_what_cannot_be_done_is_no_empty_tree(tool: str, script: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    tools = {"find", "xargs", "stat", "busybox"} - {tool}
    _, _, code = survey(root, gnu=False, path=applets(tmp_path / "bin", *tools, **{tool: script}))
    assert code != 0


def test_a_record_that_is_none_is_told() -> None:
    reader = Survey(TreeBuilder(), Walk(b""), "SEP")
    reader(b"41ed 0 0 4096 1 1 2 2 SEP.SEP'.'SEP\n81a4 0 0 many 1 1 3 1 SEP./fileSEP'./file'SEP\n")
    assert reader.cut


@pytest.mark.parametrize("clock", [100, 999_999_999, 1_769_999_998, 2_208_988_800])
@pytest.mark.parametrize("later", [-30_000, -1, 0, 1, 3, 10_000, 1_000_000_000])
def test_what_was_written_since_is_found_however_far_off_the_clock_is(clock: int, later: int) -> None:
    """Also over a boundary of 10,000 s, in 1970, and when the clock has jumped ahead."""
    changed = max(0, clock + later)
    stats = b"%d.1234567890 77 1\0" % changed
    assert _late(clock)(stats) == (changed >= clock)
