"""Archives: what is unpacked is what the host had, by GNU tar and by busybox; secrets are never in one."""

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from driftscan.explain.view import View
from driftscan.findings.base import Judgement
from driftscan.model.item import Item
from driftscan.model.text import raw, text
from driftscan.role import archive as module
from driftscan.role.archive import pack
from driftscan.role.desk import Desk, Planned
from driftscan.role.model import Data, LeftOut, Program
from driftscan.role.resources import Archive, File, HardLink, Why
from driftscan.role.secrets import Secrets
from driftscan.role.steering import Steering, Wanted
from tests.unit.handmade import Record, snapshot, tree

LONG = b"d" * 200 + b"/" + b"f" * 250
FILES = {
    b"plain": b"text\n",
    b"empty": b"",
    b"-rf": b"6",
    b"new\nline": b"2",
    b"latin1-\xe9\xff": b"5",
    "ünï\u202e".encode(): b"17",
    b" lead": b"16",
    b"trail ": b"15",
    b"{{ x }}": b"13",
    LONG: b"18",
    b"/".join([b"p" * 200] * 15) + b"/x": b"deep",
    b"binary": b"\xff\xfe\0\1",
    b"tool": b"\x7fELF\0\0",
}


def record(path: bytes, meta: bytes, size: int = 0, inode: int = 7, links: int = 1, link: bytes = b"") -> Record:
    return path, b"%s %d 1557032705.5" % (meta, size), b"8.0 %d %d" % (inode, links), link


def desk(records: Mapping[bytes, Record], contents: Mapping[bytes, bytes], steering: Steering | None = None) -> Desk:
    """Return a desk whose host has `records` below /srv/w, each file with what it says."""
    accounts = [
        Item("accounts", f"user {name}", {"kind": "user", "name": name, "uid": number})
        for name, number in (("root", 0), ("shop", 1001))
    ]
    files = tree(*((b"srv/w/" + name, *one[1:]) for name, one in records.items()))
    known = {b"/srv/w/" + name: data for name, data in contents.items()}
    view = View(snapshot(accounts, files=files))
    return Desk(view, Judgement((), {}), steering or Steering(), known.get, secrets=Secrets(known))


def regular(files: Mapping[bytes, bytes], mode: bytes = b"f644 1001 1001") -> dict[bytes, Record]:
    return {name: record(b"", mode, len(data), 100 + at) for at, (name, data) in enumerate(files.items())}


def packed(at: Desk, *, without: tuple[str, ...] = ()) -> tuple[list[Planned], Archive]:
    found = list(pack(at, Why("files", "/srv/w", "no package has it"), "/srv/w", without=without))
    (archive,) = [one for one in found if isinstance(one, Archive)]
    return [one for one in found if one is not archive], archive


def everything() -> tuple[dict[bytes, Record], dict[bytes, bytes]]:
    more = {
        b"link": record(b"", b"l777 0 0", link=b"new\nline"),
        b"l" * 240: record(b"", b"l777 0 0", link=b"x\xff" * 150),
        b"pipe": record(b"", b"p600 1001 1001"),
        b"first": record(b"", b"f644 0 0", 4, 900, 2),
        b"second": record(b"", b"f644 0 0", 4, 900, 2),
        b"tool": record(b"", b"f4755 0 0", 6, 800),
        b"sub": record(b"", b"d2775 1001 1001"),
    }
    return {**regular(FILES), **more}, {**FILES, b"first": b"same", b"second": b"same"}


def unpacked(archive: Archive, where: Path, *command: str) -> dict[bytes, bytes]:
    """Unpack with a real tar and return what lies there: content, or the kind of what is no file."""
    subprocess.run([*command, "-xzf", "-", "-C", str(where)], input=archive.data, check=True)
    found = {}
    top = os.fsencode(where)
    for above, names, files in os.walk(top):
        for name in (*names, *files):
            path = above + b"/" + name
            if os.path.islink(path):
                found[path[len(top) + 1 :]] = b"-> " + os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    found[path[len(top) + 1 :]] = file.read()
    return found


