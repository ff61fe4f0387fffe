"""The whole pipeline without a lab: a recorded stock host, scanned, stored, judged and reported."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from driftscan.explain.shares import Share
from driftscan.explain.view import View
from driftscan.findings.base import Judgement, judge
from driftscan.findings.finds import Find
from driftscan.model.finding import Finding, Severity
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.report.base import Audit, audit_formats
from driftscan.scopes.base import scopes
from tests.unit.born import command_line
from tests.unit.handmade import snapshot

STOCK = Path(__file__).parent.parent / "recordings" / "stock"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def stock(cli: Run, tmp_path: Path) -> Run:
    """Run `driftscan …` with an inventory in which the recording is the host `stock1`."""
    return _with_stock(cli, tmp_path)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Do so with a database in which it was scanned, for those who only read."""
    directory = tmp_path_factory.mktemp("scanned")
    run = _with_stock(command_line(directory), directory)
    assert run("scan", "stock1").returncode == 0
    return run


def _with_stock(cli: Run, directory: Path) -> Run:
    inventory = directory / "hosts.yaml"
    inventory.write_text(f"hosts:\n  stock1: {{transport: replay, path: {STOCK}}}\n")

    def run(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
        return cli(*arguments, "--inventory", str(inventory), **more)

    return run


# --- a stock host ---------------------------------------------------------------------------------------------------


def test_the_text_fits_eighty_columns_and_has_every_section(stock: Run) -> None:
    done = stock("audit", "stock1")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert lines[0].startswith("stock1: audit of ")
    titles = [line.strip("- ") for line in lines if line.startswith("-- ")]
    assert [title.partition(":")[0] for title in titles] == [
        "Findings",
        "Unexplained",
        "Explained",
        "Coverage",
        "Next",
    ]
    assert titles[3] == "Coverage: all that was asked for was seen"
    assert any(line.startswith("host       record-stock, Debian GNU/Linux 12 (bookworm)") for line in lines)
    assert "driftscan strata stock1; driftscan runbook stock1" in " ".join(lines)


def test_the_text_is_as_wide_as_the_screen_up_to_what_is_read_with_ease(scanned: Run) -> None:
    wide = scanned("explain", "stock1", columns=300).stdout.splitlines()
    assert 100 < max(len(line) for line in wide) <= 120
    assert max(len(line) for line in scanned("explain", "stock1", columns=60).stdout.splitlines()) <= 60


def test_the_json_has_exactly_the_keys_that_were_promised(stock: Run) -> None:
    done = stock("audit", "stock1", "--format", "json")
    report = json.loads(done.stdout)
    keys = ["host", "snapshot", "coverage", "counts", "explained", "findings", "finds", "unjudged"]
    assert list(report) == keys
    assert (report["host"], report["unjudged"]) == ("stock1", {})
    assert {finding["severity"] for finding in report["findings"]} <= {"low", "info"}
    assert set(report["explained"]["files"]) == {"total", "explained", "by", "unexplained"}
    assert set(report["snapshot"]) == {"number", "taken", "seconds", "transport", "complete"}
    assert set(report["coverage"]) == set(report["counts"]) == set(scopes())
    assert all(set(one) == {"outcome", "gaps", "notes"} for one in report["coverage"].values())
    assert report["counts"]["files"] > 10_000
    assert report["snapshot"]["complete"] is True


def test_two_scans_of_the_same_host_store_nothing_new(stock: Run) -> None:
    assert stock("scan", "stock1").returncode == 0
    assert "(0 new, 0 gone)" in stock("scan", "stock1").stdout
    assert [one["snapshot"] for one in json.loads(stock("log", "stock1", "--format", "json").stdout)] == [2, 1]


def test_what_was_stored_can_be_shown_and_asked_for(scanned: Run) -> None:
    long = scanned("show", "stock1", "files", "/bin").stdout.splitlines()
    assert long[0].split() == ["mode", "links", "user", "group", "size", "modified", "package", "path"]
    assert long[2].endswith("/bin -> usr/bin")
    query = 'select path, mode, "user" from files where mode like "4%" order by path'
    setuid = json.loads(scanned("sql", query, "--format", "json").stdout)
    assert {"path": "/usr/bin/passwd", "mode": "4755", "user": "root"} in setuid
    (counted,) = json.loads(scanned("sql", "select count(*) as n from packages", "--format", "json").stdout)
    assert counted["n"] == len(json.loads(scanned("show", "stock1", "packages", "--format", "json").stdout))


@pytest.mark.parametrize("scope", scopes())
def test_every_table_fits_the_screen_or_has_a_path_to_blame(scanned: Run, scope: str) -> None:
    done = scanned("show", "stock1", scope)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    if "path" not in [column.name for column in scopes()[scope].columns]:
        assert [line for line in lines if len(line) > 80] == []
    assert len(lines) >= 3 or done.stderr == "driftscan: nothing to show\n"


# --- what only some hosts have --------------------------------------------------------------------------------------


def text(seen: Snapshot, judgement: Judgement | None = None, width: int = 80) -> str:
    return "\n".join(audit_formats()["text"](Audit(seen, judgement or judge(View(seen)), 1), width))


def findings(count: int, severity: Severity = Severity.HIGH, **evidence: object) -> Judgement:
    return Judgement(
        [Finding("a-rule", severity, "files", f"/srv/{number}", "is odd", evidence, "look") for number in range(count)],
        {},
    )


def test_many_findings_of_one_rule_are_counted() -> None:
    told = text(snapshot(host="web 1"), findings(1234), width=120)
    assert "Findings: 1234 high" in told
    assert "/srv/7; and 1,226 more: driftscan findings 'web 1' --rule a-rule" in " ".join(told.split())
    assert "Look at the 1,234 findings of medium severity or higher, from the top." in told


def test_a_long_value_is_cut_and_an_empty_one_left_out() -> None:
    told = text(snapshot(), findings(1, command="x" * 500, unit=None, package="", pids=[], deleted=False), width=1000)
    assert f"is odd [a-rule]: /srv/0 (command {'x' * 59}…)" in told


def test_evidence_fills_the_lines_that_are_there_anyway() -> None:
    told = {"mode": "0777", "user": "x" * 30}
    grave, light = (text(snapshot(), findings(6, one, **told), width=100) for one in (Severity.HIGH, Severity.LOW))
    assert "/srv/0 (mode 0777)" in grave
    assert "LOW      a-rule: /srv/0; /srv/1; /srv/2; /srv/3; /srv/4; /srv/5" in light


def test_names_are_not_broken_at_their_hyphens() -> None:
    told = text(snapshot(), findings(1, target="/usr/share/" + "-".join(["some"] * 8), more="and-more-of-it" * 2))
    assert "/usr/share/some-some-some-some-some-some-some-some" in told


@pytest.mark.parametrize(
    ("grave", "complete", "expected"),
    [
        (1, True, ["Look at the finding of medium severity or higher, from the top."]),
        (0, False, ["See what could not be seen (Coverage, above); run again as root, or with --sudo."]),
        (
            2,
            False,
            [
                "1. Look at the 2 findings of medium severity or higher, from the top.",
                "2. See what could not be seen (Coverage, above); run again as root, or with",
                "   --sudo.",
            ],
        ),
        (0, True, []),
    ],
)
def test_the_next_steps_are_numbered_when_there_are_several(grave: int, complete: bool, expected: list[str]) -> None:
    seen = snapshot(outcomes={} if complete else {"accounts": Outcome.DENIED})
    lines = text(seen, findings(grave)).splitlines()
    after = lines[next(number for number, line in enumerate(lines) if line.startswith("-- Next ")) + 1 :]
    assert after[: len(expected)] == expected
    assert after[len(expected)].startswith("driftscan ")


def test_what_was_not_seen_is_said() -> None:
    seen = snapshot(outcomes={"processes": Outcome.DENIED, "sockets": None, "packages": Outcome.TIMEOUT})
    told = " ".join(text(seen).split())
    assert "Unexplained: unknown, for the files or their packages were not seen" in told
    assert "Coverage: NOT COMPLETE" in told
    assert "not looked at: sockets" in told
    assert "could not be judged, processes not seen or not there: " in told


def test_what_several_scopes_could_not_see_is_said_once_and_of_many_paths_the_first_are_named() -> None:
    seen = snapshot(outcomes=dict.fromkeys(("files", "symlinks", "state"), Outcome.DENIED))
    paths = [f"/closed/{number}" for number in range(30)]
    for scope, gaps in {
        "files": (f"walk /: denied, {', '.join(paths)} and 12 more", "acl: denied, /a, /b"),
        "symlinks": (f"walk /: denied, {', '.join(paths)} and 12 more",),
        "state": ("files: denied",),
    }.items():
        seen = replace(seen, coverage={**seen.coverage, scope: replace(seen.coverage[scope], gaps=gaps)})
    told = " ".join(text(seen).split())
    first = ", ".join(paths[:5])
    assert told.count("/closed/0") == 1
    assert f"files, symlinks: walk /: denied, {first} and 37 more files: acl: denied, /a, /b" in told
    assert f"state: files: denied named in full by: driftscan show {seen.host} files" in told


def test_the_share_that_is_explained_stands_at_the_top() -> None:
    shares = {"files": Share(10_000, {"package": 9_999}), "processes": Share(4, {"unit": 2}, ("a", "b"))}
    told = text(snapshot(), Judgement([], {}, (), shares))
    assert "explained  99.99 % of files, 50 % of processes" in told
    assert "9,999 of 10,000 files (package 9,999); 2 of 4 processes (unit 2)" in told
    assert "100 % of files" in text(snapshot(), Judgement([], {}, (), {"files": Share(3, {"package": 3})}))


def test_many_finds_are_counted() -> None:
    finds = [Find(f"/srv/{number}", "d", 2, 1, 10, None, None, ("root",)) for number in range(50)]
    told = text(snapshot(), Judgement([], {}, finds, {"files": Share(100, {"package": 1})}))
    assert "Unexplained: 50 files in 50 finds" in told
    assert "and 10 more: driftscan finds web1" in told
