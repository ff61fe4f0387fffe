"""The command line: every command is documented, every mistake is one line, nothing heavy is loaded for help."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from driftscan import __version__
from driftscan.cli import rules, scan, show
from driftscan.cli.app import app
from driftscan.cli.lazily import Commands

STOCK = Path(__file__).parent.parent / "recordings" / "stock"
Run = Callable[..., subprocess.CompletedProcess[str]]


def commands() -> Iterator[tuple[str, ...]]:
    """Yield every command and group as a person types it; the program itself is ()."""
    todo = [((), typer.main.get_command(app))]
    while todo:
        path, command = todo.pop()
        yield path
        todo += [((*path, name), below) for name, below in getattr(command, "commands", {}).items()]


COMMANDS = sorted(commands())


def test_the_commands_are_found() -> None:
    assert {(), ("audit",), ("scan",), ("show",), ("hosts", "ping"), ("db", "prune")} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "driftscan")
def test_every_command_is_documented(cli: Run, command: tuple[str, ...]) -> None:
    done = cli(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(" ".join(["Usage: driftscan", *command]))
    assert lines[2].strip(), "no sentence on what it does"
    # No argument, option or subcommand without words: a name that stands alone has them on the next line, further in.
    first = next(number for number, line in enumerate(lines) if line in {"Arguments:", "Options:", "Commands:"})
    for line, after in zip(lines[first:], [*lines[first + 1 :], ""], strict=True):
        if line.startswith("  ") and not line.startswith("   ") and "  " not in line.strip():
            assert line.startswith(("  Exit codes", "  seen)")) or after.startswith(" " * 20), line
    assert max(len(line) for line in lines) <= 80
    assert done.stdout == cli(*command, "-h").stdout


@pytest.mark.parametrize("command", [(), ("hosts",), ("db",)])
def test_a_group_alone_shows_its_help(cli: Run, command: tuple[str, ...]) -> None:
    done = cli(*command)
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: driftscan")


def test_version(cli: Run) -> None:
    assert cli("--version").stdout == f"driftscan {__version__}\n"


def test_what_connects_to_no_host_asks_for_no_key(cli: Run) -> None:
    for command in (["show"], ["log"], ["sql"], ["scopes"], ["db", "info"], ["hosts", "list"]):
        assert "--identity" not in cli(*command, "--help").stdout
    for command in (["scan"], ["audit"], ["hosts", "ping"]):
        assert "--identity" in cli(*command, "--help").stdout


# --- mistakes -------------------------------------------------------------------------------------------------------

MISTAKES = [
    (["nonsense"], 2, "No such command 'nonsense'; see driftscan --help"),
    (["show"], 2, "Missing argument"),
    (["log", "--nonsense"], 2, "No such option: --nonsense"),
    (["log", "--limit", "x"], 2, "--limit"),
    (["log", "--limit", "0"], 2, "--limit"),
    (["audit", "--fail-on", "bad", "localhost"], 2, "'bad' is not one of"),
    (["scan"], 2, "no host was named"),
    (["scan", "--scope", "nope", "web1"], 2, "there is no scope 'nope'; use accounts, alternatives"),
    (["scan", "--inventory", "/nonexistent"], 2, "/nonexistent"),
    (["scan", "replay:/nonexistent"], 3, "there is no recording in /nonexistent"),
    (["scan", "image:/nonexistent"], 3, "/nonexistent"),
    (["scan", "image:"], 2, "has no path"),
    (["audit", "--format", "csv", "web1"], 2, "there is no format 'csv' here; use one of json, text"),
    (["scopes", "nope"], 2, "there is no scope 'nope'"),
    (["db", "prune", "--older-than", "x"], 2, "'x' is no age; use days or weeks: 90d, 12w"),
    (["log", "--db", "/etc/passwd"], 1, "/etc/passwd"),
    (["log", "--db", "/nonexistent/x.db"], 1, "there is no database /nonexistent/x.db"),
]
STORED = [
    (["show", "web1", "files"], 1, "web1"),
    (["log", "web1"], 1, "web1"),
    (["show", "HOST", "nope"], 2, "there is no scope 'nope'"),
    (["show", "HOST", "packages", "--format", "xml"], 2, "there is no format 'xml' here; use one of csv, json, table"),
    (["show", "HOST@99", "packages"], 1, "99"),
    (["show", "HOST@~9", "packages"], 1, "~9"),
    (["show", "HOST@2020-01-01", "packages"], 1, "2020-01-01"),
    (["show", "HOST@2026-13-01", "packages"], 2, "is not a date"),
    (["db", "prune"], 2, "what to keep"),
    (["sql", "selct"], 1, "syntax error"),
    (["sql", "select nope from packages"], 1, "nope"),
    (["sql", "select * from nope"], 1, "nope"),
    (["sql", ""], 1, "SELECT"),
    (["sql", "select 1; select 2"], 1, "one statement"),
    (["sql", "delete from packages"], 1, "SQL"),
    (["sql", "delete from snapshot"], 1, "only a statement that reads"),
    (["sql", "create table x (y)"], 1, "only a statement that reads"),
    (["sql", "attach '/tmp/x' as y"], 1, "only a statement that reads"),
]


def check(done: subprocess.CompletedProcess[str], code: int, words: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert words in done.stderr
    assert done.stderr.startswith("driftscan: ")
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(("arguments", "code", "words"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_is_one_line(cli: Run, arguments: list[str], code: int, words: str) -> None:
    check(cli(*arguments), code, words)


def test_a_mistake_with_what_is_stored_is_one_line(cli: Run) -> None:
    host = f"replay:{STOCK}"
    assert cli("scan", "--scope", "system", host).returncode == 0
    for arguments, code, words in STORED:
        check(cli(*[argument.replace("HOST", host) for argument in arguments]), code, words)


def test_nothing_to_show_is_said_and_no_error(cli: Run) -> None:
    host = f"replay:{STOCK}"
    cli("scan", "--scope", "system", host)
    done = cli("show", host, "system", "no-such-key")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "driftscan: nothing to show\n")
    done = cli("show", host, "system", "no-such-key", "--format", "json")
    assert (done.stdout, done.stderr) == ("[]\n", "")
    done = cli("show", host, "packages")
    assert done.returncode == 3
    assert "packages was not looked at in this snapshot" in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(cli: Run, tmp_path: Path) -> None:
    host = f"replay:{STOCK}"
    cli("scan", host)
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "HOME": str(tmp_path), "DRIFTSCAN_DB": str(tmp_path / "driftscan.db")}
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "driftscan", "show", host, "files"],
            env=environment,
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupted_command_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from driftscan.cli.app import run
    from driftscan.cli.options import Shared

    def interrupted(_self: Shared, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Shared, "store", interrupted)
    assert run(["log"]) == 130
    assert capsys.readouterr().err == "driftscan: interrupted; what was stored before stays as it was\n"


# --- how soon help is there -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["scan", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    script = (
        f"import sys; from driftscan.cli.app import run; run({arguments!r})\n"
        "print([name for name in ('sqlalchemy', 'paramiko', 'psutil', 'alembic', 'yaml', 'tabulate', 'rich',"
        " 'multiprocessing', 'driftscan.collect', 'driftscan.findings', 'driftscan.report')"
        " if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_only_the_command_that_is_asked_for_is_made() -> None:
    commands = Commands([scan.register, rules.register, show.register])
    assert list(commands) == ["scan", "rules", "show"]
    assert commands._made == {}
    listed = {name: one.get_short_help_str(200) for name, one in commands.listed().items()}
    assert listed == {name: one.get_short_help_str(200) for name, one in commands.items()}


def test_help_takes_little_longer_than_typer_itself() -> None:
    def best(*arguments: str) -> float:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], capture_output=True, check=True, timeout=60)
            times.append(time.perf_counter() - started)
        return min(times)

    assert best("-m", "driftscan", "--help") < 2.5 * best("-c", "import typer")


@pytest.mark.parametrize(
    ("line", "offered"),
    [("driftscan ", {"audit", "scan", "show", "db"}), ("driftscan s", {"scan", "show"}), ("driftscan db ", {"prune"})],
)
def test_the_shell_completes_commands(cli: Run, line: str, offered: set[str]) -> None:
    words = line.split(" ")
    done = cli(_DRIFTSCAN_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert offered <= set(done.stdout.split())
    assert all(word.startswith(words[-1]) for word in done.stdout.split())
