"""Reports of checks for people and as data: all is said, the gravest first, bounded, and nothing of it acts."""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from driftscan.model.drift import Change, Check, Drift, Kind
from driftscan.model.drift_json import from_json, to_json
from driftscan.model.text import shown
from driftscan.report._drifts import accepted, changes, shares
from driftscan.report.as_csv import DRIFTS as HEADERS
from driftscan.report.base import check_formats
from driftscan.report.checks import told
from tests.unit.checks_made import (
    ALONE,
    BLIND,
    CHECKS,
    CLEAN,
    DEAD,
    DRIFTS,
    FLEET,
    GONE,
    KEPT,
    LOGIN,
    MODE,
    TAKEN,
    USER,
    WEB,
    acceptance,
    check,
    dangerous,
    drift,
    flood,
)

FORMATS = ["csv", "json", "junit", "markdown", "prometheus", "sarif", "text"]
SOME = settings(max_examples=60)


def report(name: str, checks: Sequence[Check], width: int = 80) -> str:
    return "\n".join(check_formats()[name](checks, width))


def test_the_formats_are_found() -> None:
    assert sorted(check_formats()) == FORMATS


# --- the JSON of the store ------------------------------------------------------------------------------------------


@given(CHECKS)
@SOME
def test_a_check_comes_back_from_its_json(checks: list[Check]) -> None:
    for one in checks:
        assert from_json(json.loads(json.dumps(to_json(one)))) == one


@given(CHECKS)
@SOME
def test_the_format_json_is_the_checks(checks: list[Check]) -> None:
    read = [from_json(document) for document in json.loads(report("json", checks))]
    assert sorted(read, key=repr) == sorted(checks, key=repr)


def test_json_says_what_follows() -> None:
    first, second = json.loads(report("json", [WEB, CLEAN]))
    assert (first["host"], first["clean"], second["host"], second["clean"]) == ("web1", True, "web7", False)
    assert [told["fingerprint"] for told in second["drifts"]] == [told.fingerprint for told in WEB.drifts]


def test_what_is_no_check_is_an_error() -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_json({"host": "web1"})


# --- all formats ----------------------------------------------------------------------------------------------------


@given(checks=CHECKS, width=st.integers(40, 160))
@SOME
def test_nothing_of_a_host_acts_on_a_terminal(checks: list[Check], width: int) -> None:
    for name in FORMATS:
        assert dangerous(report(name, checks, width)) == [], name


@pytest.mark.parametrize("name", FORMATS)
def test_the_order_of_the_checks_does_not_matter(name: str) -> None:
    turned = [replace(one, drifts=one.drifts[::-1]) for one in FLEET[::-1]]
    if name == "json":  # it keeps a check as it is
        turned = FLEET[::-1]
    assert report(name, FLEET) == report(name, turned)


@pytest.mark.parametrize("name", FORMATS)
def test_no_checks_are_a_report_too(name: str) -> None:
    report(name, [])


# --- text -----------------------------------------------------------------------------------------------------------


def text(*checks: Check, width: int = 80) -> list[str]:
    return report("text", checks, width).split("\n")


def test_a_clean_run_is_one_line() -> None:
    assert len(text(CLEAN)) == 1
    assert re.fullmatch(r"web1 \(webserver\) clean: snapshot 42 of 2026-.* against webserver.yaml", text(CLEAN)[0])
    hosts = [check(f"web{number}") for number in range(17)]
    assert text(*hosts, width=200)[0].startswith("17 hosts clean: web0, web1, web10, ")
    assert text(*hosts, width=50) == ["17 hosts clean: web0, web1, web10 and 14 more"]


def test_a_host_that_nothing_was_compared_with_is_not_called_clean() -> None:
    assert text(ALONE) == ["", "NOT COMPARED: there is nothing to compare them with", "  odd"]
    assert text(ALONE, CLEAN)[0] == "2 hosts: 1 not compared, 1 clean"


