"""The whole pipeline without a lab: a recorded stock host, scanned, stored, judged and reported."""

import json
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from driftscan.explain.view import View
from driftscan.findings.base import Judgement, judge
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.report.base import Audit, audit_formats
from driftscan.scopes.base import scopes
from tests.unit.handmade import leaf, manifest, snapshot, tree

STOCK = Path(__file__).parent.parent / "recordings" / "stock"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def stock(cli: Run, tmp_path: Path) -> Run:
    """Run `driftscan …` with an inventory in which the recording is the host `stock1`."""
    inventory = tmp_path / "hosts.yaml"
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
    titles = [line for line, rule in pairwise(lines) if rule and rule == "-" * len(line)]
    assert titles == [
        "Findings: none",
        "What runs, and what started it",
        "What listens",
        "Packages that stand out",
        "Counts",
        "Coverage: all that was asked for was seen",
        "Next",
    ]
    assert "release   Debian GNU/Linux 12 (bookworm), 12.15, x86_64" in lines
    assert "history:  driftscan log stock1" in lines


def test_the_text_is_as_wide_as_the_screen_up_to_what_is_read_with_ease(stock: Run) -> None:
    wide = stock("audit", "stock1", columns=300).stdout.splitlines()
    assert 100 < max(len(line) for line in wide) <= 120
    assert max(len(line) for line in stock("audit", "stock1", columns=60).stdout.splitlines()) <= 60


def test_the_json_has_exactly_the_keys_that_were_promised(stock: Run) -> None:
    done = stock("audit", "stock1", "--format", "json")
    report = json.loads(done.stdout)
    assert list(report) == ["host", "snapshot", "coverage", "counts", "findings", "unjudged"]
    assert (report["host"], report["findings"], report["unjudged"]) == ("stock1", [], {})
    assert set(report["snapshot"]) == {"number", "taken", "seconds", "transport", "complete"}
    assert set(report["coverage"]) == set(report["counts"]) == set(scopes())
    assert all(set(one) == {"outcome", "gaps", "notes"} for one in report["coverage"].values())
    assert report["counts"]["files"] > 10_000
    assert report["snapshot"]["complete"] is True


def test_two_scans_of_the_same_host_store_nothing_new(stock: Run) -> None:
    assert stock("scan", "stock1").returncode == 0
    assert "(0 new, 0 gone)" in stock("scan", "stock1").stdout
    assert [one["snapshot"] for one in json.loads(stock("log", "stock1", "--format", "json").stdout)] == [2, 1]


def test_what_was_stored_can_be_shown_and_asked_for(stock: Run) -> None:
    stock("scan", "stock1")
    long = stock("show", "stock1", "files", "/bin").stdout.splitlines()
    assert long[0].split() == ["mode", "links", "user", "group", "size", "modified", "package", "path"]
    assert long[2].endswith("/bin -> usr/bin")
    query = 'select path, mode, "user" from files where mode like "4%" order by path'
    setuid = json.loads(stock("sql", query, "--format", "json").stdout)
    assert {"path": "/usr/bin/passwd", "mode": "4755", "user": "root"} in setuid
    (counted,) = json.loads(stock("sql", "select count(*) as n from packages", "--format", "json").stdout)
    assert counted["n"] == len(json.loads(stock("show", "stock1", "packages", "--format", "json").stdout))


@pytest.mark.parametrize("scope", scopes())
def test_every_table_fits_the_screen_or_has_a_path_to_blame(stock: Run, scope: str) -> None:
    stock("scan", "stock1", "--scope", scope)
    done = stock("show", "stock1", scope)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    if scope not in {"files", "symlinks"}:
        assert [line for line in lines if len(line) > 80] == []
    assert len(lines) > 3


# --- what only some hosts have --------------------------------------------------------------------------------------


def text(seen: Snapshot, judgement: Judgement | None = None, width: int = 80) -> str:
    return "\n".join(audit_formats()["text"](Audit(seen, judgement or judge(View(seen)), 1), width))


