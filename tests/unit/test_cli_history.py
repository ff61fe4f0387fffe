"""The history on the command line: `log --scope`, `blame`, `db prune` by rules, as a person runs them."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from driftscan.cli.app import run
from driftscan.model.item import Item
from driftscan.model.outcome import Coverage, Outcome
from driftscan.store import Store
from tests.unit.handmade import TAKEN, Record, leaf, snapshot, tree

Said = tuple[int, str, str]
Say = Callable[..., Said]

MOTD, WIDE = leaf(b"etc/motd", b"f644 0 0"), leaf(b"etc/motd", b"f666 1001 0", ctime=(TAKEN + timedelta(1)).timestamp())
DEPLOY = Item("accounts", "user deploy", {"kind": "user", "name": "deploy", "uid": 1001})
CRON = Item("schedules", "cron /etc/motd", {"file": "/etc/motd", "command": "x"})


def local(day: int) -> str:
    return f"{(TAKEN + timedelta(days=day)).astimezone():%Y-%m-%d %H:%M}"


def package(version: str) -> Item:
    return Item("packages", "nginx", {"name": "nginx", "version": version, "state": "installed"})


def content(words: str) -> Item:
    return Item("contents", "/etc/motd", {"path": "/etc/motd", "text": words, "secrets": []})


def save(store: Store, day: int, items: list[Item], *records: Record, outcome: Outcome = Outcome.OK) -> None:
    made = snapshot([DEPLOY, CRON, *items], files=tree(leaf(b"usr/x", b"f644 0 0"), *records))
    gaps = () if outcome.seen else ("the log could not be read",)
    seen = sum(item.scope == "packages" for item in items)
    coverage = {**made.coverage, "packages": Coverage("packages", outcome, seen, gaps)}
    store.save(replace(made, taken=TAKEN + timedelta(days=day), coverage=coverage))


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command line on five nights of web1; give its exit code and what it said."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DRIFTSCAN_DB", str(tmp_path / "driftscan.db"))
    with Store.open(tmp_path / "driftscan.db") as store:
        save(store, 0, [package("1"), content("hello\n")], MOTD)
        save(store, 1, [package("1"), content("hello\nworld\n")], WIDE)
        save(store, 2, [content("hello\nworld\n")], WIDE, outcome=Outcome.DENIED)
        save(store, 3, [package("2"), content("hello\nworld\n")], WIDE)
        save(store, 4, [])

    def answer(*words: str, columns: int = 120) -> Said:
        monkeypatch.setenv("COLUMNS", str(columns))
        code = run(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err

    return answer


def test_the_changes_of_a_scope_newest_first_and_a_gap_is_one(say: Say) -> None:
    code, out, err = say("log", "web1", "--scope", "packages")
    assert (code, err) == (0, "")
    assert [line.split(maxsplit=4)[2:] for line in out.splitlines()[2:]] == [
        ["5", "-", "nginx  version 2, state installed"],
        ["4", "~", "nginx  version 1 -> 2"],
        ["3", "?", "not seen whole (denied: the log could not be read)"],
    ]
    assert max(map(len, say("log", "web1", "-s", "packages", columns=80)[1].splitlines())) <= 80


def test_some_of_the_changes(say: Say) -> None:
    assert len(say("log", "web1", "-s", "packages", "-n", "1")[1].splitlines()) == 3
    since = f"{(TAKEN + timedelta(days=3)).astimezone():%Y-%m-%dT%H:%M}"
    assert len(say("log", "web1", "-s", "packages", "--since", since)[1].splitlines()) == 4
    assert len(say("log", "web1", "--since", since)[1].splitlines()) == 4
    code, out, err = say("log", "web1", "-s", "ucf", "--since", since)
    assert (code, out) == (0, "")
    assert err == f"driftscan: no change of ucf in 5 snapshots since {local(3)}\n"


def test_changes_for_programs(say: Say) -> None:
    rows = json.loads(say("log", "web1", "-s", "packages", "-f", "json")[1])
    assert [(row["change"], row["snapshot"], row["key"]) for row in rows] == [
        ("-", 5, "nginx"),
        ("~", 4, "nginx"),
        ("?", 3, ""),
    ]
    assert (rows[1]["before"]["version"], rows[1]["after"]["version"]) == ("1", "2")
    assert datetime.fromisoformat(rows[0]["when"]) == TAKEN + timedelta(days=4)
    told = list(csv.DictReader(io.StringIO(say("log", "web1", "-s", "packages", "-s", "contents", "-f", "csv")[1])))
    assert [(row["scope"], row["change"]) for row in told] == [
        ("contents", "'-"), ("packages", "'-"), ("packages", "~"), ("packages", "?"), ("contents", "~"),
    ]  # fmt: skip
    assert told[-1]["what"] == "text 1 lines new, 0 gone"
    assert json.loads(say("log", "web1", "-s", "ucf", "-f", "json")[1]) == []


def test_the_changes_of_files(say: Say) -> None:
    code, out, _ = say("log", "web1", "-s", "files")
    assert code == 0
    assert [line.split(maxsplit=4)[2:] for line in out.splitlines()[2:]] == [
        ["5", "-", "/etc       type directory, mode 0755, user root, group root".replace("root", "0")],
        ["5", "-", "/etc/motd  type file, mode 0666, user deploy, group 0"],
        ["2", "~", "/etc/motd  mode 0644 -> 0666; user 0 -> deploy"],
    ]


def test_every_state_of_a_path_though_it_is_gone(say: Say) -> None:
    code, out, err = say("blame", "web1", "etc/../etc/motd".replace("etc/../", "/"))
    assert (code, err) == (0, "")
    lines = " ".join(out.split())
    assert lines.startswith("files /etc/motd on web1")
    for told in (
        f"since {local(4)} (snapshot 5; not so on {local(3)}): not there",
        f"{local(1)} to {local(3)} (snapshots 2-4; not so on {local(0)}): mode 0644 -> 0666; user 0 -> deploy",
        f"{local(0)} (snapshot 1; as far back as is kept): type file, mode 0644, user 0, group 0, size 33, modified",
        f"schedules cron /etc/motd: file; since {local(0)}",
        f"contents /etc/motd: key, path; since {local(1)}, gone since {local(4)}",
    ):
        assert told in lines
    assert max(map(len, say("blame", "web1", "/etc/motd", columns=80)[1].splitlines())) <= 80


def test_every_state_of_an_item(say: Say) -> None:
    code, out, _ = say("blame", "web1", "packages", "nginx")
    assert code == 0
    assert out.splitlines() == [
        "packages nginx on web1",
        f"since {local(4)} (snapshot 5; not so on {local(3)}): not there",
        f"{local(3)} (snapshot 4; not so on {local(1)}): version 1 -> 2",
        f"{local(0)} to {local(1)} (snapshots 1-2; as far back as is kept): name nginx, state installed, version 1",
    ]
    states = json.loads(say("blame", "web1", "packages", "nginx", "-f", "json")[1])["states"]
    assert [(s["attributes"] and s["attributes"]["version"], s["first"], s["last"]) for s in states] == [
        (None, 5, None),
        ("2", 4, 4),
        ("1", 1, 2),
    ]
    rows = list(csv.DictReader(io.StringIO(say("blame", "web1", "packages", "nginx", "-f", "csv")[1])))
    assert [(row["there"], row["version"]) for row in rows] == [("False", ""), ("True", "2"), ("True", "1")]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("blame", "web1", "nothing"), 2, "'nothing' is no path and no scope; name a path, or one of accounts"),
        (("blame", "web1", "packages"), 2, "no item of packages was named; `driftscan show web1 packages` lists them"),
        (("blame", "web1", "packages", "apache"), 1, "web1 never had apache among its packages; see `driftscan show"),
        (("blame", "web1", "accounts", "user"), 0, ""),
        (("blame", "web1", "/etc/motd", "x"), 2, "a path has no key; name a path, or a scope and a key"),
        (("blame", "web1", "/nope"), 1, "no kept snapshot of web1 has /nope"),
        (("blame", "web1@~1", "/etc"), 2, "blame tells of all snapshots; name the host without a revision"),
        (("blame", "web9", "/etc"), 1, "host web9 is not in the database"),
        (("blame", "web1", "/etc", "-f", "table"), 2, "there is no format 'table' here; use one of csv, json, text"),
        (("log", "--scope", "packages"), 2, "changes are those of one host; name it: driftscan log web1"),
        (("log", "web1", "--scope", "nothing"), 2, "there is no scope 'nothing'; use all, accounts"),
        (("log", "web1", "--since", "yesterday"), 2, "'yesterday' is not a date; expected one such as 2026-11-01"),
        (("log", "web9", "-s", "packages"), 1, "host web9 is not in the database"),
        (("db", "prune", "--keep", "14 days"), 2, "'14 days' does not say what to keep; expected one such as"),
        (("db", "prune", "--keep", "daily 1", "--keep-weekly", "1"), 2, "--keep says it all; leave --keep-daily"),
        (("db", "prune"), 2, "pruning needs to know what to keep"),
    ],
)
def test_mistakes_are_one_line(say: Say, words: tuple[str, ...], code: int, said: str) -> None:
    got, _, err = say(*words)
    assert (got, len(err.splitlines())) == (code, bool(said))
    assert said in err


def test_pruning_by_rules_is_planned_and_done(say: Say) -> None:
    code, out, _ = say("db", "prune", "--keep-daily", "2", "--dry-run")
    assert code == 0
    first, last = (f"{(TAKEN + timedelta(days=day)).astimezone():%Y-%m-%d}" for day in (0, 2))
    assert out.splitlines()[2].split() == ["web1", "3", "2", first, last, "1-3"]
    assert out.splitlines()[3].startswith("would remove 3 snapshots")
    assert len(say("log", "web1")[1].splitlines()) == 7
    assert say("db", "prune", "--keep", "daily 1", "--keep-last", "2")[1].startswith("removed 3 snapshots")
    assert len(say("log", "web1")[1].splitlines()) == 4
    assert say("db", "prune", "--keep-monthly", "1", "--keep-weekly", "1")[1].startswith("removed 1 snapshots")
