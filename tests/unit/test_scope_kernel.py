"""The scope kernel: which file sets a sysctl, what differs from the kernel's own, modules, boot parameters."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.scopes.kernel import SCOPE
from driftscan.scopes.settings import sysctl
from driftscan.scopes.settings.knowledge import sysctl_defaults, sysctl_kernels
from tests.unit.conftest import look
from tests.unit.scope_checks import Results, garbled, truncated, well_formed

LIVE = b"""ro:/proc/sys
rw:/proc/sys/net
fixed:net/core/rmem_max
net/core/somaxconn:4096
net/core/rmem_max:4194304
net/ipv4/tcp_keepalive_time:111
net/ipv4/tcp_fin_timeout:15
net/ipv4/tcp_rmem:4096\t131072\t6291456
net/ipv4/conf/all/rp_filter:0
net/ipv4/conf/default/rp_filter:2
net/ipv4/conf/eth0/rp_filter:2
net/ipv4/conf/eth0/100/rp_filter:2
net/ipv4/ip_default_ttl:63
vm/overcommit_memory:0
vm/swappiness:1
kernel/version:one
kernel/version:two
again:
net/core/somaxconn:4096
net/ipv4/ip_default_ttl:65
"""
GRUB = b'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="audit=1 ks.password=hunter2"\n'
MODULES = b"loaded nf_conntrack\nloaded xt_tcpudp\nknown nf_conntrack\nknown vt\n"


def files(*shown: tuple[str, bytes], name: str = sysctl.FILES.name) -> ProbeResult:
    return ProbeResult(name, Outcome.OK, files=tuple(HostFile(path.encode(), Outcome.OK, data) for path, data in shown))


def host(*shown: tuple[str, bytes], live: bytes = LIVE) -> Results:
    return {
        sysctl.FILES.name: files(*shown),
        sysctl.LIVE.name: ProbeResult(sysctl.LIVE.name, Outcome.OK, stdout=live),
        "modules-loaded": ProbeResult("modules-loaded", Outcome.OK, stdout=MODULES),
        "module-files": files(
            ("/etc/modules-load.d/acme.conf", b"# us\nnf-conntrack\nvt\nzfs\n"),
            ("/etc/modprobe.d/x.conf", b"blacklist pcspkr\noptions zfs zfs_arc_max=1 \\\n  x=2\nalias a b\n"),
            name="module-files",
        ),
        "boot-parameters": files(
            ("/etc/default/grub", GRUB),
            name="boot-parameters",
        ),
        "booted-with": ProbeResult(
            "booted-with", Outcome.OK, stdout=b"BOOT_IMAGE=/vmlinuz root=UUID=1 ro quiet nosmt\n"
        ),
        "init": ProbeResult("init", Outcome.OK, stdout=b"systemd\n"),
    }


def told(results: Results) -> dict[str, tuple[str | None, str | None, str | None]]:
    parsed = SCOPE.parse(results)
    well_formed(SCOPE, parsed)
    return {
        item.key.removeprefix("sysctl "): tuple(item.attributes[name] for name in ("configured", "live", "file"))
        for item in parsed.items
    }


def test_what_files_set_and_what_is_in_memory_only() -> None:
    body = b"net.core.somaxconn = 4096\n; old\n-vm.overcommit_memory=1\nnet/ipv4/tcp_rmem = 4096 131072  6291456\n"
    found = told(host(("/etc/sysctl.d/99-shop.conf", body)))
    assert found["net.core.somaxconn"] == ("4096", "4096", "/etc/sysctl.d/99-shop.conf")
    assert found["net.ipv4.tcp_rmem"][:2] == ("4096 131072 6291456", "4096 131072 6291456")
    assert found["vm.overcommit_memory"] == ("1", "0", "/etc/sysctl.d/99-shop.conf")
    assert found["net.ipv4.tcp_keepalive_time"] == (None, "111", None)
    assert "vm.swappiness" not in found  # not writable here: its machine's
    assert "net.core.rmem_max" not in found  # nobody can set it
    assert "net.ipv4.ip_default_ttl" not in found  # changes by itself


def test_the_first_folder_and_the_last_name_count() -> None:
    found = told(
        host(
            ("/etc/sysctl.d/50-a.conf", b"net.ipv4.tcp_fin_timeout=1\n"),
            ("/etc/sysctl.d/README", b"net.core.somaxconn=9\n"),
            ("/usr/lib/sysctl.d/50-a.conf", b"net.core.somaxconn=2\n"),
            ("/usr/lib/sysctl.d/60-b.conf", b"net.ipv4.tcp_fin_timeout=3\n"),
        )
    )
    assert found["net.ipv4.tcp_fin_timeout"] == ("3", "15", "/usr/lib/sysctl.d/60-b.conf")
    assert "net.core.somaxconn" not in found


def test_a_link_to_nothing_masks(tmp_path: Path) -> None:
    for folder in ("etc/sysctl.d", "usr/lib/sysctl.d", "etc/ufw", "proc"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "usr/lib/sysctl.d/50-a.conf").write_text("kernel.panic = 5\n")
    (tmp_path / "usr/lib/sysctl.d/60-b.conf").write_text("kernel.panic_on_oops = 1\n")
    (tmp_path / "etc/sysctl.d/50-a.conf").symlink_to("/dev/null")
    (tmp_path / "etc/sysctl.conf").write_text("kernel.sysrq = 0\n")
    parsed = SCOPE.parse(look(tmp_path, "kernel"))
    assert [item.key for item in parsed.items] == ["sysctl kernel.panic_on_oops", "sysctl kernel.sysrq"]
    (tmp_path / "etc/ufw/ufw.conf").write_text("ENABLED=yes\n")
    (tmp_path / "etc/ufw/sysctl.conf").write_text("net/ipv4/conf/all/rp_filter=1\n")
    assert "sysctl net.ipv4.conf.all.rp_filter" in {item.key for item in SCOPE.parse(look(tmp_path, "kernel")).items}


def test_sysctl_conf_counts_last_unless_systemd_does_not_read_it() -> None:
    shown = (("/usr/lib/sysctl.d/99-z.conf", b"vm.swappiness=3\n"), ("/etc/sysctl.conf", b"vm.swappiness=7\n"))
    results = host(*shown)
    assert told(results)["vm.swappiness"][0] == "3"
    assert SCOPE.parse(results).notes
    results["init"] = ProbeResult("init", Outcome.OK)
    assert told(results)["vm.swappiness"][0] == "7"
    linked = host(("/etc/sysctl.d/99-sysctl.conf", shown[1][1]), *shown)
    assert told(linked)["vm.swappiness"][0] == "3"
    assert not SCOPE.parse(linked).notes


def test_wildcards() -> None:
    body = b"net.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n"
    found = told(host(("/usr/lib/sysctl.d/50-default.conf", body)))
    assert found["net.ipv4.conf.*.rp_filter"] == ("2", "2", "/usr/lib/sysctl.d/50-default.conf")
    assert "net.ipv4.conf.all.rp_filter" not in found
    assert found["net.ipv4.conf.default.rp_filter"][0] == "2"


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
        ("net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
        ("kernel.panic", "kernel/panic"),
    ],
)
def test_both_spellings_of_a_key(key: str, path: str) -> None:
    assert sysctl.path_of(key) == path
    assert sysctl.path_of(sysctl.key_of(path)) == path


def test_profiles_of_tuned_come_first() -> None:
    lines = b"""active:web
