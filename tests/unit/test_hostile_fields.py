"""Every field of every scope, chosen by a hostile host, through every report and emitter: shown, whole, valid.

Reports and emitters are found, not listed: one that nobody has said how to judge fails here.
"""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.drift.check import check_against
from driftscan.drift.compare import compare
from driftscan.drift.fleet import Fleet, fleet
from driftscan.drift.fold import folded
from driftscan.emit.base import emitters
from driftscan.explain.view import View
from driftscan.findings.base import Judgement, judge
from driftscan.findings.strata import Stratum, strata
from driftscan.model.discovery import modules
from driftscan.model.drift import Check, Drift
from driftscan.model.proof import Fidelity, Proof, Remainder
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import shown
from driftscan.model.verdict import KINDS, Verdict
from driftscan.notify.digest import digest
from driftscan.prove.verdict import Case, verdict
from driftscan.report.base import Audit
from driftscan.report.listing import listing
from driftscan.role.model import Role
from driftscan.role.plan import plan
from driftscan.role.steering import Steering
from driftscan.scopes.base import scopes
from tests.unit import checks_made
from tests.unit.conftest import long_run
from tests.unit.handmade import TAKEN
from tests.unit.hostile_judges import (
    EMITTED,
    as_csv,
    as_json,
    as_json_lines,
    as_markdown,
    as_prometheus,
    as_sarif,
    as_xml,
    holds,
    terminal,
)
from tests.unit.hostile_made import CHECKED, HOSTS, SHAPES, TELLING, Hostile


class Host:
    """A hostile host, and what is made of it once somebody asks."""

    def __init__(self, made: Hostile, width: int) -> None:
        self.made = made
        self.width = width
        self.word = made.word

    @cached_property
    def snapshot(self) -> Snapshot:
        return self.made.snapshot()

    @cached_property
    def before(self) -> Snapshot:
        return replace(self.made.snapshot(), taken=TAKEN - timedelta(days=1))

    @cached_property
    def other(self) -> Snapshot:
        return replace(self.made.snapshot(), host=self.word() or "x")

    @cached_property
    def view(self) -> View:
        return View(self.snapshot)

    @cached_property
    def judgement(self) -> Judgement:
        return judge(self.view)

    @cached_property
    def strata(self) -> list[Stratum]:
        return strata(self.view, self.judgement)

    @cached_property
    def drifts(self) -> list[Drift]:
        both = (*self.before.items, *self.snapshot.items)
        found = compare(self.before, self.snapshot, everything=True)
        return folded(found, {(item.scope, item.key): item for item in both})

    @cached_property
    def checks(self) -> list[Check]:
        """One check of the host itself, and some that no host could have."""
        seed = self.made.dice.randrange(1 << 20)
        words = [*self.made.words, "\udce9"]  # what a person's own argument may hold, though no host's text does
        wild = [checks_made.wild(words, Random(seed + number)) for number in range(2)]
        return [replace(check_against(self.before, 7, self.view), role=self.word(), number=8), *wild]

    @cached_property
    def fleet(self) -> Fleet:
        return fleet([self.snapshot, self.other, replace(self.before, host="third")])

    @cached_property
    def role(self) -> Role:
        texts = {path.encode("utf-8", "replace"): self.word().encode() for path in self.made.paths}
        return plan(self.view, self.judgement, Steering(), texts.get)[0]

    @cached_property
    def proof(self) -> Proof:
        word = self.word
        rest = tuple(Remainder(word(), word(), word(), failed) for failed in (True, False))
        facts = {"fidelity": (Fidelity(word(), 3, 4),), "remainder": rest, "supplied": (word(),), "made_up": (word(),)}
        has: dict[str, Any] = {**facts, "data": (word(),), "error": self.made.dice.choice(["", word()]), "changed": 3}
        return Proof(self.snapshot.host, 7, TAKEN, word(), word(), word(), TAKEN, **has)

    @cached_property
    def verdict(self) -> Verdict:
        now = TAKEN + timedelta(hours=1)
        return verdict(Case(self.view, 8, self.role, self.proof, self.before, now))

    def table(self) -> tuple[Sequence[str], list[Sequence[Any]]]:
        """Return one scope as `driftscan show` lists it."""
        scope = self.made.dice.choice(list(scopes().values()))
        headers, rows = listing(self.snapshot, scope, "/" if scope.derive else "", long=self.made.dice.random() < 0.3)
        return headers, list(rows)