def findings(count: int, severity: Severity = Severity.HIGH, **evidence: object) -> Judgement:
    return Judgement(
        [Finding("a-rule", severity, "files", f"/srv/{number}", "is odd", evidence, "look") for number in range(count)],
        {},
    )


def test_many_findings_of_one_rule_are_counted() -> None:
    told = text(snapshot(host="web 1"), findings(1234))
    assert "Findings: 1234 high" in told
    assert "         … and 1,228 more: driftscan audit 'web 1' --format json" in told
    assert "Look at the 1,234 findings of medium severity or higher, from the top." in told


def test_a_long_value_is_cut_and_an_empty_one_left_out() -> None:
    told = text(snapshot(), findings(1, command="x" * 500, unit=None, package="", pids=[], deleted=False), width=1000)
    assert f"(command {'x' * 119}…, deleted no)" in told


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
    after = lines[lines.index("Next") + 2 :]
    assert after[: len(expected)] == expected
    assert after[len(expected)] == "browse:   driftscan show web1 services"


def test_what_was_not_seen_is_said_where_it_is_missed() -> None:
    seen = snapshot(outcomes={"processes": Outcome.DENIED, "sockets": None, "packages": Outcome.TIMEOUT})
    told = text(seen)
    assert (
        "What runs, and what started it\n------------------------------\nunknown: processes could not be seen" in told
    )
    assert "What listens\n------------\nnot looked at: sockets" in told
    assert "Coverage: NOT COMPLETE" in told
    assert "not looked at: sockets" in told
    assert "rule process-deleted-executable could not judge: processes not seen" in told


def test_threads_of_the_kernel_do_not_run_there_and_what_is_not_known_has_words() -> None:
    seen = snapshot(
        [
            Item("processes", "k", {"command": "[kthreadd]", "kernel": True}),
            Item("processes", "i", {"user": "root", "command": "init", "package": ""}, {"pid": [1]}),
            Item("processes", "d", {"user": "root", "command": "dockerd", "container": "docker:1f", "unit": "x"}),
            Item("processes", "o", {"user": "root", "name": "orphan"}, {"pid": [77]}),
            Item("sockets", "s", {"protocol": "tcp", "state": "listen", "address": "::", "port": 80}),
        ]
    )
    lines = text(seen).splitlines()
    assert not any("kthreadd" in line for line in lines)
    table = lines[lines.index("What runs, and what started it") + 2 :]
    assert [line.split() for line in table[2:5]] == [
        ["(kernel)", "root", "init", "(none)"],
        ["(unknown)", "root", "orphan"],
        ["docker:1f", "root", "dockerd"],
    ]
    listens = lines[lines.index("What listens") + 2 :]
    assert listens[2].split() == ["tcp", ":::80", "(unknown)"]


def test_a_long_table_says_how_many_more() -> None:
    many = [
        Item("processes", f"{n}", {"user": "root", "command": f"worker {n:03}"}, {"pid": [n]}) for n in range(2, 90)
    ]
    assert "… and 63 more: driftscan show web1 processes" in text(snapshot(many))


def test_what_stands_out_among_packages() -> None:
    def package(name: str, **more: object) -> Item:
        return Item("packages", name, {"name": name, "version": "1", "state": "installed", "offered": True, **more})

    seen = snapshot(
        [
            package("plain"),
            package("held", hold=True),
            package("own", offered=False),
            package("half", state="unpacked"),
        ],
        files=tree(leaf(b"bin/x", b"f755 0 0")),
        manifests=[manifest("plain", b"/bin/x")],
    )
    told = text(seen)
    assert "plain" not in told
    assert [line.split(maxsplit=2) for line in told.splitlines() if line[:4] in {"half", "held", "own "}] == [
        ["half", "1", "unpacked"],
        ["held", "1", "on hold"],
        ["own", "1", "no configured repository knows it"],
    ]
