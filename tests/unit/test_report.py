"""Reports: what a host says never acts on a terminal, never breaks a format, and fits the screen."""

import csv
import io
import json
import os
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.collect.collector import Wish, collect
from driftscan.collect.runner import Link
from driftscan.errors import UsageError
from driftscan.explain.view import View
from driftscan.findings.base import Judgement, judge
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item
from driftscan.model.outcome import Coverage, Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import shown, text
from driftscan.report.base import Audit, audit_formats, choose, row_formats
from driftscan.report.findings import wrapped
from driftscan.report.listing import listing
from driftscan.scopes.base import scopes
from driftscan.transport.base import Privilege
from driftscan.transport.replay import Replay
from tests.unit.handmade import leaf, manifest, snapshot, tree

FINDING_KEYS = ["rule", "severity", "scope", "subject", "title", "evidence", "advice"]
HOSTILE = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=40).map(text),
    st.sampled_from(
        ["\x1b[2J", "a\nb", "\r\x07", "\u202egnp.exe", "\x9b31m", "\u2028", "=cmd()", '","', "\ud800", "日本"]
    ),
).filter(lambda value: "\ud800" not in value)
VALUES = st.one_of(HOSTILE, st.lists(HOSTILE, max_size=3), st.integers(), st.booleans(), st.none())


def dangerous(line: str) -> list[str]:
    """Return the characters of a line on which a terminal would act."""
    return [char for char in line if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp", "Cs", "Co"}]


def table(headers: list[str], rows: list, width: int = 80) -> list[str]:
    return list(row_formats()["table"](headers, rows, width))


def finding(subject: str, **evidence: object) -> Finding:
    return Finding("some-rule", Severity.HIGH, "files", subject, "is strange", evidence, "look")


# --- hostile text through every format ------------------------------------------------------------------------------


@given(st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=5), st.integers(1, 200))
def test_a_table_shows_everything_escaped(rows: list, width: int) -> None:
    for line in table(["one", "two", "path"], rows, width):
        assert dangerous(line) == []


@given(st.lists(st.tuples(VALUES, VALUES), max_size=5))
def test_csv_reads_back(rows: list) -> None:
    written = "\n".join(row_formats()["csv"](["one", "two"], rows, 80)) + "\n"
    read = list(csv.reader(io.StringIO(written, newline="")))
    assert read[0] == ["one", "two"]
    assert len(read) == len(rows) + 1
    assert dangerous(written.replace("\n", "")) == []
    for cells, row in zip(read[1:], rows, strict=True):
        for cell, value in zip(cells, row, strict=True):
            if isinstance(value, str):
                assert cell == ("'" if value.startswith(tuple("=+-@")) else "") + shown(value)
            if isinstance(value, list):
                assert json.loads(cell) == value


@given(st.lists(st.tuples(VALUES, VALUES), max_size=5))
def test_json_reads_back(rows: list) -> None:
    written = "\n".join(row_formats()["json"](["one", "two"], rows, 80))
    assert json.loads(written) == [{"one": one, "two": two} for one, two in rows]
    assert written.isascii()


