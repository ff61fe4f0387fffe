import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.explain.view import View
from driftscan.findings.base import judge
from driftscan.model.item import Item
from driftscan.model.manifest import Manifest
from driftscan.model.text import text
from driftscan.role.desk import Desk
from driftscan.role.repack import CannotRepackError, Repacked, field_of, repack, stanzas
from driftscan.role.resources import Content, Variable
from driftscan.role.steering import Steering
from tests.unit.handmade import Record, leaf, snapshot, tree

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="NOT TESTED: dpkg-deb is not on this machine")

STATUS = b"""Package: bash
Status: install ok installed
Architecture: amd64
Version: 5

Package: vpn
Status: hold ok installed
Maintainer: Ex Employee <ex@acme.example>
Architecture: all
Version: 1:0.9~1
Config-Version: 0.8
Depends: libc6
Conffiles:
 /etc/vpn.conf 25762b7f77ecd2d5c1c7d8a352100085
 /etc/old.conf 25762b7f77ecd2d5c1c7d8a352100085 obsolete
Description: acme vpn
 Status: of nothing
 .
 More.
"""
INFO = b"var/lib/dpkg/info/"
POSTINST = b"#!/bin/sh\nexit 0\n"
VPN = Item(
    "packages",
    "vpn",
    {"name": "vpn", "version": "1:0.9~1", "architecture": "all", "manager": "dpkg", "state": "installed"},
)


class Marked:
    """Secrets that stand between `<<` and `>>`."""

    def split(self, _path: str, data: bytes) -> Content:
        pieces = re.split(rb"<<(\w+)>>", data)
        return Content(tuple(Variable(one.decode()) if at % 2 else one for at, one in enumerate(pieces)))


def packed(
    leaves: Mapping[bytes, Record],
    contents: Mapping[bytes, bytes],
    *,
    listed: tuple[bytes, ...] | None = None,
    control: Mapping[bytes, bytes] | None = None,
    more: tuple[Item, ...] = (),
) -> Repacked:
    """Make a package again of which `leaves` are the files on the disk, by path."""
    mine = {
        b"list": b"", b"conffiles": b"/etc/vpn.conf\n/etc/gone.conf\n", b"postinst": POSTINST, **(control or {})
    }  # fmt: skip
    info = [leaf(INFO + b"vpn." + kind, b"f644 0 0") for kind in mine]
    files = tree(*leaves.values(), *info, leaf(INFO + b"vpn-other.postinst", b"f755 0 0"))
    paths = listed if listed is not None else tuple(b"/" + path for path in leaves)
    manifest = Manifest("vpn", "vpn", 100.0, dict.fromkeys((b"/", *paths), b""))
    known = {b"/var/lib/dpkg/status": STATUS, **{b"/" + INFO + b"vpn." + kind: data for kind, data in mine.items()}}
    known |= {b"/" + path: data for path, data in contents.items()}
    view = View(snapshot([VPN, *more], files=files, manifests=[manifest]))
    desk = Desk(view, judge(view), Steering(), known.get, secrets=Marked())  # type: ignore[arg-type]
    made = repack(desk, VPN)
    assert made == repack(desk, VPN)
    return made


def tool(made: Repacked, where: Path, *arguments: str) -> str:
    path = where / made.file
    path.write_bytes(made.data)
    ended = subprocess.run(("dpkg-deb", arguments[0], path, *arguments[1:]), capture_output=True, check=True)
    return ended.stdout.decode("utf-8", "surrogateescape")


def some(path: bytes, meta: bytes = b"f644 0 0", link: bytes = b"") -> dict[bytes, Record]:
    return {path: leaf(path, meta, link)}


def test_a_package_is_as_it_was_built(tmp_path: Path) -> None:
    leaves = {
        **some(b"etc/vpn.conf", b"f600 0 0"),
        **some(b"usr/sbin/vpn", b"f4755 0 0"),
        **some(b"usr/sbin/vpnd", b"l777 0 0", b"vpn"),
        **some(b"var/lib/vpn", b"d2750 0 7"),
    }
    contents = {b"etc/vpn.conf": b"peer\n", b"usr/sbin/vpn": b"\x7fELF\0"}
    made = packed(leaves, contents, listed=(*(b"/" + path for path in leaves), b"/usr", b"/usr/share/doc/excluded"))
    assert made.file == "vpn_1_0.9_1_all.deb"
    assert not made.secret
    lines = [line.split() for line in tool(made, tmp_path, "-c").splitlines()]
    assert [(line[0], line[1], " ".join(line[5:])) for line in lines] == [
        ("drwxr-xr-x", "root/root", "./"),
        ("-rw-------", "0/0", "./etc/vpn.conf"),
        ("drwxr-xr-x", "0/0", "./usr/"),
        ("-rwsr-xr-x", "0/0", "./usr/sbin/vpn"),
        ("lrwxrwxrwx", "0/0", "./usr/sbin/vpnd -> vpn"),
        ("drwxr-s---", "0/7", "./var/lib/vpn/"),
    ]
    tool(made, tmp_path, "-e", str(tmp_path / "control"))
    control = {one.name: one.read_bytes() for one in (tmp_path / "control").iterdir()}
    assert control == {
        "control": b"Package: vpn\nMaintainer: Ex Employee <ex@acme.example>\nArchitecture: all\nVersion: 1:0.9~1\n"
        b"Depends: libc6\nDescription: acme vpn\n Status: of nothing\n .\n More.\n",
        "conffiles": b"/etc/vpn.conf\n",  # not those that are no more
        "postinst": POSTINST,
    }
    assert (tmp_path / "control/postinst").stat().st_mode & 0o777 == 0o755
    tool(made, tmp_path, "-x", str(tmp_path / "data"))
    assert {path: (tmp_path / "data" / path.decode()).read_bytes() for path in contents} == contents


