"""Packages of a role on real hosts: what somebody asked for, and packages made again that are as they were built."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from driftscan.explain.view import View
from driftscan.findings.base import judge
from driftscan.model.revision import Revision
from driftscan.role.desk import Desk, Planned
from driftscan.role.planners import packages, repositories
from driftscan.role.repack import repack
from driftscan.role.resources import Content, Package, PackageFile, Refresh
from driftscan.role.secrets import Secrets
from driftscan.role.steering import Steering
from driftscan.store import Store
from tests.conftest import command_line
from tests.lab import hosts

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("role-packages")]

# A package with all that one can have, which no repository knows.
_ODD = r"""
set -e; d=$(mktemp -d); cd "$d"; mkdir -p DEBIAN etc/odd usr/share/odd 'usr/share/odd/with space' var/lib/odd
printf 'Package: odd\nVersion: 1:2.0~rc1-1\nArchitecture: all\nMaintainer: Ex <ex@acme.example>\n' >DEBIAN/control
printf 'Depends: passwd\nSection: admin\nDescription: odd\n Status: of nothing\n .\n more\n' >>DEBIAN/control
printf 'password=Tr0ub4dor-and-3\n' >etc/odd/odd.conf; chmod 640 etc/odd/odd.conf
printf '/etc/odd/odd.conf\n' >DEBIAN/conffiles
printf '#!/bin/sh\nset -e\ngetent passwd _odd >/dev/null || useradd -r -s /usr/sbin/nologin _odd\n' >DEBIAN/preinst
printf '#!/bin/sh\nset -e\nchown _odd:_odd /var/lib/odd /etc/odd/odd.conf; chmod 2750 /var/lib/odd\n' >DEBIAN/postinst
printf 'interest-noawait /usr/share/odd\n' >DEBIAN/triggers
chmod 755 DEBIAN/p*; echo one >usr/share/odd/one; ln usr/share/odd/one usr/share/odd/two; ln -s one usr/share/odd/link
name=$(printf 'usr/share/odd/\377 {{ x }} $(touch y)'); echo odd >"$name"; echo a >'usr/share/odd/with space/a'
mkfifo usr/share/odd/pipe; (find etc usr -type f | xargs -d '\n' md5sum) >DEBIAN/md5sums
dpkg-deb --root-owner-group --build . /root/odd.deb >/dev/null; dpkg -i /root/odd.deb >/dev/null
rm -r "$d" /root/odd.deb
"""
# Packages of the distribution that nobody has changed, and whose scripts change no path of their own.
_WHOLE = ("dash", "debconf", "libc-bin", "less", "passwd", "login", "e2fsprogs")
_STATE = r"""
cd /; dpkg -V odd; echo "V $?"; dpkg -s odd | sed /^Status/d; cat /var/lib/dpkg/info/odd.[!l]*
find etc/odd usr/share/odd var/lib/odd -printf '%y %m %U %s %n %p %l\n' | LC_ALL=C sort -k 6 |
  sed "s/ $(id -u _odd) / _odd /"
