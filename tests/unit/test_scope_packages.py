"""The scope `packages` on what the lab's hosts showed."""

import gzip
import os
import shutil
import tarfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.model.item import Item
from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.scopes.base import Parsed, scopes
from driftscan.scopes.managers.base import Patterns, managers
from tests.unit.conftest import Recordings, cut, garbled, look

SCOPE = scopes()["packages"]
RECORDED = Recordings()
SHELLS = [shell for shell in ("sh", "bash", "busybox sh") if shutil.which(shell.split()[0])]


@cache
def parsed(flavor: str) -> Parsed:
    return SCOPE.parse(RECORDED(flavor, "packages"))


def by_key(parsed: Parsed) -> dict[str, Item]:
    return {item.key: item for item in parsed.items}


def facts(item: Item, *names: str) -> tuple:
    return tuple({**item.attributes, **item.volatile}[name] for name in names)


def file_of(parsed: Parsed, package: str, path: bytes) -> PackagedFile:
    manifest = next(manifest for manifest in parsed.manifests if manifest.package == package)
    return PackagedFile.decode(manifest.files[path])


@pytest.mark.parametrize("flavor", RECORDED.flavors("packages"))
def test_a_real_host_is_understood_whole(flavor: str) -> None:
    found = parsed(flavor)
    assert not found.unparsed
    assert not found.denied
    assert len({item.key for item in found.items}) == len(found.items)
    assert {manifest.package for manifest in found.manifests} == {item.key for item in found.items}
    columns = {column.name: column for column in SCOPE.columns}
    for item in found.items:
        assert {*item.attributes, *item.volatile} == set(columns)
        assert all(columns[name].volatile for name in item.volatile)


@pytest.mark.parametrize(
    ("flavor", "packages", "files"),
    [
        ("bookworm", 155, 10000),
        ("bookworm-nopy", 150, 9000),
        ("sysv", 140, 9000),
        ("rpm", 224, 15000),
        ("arch", 188, 13000),
        ("sauced", 579, 48000),
    ],
)
def test_all_packages_and_files_of_a_host_are_there(flavor: str, packages: int, files: int) -> None:
    found = parsed(flavor)
    assert len(found.items) >= packages
    assert sum(len(manifest.files) for manifest in found.manifests) > files
    for manifest in found.manifests:
        for path, encoded in manifest.files.items():
            assert path.startswith(b"/")
            assert b"\0" not in path
            assert PackagedFile.decode(encoded).encode() == encoded


def test_a_host_without_a_package_manager_has_no_packages() -> None:
    assert parsed("busybox").items == []
    assert parsed("busybox").notes == []


def test_the_sauced_host_tells_where_each_package_is_from() -> None:
    found = by_key(parsed("sauced"))
    names = ("version", "state", "reason", "hold", "offered", "origin")
    assert facts(found["acme-metrics"], *names) == (
        "2.4-1acme3",
        "installed",
        "manual",
        False,
        True,
        "/srv/mirror/acme",
    )
    assert found["acme-metrics"].volatile["offers"] == ["2.4-1acme3 /srv/mirror/acme ./"]
    assert facts(found["vpn-helper"], *names) == ("0.9", "installed", "manual", False, False, None)
    assert facts(found["legacy-tool"], *names) == ("1.0", "config-files", None, False, False, None)
    assert facts(found["nginx-light"], "hold", "offered", "origin", "source") == (True, True, "Debian", "nginx")
    assert facts(found["redis-server"], "pin") == ("version 5:7.0* priority 1001 (/etc/apt/preferences.d/redis)",)
    assert facts(found["less"], "reason") == ("manual",)
    assert facts(found["libc-ares2"], "reason") == ("automatic",)
    assert facts(found["vpn-helper"], "maintainer") == ("Ex Employee <ex@acme.example>",)
    assert facts(found["acme-metrics"], "installed_at")[0].startswith("2026-11-22T03:41:")
    assert [item.key for item in found.values() if item.attributes["hold"]] == ["nginx-light"]
    assert [item.key for item in found.values() if item.volatile["offered"] is False] == ["legacy-tool", "vpn-helper"]


def test_a_host_that_never_fetched_lists_does_not_know_what_is_offered() -> None:
    assert {item.volatile["offered"] for item in parsed("bookworm").items} == {None}


