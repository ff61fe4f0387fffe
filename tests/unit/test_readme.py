"""The README is true: each of its commands runs, its tables say what the program does."""

import json
import re
import shlex
from pathlib import Path
from shutil import copy

import pytest

from driftscan.errors import ExitCode
from tests.conftest import Cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^\$ driftscan (.+)$", README, re.MULTILINE)


@pytest.fixture
def web1(cli: Cli, tmp_path: Path) -> Cli:
    """Give a command line for which `web1` is a recorded host with three snapshots."""
    inventory = tmp_path / "inventory.yaml"
    hosts = {name: {"transport": "replay", "path": f"{ROOT}/tests/recordings/sauced"} for name in ("web1", "web2")}
    inventory.write_text(json.dumps({"hosts": hosts}))

    def run(*arguments: str, **more: str) -> object:
        return cli(*arguments, DRIFTSCAN_INVENTORY=str(inventory), **more)

    assert run("scan", "web1", "web2").returncode == 0
    assert run("scan", "web1").returncode == 0
    return run


# One line is an answer to these, or none.
# A recording holds no contents, so that not all is known; and its host has not been rebuilt.
CODES = {"role build": ExitCode.INCOMPLETE, "verdict": ExitCode.FINDINGS}
QUIET = ("scan", "explain web1 /", "baseline", "check", "diff", "fleet", "log web1 --scope", "db prune")


def test_every_command_of_the_readme_runs(web1: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    copy(ROOT / "sample_inventory.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) >= 10
    for command in COMMANDS:
        done = web1(*shlex.split(command))
        wanted = next((code for words, code in CODES.items() if command.startswith(words)), ExitCode.OK)
        assert done.returncode == wanted, (command, done.stderr)
        assert done.stdout.count("\n") > 1 or command.startswith(QUIET), command


def test_the_exit_codes_are_those_of_the_program() -> None:
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert rows == {int(code) for code in ExitCode}


def test_what_the_readme_names_is_there() -> None:
    for path in re.findall(r"\]\((?!http)([^)]+)\)|`(sample_inventory\.yaml)`", README):
        assert (ROOT / "".join(path)).is_file(), path
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^ {4}make (\w+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_changelog_has_this_form() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "Keep a Changelog" in changelog
    assert re.search(r"^## \[Unreleased\]$", changelog, re.MULTILINE)
