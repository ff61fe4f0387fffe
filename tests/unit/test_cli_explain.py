"""`driftscan explain`, `findings` and `finds` on stored snapshots: the same report again, and why a path is there."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.born import command_line

Run = Callable[..., subprocess.CompletedProcess[str]]
SAUCED = Path(__file__).parent.parent / "recordings" / "sauced"


@pytest.fixture(scope="module")
def web1(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run `driftscan …` with an inventory in which the recording of the sauced host is `web1`, scanned once."""
    directory = tmp_path_factory.mktemp("web1")
    cli, inventory = command_line(directory), directory / "hosts.yaml"
    inventory.write_text(f"hosts:\n  web1: {{transport: replay, path: {SAUCED}}}\n")

    def run(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
        return cli(*arguments, "--inventory", str(inventory), **more)

    assert run("scan", "web1").returncode == 0
    return run


def test_a_stored_snapshot_gives_the_report_of_its_audit(web1: Run) -> None:
    audit = web1("audit", "web1").stdout.splitlines()
    again = web1("explain", "web1").stdout.splitlines()
    assert [line for line in audit if not line.startswith("scan ")][2:] == [
        line for line in again if not line.startswith("scan ")
    ][2:]
    told = json.loads(web1("explain", "web1", "--format", "json").stdout)
    assert told["explained"]["files"]["total"] == told["counts"]["files"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/bin/ls", "/usr/bin/ls: explained: package, coreutils"),
        ("/opt/shopapp/current", "/opt/shopapp/current: nothing explains it; it is part of the find /opt/shopapp"),
        ("/opt/shopapp", "/opt/shopapp: nothing explains it"),
        ("/no/such", "/no/such: not there; nothing explains it"),
        ("/", "/: explained: package"),
    ],
)
def test_a_path_is_explained_in_a_line(web1: Run, path: str, words: str) -> None:
    done = web1("explain", "web1", path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].startswith(words)


def test_a_path_that_findings_name_has_them_listed(web1: Run) -> None:
    told = json.loads(web1("explain", "web1", "/usr/local/bin/.sh", "--format", "json").stdout)
    assert told["there"]
    assert [words.partition(":")[0] for words in told["findings"]] == ["setuid-unpackaged"]


def test_findings_and_finds_are_rows(web1: Run) -> None:
    found = json.loads(web1("findings", "web1", "--rule", "second-uid-0", "--format", "json").stdout)
    assert [row["subject"] for row in found] == ["toor"]
    paths = [row["path"] for row in json.loads(web1("finds", "web1", "--format", "json").stdout)]
    assert "/opt/shopapp" in paths
    assert paths == sorted(paths)
    assert web1("findings", "web1", "--rule", "nonsense").returncode == 2


@pytest.mark.parametrize("command", [("findings",), ("finds",), ("explain",), ("explain", "/bin/ls")])
def test_what_rests_on_an_incomplete_snapshot_says_so_by_its_exit_code(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    for scope in SAUCED.iterdir():
        if scope.name != "mounts":
            (tmp_path / "host" / scope.name).parent.mkdir(exist_ok=True)
            (tmp_path / "host" / scope.name).symlink_to(scope)
    cli, inventory = command_line(tmp_path), tmp_path / "hosts.yaml"
    inventory.write_text(f"hosts:\n  web1: {{transport: replay, path: {tmp_path / 'host'}}}\n")
    assert cli("scan", "web1", "--inventory", str(inventory)).returncode == 3
    assert cli(command[0], "web1", *command[1:], "--inventory", str(inventory)).returncode == 3