def test_dpkg_files_have_checksums_and_conffiles_are_marked() -> None:
    found = parsed("sauced")
    conffile = file_of(found, "acme-metrics", b"/etc/acme-metrics.conf")
    assert (conffile.kind, conffile.digest) == ("config", "md5:2fa1b8345ffabeac4c1371d64fb80fd2")
    assert file_of(found, "legacy-tool", b"/etc/legacy-tool.conf").kind == "config"
    assert file_of(found, "acme-metrics", b"/usr/bin/acme-metrics").digest.startswith("md5:")
    assert file_of(found, "libc6", b"/lib/x86_64-linux-gnu/libc.so.6").digest.startswith("md5:")
    assert file_of(found, "bash", b"/").digest == ""
    less = next(manifest for manifest in found.manifests if manifest.package == "less")
    assert less.unpacked == 1795318076.201044


def test_rpm_files_have_owner_mode_digest_and_capabilities() -> None:
    found = parsed("rpm")
    ping = file_of(found, "iputils-ping", b"/usr/bin/ping")
    assert (ping.mode, ping.user, ping.capabilities) == (0o100755, "root", "cap_net_raw=ep")
    assert ping.digest == "sha256:79c87c89129d55fcf2daf29ba1f38eb8d1c57a2bc8ac67a948f10e15dd9c6862"
    assert file_of(found, "bash", b"/etc/bash.bashrc").kind == "config"
    assert file_of(found, "filesystem", b"/bin").link == "usr/bin"
    assert facts(by_key(found)["bash"], "manager", "architecture", "maintainer") == ("rpm", "x86_64", "Lab Linux")


def test_pacman_files_have_owner_mode_and_digest() -> None:
    found = parsed("arch")
    rc = file_of(found, "bash", b"/etc/bash.bashrc")
    assert (rc.kind, rc.mode, rc.user, rc.group) == ("config", 0o100644, "root", "root")
    assert rc.digest == "sha256:af4f09eb27cb7f140dfee7f3285574a68ca50ac1db2019652cef4196ee346307"
    assert file_of(found, "bash", b"/usr/bin/rbash").link == "bash"
    assert file_of(found, "bash", b"/usr/bin").mode == 0o40755
    assert facts(by_key(found)["bash"], "version", "reason", "hold", "offered") == (
        "5.2.15_2+b13-1",
        "manual",
        False,
        None,
    )


@pytest.mark.parametrize("flavor", ["bookworm", "rpm", "arch"])
def test_what_is_cut_off_is_not_taken_for_whole(flavor: str) -> None:
    whole = by_key(parsed(flavor))
    manifests = {manifest.package: manifest for manifest in parsed(flavor).manifests}
    results = RECORDED(flavor, "packages")
    for probe in (name for name, result in results.items() if len(result.stdout) > 10_000):
        for size in (0, 1, 1000, 5003, len(results[probe].stdout) // 2, len(results[probe].stdout) - 1):
            found = SCOPE.parse(cut(results, probe, size))
            for item in found.items:
                assert facts(item, "name", "version", "manager") == facts(whole[item.key], "name", "version", "manager")
            for manifest in found.manifests:
                assert manifest.files.keys() == manifests[manifest.package].files.keys()


def small(flavor: str) -> list[ProbeResult]:
    """Results short enough to be garbled hundreds of times."""
    results = RECORDED(flavor, "packages").values()
    return [ProbeResult(one.probe, one.outcome, stdout=one.stdout[:6000], files=one.files) for one in results]


@pytest.mark.parametrize("flavor", ["sauced", "rpm", "arch"])
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None, max_examples=60)
@given(data=st.data())
def test_no_output_of_a_hostile_host_breaks_the_parser(flavor: str, data: st.DataObject) -> None:
    found = SCOPE.parse(data.draw(garbled(small(flavor))))
    assert len({item.key for item in found.items}) == len(found.items)
    for manifest in found.manifests:
        assert Manifest.decode_files(manifest.encode()) == manifest.files
        for encoded in manifest.files.values():
            PackagedFile.decode(encoded)


def result(
    probe: str, stdout: bytes = b"", files: dict[str, bytes] | None = None, stderr: bytes = b""
) -> dict[str, ProbeResult]:
    shown = tuple(HostFile(os.fsencode(path), Outcome.OK, data) for path, data in (files or {}).items())
    return {probe: ProbeResult(probe, Outcome.OK, stdout=stdout, stderr=stderr, files=shown)}


