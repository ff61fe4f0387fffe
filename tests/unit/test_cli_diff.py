"""`driftscan diff` and `driftscan fleet` on stored snapshots: what they print, and how they end."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from driftscan.cli.app import run
from driftscan.model.item import Item
from driftscan.model.outcome import Outcome
from driftscan.store import Store
from tests.unit.handmade import TAKEN, leaf, snapshot, tree


class Done(NamedTuple):
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


def service(name: str, active: str = "active") -> Item:
    return Item("services", name, {"name": name, "enabled": "enabled", "active": active})


def conf(said: str) -> Item:
    return Item("contents", "/etc/app.conf", {"path": "/etc/app.conf", "text": said, "lines": 2, "secrets": []})


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep web1 in three states, web2 as the last of them but for one thing, and blind web3."""
    first = snapshot([service("a"), service("b"), conf("one\n")], files=tree(leaf(b"etc/app.conf", b"f644 0 0")))
    files = tree(leaf(b"etc/app.conf", b"f600 0 0"), leaf(b"srv/\x1bx", b"f644 0 0"))
    second = snapshot([service("b", "failed"), service("c"), conf("one\ntwo\n")], files=files)
    other = snapshot([service("b", "failed"), conf("one\ntwo\n")], files=files, host="web2")
    blind = snapshot([conf("one\ntwo\n")], files=files, host="web3", outcomes={"services": Outcome.DENIED})
    path = tmp_path_factory.mktemp("store") / "driftscan.db"
    with Store.open(path) as store:
        for number, (one, role) in enumerate(
            [(first, "web"), (second, "web"), (second, "web"), (other, "web"), (blind, "")]
        ):
            store.save(replace(one, taken=TAKEN + timedelta(hours=number)), role)
    return path


@pytest.fixture
def stored(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `driftscan …` in this process, on that database."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DRIFTSCAN_DB", str(database))
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: str) -> Done:
        code = run(list(arguments))
        said = capsys.readouterr()
        return Done(int(code), said.out, said.err)

    return call


def test_a_host_with_its_past(stored: Run) -> None:
    done = stored("diff", "web1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].endswith("nothing differs")
    told = stored("diff", "web1@1").stdout
    assert told == stored("diff", "web1@1", "web1").stdout
    assert stored("diff", "web1@~2", "web1@3").stdout == told
    assert told.splitlines()[1:] == [
        "",
        "files: 1 unexpected, 1 changed",
        "  ~ /etc/app.conf: mode 0644 -> 0600",
        "      --- 2026-11-01T03:00:00Z",
        "      +++ 2026-11-01T05:00:00Z",
        "      @@ -1 +1,2 @@",
        "       one",
        "      +two",
        "  + /srv",
        "      type directory, mode 0755, user 0, group 0, entries 1, files 1, size 33",
        "",
        "services: 1 missing, 1 unexpected, 1 changed",
        "  - a  (enabled enabled, active active)",
        "  ~ b: active active -> failed",
        "  + c  (enabled enabled, active active)",
    ]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["web1@1", "web1"], 0),
        (["web1@1", "web1", "--exit-code"], 4),
        (["web1@1", "web1", "--fail-on", "low"], 4),
        (["web1@1", "web1", "--fail-on", "critical"], 0),
        (["web1@2", "web1", "--exit-code"], 0),
        (["web1", "web3"], 3),
        (["web1", "web3", "--exit-code"], 3),
        (["web1", "web3", "--scope", "files"], 0),
        (["web1", "web9"], 1),
        (["web1", "web2", "--scope", "nonsense"], 2),
        (["web1", "web2", "--path", "etc"], 2),
        (["web1", "web2", "--format", "nonsense"], 2),
        (["web2"], 1),  # it has no past
    ],
)
def test_exit_codes(stored: Run, arguments: list[str], code: int) -> None:
    done = stored("diff", *arguments)
    assert done.returncode == code
    assert done.stderr.count("\n") == (code in {1, 2})


def test_one_scope_one_path_and_how_many(stored: Run) -> None:
    assert "services" not in stored("diff", "web1@1", "web1", "--scope", "files").stdout
    assert stored("diff", "web1@1", "web1", "--path", "/srv").stdout.splitlines()[2:3] == ["files: 1 unexpected"]
    assert stored("diff", "web1@1", "web1", "--stat").stdout.splitlines()[2:] == [
        " files    | 2 +~",
        " services | 3 -+~",
        " 1 missing, 2 unexpected, 2 changed",
    ]


def test_formats(stored: Run) -> None:
    told = json.loads(stored("diff", "web1@1", "web1", "--format", "json").stdout)
    assert (told["before"]["snapshot"], told["after"]["snapshot"]) == (1, 3)
    assert [(one["kind"], one["key"]) for one in told["drifts"]][:2] == [
        ("changed", "/etc/app.conf"),
        ("unexpected", "/srv"),
    ]
    rows = list(csv.DictReader(io.StringIO(stored("diff", "web1@1", "web1", "--format", "csv").stdout)))
    assert json.loads(rows[3]["changes"]) == {"active": ["active", "failed"]}
    assert "kind" in stored("diff", "web1@1", "web1", "--format", "table").stdout.splitlines()[0]
    counted = json.loads(stored("diff", "web1@1", "web1", "--stat", "--format", "json").stdout)
    assert counted[1] == {"scope": "services", "missing": 1, "unexpected": 1, "changed": 1, "unknown": 0}


def test_nothing_of_a_host_reaches_the_terminal_as_it_is(stored: Run) -> None:
    told = stored("diff", "web1@1", "web1", "--all", "--path", "/srv/\x1bx").stdout
    assert "\x1b" not in told
    assert "\x1b" not in stored("fleet", "web1", "web3").stdout


def test_what_could_not_be_looked_at_is_said(stored: Run) -> None:
    told = stored("diff", "web1", "web3").stdout
    assert "  ? the whole scope  (" in told
    assert "not seen whole (denied) on web3" in " ".join(told.split())


def test_the_hosts_of_a_role(stored: Run) -> None:
    told = stored("fleet")
    assert told.returncode == 0
    assert told.stdout.splitlines() == [
        "web: 2 hosts, 1 thing differs",
        "",
        "services",
        "  c: web1 has it, web2 lacks it",
    ]
    assert stored("fleet", "web").stdout == told.stdout
    found = json.loads(stored("fleet", "web", "--format", "json").stdout)
    assert found[0]["odds"][0]["groups"] == [
        {"value": "there", "hosts": ["web1"]},
        {"value": "not there", "hosts": ["web2"]},
    ]
    rows = list(csv.DictReader(io.StringIO(stored("fleet", "web", "--format", "csv").stdout)))
    assert [row["hosts"] for row in rows] == ["1", "1"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["web", "web3"], 3),
        (["web", "web3", "--scope", "files"], 0),
        (["web1"], 2),
        (["web1", "nobody"], 2),
        (["--scope", "nonsense"], 2),
        (["--format", "nonsense"], 2),
    ],
)
def test_exit_codes_of_fleet(stored: Run, arguments: list[str], code: int) -> None:
    done = stored("fleet", *arguments)
    assert done.returncode == code
    assert done.stderr.count("\n") == (code == 2)