@cache
def samples() -> dict[str, list[Item]]:
    """Return some items of every scope of a recorded host: what a parser makes has a shape, whatever a host says."""
    recorded = Path(__file__).parent.parent / "recordings" / "sauced"
    found: dict[str, list[Item]] = {}
    for item in collect("web1", Link(Replay(recorded), Privilege()), Wish()).items:
        found.setdefault(item.scope, []).append(item)
    return {scope: items[:: max(1, len(items) // 6)] for scope, items in found.items()}


def spoiled(draw: st.DrawFn, value: object) -> object:
    """Draw a value of the same shape with hostile text in it."""
    if isinstance(value, str):
        return draw(HOSTILE) if draw(st.booleans()) else value
    if isinstance(value, list):
        return [spoiled(draw, part) for part in value]
    return value


@st.composite
def hostile_audits(draw: st.DrawFn) -> Audit:
    items = []
    for scope, known in samples().items():
        for number, item in enumerate(draw(st.lists(st.sampled_from(known), max_size=2))):
            told = {name: spoiled(draw, value) for name, value in item.attributes.items()}
            items.append(Item(scope, f"{draw(HOSTILE)}{number}", told, item.volatile))
    name = draw(st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, 47}))
    files = tree(
        leaf(b"opt/" + name, draw(st.sampled_from([b"f4777 0 0", b"d777 9 9"]))), leaf(b"l", b"l777 0 0", name)
    )
    seen = snapshot(items, files=files, manifests=[manifest("x", b"/bin/x")], host=draw(HOSTILE))
    blind = Coverage("accounts", Outcome.DENIED, 0, (draw(HOSTILE),), (draw(HOSTILE),))
    judged = judge(View(seen))
    told = [*judged.findings, finding(draw(HOSTILE), command=draw(VALUES), more=draw(VALUES))]
    mine = Snapshot(**{**vars_of(seen), "coverage": {**seen.coverage, "accounts": blind}})
    return Audit(mine, Judgement(told, {"some-rule": ("files",)}, judged.finds, judged.shares), 3)


def vars_of(seen: Snapshot) -> dict:
    return {name: getattr(seen, name) for name in Snapshot.__dataclass_fields__}


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)  # each judges a host
@given(hostile_audits(), st.integers(40, 120))
def test_an_audit_of_a_hostile_host_is_harmless_in_every_format(report: Audit, width: int) -> None:
    for line in audit_formats()["text"](report, width):
        assert dangerous(line) == []
    read = json.loads("\n".join(audit_formats()["json"](report, width)))
    assert list(read) == ["host", "snapshot", "coverage", "counts", "explained", "findings", "finds", "unjudged"]
    assert read["host"] == report.snapshot.host
    assert all(list(one) == FINDING_KEYS for one in read["findings"])


# --- tables -----------------------------------------------------------------------------------------------------------


def test_a_table_is_as_narrow_as_what_it_holds() -> None:
    assert table(["name", "count"], [["cron", 3], ["a", 12]]) == [
        "name  count",
        "----  -----",
        "cron      3",
        "a        12",
    ]


def test_an_empty_table_has_no_lines_and_an_empty_column_is_left_out() -> None:
    assert table(["name"], []) == []
    assert table(["name", "why", "list"], [["cron", None, []], ["a", "", []]])[0] == "name"


def test_a_long_column_is_cut_and_the_path_never_is() -> None:
    path = "/srv/" + "x" * 60
    lines = table(["package", "path"], [["p" * 40, path]], 80)
    assert lines[2] == "p" * 15 + "…  " + path
    assert lines[0] == "package           path"
    assert len(lines[1]) == 80


def test_a_path_that_is_longer_than_the_screen_leaves_it_rather_than_its_neighbours() -> None:
    path = "/srv/" + "x" * 200
    lines = table(["path", "mode"], [[path, "0644"]], 80)
    assert lines[2] == f"{path}  0644"


def test_columns_that_find_no_room_are_named() -> None:
    headers = ["user", "command", "words", "hold", "exe", "cwd", "unit"]
    rows = [[name, name * 9, ["a", name * 9], False, name * 8, name * 7, name * 6] for name in ("root", "anna")]
    lines = table(headers, rows, 80)
    assert lines[0].split() == ["user", "command", "exe", "cwd", "unit"]  # a list and a constant give way first
    assert lines[-1] == "columns left out: words, hold; --format json has all"
    narrow = table(headers, rows, 36)
    assert narrow[0].split() == ["user", "command"]  # the last of the others go next
    assert all(len(line) <= 36 for line in narrow)
    assert " ".join(line.strip() for line in narrow[4:]).startswith("columns left out: words, hold, exe, cwd, unit;")


def test_a_wide_screen_shows_every_column_whole() -> None:
    rows = [["x" * 100, "y" * 100, ["z" * 100]]]
    assert table(["a", "b", "c"], rows, 1000)[2] == f"{'x' * 100}  {'y' * 100}  {'z' * 100}"


def test_a_long_table_comes_as_it_is_read() -> None:
    def endless():  # noqa: ANN202
        number = 0
        while True:
            number += 1
            yield [number]

    lines = iter(row_formats()["table"](["n"], endless(), 80))
    assert [next(lines).strip() for _ in range(3)] == ["n", "----", "1"]


@given(st.lists(st.tuples(st.text("ab", max_size=50), st.text("cd", max_size=50)), min_size=1), st.integers(36, 120))
def test_a_table_fits_where_it_can(rows: list, width: int) -> None:
    assert all(len(line) <= width for line in table(["one", "two"], rows, width))


def test_an_unknown_format_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="there is no format 'xml' here; use one of csv, json, table"):
        choose(row_formats(), "xml")
    assert sorted(audit_formats()) == ["json", "text"]