STATUS = b"""Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36

Package: libc6
Status: hold ok installed
Architecture: i386
Source: glibc (2.36-9)
Version: 2.36

Package: gone
Status: purge ok not-installed
Architecture: amd64

Package: half
Status: install reinstreq half-installed
Architecture: all
Version: 1

"""


def test_a_foreign_architecture_has_its_own_key_and_what_is_not_installed_none() -> None:
    lists = b">libc6:i386.list\n/lib/libc.so.6\n>libc6:amd64.list\n/lib64/libc.so.6\n<\n"
    found = SCOPE.parse(result("dpkg-status", STATUS) | result("dpkg-lists", lists))
    items = by_key(found)
    assert set(items) == {"dpkg", "libc6", "libc6:i386", "half"}
    assert facts(items["libc6:i386"], "hold", "source", "reason") == (True, "glibc", None)
    assert facts(items["half"], "state") == ("half-installed (reinstallation required)",)
    assert {one.package: set(one.files) for one in found.manifests} == {
        "libc6": {b"/lib64/libc.so.6"},
        "libc6:i386": {b"/lib/libc.so.6"},
    }


def test_an_interrupted_dpkg_journal_overrides_the_status() -> None:
    later = STATUS + b"\nPackage: libc6\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 2.37\n\n"
    assert facts(by_key(SCOPE.parse(result("dpkg-status", later)))["libc6"], "version", "state") == ("2.37", "unpacked")


def test_a_list_that_could_not_be_read_leaves_open_what_is_offered() -> None:
    read = b"=h_dists_s_InRelease\nOrigin: Acme\n>h_dists_s_main_binary-amd64_Packages\nlibc6 2.36\n<\n"
    broken = b">h_dists_t_main_binary-amd64_Packages.lz4\n"
    whole = by_key(SCOPE.parse(result("dpkg-status", STATUS) | result("apt-offers", read)))
    partly = by_key(SCOPE.parse(result("dpkg-status", STATUS) | result("apt-offers", read + broken)))
    assert facts(whole["libc6"], "offered", "origin", "offers") == (True, "Acme", ["2.36 h s main"])
    assert facts(partly["libc6"], "offered") == (True,)
    assert facts(whole["dpkg"], "offered") == (False,)
    assert facts(partly["dpkg"], "offered") == (None,)


def test_names_of_lists_are_undone_as_apt_made_them() -> None:
    prefix = b"host_a%5fb_dists_jessie_updates"
    shown = b"=%b_Release\nLabel: L\n>%b_main_binary-all_Packages.xz\nlibc6 2.36\n<\n" % (prefix, prefix)
    found = by_key(SCOPE.parse(result("dpkg-status", STATUS) | result("apt-offers", shown)))
    assert facts(found["libc6"], "offers", "origin") == (["2.36 host/a_b jessie/updates main"], "L")


def test_pins_name_packages_by_name_pattern_and_source() -> None:
    preferences = {
        "/etc/apt/preferences": b"# c\nPackage: libc6 dpk*\nPin: release a=x\nPin-Priority: 9\n\nPackage: *\nPin: b\n",
        "/etc/apt/preferences.d/src.pref": b"Package: src:glibc\nPin: version 2*\nPin-Priority: -1\n",
        "/etc/apt/preferences.d/old.bak": b"Package: half\nPin: version 2*\n",
        "/etc/apt/preferences.d/re": b"Package: /(a+)+$/\nPin: version 2*\n",
    }
    found = SCOPE.parse(result("dpkg-status", STATUS) | result("apt-preferences", files=preferences))
    pins = {key: item.attributes["pin"] for key, item in by_key(found).items()}
    assert pins["libc6"] == pins["dpkg"] == "release a=x priority 9 (/etc/apt/preferences)"
    assert pins["libc6:i386"].endswith("; version 2* priority -1 (/etc/apt/preferences.d/src.pref)")
    assert pins["half"] == ""
    assert found.notes == ["/etc/apt/preferences.d/re pins packages by a regular expression, which is not resolved"]