def test_a_host_is_told_gravest_first_blind_spots_before_all() -> None:
    lines = text(WEB)
    titles = [line for line in lines if re.match(r"[A-Z]{2}", line)]
    assert lines[1].startswith("-- web7 (webserver): 1 critical, 1 high, 2 medium, 2 unknown ---")
    assert titles == [
        "UNKNOWN, could not look",
        "CRITICAL accounts",
        "HIGH files",
        "MEDIUM files",
        "MEDIUM packages",
    ]
    assert "  ? sockets: the whole scope" in lines
    assert "  + user mallory: uid 0, groups sudo, adm" in lines
    assert "  ~ /usr/bin/sudo: mode 4755 -> 0755" in lines
    assert "  - nginx: version 1.22" in lines
    assert "      +PermitRootLogin yes" in lines
    assert lines[-2:] == [
        "1 accepted (until 2026-11-29)",
        "! webserver.yaml:88: the acceptance of files /opt/* by ann ends on 2026-11-29",
    ]
    whole = " ".join(line.strip() for line in lines)
    assert "by useradd, root from 10.1.2.3; includes /etc/part0, /etc/part1," in whole
    assert "/etc/part4 and 3 more" in whole


def test_hosts_in_error_come_first_clean_ones_last() -> None:
    lines = text(*FLEET, check("web8", LOGIN))
    assert lines[0] == "5 hosts: 1 in error, 1 not compared, 1 not seen whole, 2 with drift, 1 clean"
    order = [next(n for n, line in enumerate(lines) if name in line) for name in ("db1", "odd", "web7", "web8", "web1")]
    assert order == sorted(order)
    last = text(replace(DEAD, number=7, taken=TAKEN))
    assert "last seen 2026-" in " ".join(line.strip() for line in last)


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("checks", [FLEET, [flood(1000)]], ids=["fleet", "flood"])
def test_no_line_is_wider_than_the_screen(checks: list[Check], width: int) -> None:
    wide = drift(key="/very/long" * 20, changes=(Change("target", "x" * 300, "y" * 300),), diff=("+" + "z" * 500,))
    assert max(map(len, text(*checks, check("web5", wide), width=width))) <= width


def test_a_flood_is_bounded_and_hides_nothing_grave() -> None:
    lines = text(flood(1000))
    assert len(lines) < 60
    assert "  + user mallory: uid 0, groups sudo, adm" in lines
    assert lines[-1] == "… and 951 more: driftscan check web9 --no-scan --all"
    assert sum("/opt/shop/" in line for line in told([flood(1000)], 80, None)) == 1000


def test_what_neighbours_share_is_told_once() -> None:
    same = [drift(Kind.UNEXPECTED, key=f"/x{n}", by="apt", reason="nothing explains it") for n in range(3)]
    assert text(check("web7", *same))[3:] == [
        "MEDIUM files: nothing explains it",
        *(f"  + /x{n}" for n in range(3)),
        "      all 3: by apt",
    ]


def test_all_names_who_has_accepted_what_until_when() -> None:
    lines = "\n".join(told([WEB], 120, None))
    assert "+ web7: files /opt/x: the move, ticket 812 (ann, until 2026-11-29, webserver.yaml:88)" in lines


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change("mode", "0644", "0666"), "mode 0644 -> 0666"),
        (Change("shell", "/bin/sh", None), "shell /bin/sh -> nothing"),
        (Change("comment", "", "x"), "comment (empty) -> x"),
        (Change("groups", ["a", "b"], ["b", "c"]), "groups +c -a"),
        (Change("order", ["a", "b"], ["b", "a"]), "order a, b -> b, a"),
        (Change("twice", ["a"], ["a", "a"]), "twice a -> a, a"),
        (Change("digest", "ab" * 32, "cd" * 32), "digest abababababab… -> cdcdcdcdcdcd…"),
        (Change("digest", "a" * 64, "a" * 63 + "b"), f"digest {'a' * 64} -> {'a' * 63}b"),
    ],
)
def test_a_change_in_words(change: Change, words: str) -> None:
    assert changes(drift(changes=(change,))) == [words]


def test_a_diff_stands_for_the_digest() -> None:
    assert changes(LOGIN) == []