# --- listings ---------------------------------------------------------------------------------------------------------

FILES = tree(
    leaf(b"bin/su", b"f4755 0 0"),
    leaf(b"etc/x", b"f644 1000 77"),
    leaf(b"etc/link", b"l777 0 0", b"x"),
    leaf(b"etc/twice", b"l777 0 0", b"link"),
    leaf(b"srv/group", b"d2770 0 0"),
    leaf(b"srv/odd", b"f7644 0 0"),
    leaf(b"tmp", b"d1777 0 0"),
)
LISTED = snapshot(
    [
        Item("accounts", "user root", {"kind": "user", "name": "root", "uid": 0}),
        Item("files", "/etc/x", {"acl": ["user:9:r--"]}),
        Item("files", "/mnt/nfs", {"not_walked": "nfs4"}),
        Item("packages", "cron:amd64", {"name": "cron", "version": "3"}),
    ],
    files=FILES,
    manifests=[manifest("util-linux", b"/bin/su")],
)


def test_files_are_listed_as_ls_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "TZ", "UTC")
    headers, rows = listing(LISTED, scopes()["files"], "/", long=True)
    assert headers == ["mode", "links", "user", "group", "size", "modified", "package", "path"]
    shown = {str(row[-1]).split(" ")[0]: row for row in rows}
    assert shown["/bin/su"][:6] == ["-rwsr-xr-x", 1, "root", "0", 33, "1970-01-01 00:00"]
    assert {path: row[0] for path, row in shown.items()} == {
        "/bin": "drwxr-xr-x",
        "/bin/su": "-rwsr-xr-x",
        "/etc": "drwxr-xr-x",
        "/etc/link": "lrwxrwxrwx",
        "/etc/twice": "lrwxrwxrwx",
        "/etc/x": "-rw-r--r--+",
        "/mnt/nfs": None,
        "/srv": "drwxr-xr-x",
        "/srv/group": "drwxrws---",
        "/srv/odd": "-rwSr-Sr-T",
        "/tmp": "drwxrwxrwt",
    }
    assert shown["/etc/link"][-1] == "/etc/link -> x"
    assert shown["/mnt/nfs"][-1] == "/mnt/nfs  (not walked: nfs4)"


def test_links_are_listed_with_where_they_lead_in_the_end() -> None:
    headers, rows = listing(LISTED, scopes()["symlinks"], "/etc", long=True)
    assert headers == ["state", "path"]
    assert list(map(list, rows)) == [["ok", "/etc/link -> x"], ["ok", "/etc/twice -> link  (in the end /etc/x)"]]


@pytest.mark.parametrize("scope", scopes())
def test_a_program_gets_every_column(scope: str) -> None:
    headers, rows = listing(LISTED, scopes()[scope], "", long=False)
    assert headers == [column.name for column in scopes()[scope].columns]
    assert all(len(row) == len(headers) for row in rows)


def test_a_part_of_a_scope_is_chosen_by_key_or_path() -> None:
    assert [row[0] for row in listing(LISTED, scopes()["packages"], "cro", long=True)[1]] == ["cron"]
    assert list(listing(LISTED, scopes()["packages"], "nothing", long=True)[1]) == []
    assert [row[0] for row in listing(LISTED, scopes()["files"], "tmp/", long=False)[1]] == ["/tmp"]


def test_a_path_is_broken_only_where_no_line_holds_it() -> None:
    short, long = "/opt/" + "a" * 60, "/opt/" + "b" * 90
    assert wrapped(f"  from: {short}; {long}; end", 70, "    ") == [
        "  from:",
        f"    {short};",
        "    " + long[:66],
        "    " + long[66:] + ";",
        "    end",
    ]


@given(st.lists(st.text("ab/-", min_size=1, max_size=60), min_size=1), st.sampled_from(("", "  ", "      ")))
def test_no_line_is_wider_than_asked_and_nothing_is_lost(words: list[str], lead: str) -> None:
    lines = wrapped(lead + " ".join(words), 40, "    ")
    assert lines[0].startswith(lead)
    assert all(len(line) <= 40 for line in lines)
    assert all(line.startswith("    ") for line in lines[1:])
    assert "".join("".join(lines).split()) == "".join(words)
    whole = {word for line in lines for word in line.split()}
    assert {word for word in words if len(word) <= 34} <= whole
