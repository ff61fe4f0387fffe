"""A scan leaves nothing on the host, by whatever way it came: no file made, changed or removed, no lock, no history."""

import json
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import driftscan
from tests.lab import hosts
from tests.lab.auditor import Auditor
from tests.lab.conftest import FLAVORS
from tests.lab.footprint import Write, watching

pytestmark = [pytest.mark.lab, pytest.mark.soak]

PASSWORD = "as long as it is wide"
WAYS = {
    "root": {},
    "openssh": {"transport": "openssh"},
    "sudo": {"sudo": "passwordless"},
    "sudo with a password": {"sudo": "password", "sudo_password": {"environment": "PASSWORD"}},
    "plain user": {},
}


_FLAVORS = [pytest.param(name, marks=pytest.mark.xdist_group(f"foot-{name}")) for name in (*FLAVORS, "bullseye")]


@pytest.fixture(scope="module", params=_FLAVORS)
def host(request: pytest.FixtureRequest) -> Iterator[hosts.LabHost]:
    with hosts.host(f"foot-{request.param}", request.param) as host:
        host.root("command -v systemctl >/dev/null && systemctl is-system-running --wait || :")
        yield host


def user_of(way: str, host: hosts.LabHost) -> str:
    if way == "plain user":
        return hosts.plain_user(host)
    if not way.startswith("sudo"):
        return "root"
    if "sudo" not in host.root("command -v sudo || :"):
        pytest.skip("no sudo on it")
    user = hosts.plain_user(host, sudo=True)
    rights = "ALL" if way.endswith("password") else "NOPASSWD: ALL"
    host.root(f"echo '{user}:{PASSWORD}' | chpasswd; echo '{user} ALL=(ALL) {rights}' >/etc/sudoers.d/{user}")
    return user


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_written(way: str, host: hosts.LabHost, tmp_path: Path) -> None:
    auditor, inventory = Auditor(tmp_path), tmp_path / "hosts.yaml"
    user = user_of(way, host)
    login = {"address": host.address, "user": user, "identity": host.key, "accept_new_host_key": True, "role": "shop"}
    inventory.write_text(json.dumps({"hosts": {"watched": {**login, **WAYS[way]}}}))
    written: dict[str, list[Write]] = {}

    def run(*arguments: str, codes: tuple[int, ...] = (0,)) -> None:
        with watching(host) as seen:
            done = auditor.run(*arguments, "-i", str(inventory), PASSWORD=PASSWORD)
        assert done.returncode in codes, done.stdout + done.stderr
        written[" ".join(arguments)] = seen.beside()

    incomplete = (0, 3)
    run("audit", "watched", codes=incomplete)
    run("scan", "watched", "--verify-full", codes=incomplete)
    if way == "root":
        run("hosts", "ping", "watched")
        run("scan", "watched", codes=incomplete)
        auditor.run("baseline", "init", "watched", "-i", str(inventory))
        run("check", "watched", codes=(0, 3, 4))
        run("role", "build", "watched", "--to", "shell", "-o", str(tmp_path / "role"), codes=incomplete)
    assert not {command: writes for command, writes in written.items() if writes}


def test_nothing_is_written_in_an_image(host: hosts.LabHost, tmp_path: Path) -> None:
    auditor = Auditor(tmp_path)
    with watching(host) as seen:
        for _ in range(2):
            done = auditor.run("scan", f"image:{host.disk()}")
            assert done.returncode in {0, 3}, done.stdout + done.stderr
    assert seen.beside() == []


def test_a_machine_that_audits_itself_has_the_database_and_nothing_else(tmp_path: Path) -> None:
    packed = tmp_path / "driftscan.tar"
    with tarfile.open(packed, "w") as archive:
        for name, path in sorted(installed("driftscan").items()):
            archive.add(path, name)
    with hosts.host("foot-itself", "bookworm") as host:
        host.root("systemctl is-system-running --wait || :; mkdir /opt/driftscan /opt/home")
        (host.disk() / "opt/packed.tar").write_bytes(packed.read_bytes())
        host.root("cd /opt; tar -C driftscan -xf packed.tar && rm packed.tar; python3 -m compileall -q driftscan || :")
        with watching(host) as seen:
            for command in ("audit localhost", "scan localhost --verify-full", "hosts ping localhost"):
                host.root(
                    f"cd /; HOME=/opt/home PYTHONPATH=/opt/driftscan python3 -m driftscan {command} || [ $? = 3 ]"
                )
    assert seen.beside("/opt/home/.*", "/opt/home") == []
    assert any(write.path.endswith("driftscan.db") for write in seen.writes)


def installed(distribution: str) -> dict[str, Path]:
    """Return every package that a distribution needs to run, by the name that it is imported by."""
    found, left, seen = {}, [distribution], set()
    while left:
        name = left.pop()
        with suppress(metadata.PackageNotFoundError):
            wanted = [Requirement(line) for line in metadata.requires(name) or ()]
            left += [one.name for one in wanted if one.name not in seen and (not one.marker or one.marker.evaluate())]
            files = metadata.files(name) or []
            tops = {file.parts[0] for file in files if file.parts[0] not in {"..", "__pycache__"}}
            found |= {top: Path(str(metadata.distribution(name).locate_file(top))) for top in tops}
        seen.add(name)
    here = Path(driftscan.__file__).parent
    return found | {"driftscan": here, "migrations": here.parent / "migrations"}
