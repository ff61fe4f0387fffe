"""The main job on every kind of host: as root, with sudo and as a plain user; nothing is written, nothing is invented."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.lab import hosts
from tests.lab.conftest import FLAVORS
from tests.lab.footprint import watching

pytestmark = pytest.mark.lab

Flavor = Callable[[str], hosts.LabHost]
Login = Callable[..., list[str]]

MANAGERS = {"rpm": "rpm", "arch": "pacman", "busybox": None}
on_every_flavor = pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in FLAVORS])


def audit(cli: Cli, *arguments: str, code: int = 0) -> dict:
    done = cli("audit", *arguments, "--format", "json")
    assert done.returncode == code, done.stderr + done.stdout[-2000:]
    return json.loads(done.stdout)


@on_every_flavor
def test_root_sees_everything(name: str, flavor: Flavor, cli: Cli, login: Login) -> None:
    host = flavor(name)
    seen = audit(cli, *login(host))
    assert seen["host"] == host.address
    assert seen["snapshot"]["complete"]
    if MANAGERS.get(name, "dpkg"):
        assert seen["unjudged"] == {}
    else:  # without packages nobody is a stranger
        assert {"packages"} <= set(sum(seen["unjudged"].values(), []))
        assert {"listener-unpackaged", "setuid-unpackaged", "packaged-file-changed"} <= set(seen["unjudged"])
        assert seen["finds"] == []
    counts = seen["counts"]
    true_files = int(hosts.disk_count(host))
    assert abs(counts["files"] - true_files) <= 3  # logs of the logins in between
    for scope in ("system", "accounts", "processes", "sockets", "services", "symlinks"):
        assert counts[scope] > 0, scope
    manager = MANAGERS.get(name, "dpkg")
    found = json.loads(cli("show", host.address, "packages", "--format", "json").stdout)
    assert {package["manager"] for package in found} == ({manager} if manager else set())


@on_every_flavor
def test_nothing_is_written_on_the_host(name: str, flavor: Flavor, cli: Cli, login: Login) -> None:
    host = flavor(name)
    with watching(host) as seen:
        assert cli("scan", *login(host)).returncode == 0
    assert seen.beside() == []


@on_every_flavor
def test_a_second_scan_of_a_quiet_host_finds_no_item_changed(
    name: str, flavor: Flavor, cli: Cli, login: Login, tmp_path: Path
) -> None:
    if name == "sauced":
        pytest.skip("a busy host: that is another promise")
    host = flavor(name)
    cli("scan", *login(host))
    cli("db", "prune", "--keep-last", "1")
    size = hosts.database_size(tmp_path)
    done = cli("scan", *login(host))
    ranges = "select scope, key, first_snapshot, last_snapshot from sighting join item on item.id = item_id"
    assert "(0 new, 0 gone)" in done.stdout, cli("sql", f"{ranges} where first_snapshot > 1 or last_snapshot < 2").stdout
    assert hosts.database_size(tmp_path) - size < 50_000


@on_every_flavor
def test_a_plain_user_is_told_what_could_not_be_seen(name: str, flavor: Flavor, cli: Cli, login: Login) -> None:
    host = flavor(name)
    user = hosts.plain_user(host)
    seen = audit(cli, *login(host, user), code=3)
    assert not seen["snapshot"]["complete"]
    blind = {scope for scope, coverage in seen["coverage"].items() if coverage["outcome"] not in {"ok", "absent"}}
    assert {"files", "accounts"} <= blind
    for scope in blind:
        assert seen["coverage"][scope]["gaps"], scope
    assert "shadow" in json.dumps(seen["coverage"]["accounts"])


@pytest.mark.xdist_group("bookworm")
def test_sudo_sees_what_root_sees(flavor: Flavor, cli: Cli, login: Login) -> None:
    host = flavor("bookworm")
    user = hosts.plain_user(host, sudo=True)
    as_root = audit(cli, *login(host))
    as_sudo = audit(cli, *login(host, user), "--sudo")
    assert as_sudo["snapshot"]["complete"]
    for scope in ("packages", "accounts", "services", "sockets"):
        assert as_sudo["counts"][scope] == as_root["counts"][scope], scope
    assert abs(as_sudo["counts"]["files"] - as_root["counts"]["files"]) <= 5


@pytest.mark.xdist_group("bookworm")
def test_an_image_shows_what_needs_no_kernel(flavor: Flavor, cli: Cli) -> None:
    host = flavor("bookworm")
    seen = audit(cli, f"image:{host.disk()}")
    assert seen["counts"]["packages"] > 100
    assert seen["counts"]["files"] > 10_000
    assert seen["counts"]["services"] > 50
    assert not {"processes", "sockets"} & set(seen["coverage"])
    assert "process-deleted-executable" in seen["unjudged"]
