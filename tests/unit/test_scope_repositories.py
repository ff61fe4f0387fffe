from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.model.outcome import Outcome
from driftscan.scopes.repositories import SCOPE
from tests.unit.conftest import look
from tests.unit.scope_checks import garbled, well_formed

LISTS = "var/lib/apt/lists"
DEBIAN = (
    "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nLabel: Debian\nSuite: stable\nMD5Sum:\n x\n"
)
HOST = {
    "etc/os-release": 'NAME="Debian GNU/Linux"\nID=debian\nHOME_URL="https://www.debian.org/"\n',
    "etc/apt/sources.list": "# deb http://old.example x y\n"
    "deb http://deb.debian.org/debian bookworm main contrib # as installed\n"
    "deb-src [arch=amd64] http://deb.debian.org/debian bookworm main\n"
    "deb http://gone.example/debian stable main\n"
    "what is this\n",
    "etc/apt/sources.list.d/acme.list": "deb [trusted=yes] file:/srv/mirror/acme ./\n",
    "etc/apt/sources.list.d/acme.list.save": "deb http://saved.example ./\n",
    "etc/apt/sources.list.d/shop.sources": "Types: deb deb-src\nURIs: https://bob:s3cr3t@apt.shop.example/pro_1/\n"
    "Suites: stable edge\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n AAAA\n\n"
    "Types: deb\nURIs: https://off.example\nSuites: x\nComponents: y\nEnabled: no\n"
    "Signed-By: /etc/apt/keyrings/off.gpg\n",
    "etc/apt/trusted.gpg.d/by-hand.gpg": "k",
    "etc/apt/trusted.gpg": "",
    "etc/apt/apt.conf.d/99x": 'APT::Get::AllowUnauthenticated "true";\nAcquire::https::Verify-Peer "true";\n'
    '// Acquire::AllowInsecureRepositories "yes";\n',
    f"{LISTS}/deb.debian.org_debian_dists_bookworm_InRelease": DEBIAN,
    f"{LISTS}/deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages": "Package: x\n",
    f"{LISTS}/apt.shop.example_pro%5f1_dists_stable_Release": "Origin: Shop\nLabel: s\nSHA256:\n",
    f"{LISTS}/apt.shop.example_pro%5f1_dists_edge_Release": "Label: edge\nSHA256:\n",
    f"{LISTS}/apt.shop.example_pro%5f1_dists_edge_Release.gpg": "g",
    f"{LISTS}/_srv_mirror_acme_._Packages": "Package: acme\n",
}
RPM = {
    "etc/os-release": 'NAME="Rocky Linux"\nID="rocky"\nHOME_URL="https://rockylinux.org/"\n',
    "etc/dnf/dnf.conf": "[main]\ngpgcheck=1\nproxy_password=s3cr3t\n",
    "etc/dnf/vars/stream": "9-stream\n",
    "etc/yum.repos.d/rocky.repo": "[baseos]\nname=BaseOS\nmirrorlist=https://mirrors.rockylinux.org/?v=$stream&a=$basearch\n"
    "gpgkey=file:///etc/pki/rpm-gpg/KEY\n       file:///etc/pki/rpm-gpg/KEY2\n\n[off]\nbaseurl=http://x\nenabled=0\n",
    "etc/yum.repos.d/shop.repo": "[shop]\nbaseurl=http://a.example/el9\n  http://b.example/el9\ngpgcheck=0\npassword=s3cr3t\n"
    "[meta]\nbaseurl=https://c.example\ngpgcheck=0\nrepo_gpgcheck=1\npriority=5\n",
    "etc/zypp/repos.d/z.repo": "[z]\nbaseurl=http://download.example/z\ntype=rpm-md\n[y]\nbaseurl=dir:/y\ngpgcheck=0\n",
}
ARCH = {
    "etc/pacman.conf": "[options]\nSigLevel = Required DatabaseOptional\n[core]\nInclude = /etc/pacman.d/mirrorlist\n"
    "[mine]\nSigLevel = Optional TrustAll\nServer = https://mine.example/$repo/$arch\n"
    "[aur]\nSigLevel = PackageRequired DatabaseNever\nServer = file:///home/custompkgs\n",
    "etc/pacman.d/mirrorlist": "## list\nServer = https://geo.mirror.pkgbuild.com/$repo/os/$arch\n#Server = https://x\n",
}
APK = {
    "etc/os-release": 'ID=alpine\nHOME_URL="https://alpinelinux.org/"\n',
    "etc/apk/repositories": "# c\nhttps://dl-cdn.alpinelinux.org/alpine/v3.20/main\n@edge http://u:s3cr3t@m.example/edge/testing\n",
    "etc/apk/keys/a.rsa.pub": "k",
}  # fmt: skip


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, body in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    return root


def items(root: Path, files: dict[str, str], shell: str = "sh") -> dict:
    results = look(plant(root, files), "repositories", shell)
    parsed = SCOPE.parse(results)
    well_formed(SCOPE, parsed)
    assert "s3cr3t" not in repr(parsed.items)
    return {item.key: item.attributes for item in parsed.items}