find usr/share/odd -type f -exec cat {} +
"""


@dataclass
class Seen:
    """A host of the lab that was scanned: its desk, and what is planned there."""

    host: hosts.LabHost
    desk: Desk
    planned: list[Planned]

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.planned if isinstance(one, Package | PackageFile)]


def seen(host: hosts.LabHost, directory: Path) -> Seen:
    """Scan a host, and plan its packages; what files say is read from its disk."""
    directory.mkdir()
    run = command_line(directory)
    done = run("scan", f"root@{host.address}", "--identity", host.key, "--accept-new-host-key")
    assert done.returncode == 0, done.stderr
    with Store.open(directory / "driftscan.db") as store:
        view = View(store.load(store.snapshot_at(host.address, Revision("latest"))))
    disk = host.disk()

    def read(path: bytes) -> bytes | None:
        file = disk / path.decode("utf-8", "surrogateescape").lstrip("/")
        return file.read_bytes() if file.is_file() else None

    first = Desk(view, judge(view), Steering(), read)
    planned = [*repositories.PLANNER.plan(first), *packages.PLANNER.plan(first)]
    contents = {path: data for path in first.wanted if (data := read(path)) is not None}
    desk = Desk(view, first.judgement, Steering(), read, secrets=Secrets(contents))
    planned = [*repositories.PLANNER.plan(desk), *packages.PLANNER.plan(desk)]
    return Seen(host, desk, planned)


@pytest.fixture(scope="module")
def sauced(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    with hosts.host(f"rolepkg{worker_id}", "sauced") as host:
        host.root(_ODD)
        yield seen(host, tmp_path_factory.mktemp("packages") / "sauced")


@pytest.mark.parametrize("flavor", ["bookworm", "bullseye", "rpm", "trixie", "sysv"])
def test_a_stock_host_needs_no_packages(flavor: str, worker_id: str, tmp_path: Path) -> None:
    with hosts.host(f"rolestock{worker_id}", flavor) as host:
        assert seen(host, tmp_path / flavor).planned == []


def test_a_package_that_somebody_installs_on_an_rpm_host_is_asked_for(worker_id: str, tmp_path: Path) -> None:
    with hosts.host(f"rolerpm{worker_id}", "rpm") as host:
        shutil.copytree(Path(host.key).parent / "rpm-repo", host.disk() / "srv/rpm-repo", dirs_exist_ok=True)
        host.root("rpm -e --nodeps logrotate less; dnf -q -y install logrotate less")
        found = seen(host, tmp_path / "rpm")
        assert found.names == ["less", "logrotate"]
        assert "/srv/rpm-repo" in found.desk.early


def test_the_sauced_host_needs_what_somebody_asked_for(sauced: Seen) -> None:
    assert sauced.names == [
        "acl", "acme-metrics", "attr", "dma", "locales", "nano", "nftables", "nginx-light", "npm", "postgresql-client",
        "python3-pip", "python3-requests", "python3-venv", "redis-server", "rsyslog", "sqlite3", "vim-tiny",
        "odd", "vpn-helper",
    ]  # fmt: skip
    assert [one.manager for one in sauced.planned if isinstance(one, Refresh)] == ["dpkg"]
    assert {"/srv/mirror", "/srv/mirror/acme", "/etc/apt"} <= sauced.desk.early


def test_a_package_made_again_is_installed_as_the_old_one(sauced: Seen, worker_id: str, tmp_path: Path) -> None:
    made = {one.name: one for one in sauced.planned if isinstance(one, PackageFile)}
    assert b"Tr0ub4dor" not in extracted(made["odd"].data, tmp_path)
    with hosts.host(f"rolenew{worker_id}", "bookworm") as new:
        for one in made.values():
            (new.disk() / "root" / one.file).write_bytes(one.data)
        new.root("apt-get -qq update; cd /root; apt-get -qq install -y ./odd_*.deb ./vpn-helper_*.deb >&2")
        # the conffile holds the placeholder until the role writes it with its secret
        new.root("cd /etc/odd && sed -i 's/<secret:[a-z_0-9]*>/Tr0ub4dor-and-3/' odd.conf && chown _odd:_odd odd.conf")
        assert state(new) == state(sauced.host)
        assert "V 0" in new.root("dpkg -V vpn-helper; echo V $?")


def state(host: hosts.LabHost) -> list[str]:
    """Return what a host has of the odd package; the checksum of its conffile is of the placeholder on the new host."""
    told = host.root(f"sh -c {_quoted(_STATE)} | base64 -w0")
    lines = subprocess.run(("base64", "-d"), input=told.encode(), capture_output=True, check=True).stdout.split(b"\n")
    return [
        repr(line) for line in lines if not re.match(rb"V 1|\?\?5\?+ c /etc/odd/odd.conf| /etc/odd/odd.conf ", line)
    ]


def _quoted(script: str) -> str:
    return "'" + script.replace("'", "'\\''") + "'"


def extracted(data: bytes, directory: Path) -> bytes:
    """Return all that is in a package, unpacked."""
    (directory / "x.deb").write_bytes(data)
    command = ("dpkg-deb", "--fsys-tarfile", directory / "x.deb")
    subprocess.run(("dpkg-deb", "-e", directory / "x.deb", directory / "control"), check=True)
    control = b"".join(path.read_bytes() for path in (directory / "control").iterdir())
    return subprocess.run(command, capture_output=True, check=True).stdout + control


@pytest.fixture(scope="module")
def originals(sauced: Seen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with the packages of the distribution as it publishes them."""
    sauced.host.root(f"apt-get -qq update; mkdir -p /run/debs; cd /run/debs; apt-get -qq download {' '.join(_WHOLE)}")
    target = tmp_path_factory.mktemp("originals")
    packed = sauced.host.root("cd /run/debs; tar -c . | base64 -w0")
    data = subprocess.run(("base64", "-d"), input=packed.encode(), capture_output=True, check=True).stdout
    subprocess.run(("tar", "-x", "-C", target), input=data, check=True)
    return target


class _Open(Secrets):
    """Takes nothing for a secret: what the distribution publishes holds none."""

    def split(self, path: str, data: bytes) -> Content:  # noqa: ARG002 -- it is the same everywhere
        return Content((data,))


@pytest.mark.parametrize("name", _WHOLE)
def test_a_package_made_again_is_as_it_was_built(name: str, sauced: Seen, originals: Path, tmp_path: Path) -> None:
    item = next(item for item in sauced.desk.view.of("packages") if item.key == name)
    desk = replace(sauced.desk, secrets=_Open())
    made = repack(desk, item)
    assert made == repack(desk, item)
    (tmp_path / "made.deb").write_bytes(made.data)
    original = next(originals.glob(f"{name}_*.deb"))
    assert content(tmp_path / "made.deb") == content(original)
    for path, where in ((tmp_path / "made.deb", "made"), (original, "original")):
        subprocess.run(("dpkg-deb", "-e", path, tmp_path / where), check=True)
    assert control(tmp_path / "made") == control(tmp_path / "original")


def content(package: Path) -> list[str]:
    """Return the listing of a package; directories without their times."""
    done = subprocess.run(("dpkg-deb", "-c", package), capture_output=True, check=True)
    lines = done.stdout.decode("utf-8", "surrogateescape").splitlines()
    return sorted(re.sub(r" +\d+ \d{4}-\d\d-\d\d \d\d:\d\d", "", line) if line[0] == "d" else line for line in lines)


def control(directory: Path) -> dict[str, object]:
    """Return the control files of a package; the fields of its stanza stand in any order."""
    found: dict[str, object] = {path.name: path.read_bytes() for path in directory.iterdir()}
    return {**found, "control": sorted(re.split(rb"\n(?! )", (directory / "control").read_bytes().strip()))}