def test_a_denied_file_is_reported() -> None:
    closed = ProbeResult("apt-states", Outcome.OK, files=(HostFile(b"/var/lib/apt/extended_states", Outcome.DENIED),))
    found = SCOPE.parse(result("dpkg-status", STATUS) | {"apt-states": closed})
    assert found.denied == {"apt-states": "/var/lib/apt/extended_states"}
    assert facts(by_key(found)["dpkg"], "reason") == (None,)


def rpm_package(
    name: str, version: str, installed: int, arch: str = "x86_64", files: str = "", algorithm: str = "8"
) -> bytes:
    header = f"\n>{name}\t(none)\t{version}\t1\t{arch}\ts.src.rpm\t(none)\tme\t{installed}\t{algorithm}\n"
    return (header + files + "<\n").encode()


def test_rpm_keys_are_stable_when_another_kernel_is_installed() -> None:
    data = rpm_package("kernel", "5.1", 100) + rpm_package("kernel", "5.2", 200) + rpm_package("zlib", "1", 5, "i686")
    data += (
        rpm_package("gpg-pubkey", "abc", 7, "(none)") + rpm_package("bash", "5", 9) + rpm_package("kernel", "5.0", 50)
    )
    found = by_key(SCOPE.parse(result("rpm-database", data)))
    assert sorted(found) == ["bash", "gpg-pubkey-abc-1", "kernel", "kernel-5.0-1", "kernel-5.1-1", "zlib.i686"]
    assert facts(found["kernel"], "version") == ("5.2-1",)
    assert facts(found["bash"], "maintainer", "reason", "hold") == ("me", None, None)


def test_rpm_file_states_flags_and_old_digests() -> None:
    files = (
        "17\t0\td41d8cd98f00b204e9800998ecf8427e\t100644\troot\tbin\t\t\t/etc/a b\n"
        "64\t0\t\t100600\troot\troot\t(none)\t\t/var/log/x\n0\t2\t\t100644\troot\troot\t\t\t/usr/share/doc/not-there\n"
        "0\t0\t\t120777\troot\troot\t\tb\t/lib\n0\t0\tfalse\n"
    )
    found = SCOPE.parse(result("rpm-database", rpm_package("old", "1", 1, files=files, algorithm="")))
    assert file_of(found, "old", b"/etc/a b") == PackagedFile(
        digest="md5:d41d8cd98f00b204e9800998ecf8427e", mode=0o100644, user="root", group="bin", kind="config"
    )
    assert file_of(found, "old", b"/var/log/x").kind == "ghost"
    assert set(found.manifests[0].files) == {b"/etc/a b", b"/var/log/x", b"/lib"}
    assert found.unparsed["rpm-database"].startswith("1 lines of the database not understood")


def test_an_rpm_that_could_not_open_its_database_is_not_an_empty_host() -> None:
    failed = result("rpm-database", stderr=b"error: cannot open Packages database in /var/lib/rpm\n")
    assert "cannot open Packages database" in SCOPE.parse(failed).unparsed["rpm-database"]


def test_dnf_and_yum_tell_reason_origin_and_locks() -> None:
    data = b"".join(rpm_package(name, "1", 1) for name in ("bash", "less", "vim", "nano", "zsh"))
    history = b"bash\tx86_64\t0\t1\t1\t2\tbase\nless\tx86_64\t0\t1\t1\t1\tbase\nless\tx86_64\t0\t1\t1\t2\t@System\n"
    yumdb = b"./v/" + b"0" * 40 + b"-vim-1-1-x86_64/reason:dep\n./v/" + b"0" * 40 + b"-vim-1-1-x86_64/from_repo:epel\n"
    state = {
        "/usr/lib/sysimage/libdnf5/packages.toml": b'[packages]\n"nano.x86_64" = {reason="Weak Dependency"}\n',
        "/usr/lib/sysimage/libdnf5/nevras.toml": b'[nevras]\n"nano-1-1.x86_64" = {from_repo="fedora"}\n',
    }
    locks = {
        "/etc/dnf/plugins/versionlock.list": b"# c\nbash-0:1-1.*\n!less-0:1-1.*\n",
        "/etc/zypp/locks": b"solvable_name: zsh\n",
    }
    found = by_key(
        SCOPE.parse(
            result("rpm-database", data)
            | result("dnf-history", history)
            | result("yum-database", yumdb)
            | result("dnf-state", files=state)
            | result("rpm-locks", files=locks)
            | result("dnf-excludes", b" vi*, foo\n")
        )
    )
    assert facts(found["bash"], "reason", "origin", "hold") == ("manual", "base", True)
    assert facts(found["less"], "reason", "origin", "hold") == ("manual", "base", False)
    assert facts(found["vim"], "reason", "origin", "hold") == ("automatic", "epel", True)
    assert facts(found["nano"], "reason", "origin", "hold") == ("automatic", "fedora", False)
    assert facts(found["zsh"], "hold") == (True,)


