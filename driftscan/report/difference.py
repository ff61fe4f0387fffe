"""The differences of two snapshots for people: by scope, with `-`, `+` and `~` as in a diff; or only how many."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from driftscan.model.drift import Drift, Kind
from driftscan.model.item import Json
from driftscan.model.text import shown
from driftscan.report._drifts import MARKS, changes, evidence
from driftscan.report.findings import wrapped

HEADERS = ("scope", "kind", "severity", "key", "changes", "reason", "evidence")
STAT_HEADERS = ("scope", "missing", "unexpected", "changed", "unknown")
_KINDS = (Kind.MISSING, Kind.UNEXPECTED, Kind.CHANGED, Kind.UNKNOWN)
_INDENT = " " * 6


def row(drift: Drift) -> Sequence[Json]:
    """Return one difference under `HEADERS`."""
    told = {change.attribute: [change.expected, change.found] for change in drift.changes}
    evidence = dict(drift.evidence)
    return [
        drift.scope, drift.kind.value, drift.severity.value, drift.key, told or None, drift.reason, evidence or None,
    ]  # fmt: skip


def stat_rows(drifts: Sequence[Drift]) -> list[Sequence[Json]]:
    """Return how many differences of each kind every scope has, under `STAT_HEADERS`."""
    counted = Counter((drift.scope, drift.kind) for drift in drifts)
    return [[scope, *(counted[scope, kind] for kind in _KINDS)] for scope in sorted({drift.scope for drift in drifts})]


def listed(drifts: Sequence[Drift], width: int) -> Iterable[str]:
    """Yield the lines of `drifts`, which are in the order of scopes."""
    for number, (scope, group) in enumerate(groupby(drifts, key=lambda one: one.scope)):
        same = list(group)
        if number:
            yield ""
        yield f"{shown(scope)}: {tally(same)}"
        for drift in same:
            yield from _drift(drift, width)


def tally(drifts: Iterable[Drift]) -> str:
    """Return how many differences there are of each kind: `1 missing, 3 changed`."""
    counted = Counter(drift.kind for drift in drifts)
    return ", ".join(f"{counted[kind]:,} {kind.value}" for kind in _KINDS if counted[kind]) or "nothing differs"


def stat(drifts: Sequence[Drift], width: int) -> Iterable[str]:
    """Yield a line per scope: how many differences, and a bar of their marks, as `git diff --stat` draws it."""
    counted = Counter((drift.scope, drift.kind) for drift in drifts)
    scopes = sorted({drift.scope for drift in drifts})
    totals = {scope: sum(counted[scope, kind] for kind in _KINDS) for scope in scopes}
    names = max((len(scope) for scope in scopes), default=0)
    figures = max((len(f"{total:,}") for total in totals.values()), default=0)
    room = max(width - names - figures - 6, 10)
    most = max(totals.values(), default=1)
    for scope in scopes:
        bar = ""
        for kind in _KINDS:
            share = counted[scope, kind] if most <= room else counted[scope, kind] * room // most
            bar += MARKS[kind] * max(share, bool(counted[scope, kind]))
        yield f" {scope:{names}} | {totals[scope]:>{figures},} {bar[: room + len(_KINDS)]}"
    yield f" {tally(drifts)}"


def _drift(drift: Drift, width: int) -> Iterable[str]:
    """Yield one difference: its mark, what it is about, what changed; below it the rest, and the diff of its text."""
    name = f"  {MARKS[drift.kind]} {shown(drift.key) if drift.key else 'the whole scope'}"
    told = changes(drift)
    known = [*evidence(drift), *([shown(drift.reason)] if drift.reason else [])]
    briefly = f"  ({', '.join(known)})" if known else ""
    line = f"{name}: {', '.join(told)}" if told else name + briefly
    if len(line) <= width:
        yield line
        rest = known if told else []
    else:
        yield from wrapped(name, width, _INDENT)
        rest = [*told, *known] if told else [", ".join(known)]
    for words in rest:
        yield from wrapped(_INDENT + words, width, _INDENT + "  ")
    for text in drift.diff:
        yield from _cut(f"{_INDENT}{shown(text.expandtabs())}", width)


def _cut(line: str, width: int) -> Iterable[str]:
    """Yield a line of a text as it is; where it is longer than the page it goes on, further in."""
    yield line[:width].rstrip()
    room = max(width - len(_INDENT) - 2, 20)
    for start in range(width, len(line), room):
        yield f"{_INDENT}  {line[start : start + room]}".rstrip()