def test_accepted_in_words() -> None:
    later = replace(KEPT, acceptance=acceptance(date(2027, 1, 1)))
    assert accepted([]) == ""
    assert accepted([KEPT, KEPT]) == "2 accepted (until 2026-11-29)"
    assert accepted([later, KEPT, later]) == "3 accepted (1 ends on 2026-11-29)"


@given(st.lists(st.integers(0, 100), max_size=8), st.integers(0, 60))
def test_room_is_divided_fairly(sizes: list[int], most: int) -> None:
    given_ = shares(sizes, most)
    assert sum(given_) == min(most, sum(sizes))
    assert all(part <= size for part, size in zip(given_, sizes, strict=True))
    cut = [part for part, size in zip(given_, sizes, strict=True) if part < size]
    assert all(part <= max(cut) + 1 for part in given_) if cut and max(cut) else True


# --- CSV and Markdown -----------------------------------------------------------------------------------------------


@given(CHECKS)
@SOME
def test_csv_has_a_row_per_drift(checks: list[Check]) -> None:
    rows = list(csv.DictReader(io.StringIO(report("csv", checks) + "\n", newline="")))
    assert len(rows) == sum(len(one.drifts) + len(one.accepted) + bool(one.error) for one in checks)
    known = {one.fingerprint for check_ in checks for one in (*check_.drifts, *check_.accepted)}
    assert {row["fingerprint"] for row in rows} - {""} == known


def test_csv_says_what_became_of_every_host() -> None:
    rows = list(csv.DictReader(io.StringIO(report("csv", FLEET), newline="")))
    assert list(rows[0]) == list(HEADERS)
    assert [(row["host"], row["kind"], row["reason"]) for row in rows[:1]] == [("db1", "error", DEAD.error)]
    sudo = next(row for row in rows if row["key"] == "/usr/bin/sudo")
    assert (sudo["severity"], json.loads(sudo["changes"])) == ("high", {"mode": ["4755", "0755"]})
    assert [row["accepted"] for row in rows if row["key"] == "/opt/x"] == ["2026-11-29"]


def parsed(source: str) -> list:
    return MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"]).parse(source)


@given(DRIFTS, CHECKS)
@SOME
def test_markdown_holds_hostile_text_in_code(drifts: list[Drift], checks: list[Check]) -> None:
    """Rows keep their six cells; no markup but the report's own comes out of it."""
    tokens = parsed(report("markdown", [check("web7", *drifts), *checks]))
    rows = cells = 0
    for token in tokens:
        rows, cells = rows + (token.type == "tr_open"), cells + (token.type in {"td_open", "th_open"})
        assert token.type not in {"html_block", "bullet_list_open", "ordered_list_open", "hr", "blockquote_open"}
        assert token.type != "fence" or token.info == "diff"
        for child in token.children or ():
            assert child.type in {"text", "text_special", "code_inline", "softbreak", "strong_open", "strong_close"}
            if child.type == "text":
                assert not re.search(r"[|`@\[\]]|://", child.content)
    assert cells == rows * 6


def test_markdown_reads_well() -> None:
    source = report("markdown", FLEET)
    assert "| high | \\~ changed | `files` | `/usr/bin/sudo` | `mode 4755 -> 0755` |" in source
    assert "| medium | ? unknown | `sockets` | the whole scope |  | `ss: not found` |" in source
    assert "```diff\n--- expected\n" in source
    assert "## `db1`, `database`\n\n**Error**: `ssh: connect to host db1" in source
    assert source.endswith("\nClean: `web1`.")
    assert "bar\\x7cbar" in report("markdown", [check("web7", drift(key="/bar|bar"))])
    assert len(report("markdown", [flood(5000)])) < 10_000


@pytest.mark.parametrize("one", [USER, MODE, GONE, BLIND])
def test_every_report_names_every_drift(one: Drift) -> None:
    for name in ("csv", "json", "junit", "markdown", "sarif", "text"):
        whole = report(name, [check("web7", one)], 300)
        assert shown(one.scope) in whole, name
        assert (one.key or one.reason) in whole, name
