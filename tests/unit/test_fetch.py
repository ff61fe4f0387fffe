"""Fetching contents: every file arrives byte for byte, whatever it is called, and what does not is named."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftscan.collect import fetch as module
from driftscan.collect.fetch import Fetched, fetch
from driftscan.collect.runner import Link
from driftscan.model.host import Host
from driftscan.transport.base import Privilege
from driftscan.transport.connect import connect

NAMES = {
    b"with space": b"1\n",
    b"new\nline": b"2\n",
    b"quote'single": b"3\n",
    b'quote"double': b"4",
    b"latin1-\xe9\xff": b"\xff\xfe\0\1",
    b"-rf": b"6\r\n",
    b"$(touch PWNED)": b"8",
    b"`id`": b"9",
    b"back\\slash": b"10",
    b"*": b"11",
    b" leading": b"",
    b"trailing ": b"x" * 70_000,
    b"f" * 250: b"long",
}


def never(question: str) -> str:
    """Be asked by nobody."""
    raise AssertionError(question)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a root with hostile names, and what is no regular file."""
    for name in ("etc", "usr", "srv"):
        (tmp_path / name).mkdir()
    for name, data in NAMES.items():
        with open(os.fsencode(tmp_path / "srv") + b"/" + name, "wb") as file:
            file.write(data)
    (tmp_path / "srv" / "deep").mkdir()
    os.mkfifo(tmp_path / "srv" / "pipe")
    (tmp_path / "srv" / "link").symlink_to("/etc/passwd")
    (tmp_path / "srv" / "out").symlink_to("/etc")
    os.link(tmp_path / "srv" / "*", tmp_path / "srv" / "hard")
    return tmp_path


@pytest.fixture
def link(root: Path) -> Iterator[Link]:
    """Connect to the root as an image."""
    transport = connect(Host("image", transport="image", path=str(root)), never)
    yield Link(transport, Privilege())
    transport.close()


def taken(link: Link, *paths: bytes, **limits: int) -> Fetched:
    """Fetch `paths` and check that each is either there or said to be missing."""
    found = fetch(link, paths, **limits)  # type: ignore[arg-type]
    assert set(found.missing) == {path for path in paths if found.read(path) is None}
    return found


@pytest.mark.parametrize("tar", [True, False])
def test_every_file_arrives_as_it_is(link: Link, monkeypatch: pytest.MonkeyPatch, *, tar: bool) -> None:
    if not tar:
        monkeypatch.setattr(module, "_SCRIPT", f"PACK=\n{module._SCRIPT}")
    found = taken(link, *(b"/srv/" + name for name in NAMES), b"/srv/hard")
    assert {path.removeprefix(b"/srv/"): data for path, data in found.contents.items()} == NAMES | {
        b"hard": NAMES[b"*"]
    }
    assert all(abs(time.time() - modified) < 3600 for modified in found.modified.values())


def test_what_cannot_be_had_is_named_with_the_reason(link: Link) -> None:
    found = taken(
        link, b"/srv/gone", b"/srv/pipe", b"/srv/link", b"/srv/out/passwd", b"/srv/deep", b"/srv/trailing ", b"/srv/*",
        limit=5000,
    )  # fmt: skip
    other = "no regular file any more"
    assert found.missing == {
        b"/srv/gone": "not there any more",
        b"/srv/deep": other,
        b"/srv/link": other,
        b"/srv/out/passwd": other,
        b"/srv/pipe": other,
        b"/srv/trailing ": "larger than 5000 bytes",
    }


def test_no_more_is_taken_than_is_wanted_in_all(link: Link) -> None:
    found = taken(link, b"/srv/trailing ", limit=1 << 20, most=4000)
    assert found.missing == {b"/srv/trailing ": "all files together are larger than 4000 bytes"}


def test_thousands_of_files_are_one_round_trip(link: Link, root: Path) -> None:
    paths = []
    for number in range(2000):
        (root / "srv" / "deep" / str(number)).write_text(f"file {number}\n")
        paths.append(b"/srv/deep/%d" % number)
    found = taken(link, *paths)
    assert found.contents[b"/srv/deep/1999"] == b"file 1999\n"
    assert len(found.contents) == 2000


def test_attributes_and_numbers_of_devices_are_asked_for_beside_the_files(link: Link, root: Path) -> None:
    place = root / "srv" / "*"
    try:
        os.setxattr(place, "user.origin", b"usb\0stick")
        os.setxattr(place, "user.a=b", b"")
    except OSError:
        pytest.skip("this filesystem has no attributes of users")
    if subprocess.run(["getfattr", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("no getfattr here")
    found = taken(link, b"/srv/*\0xattr:user.origin", b"/srv/*\0xattr:user.a=b", b"/srv/*\0xattr:user.none")
    assert found.read(b"/srv/*\0xattr:user.origin") == b"usb\0stick"
    assert found.read(b"/srv/*\0xattr:user.a=b") == b""
    assert list(found.missing) == [b"/srv/*\0xattr:user.none"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_has_its_numbers(link: Link, root: Path) -> None:
    try:
        os.mknod(root / "srv" / "null", 0o600 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("no devices can be made here")
    assert taken(link, b"/srv/null\0device").read(b"/srv/null\0device") == b"1 3"


def test_a_recording_holds_no_contents(tmp_path: Path) -> None:
    transport = connect(Host("r", transport="replay", path=str(tmp_path)), never)
    found = fetch(Link(transport, Privilege()), [b"/etc/hosts"])
    assert found.missing == {b"/etc/hosts": "a recording holds no contents"}


def test_what_changes_while_it_is_read_is_not_taken() -> None:
    sep = "0123"
    mark = f"\n{sep}\n".encode()
    said = b"ok\x00/var/log/x\x003 5 5 7\n\x00abc" + mark + b"4 6 6 7\n" + mark
    assert list(module._each([said], sep, 100)) == [(b"/var/log/x", b"changed", None)]
    assert not list(module._each([said[:20]], sep, 100))
    assert not list(module._packed([b"1 2 3 4\n" + mark + b"garbage" + mark], sep, b"", 100))
