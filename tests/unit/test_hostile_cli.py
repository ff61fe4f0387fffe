"""Every command that shows what is stored, of hosts whose every field is hostile: both streams, in every format."""

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

import pytest
import typer

from driftscan.cli.app import app, run
from driftscan.cli.saying import ShownFormatter, complain
from driftscan.model.proof import Proof, Remainder
from driftscan.scopes.base import scopes
from driftscan.store import Store
from tests.unit.hostile_judges import (
    as_csv,
    as_json,
    as_json_lines,
    as_markdown,
    as_prometheus,
    as_sarif,
    as_xml,
    as_yaml,
    terminal,
)
from tests.unit.hostile_made import NASTY, Hostile

# Commands that show nothing of a host that is stored, and why not.
SKIPPED = {
    "audit": "shows what explain shows, after a scan",
    "scan": "asks a host",
    "nightly run": "asks a host; its reports are those of check",
    "nightly install": "shows what the person typed",
    "hosts ping": "asks a host",
    "hosts list": "shows the inventory",
    "rules": "driftscan's own words",
    "rules show": "driftscan's own words",
    "scopes": "driftscan's own words",
    "baseline schema": "driftscan's own words",
    "baseline accept": "shows what the person typed",
    "db info": "numbers",
    "db upgrade": "numbers",
    "db prune": "numbers",
    "db check": "numbers and digests",
}
ROWS = {"table": terminal, "json": as_json, "csv": as_csv}
CHECKS = {
    "text": terminal, "json": as_json, "csv": as_csv, "markdown": as_markdown, "sarif": as_sarif, "junit": as_xml,
    "prometheus": as_prometheus,
}  # fmt: skip
Judges = dict[str, Callable[[str], Any]]
TEXT: Judges = {"text": terminal, "json": as_json}


def asked(paths: list[str], key: str, directory: Path) -> Iterator[tuple[str, list[str], Judges]]:
    """Yield each command with its arguments and the judges of its formats ("": it has but one)."""
    base = ["--baseline", str(directory / "fuzz.yaml")]
    yield "explain", ["fuzz1"], TEXT
    yield "explain", ["fuzz1", paths[-1]], TEXT
    yield "findings", ["fuzz1"], {**ROWS, "text": terminal}
    yield "finds", ["fuzz1"], ROWS
    yield "strata", ["fuzz1", "--all"], {"text": terminal, "json": as_json_lines}
    yield "runbook", ["fuzz1"], {"": as_markdown}
    yield "baseline init", ["fuzz1@~1", "--role", "fuzz"], {"": as_yaml}
    yield "baseline init", ["fuzz1@~1", "--role", "fuzz", "--output", base[1]], {"": terminal}
    yield "baseline lint", [base[1]], {"": terminal}
    yield "baseline explain", ["fuzz1", paths[-1], *base], TEXT
    yield "baseline update", ["fuzz1", *base], {"": terminal}
    yield "check", ["--no-scan", "fuzz1", "fuzz2"], CHECKS
    yield "check", ["--no-scan", "--all"], {"": terminal}
    yield "diff", ["fuzz1"], {**ROWS, "text": terminal}
    yield "diff", ["fuzz1", "fuzz2", "--all"], {**ROWS, "text": terminal}
    yield "diff", ["fuzz1", "--stat"], {"": terminal}
    yield "fleet", ["fuzz1", "fuzz2"], {**ROWS, "text": terminal}
    yield "log", ["fuzz1"], ROWS
    yield "log", ["fuzz1", "--scope", "all"], ROWS
    yield "show", ["fuzz1", "files"], ROWS
    yield "show", ["fuzz1", BLIND], ROWS
    yield "sql", ["select * from accounts"], ROWS
    yield "sql", ["select * from files"], ROWS
    yield "blame", ["fuzz1", paths[-1]], {**TEXT, "csv": as_csv}
    yield "blame", ["fuzz1", "packages", key], {**TEXT, "csv": as_csv}
    yield "blame", ["fuzz1", "packages", "\x1b[2J"], {"text": terminal}
    yield "verdict", ["fuzz1"], {**TEXT, "markdown": as_markdown}
    yield "prove", ["fuzz1", "--show"], TEXT
    for tool in ("ansible", "shell", "dockerfile"):
        yield "role build", ["fuzz1", "--offline", "--to", tool, "-o", str(directory / tool)], {"": terminal}


BLIND = "sockets"  # a scope that was not seen, for a reason that hurts


