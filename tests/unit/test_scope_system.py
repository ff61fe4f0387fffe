"""The scope `system` on what the lab's hosts showed."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.scopes.base import Parsed, scopes
from tests.unit.conftest import Recordings, garbled, look

SCOPE = scopes()["system"]
RECORDED = Recordings()


def values(parsed: Parsed) -> dict[str, str]:
    return {item.key: item.attributes["value"] for item in parsed.items}


@pytest.mark.parametrize(
    ("flavor", "release", "version", "init", "target", "managers"),
    [
        ("bookworm", "debian", "12", "systemd", "graphical.target", "dpkg"),
        ("bookworm-nopy", "debian", "12", "systemd", "graphical.target", "dpkg"),
        ("sauced", "debian", "12", "systemd", "graphical.target", "dpkg"),
        ("sysv", "debian", "12", "sysv", "runlevel 2", "dpkg"),
        ("rpm", "rocky", "9.4", "systemd", "graphical.target", "rpm"),
        ("arch", "arch", None, "systemd", "graphical.target", "pacman"),
        ("busybox", "applianceos", "1.0", "busybox", None, None),
    ],
)
def test_a_real_host_says_what_it_is(
    flavor: str, release: str, version: str | None, init: str, target: str | None, managers: str | None
) -> None:
    parsed = SCOPE.parse(RECORDED(flavor, "system"))
    found = values(parsed)
    assert not parsed.unparsed
    assert not parsed.denied
    names = ("release id", "release version", "init", "default target", "package managers")
    assert tuple(found.get(name) for name in names) == (release, version, init, target, managers)
    assert found["kernel"] == "Linux"
    assert found["architecture"] == "x86_64"
    assert found["virtualization"] == "systemd-nspawn"
    assert int(found["cpus"]) > 0
    assert int(found["memory"]) > 1 << 30


def test_the_sauced_host_is_german() -> None:
    found = values(SCOPE.parse(RECORDED("sauced", "system")))
    assert (found["timezone"], found["locale"], found["hostname"]) == ("Europe/Berlin", "de_DE.UTF-8", "record-sauced")


def test_only_what_changes_by_itself_is_volatile() -> None:
    readings = {item.key: item.volatile["reading"] for item in SCOPE.parse(RECORDED("bookworm", "system")).items}
    moving = {fact for fact, reading in readings.items() if reading}
    assert moving == {"boot time", "clock"}
    assert readings["clock"] > readings["boot time"] > "2020"


def result(probe: str, stdout: bytes = b"", files: dict[str, bytes] | None = None) -> dict[str, ProbeResult]:
    shown = tuple(HostFile(os.fsencode(path), Outcome.OK, data) for path, data in (files or {}).items())
    return {probe: ProbeResult(probe, Outcome.OK, stdout=stdout, files=shown)}


def test_a_release_before_os_release_is_known_by_its_own_file() -> None:
    files = {
        "/etc/redhat-release": b"CentOS release 6.10 (Final)\n",
        "/etc/sysconfig/network": b'NETWORKING=yes\nHOSTNAME="old.example"\n',
        "/etc/sysconfig/clock": b'ZONE="Europe/Rome"\n',
        "/etc/sysconfig/i18n": b'LANG="it_IT.UTF-8"\n',
        "/etc/inittab": b"# Default runlevel\nid:3:initdefault:\n",
    }
    found = values(SCOPE.parse(result("system-config", files=files)))
    assert (found["release id"], found["release version"]) == ("centos", "6.10")
    assert (found["hostname"], found["timezone"], found["locale"]) == ("old.example", "Europe/Rome", "it_IT.UTF-8")
    assert found["default target"] == "runlevel 3"
    assert "virtualization" not in found


@pytest.mark.parametrize(
    ("running", "kind"),
    [
        (b"kernel\tLinux\n", "none"),
        (b"detect-virt\tnone\ndmi\tQEMU x\n", "none"),
        (b"dmi\tVMware, Inc. VMware Virtual Platform\n", "vmware"),
        (b"cgroup\tdocker\nmachine-kind\tvm\n", "docker"),
        (b"machine-kind\tvm\n", "vm"),
        (b"hidden\tthe environment of process 1\n", None),
    ],
)
def test_virtualization_is_told_only_where_it_was_seen(running: bytes, kind: str | None) -> None:
    assert values(SCOPE.parse(result("system-running", running))).get("virtualization") == kind


@pytest.mark.parametrize(
    ("running", "init"),
    [
        (b"initctl\tinit (upstart 1.12.1)\npid1\tinit\n", "upstart"),
        (b"openrc\trunning\npid1\tinit\npid1-exe\t/bin/busybox\n", "openrc"),
        (b"pid1\tinit\n", "sysv"),
        (b"pid1\ttini\n", "tini"),
    ],
)
def test_init_systems(running: bytes, init: str) -> None:
    assert values(SCOPE.parse(result("system-running", running)))["init"] == init


def test_an_image_is_read_below_its_own_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/os-release").write_text('ID=demo\nPRETTY_NAME="De\\"mo"\n')
    (tmp_path / "etc/os-release").symlink_to("/usr/lib/os-release")
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    (tmp_path / "etc/hostname").write_text("# name\nimg\n")
    found = values(SCOPE.parse(look(tmp_path, "system")))
    assert found == {"release id": "demo", "release name": 'De"mo', "timezone": "Asia/Tokyo", "hostname": "img"}


def test_a_file_that_cannot_be_read_is_a_gap() -> None:
    closed = ProbeResult("system-config", Outcome.OK, files=(HostFile(b"/etc/hostname", Outcome.DENIED),))
    parsed = SCOPE.parse({"system-config": closed})
    assert parsed.denied == {"system-config": "/etc/hostname"}
    assert parsed.items == []


@settings(deadline=None)
@given(data=st.data())
def test_no_output_of_a_hostile_host_breaks_the_parser(data: st.DataObject) -> None:
    flavor = data.draw(st.sampled_from(RECORDED.flavors("system")))
    parsed = SCOPE.parse(data.draw(garbled(RECORDED(flavor, "system").values())))
    assert len({item.key for item in parsed.items}) == len(parsed.items)
    assert {item.key for item in parsed.items} == {item.attributes["fact"] for item in parsed.items}