# --- faces: each is what one format makes of a host, and holds it ---------------------------------------------------


def whole(lines: Any) -> str:
    """Return a report as it is printed."""
    return "\n".join(lines)


def rows_csv(host: Host, render: Any) -> None:
    headers, rows = host.table()
    told = whole(render(headers, rows, 80))
    as_csv(told)
    assert told.count("\n") == len(rows)


def rows_json(host: Host, render: Any) -> None:
    headers, rows = host.table()
    assert as_json(whole(render(headers, rows, 80))) == [dict(zip(headers, row, strict=True)) for row in rows]


def rows_table(host: Host, render: Any) -> None:
    headers, rows = host.table()
    told = list(render(headers, rows, host.width))
    terminal(whole(told))
    laid = [line for line in told if not line.startswith("columns left out")]
    assert not rows or len(laid) >= 2 + len(rows) or any(not any(row) for row in rows)
    if "path" in headers:
        assert all(holds("\n".join(told), str(row[list(headers).index("path")] or "")) for row in rows)


def audit_text(host: Host, render: Any) -> None:
    terminal(whole(render(Audit(host.snapshot, host.judgement, 3), host.width)))


def audit_json(host: Host, render: Any) -> None:
    told = as_json(whole(render(Audit(host.snapshot, host.judgement, 3), 80)))
    assert [one["subject"] for one in told["findings"]] == [one.subject for one in host.judgement.findings]
    assert [one["path"] for one in told["finds"]] == [one.path for one in host.judgement.finds]


def _answer(host: Host) -> dict[str, Any]:
    answer = {name: host.word() for name in ("path", "kind", "by", "detail", "find")}
    return {**answer, "there": True, "packages_seen": True, "findings": [host.word(), host.word()]}


def path_text(host: Host, render: Any) -> None:
    answer = _answer(host)
    told = whole(render(answer, host.width))
    terminal(told)
    assert holds(told, answer["path"])


def path_json(host: Host, render: Any) -> None:
    answer = _answer(host)
    assert as_json(whole(render(answer, 80))) == answer


def checks_as(judge_: Callable[[str], Any], *, keys: bool) -> Callable[[Host, Any], None]:
    def face(host: Host, render: Any) -> None:
        told = whole(render(host.checks, host.width))
        judge_(told)
        first = host.checks[0]
        for drift in first.known if keys else ():
            assert len(first.drifts) > 20 or holds(told.replace("\\\\", "\\"), drift.key, cut=True), drift.key

    return face


def checks_csv(host: Host, render: Any) -> None:
    told = whole(render(host.checks, 80))
    as_csv(told)
    assert told.count("\n") == sum(len(one.drifts) + len(one.accepted) + bool(one.error) for one in host.checks)


def checks_json(host: Host, render: Any) -> None:
    told = as_json(whole(render(host.checks, 80)))
    found = sorted(drift["key"] for one in told for drift in one["drifts"])
    assert found == sorted(drift.key for one in host.checks for drift in one.drifts)


def told_checks(host: Host, render: Any) -> None:
    told = whole(render(host.checks, host.width, None))
    terminal(told)
    for one in host.checks:
        skipped = one.error or not one.against
        assert skipped or all(holds(told, drift.key, cut=True) for drift in one.known)


def row_of(rows: Callable[[Host], list[Any]]) -> Callable[[Host, Any], None]:
    """Hold rows for `print_rows`: what they are is JSON, so each format for rows takes them."""

    def face(host: Host, render: Any) -> None:
        told = [list(render(one)) for one in rows(host)]
        assert json.loads(json.dumps(told)) == told

    return face


def lines_of(
    render_: Callable[[Host, Any], Any], judge_: Callable[[str], Any] = terminal
) -> Callable[[Host, Any], None]:
    return lambda host, render: judge_(whole(render_(host, render)))