def test_a_directory_that_the_disk_has_a_link_to_is_a_directory(tmp_path: Path) -> None:
    leaves = {**some(b"lib", b"l777 0 0", b"usr/lib"), **some(b"usr/lib/vpn.so")}
    files = tree(*leaves.values())
    manifest = Manifest("vpn", "vpn", 100.0, dict.fromkeys((b"/lib", b"/lib/vpn.so"), b""))
    shot = snapshot([VPN], files=files, manifests=[manifest])
    shot.links.update({b"/lib": b"usr/lib"})
    known = {b"/var/lib/dpkg/status": STATUS, b"/usr/lib/vpn.so": b"elf"}
    view = View(shot)
    desk = Desk(view, judge(view), Steering(), known.get, secrets=Marked())  # type: ignore[arg-type]
    listing = tool(repack(desk, VPN), tmp_path, "-c")
    assert re.findall(r"^(.).* (\./\S+)$", listing, re.MULTILINE) == [("d", "./lib/"), ("-", "./lib/vpn.so")]


def test_what_is_diverted_is_taken_from_where_it_lies(tmp_path: Path) -> None:
    leaves = {**some(b"usr/bin/vpn"), **some(b"usr/bin/vpn.real")}
    diverted = Item(
        "diversions", "/usr/bin/vpn", {"path": "/usr/bin/vpn", "diverted_to": "/usr/bin/vpn.real", "by": ""}
    )
    contents = {b"usr/bin/vpn": b"by hand", b"usr/bin/vpn.real": b"packaged"}
    made = packed(leaves, contents, listed=(b"/usr/bin/vpn",), more=(diverted,))
    tool(made, tmp_path, "-x", str(tmp_path / "data"))
    assert [(one.name, one.read_bytes()) for one in (tmp_path / "data/usr/bin").iterdir()] == [("vpn", b"packaged")]


def test_a_secret_is_not_in_the_package(tmp_path: Path) -> None:
    templates = {b"templates": b"Template: vpn/psk\nDefault: <<vpn_psk>>\n"}
    made = packed(some(b"etc/vpn.conf"), {b"etc/vpn.conf": b"psk=<<vpn_psk>>\n"}, control=templates)
    assert made.secret == (("/etc/vpn.conf", Content((b"psk=", Variable("vpn_psk"), b"\n"))),)
    tool(made, tmp_path, "-x", str(tmp_path / "data"))
    assert (tmp_path / "data/etc/vpn.conf").read_bytes() == b"psk=<secret:vpn_psk>\n"
    tool(made, tmp_path, "-e", str(tmp_path / "control"))
    assert (tmp_path / "control/templates").read_bytes() == b"Template: vpn/psk\nDefault: <secret:vpn_psk>\n"


@pytest.mark.parametrize(
    ("contents", "control", "says"),
    [
        ({}, {}, "the content of /etc/vpn.conf could not be read"),
        ({b"etc/vpn.conf": b"\0<<a>>"}, {}, "/etc/vpn.conf is a program that holds a secret"),
        ({b"etc/vpn.conf": b""}, {b"postinst": b"curl <<a>>"}, "its script postinst holds a secret"),
    ],
)
def test_what_cannot_be_packed_is_said(
    contents: Mapping[bytes, bytes], control: Mapping[bytes, bytes], says: str
) -> None:
    with pytest.raises(CannotRepackError, match=says):
        packed(some(b"etc/vpn.conf"), contents, control=control)


NAMES = st.binary(min_size=1, max_size=130).filter(
    lambda name: not {0, 10, 47} & set(name) and name not in {b".", b".."}
)


@settings(max_examples=15)
@given(st.dictionaries(NAMES, st.binary(max_size=50), min_size=1, max_size=4), NAMES)
def test_odd_names_arrive_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, files: Mapping[bytes, bytes], target: bytes
) -> None:
    where = tmp_path_factory.mktemp("odd")
    contents = {b"opt/x/" + name: data.replace(b"<<", b"") for name, data in files.items()}
    leaves = {path: record for name in contents for path, record in some(name).items()}
    leaves |= some(b"opt/link", b"l777 0 0", target)
    tool(packed(leaves, contents), where, "-x", str(where / "data"))
    found = {
        b"opt/x/" + one.name.encode("utf-8", "surrogateescape"): one.read_bytes()
        for one in (where / "data/opt/x").iterdir()
    }
    assert found == contents
    assert str((where / "data/opt/link").readlink()).encode("utf-8", "surrogateescape") in {target, target.rstrip(b"/")}


def test_a_status_is_read_by_package_and_architecture() -> None:
    found = stanzas(
        b"\n\n" + STATUS + b"\n\n\nPackage: vpn\nArchitecture: i386\nStatus: install ok installed\n\ngarbage\n"
    )
    assert sorted(found) == [("bash", "amd64"), ("vpn", "all"), ("vpn", "i386")]
    assert field_of(found["vpn", "all"], "Description") == "acme vpn\n Status: of nothing\n .\n More."
    assert field_of(found["vpn", "all"], "Status") == "hold ok installed"


@given(st.binary(max_size=300), st.integers(0, len(STATUS)))
def test_a_status_that_is_garbage_harms_nobody(data: bytes, at: int) -> None:
    for name, architecture in stanzas(STATUS[:at] + data + STATUS[at:]):
        assert text(name.encode("utf-8", "surrogatepass"))
        assert isinstance(architecture, str)