def test_zypper_keeps_a_list_of_what_came_by_itself() -> None:
    state = {"/var/lib/zypp/AutoInstalled": b"# generated\nless\n"}
    data = rpm_package("bash", "1", 1) + rpm_package("less", "1", 1)
    found = by_key(SCOPE.parse(result("rpm-database", data) | result("dnf-state", files=state)))
    assert [found[name].attributes["reason"] for name in ("bash", "less")] == ["manual", "automatic"]


APK = b"""C:Q1XV0RscCGhXWEUf6ugISXu7SsHaA=
P:musl
V:1.2.3-r4
A:x86_64
o:musl
m:Timo <t@example>
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q15nbFGd0iODBaH3d3tPr6MmRlx40=
R:libc.musl-x86_64.so.1
a:0:0:777
Z:Q17yJ3JFNypA4mxhJJr0ou6CzsJVI=
F:etc
R:musl.conf
F:var/empty
M:0:65:1700

P:pinned
V:2
A:noarch

P:cut
V:3"""


def test_apk_reads_its_database_and_world() -> None:
    world = result("apk-world", files={"/etc/apk/world": b"musl@edge\npinned=2\n!bad\n"})
    found = SCOPE.parse(result("apk-installed", APK) | world)
    items = by_key(found)
    assert sorted(items) == ["musl", "pinned"]
    assert facts(items["musl"], "manager", "version", "reason", "pin", "hold") == (
        "apk",
        "1.2.3-r4",
        "manual",
        "@edge",
        False,
    )
    assert facts(items["pinned"], "pin", "hold", "installed_at") == ("=2", True, None)
    loader = file_of(found, "musl", b"/lib/ld-musl-x86_64.so.1")
    assert (loader.mode, loader.user, loader.digest[:5]) == (0o100755, "root", "sha1:")
    assert file_of(found, "musl", b"/lib/libc.musl-x86_64.so.1").mode is None
    assert file_of(found, "musl", b"/etc/musl.conf").kind == "config"
    assert file_of(found, "musl", b"/var/empty").group == "65"


def test_pacman_knows_reason_ignored_packages_and_what_is_offered() -> None:
    local = (
        b">./a-1-1/desc\n%NAME%\na\n\n%VERSION%\n1-1\n\n%REASON%\n1\n\n%GROUPS%\nbase\n\n>./a-1-1/files\n%FILES%\netc/\netc/x\n\n"
        b"%BACKUP%\netc/x\td41d8cd98f00b204e9800998ecf8427e\n\n>./b-2-1/desc\n%NAME%\nb\n\n%VERSION%\n2-1\n\n<\n"
    )
    sync = b">core\na-1-1\nb-3-1\n<\n"
    ignored = b"IgnorePkg = x*\nIgnoreGroup=base\n"
    found = SCOPE.parse(result("pacman-local", local) | result("pacman-sync", sync) | result("pacman-ignored", ignored))
    items = by_key(found)
    assert facts(items["a"], "reason", "hold", "offered", "origin") == ("automatic", True, True, "core")
    assert facts(items["b"], "reason", "hold", "offered", "offers") == ("manual", False, False, ["3-1 core"])
    assert file_of(found, "a", b"/etc/x") == PackagedFile(digest="md5:d41d8cd98f00b204e9800998ecf8427e", kind="config")
    assert [manifest.package for manifest in found.manifests] == ["a"]


def test_the_same_name_in_two_databases_has_two_keys() -> None:
    both = result("dpkg-status", STATUS) | result("rpm-database", rpm_package("libc6", "2", 1))
    assert {"libc6", "rpm/libc6"} <= set(by_key(SCOPE.parse(both)))


def test_a_manager_that_is_not_read_is_told() -> None:
    assert SCOPE.parse(result("other-managers", b"snap\n")).notes == ["snap is on the host; its packages are not read"]