def test_apt(tmp_path: Path) -> None:
    found = items(tmp_path, HOST)
    debian = found["/etc/apt/sources.list: deb http://deb.debian.org/debian bookworm"]
    assert debian["components"] == ["main", "contrib"]
    assert (debian["origin"], debian["third_party"], debian["signed"], debian["trusted"]) == (
        "Debian",
        False,
        True,
        False,
    )
    assert found["/etc/apt/sources.list: deb-src http://deb.debian.org/debian bookworm"]["options"] == "arch=amd64"
    gone = found["/etc/apt/sources.list: deb http://gone.example/debian stable"]
    assert (gone["listed"], gone["signed"], gone["third_party"]) == (False, None, None)
    acme = found["/etc/apt/sources.list.d/acme.list: deb file:/srv/mirror/acme ./"]
    assert (acme["listed"], acme["signed"], acme["trusted"], acme["third_party"]) == (True, False, True, True)
    shop = "/etc/apt/sources.list.d/shop.sources: deb deb-src https://bob:<secret:bob_password>@apt.shop.example/pro_1/"
    stable, edge = found[f"{shop} stable"], found[f"{shop} edge"]
    assert (stable["origin"], stable["third_party"], stable["signed"]) == ("Shop", True, False)
    assert (edge["origin"], edge["third_party"], edge["signed"]) == ("edge", True, True)
    assert stable["signed_by"] == "a key in the file itself"
    off = found["/etc/apt/sources.list.d/shop.sources: deb https://off.example x"]
    assert (off["enabled"], off["signed_by"]) == (False, "/etc/apt/keyrings/off.gpg")
    assert found["/etc/apt/trusted.gpg.d/by-hand.gpg"]["types"] == ["key"]
    switch = found["/etc/apt/apt.conf.d/99x: APT::Get::AllowUnauthenticated"]
    assert (switch["types"], switch["trusted"]) == (["setting"], True)
    assert len(found) == 9


def test_a_line_that_apt_would_not_understand_is_told(tmp_path: Path) -> None:
    parsed = SCOPE.parse(look(plant(tmp_path, HOST), "repositories"))
    assert parsed.unparsed == {"apt-sources": "1 lines not understood, the first: what is this"}


def test_without_any_list_nothing_is_known_to_be_missing(tmp_path: Path) -> None:
    found = items(tmp_path, {name: body for name, body in HOST.items() if not name.startswith(LISTS)})
    assert {one["listed"] for one in found.values()} == {None}
    assert {one["signed"] for one in found.values()} == {None}
    assert found["/etc/apt/sources.list: deb http://deb.debian.org/debian bookworm"]["third_party"] is False


def test_yum_dnf_and_zypper(tmp_path: Path) -> None:
    found = items(tmp_path, RPM)
    base = found["/etc/yum.repos.d/rocky.repo: baseos"]
    assert base["uris"] == ["https://mirrors.rockylinux.org/?v=9-stream&a=$basearch"]
    assert base["signed_by"] == "file:///etc/pki/rpm-gpg/KEY file:///etc/pki/rpm-gpg/KEY2"
    assert (base["manager"], base["third_party"], base["trusted"]) == ("dnf", False, False)
    assert found["/etc/yum.repos.d/rocky.repo: off"]["enabled"] is False
    shop, meta = found["/etc/yum.repos.d/shop.repo: shop"], found["/etc/yum.repos.d/shop.repo: meta"]
    assert shop["uris"] == ["http://a.example/el9", "http://b.example/el9"]
    assert (shop["trusted"], shop["third_party"]) == (True, None)
    assert (meta["trusted"], meta["options"]) == (False, "repo_gpgcheck=1 priority=5")
    assert [found[f"/etc/zypp/repos.d/z.repo: {name}"]["trusted"] for name in "zy"] == [False, True]


def test_pacman(tmp_path: Path) -> None:
    found = items(tmp_path, ARCH)
    core, mine, aur = (found[f"/etc/pacman.conf: {name}"] for name in ("core", "mine", "aur"))
    assert core["uris"] == ["https://geo.mirror.pkgbuild.com/core/os/$arch"]
    assert (core["trusted"], core["options"]) == (False, "Include=/etc/pacman.d/mirrorlist")
    assert (mine["trusted"], mine["uris"]) == (True, ["https://mine.example/mine/$arch"])
    assert aur["trusted"] is False


@pytest.mark.parametrize("shell", ["sh", "bash --posix"])
def test_apk(tmp_path: Path, shell: str) -> None:
    found = items(tmp_path, APK, shell)
    assert found["/etc/apk/repositories: https://dl-cdn.alpinelinux.org/alpine/v3.20/main"]["third_party"] is False
    assert found["/etc/apk/repositories: http://u:<secret:u_password>@m.example/edge/testing"]["name"] == "edge"
    assert found["/etc/apk/keys/a.rsa.pub"]["types"] == ["key"]


def test_a_host_without_any_manager(tmp_path: Path) -> None:
    parsed = SCOPE.parse(look(tmp_path, "repositories"))
    assert (parsed.items, parsed.denied, parsed.unparsed) == ([], {}, {})


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return look(plant(tmp_path_factory.mktemp("all"), {**ARCH, **APK, **RPM, **HOST}), "repositories")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_host_sends(everything: dict, data: st.DataObject) -> None:
    assert all(result.outcome in {Outcome.OK, Outcome.ABSENT} for result in everything.values())
    well_formed(SCOPE, SCOPE.parse(data.draw(garbled(everything))))