@pytest.mark.parametrize("command", [("tar",), ("busybox", "tar")])
def test_real_tools_unpack_what_the_host_had(tmp_path: Path, command: tuple[str, ...]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    records, contents = everything()
    _, archive = packed(desk(records, contents))
    expected = {**contents, b"link": b"-> new\nline", b"l" * 240: b"-> " + b"x\xff" * 150}
    assert unpacked(archive, tmp_path, *command) == expected
    assert (tmp_path / "first").stat().st_ino == (tmp_path / "second").stat().st_ino
    assert (tmp_path / "plain").stat().st_mtime == 1557032705
    assert (tmp_path / "pipe").is_fifo()
    if os.geteuid() == 0:
        assert (tmp_path / "tool").stat().st_mode & 0o7777 == 0o4755
        assert (tmp_path / "sub").stat().st_mode & 0o7777 == 0o2775


def test_owners_are_told_by_name_and_number_and_members_by_their_paths() -> None:
    records, contents = everything()
    _, archive = packed(desk(records, contents, Steering(rename={"shop": "web"})))
    with tarfile.open(fileobj=io.BytesIO(archive.data), errors="surrogateescape") as opened:
        by_name = {member.name.encode("utf-8", "surrogateescape"): member for member in opened}
    assert (by_name[b"plain"].uname, by_name[b"plain"].uid, by_name[b"plain"].gname) == ("web", 1001, "")
    assert {raw(member) for member in archive.members} == set(by_name)
    assert archive.name == "srv-w.tar.gz"


def test_the_same_host_gives_the_same_bytes() -> None:
    assert packed(desk(*everything()))[1] == packed(desk(*everything()))[1]
    assert packed(desk(*everything()))[1].data == packed(desk(*everything()))[1].data


def test_a_file_with_a_secret_is_one_of_its_own() -> None:
    files = {b"env": b"TOKEN=tok_live_51HabcSECRET\n", b"app.py": b"print(1)\n", b".bash_history": b"mysql -pabc1\n"}
    records = regular(files) | {
        b"env": record(b"", b"f600 1001 1001", 28, 5, 2),
        b"env2": record(b"", b"f600 1001 1001", 28, 5, 2),
    }
    others, archive = packed(desk(records, files))
    assert archive.members == ("app.py",)
    assert [type(one) for one in others] == [LeftOut, File, HardLink]
    file = next(one for one in others if isinstance(one, File))
    assert (file.path, file.user, file.mode) == ("/srv/w/env", "shop", "0600")
    assert file.content is not None
    assert file.content.variables == ("w_token",)


def test_what_cannot_be_carried_is_named() -> None:
    records = {
        **regular({b"kept": b"1", b"lost": b"2", b"not/me": b"3", b"data/x": b"4"}),
        b"sock": record(b"", b"s755 0 0"),
        b"null": record(b"", b"c666 0 0"),
        b"huge": record(b"", b"f644 0 0", 65 << 20),
    }
    steering = Steering(data=(Wanted("/srv/w/data"),))
    at = desk(records, {b"kept": b"1", b"not/me": b"3"}, steering)
    others, archive = packed(at, without=("/srv/w/not",))
    assert archive.members == ("kept",)
    left = {one.key: one.reason for one in others if isinstance(one, LeftOut)}
    assert set(left) == {"/srv/w/lost", "/srv/w/sock", "/srv/w/null", "/srv/w/huge"}
    assert {one.path for one in others if isinstance(one, Data)} == {"/srv/w/data", "/srv/w/huge"}
    assert b"/srv/w/null\0device" in at.wanted
    assert b"/srv/w/not/me" not in at.wanted


def test_a_device_has_its_numbers() -> None:
    at = desk({b"null": record(b"", b"c666 0 0")}, {b"null\0device": b"1 3"})
    with tarfile.open(fileobj=io.BytesIO(packed(at)[1].data)) as opened:
        (member,) = opened
    assert (member.ischr(), member.devmajor, member.devminor) == (True, 1, 3)


def test_too_much_for_an_archive_is_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 5)
    files = {b"a": b"123", b"b": b"456"}
    at = desk(regular(files), files)
    assert [type(one) for one in pack(at, Why("files", "/srv/w"), "/srv/w")] == [Data, LeftOut]
    assert not at.wanted


def test_programs_without_a_source_are_told() -> None:
    files = {b"bin/tool": b"\x7fELF\0", b"lib.so": b"\x7fELF\0", b"run.sh": b"#!/bin/sh\n"}
    records = regular(files) | {
        name: record(b"", b"f755 0 0", 5, at) for at, name in enumerate((b"bin/tool", b"run.sh"))
    }
    others, _ = packed(desk(records, files))
    assert [one.path for one in others if isinstance(one, Program)] == ["/srv/w/bin/tool"]


@pytest.mark.parametrize(
    ("path", "safe"),
    [("/opt/app", "opt-app.tar.gz"), ("/opt-app", None), (text(b"/srv/\xff new\n" + b"x" * 300), None)],
)
def test_every_path_has_a_safe_name_of_its_own(path: str, safe: str | None) -> None:
    name = module._file_name(path)
    assert name == safe or (safe is None and len(name) < 80 and name.replace("-", "").replace(".", "").isalnum())