def test_a_host_that_lists_patterns_without_end_does_not_stop_the_audit() -> None:
    patterns = Patterns()
    for number in range(20_000):
        patterns.add(f"*a*{number}*[z-a]*", "x")
    patterns.add("plain", "y")
    assert not patterns.complete
    assert patterns.of("a" * 1000) == []


def put(root: Path, path: str, content: str | bytes) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("shell", SHELLS)
def test_dpkg_and_apt_are_read_below_the_root_of_an_image(tmp_path: Path, shell: str) -> None:
    put(tmp_path, "var/lib/dpkg/status", STATUS)
    journal = "Package: dpkg\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 2\n"
    put(tmp_path, "var/lib/dpkg/updates/0001", journal)
    put(tmp_path, "var/lib/dpkg/info/dpkg.list", "/.\n/usr/bin/dpkg\n")
    put(tmp_path, "var/lib/dpkg/info/libc6:amd64.list", "/lib/x\n")
    put(tmp_path, "var/lib/dpkg/info/libc6:amd64.md5sums", f"{'a' * 32}  lib/x\n")
    lists = "var/lib/apt/lists"
    put(tmp_path, f"{lists}/h_dists_s_InRelease", "Hash: SHA256\n\nOrigin: Acme\nLabel: L\nMD5Sum:\n Origin: no\n")
    packed = gzip.compress(b"Package: libc6\nVersion: 2.36\n\nPackage: other\nVersion: 1\n")
    put(tmp_path, f"{lists}/h_dists_s_main_binary-amd64_Packages.gz", packed)
    put(tmp_path, "srv/r/Packages", "Package: libc6\nDescription: x\nVersion: 9\n\n")
    (tmp_path / lists / "_srv_r_._Packages").symlink_to("/srv/r/Packages")
    found = SCOPE.parse(look(tmp_path, "packages", shell))
    items = by_key(found)
    assert facts(items["libc6"], "offered", "origin", "offers") == (True, "Acme", ["9 /srv/r ./", "2.36 h s main"])
    assert facts(items["dpkg"], "version", "hold", "offered", "offers") == ("2", True, False, [])
    assert file_of(found, "libc6", b"/lib/x").digest == "md5:" + "a" * 32
    assert {manifest.package: set(manifest.files) for manifest in found.manifests} == {
        "dpkg": {b"/", b"/usr/bin/dpkg"},
        "libc6": {b"/lib/x"},
    }
    (tmp_path / "srv/r/Packages").unlink()
    items = by_key(SCOPE.parse(look(tmp_path, "packages", shell)))
    assert facts(items["dpkg"], "offered") == (None,)


@pytest.mark.parametrize("shell", SHELLS)
def test_pacman_is_read_below_the_root_of_an_image(tmp_path: Path, shell: str) -> None:
    entry = "var/lib/pacman/local/a b-1-1"
    put(tmp_path, f"{entry}/desc", "%NAME%\na b\n\n%VERSION%\n1-1\n\n%INSTALLDATE%\n1700000000\n\n")
    put(tmp_path, f"{entry}/files", "%FILES%\netc/\netc/x y\n\n%BACKUP%\n")
    digest = "0" * 64
    mtree = "#mtree\n/set type=file uid=0 gid=5 mode=644\n./etc time=1 type=dir\n"
    mtree += f"./etc/x\\040y time=1 size=2 md5digest=3 sha256digest={digest}\n"
    put(tmp_path, f"{entry}/mtree", gzip.compress(mtree.encode()))
    put(tmp_path, "etc/pacman.conf", "[options]\n#IgnorePkg = x\nIgnorePkg = a*\n")
    put(tmp_path, "var/lib/pacman/sync/none", "")
    with tarfile.open(tmp_path / "var/lib/pacman/sync/core.db", "w:gz") as sync:
        sync.addfile(tarfile.TarInfo("a b-1-1/desc"))
    found = SCOPE.parse(look(tmp_path, "packages", shell))
    names = ("hold", "offered", "origin", "installed_at")
    assert facts(by_key(found)["a b"], *names) == (True, True, "core", "2023-11-14T22:13:20Z")
    file = PackagedFile(digest=f"sha256:{digest}", mode=0o100644, user="root", group="5")
    assert file_of(found, "a b", b"/etc/x y") == file


def test_managers_are_found_by_themselves() -> None:
    assert list(managers()) == ["apk", "dpkg", "pacman", "rpm"]