/usr/lib/tuned/base/tuned.conf:[sysctl]
/usr/lib/tuned/base/tuned.conf:vm.swappiness=10
/usr/lib/tuned/base/tuned.conf:vm.dirty_ratio = 40
/etc/tuned/web/tuned.conf:[main]
/etc/tuned/web/tuned.conf:include=base
/etc/tuned/web/tuned.conf:[sysctl]
/etc/tuned/web/tuned.conf:vm.dirty_ratio = 20
/usr/lib/tuned/other/tuned.conf:[sysctl]
/usr/lib/tuned/other/tuned.conf:vm.panic_on_oom = 2
"""
    results = host(("/etc/sysctl.d/a.conf", b"vm.swappiness=5\n"))
    results["sysctl-tuned"] = ProbeResult("sysctl-tuned", Outcome.OK, stdout=lines)
    found = told(results)
    assert found["vm.swappiness"][0] == "5"
    assert found["vm.dirty_ratio"][::2] == ("20", "/etc/tuned/web/tuned.conf")
    assert "vm.panic_on_oom" not in found


def test_modules_and_boot_parameters() -> None:
    found = told(host())
    assert found["module nf_conntrack"][:2] == ("load", "loaded")
    assert found["module vt"][:2] == ("load", "built in")
    assert found["module zfs"][:2] == ("load", "absent")
    assert found["module zfs#2"][0] == "options zfs_arc_max=1 x=2"
    assert found["module pcspkr"][:2] == ("blacklist", "absent")
    assert found["module xt_tcpudp"] == (None, "loaded", None)
    assert found["parameter quiet"][:2] == ("quiet", "quiet")
    assert found["parameter audit"][:2] == ("audit=1", "")
    assert "parameter nosmt" not in found  # /proc/sys is the machine's, so are its parameters
    free = told(host(live=LIVE.replace(b"ro:", b"rw:")))
    assert free["parameter nosmt"] == (None, "nosmt", None)
    assert free["vm.swappiness"] == (None, "1", None)
    assert "hunter2" not in repr(found)


def test_the_table_of_defaults() -> None:
    known = sysctl_defaults()
    assert len(known) > 300
    assert known["net/ipv4/tcp_keepalive_time"] == ("7200",)
    assert not [path for path in known if "secret" in path and "interval" not in path]
    assert not {"net/ipv4/tcp_mem", "kernel/hostname", "net/ipv4/tcp_max_orphans"} & set(known)
    assert len(sysctl_kernels()) >= 3


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_whatever_arrives(data: st.DataObject) -> None:
    results = host(("/etc/sysctl.d/99-shop.conf", b"net.core.somaxconn = 4096\n-vm.overcommit_memory=1\n"))
    well_formed(SCOPE, SCOPE.parse(data.draw(garbled(results))))
    well_formed(SCOPE, SCOPE.parse(truncated(results, sysctl.LIVE.name, data.draw(st.integers(0, len(LIVE))))))