def commands() -> set[str]:
    """Return every command that can be run, as a person types it."""
    found, todo = set(), [("", typer.main.get_command(app))]
    while todo:
        path, command = todo.pop()
        below = getattr(command, "commands", {})
        if path and (not below or getattr(command, "invoke_without_command", False)):
            found.add(path)
        todo += [(f"{path} {name}".strip(), one) for name, one in below.items()]
    return found


def test_every_command_is_tried_or_is_said_why_not() -> None:
    assert commands() == {command for command, _, _ in asked(["/x"], "x", Path())} | set(SKIPPED)


def stored(database: Path, seed: int) -> Hostile:
    """Store three snapshots of two hostile hosts, and a proof."""
    dice = Random(seed)
    words = dice.sample(NASTY, 8)
    taken = datetime.now(timezone.utc) - timedelta(hours=5)
    with Store.open(str(database)) as store:
        for number, host in enumerate(("fuzz1", "fuzz1", "fuzz2")):
            made = Hostile(words, dice, host)
            seen = made.snapshot(each=2)
            blind = replace(seen.coverage[BLIND], outcome=type(seen.coverage[BLIND].outcome).DENIED, gaps=tuple(words))
            store.save(replace(seen, taken=taken + timedelta(hours=number), coverage={**seen.coverage, BLIND: blind}))
        newest = store.hosts()[0].newest
        assert newest is not None
        word = made.word
        rest = tuple(Remainder(word(), word(), word(), failed) for failed in (True, False))
        facts: dict[str, Any] = {"remainder": rest, "supplied": (word(),), "made_up": (word(),), "error": word()}
        store.keep_proof(
            Proof(newest.host, newest.id, newest.taken, "d" * 32, "ansible", word(), newest.taken, **facts)
        )
    return made


def sweep(seed: int, directory: Path, capsys: pytest.CaptureFixture[str], *, formats: int) -> None:
    """Run every command on hosts made from `seed`, in so many of its formats."""
    made = stored(directory / "driftscan.db", seed)
    with Store.open(str(directory / "driftscan.db")) as store:
        newest = next(host.newest for host in store.hosts() if host.name == "fuzz1")
        assert newest is not None
        key = store.load(newest).of("packages")[0].key
    for command, arguments, judges in asked(made.paths, key, directory):
        chosen = Random(f"{seed}{command}{arguments[:1]}").sample(list(judges.items()), min(formats, len(judges)))
        for name, judge in chosen:
            called = [*command.split(), *arguments, *(["--format", name] if name else [])]
            code = run(called)
            told = capsys.readouterr()
            where = f"seed {seed}: {called}"
            try:
                terminal(told.err)
                assert (
                    code in {0, 3, 4} or (told.err.startswith("driftscan: ") and told.err.count("\n") == 1) or told.out
                )
                if told.out and not told.out.isspace():
                    judge(told.out.rstrip("\n"))
            except Exception as error:
                raise AssertionError(where) from error


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DRIFTSCAN_DB", str(tmp_path / "driftscan.db"))
    monkeypatch.chdir(tmp_path)  # where baselines are written
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    with warnings.catch_warnings():
        yield tmp_path


@pytest.mark.parametrize("seed", [1, 20])  # 20 was found in a long run
def test_no_command_lets_a_host_act(seed: int, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(seed, directory, capsys, formats=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 102))
def test_no_command_lets_any_host_act(seed: int, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(seed, directory, capsys, formats=9)


def test_what_is_said_of_an_error_and_in_the_log_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A server's version and banner stand in the log of an SSH library, a path in an error."""
    record = logging.LogRecord("paramiko", logging.DEBUG, "", 0, "Connected (version %s)\nx", ("2.0\x1b[2J\x9b",), None)
    assert (
        ShownFormatter("driftscan: %(message)s").format(record) == "driftscan: Connected (version 2.0\\x1b[2J\\x9b)\nx"
    )
    complain("driftscan: \x1b]0;x\x07\u202e\nhint")
    assert capsys.readouterr().err == "driftscan: \\x1b]0;x\\x07\\u202e\nhint\n"


def test_a_path_that_was_typed_in_no_utf_8_is_an_answer(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored(directory / "driftscan.db", 3)
    for command in (
        ["explain", "fuzz1", "/caf\udce9"],
        ["blame", "fuzz1", "/caf\udce9"],
        ["show", "fuzz1", "files", "/\udce9"],
    ):
        assert run(command) in {0, 1, 3}  # not all scopes of such a host were seen
        told = capsys.readouterr()
        terminal(told.out + told.err)
        assert not re.search("Traceback", told.err)


def test_the_scope_that_is_blind_is_one() -> None:
    assert BLIND in scopes()