def findings_listed(host: Host, render: Any) -> None:
    told = whole(render(host.judgement.findings, host.width))
    terminal(told)
    assert all(holds(told, one.subject) for one in host.judgement.findings)


def difference_listed(host: Host, render: Any) -> None:
    told = whole(render(host.drifts, host.width))
    terminal(told)
    assert all(holds(told, one.key) for one in host.drifts)


def fleet_listed(host: Host, render: Any) -> None:
    told = whole(render(host.word(), host.fleet, host.width))
    terminal(told)
    assert all(holds(told, one.key) for one in host.fleet.odds)


def fleet_document(host: Host, render: Any) -> None:
    told = as_json(render([(host.word(), host.fleet)]))
    assert [odd["key"] for odd in told[0]["odds"]] == [odd.key for odd in host.fleet.odds]


def runbook(host: Host, render: Any) -> None:
    as_markdown(whole(render(host.view, host.judgement, host.strata)))


def _blame(host: Host) -> dict[str, Any]:
    when = TAKEN.isoformat()
    states = [
        {"attributes": dict(item.attributes), "first": 3, "seen": when, "last": 4, "last_seen": when, "before": None}
        for item in host.snapshot.items[:3]
    ]
    named = [{"scope": "services", "key": host.word(), "as": ["key"], "seen": when, "gone": None}]
    facts = {"by": host.word(), "diff": [host.word(), f"+{host.word()}"], "named": named}
    return {"host": host.word(), "scope": "services", "key": host.word(), "states": states, **facts}


def blame_words(host: Host, render: Any) -> None:
    one, other = host.snapshot.items[0], host.before.items[0]
    for sides in ((one.attributes, other.attributes), (one.attributes, None), (None, other.attributes)):
        terminal(render(one.scope, *sides))


def _decisions(host: Host) -> list[dict[str, Any]]:
    word = host.word
    rulings = [{"what": what, "where": word(), "words": word()} for what in ("declared", "tree", "accepted")]
    told = {"key": word(), "decides": rulings, "declared": {"mode": word()}, "host": word(), "there": True}
    more = {"found": {"mode": word(), "acl": [word()]}, "explanation": word(), "part_of": word(), "drift": [word()]}
    return [{"scope": "files", **told, **more, "changes_by_itself": "", "line": f"{shown(word())}: {{}}"}]


def proof_told(host: Host, render: Any) -> None:
    told = whole(render(host.proof, host.width, everything=True))
    terminal(told)
    assert all(holds(told, one.key) for one in host.proof.remainder)


def verdict_text(host: Host, render: Any) -> None:
    told = whole(render(host.verdict, host.width))
    terminal(told)
    for kind in KINDS:
        named = [one.subject for one in host.verdict.blockers if one.kind == kind][:25]
        assert all(holds(told, subject) for subject in named), kind


Face = Callable[[Host, Any], None]
FACES: Mapping[str, Face] = {
    "as_csv.rows": rows_csv,
    "as_csv.checks": checks_csv,
    "as_json.rows": rows_json,
    "as_json.audit": audit_json,
    "as_json.path": path_json,
    "as_json.checks": checks_json,
    "as_junit.checks": checks_as(as_xml, keys=False),
    "as_markdown.checks": checks_as(as_markdown, keys=False),
    "as_prometheus.checks": checks_as(as_prometheus, keys=False),
    "as_sarif.checks": checks_as(as_sarif, keys=False),
    "as_table.rows": rows_table,
    "as_text.audit": audit_text,
    "as_text.path": path_text,
    "as_text.checks": checks_as(terminal, keys=True),
    "baseline.as_json": lines_of(lambda host, render: render(_decisions(host), 80), as_json),
    "baseline.as_text": lines_of(lambda host, render: render(_decisions(host), host.width)),
    "blame.text": lines_of(lambda host, render: render(_blame(host), host.width)),
    "blame.words": blame_words,
    "checks.told": told_checks,
    "difference.listed": difference_listed,
    "difference.row": row_of(lambda host: host.drifts),
    "difference.stat": lines_of(lambda host, render: render(host.drifts, host.width)),
    "findings.listed": findings_listed,
    "findings.row": row_of(lambda host: list(host.judgement.findings)),
    "finds.row": row_of(lambda host: list(host.judgement.finds)),
    "fleet.listed": fleet_listed,
    "fleet.document": fleet_document,
    "fleet.rows": lambda host, render: row_of(lambda _: list(render("x", host.fleet)))(host, list),
    "proof.told": proof_told,
    "runbook.markdown": runbook,
    "strata.text": lines_of(lambda host, render: render(host.strata, host.snapshot.host, host.width)),
    "strata.aside": lines_of(lambda host, render: render(host.strata, host.width)),
    "strata.lines": lines_of(lambda host, render: render(host.strata, host.word()), as_json_lines),
    "verdict.text": verdict_text,
    "verdict.markdown": lines_of(lambda host, render: render(host.verdict, 80), as_markdown),
    "verdict.document": lines_of(lambda host, render: render(host.verdict, 80), as_json),
}
# What the faces above are made of, or what says nothing of a host.
PARTS = {
    "as_json.counts": "numbers",
    "as_table.table": "as_table.rows",
    "as_table.cell": "as_table.rows",
    "as_table.cut": "as_table.rows",
    "difference.stat_rows": "numbers",
    "difference.tally": "numbers",
    "findings.evidence": "findings.listed",
    "findings.wrapped": "findings.listed",
    "finds.gathered": "as_text.audit",
    "finds.day": "a date",
    "fleet.sentence": "fleet.listed",
    "fleet.value": "fleet.listed",
    "listing.listing": "as_table.rows",
    "rule.page": "driftscan's own words",
    "strata.told": "strata.text",
    "strata.span": "a date",
}


def reports() -> Iterator[tuple[str, Any]]:
    """Yield every public function of every report module, as `module.function`."""
    for module in modules("driftscan.report"):
        short = module.__name__.rpartition(".")[2]
        if short.startswith("_") or short == "base":
            continue
        for name, made in vars(module).items():
            if inspect.isfunction(made) and made.__module__ == module.__name__ and not name.startswith("_"):
                yield f"{short}.{name}", made


REPORTS = dict(reports())


def test_every_report_is_one_that_is_judged() -> None:
    assert set(REPORTS) == {*FACES, *PARTS}, "say in FACES how it is judged, or in PARTS what it is a part of"
    assert not set(FACES) & set(PARTS)


def test_every_emitter_is_one_that_is_judged() -> None:
    assert set(emitters()) == set(EMITTED)


def test_the_shapes_of_columns_are_those_of_columns() -> None:
    columns = {(scope.name, column.name): column.kind for scope in scopes().values() for column in scope.columns}
    assert {columns[place] for place in SHAPES} == {"json"}
    assert {columns[place] for place in (*TELLING, *CHECKED)} == {"text"}


WIDTHS = st.integers(40, 160)
_SHARE = 1 / (len(FACES) + len(EMITTED) + 1)  # 100,000 examples of a long run are those of all formats together


@pytest.mark.parametrize("name", sorted(FACES))
@long_run(12, _SHARE)
@given(made=HOSTS, width=WIDTHS)
def test_a_hostile_host_is_harmless_in_every_report(name: str, made: Hostile, width: int) -> None:
    FACES[name](Host(made, width), REPORTS[name])


@pytest.mark.parametrize("name", sorted(EMITTED))
@long_run(5, _SHARE)
@given(made=HOSTS)
def test_a_hostile_host_is_harmless_in_every_role(name: str, made: Hostile) -> None:
    role = Host(made, 80).role
    emitted = emitters()[name].emit(role)
    EMITTED[name](emitted)
    readmes = [output.data.decode() for path, output in emitted.files.items() if path == "README.md"]
    assert readmes
    as_markdown(readmes[0])


@long_run(12, _SHARE)
@given(made=HOSTS)
def test_a_hostile_host_is_harmless_in_a_message(made: Hostile) -> None:
    told = digest(Host(made, 80).checks, {})
    if told is not None:
        terminal(told.title + told.body)
        assert "\n" not in told.title
        json.dumps(told.state)
