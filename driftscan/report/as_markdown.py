"""The format `markdown`: checks as tables for a comment, an issue or a wiki; what a host says stands in code spans."""

import re
from collections.abc import Iterable, Sequence
from datetime import timezone

from driftscan.model.drift import Check, Drift, Kind
from driftscan.model.markdown import code, paragraph, prose
from driftscan.model.text import shown
from driftscan.report._drifts import (
    MARKS,
    accepted,
    changes,
    clean,
    evidence,
    in_order,
    moment,
    order,
    plural,
    shares,
    since,
    tally,
)

FORMAT = "markdown"
_MOST = 50  # drifts of one host; the others are counted
_DIFFS = 10  # diffs of one host
_LINES = 40  # lines of one diff
_WIDTH = 400  # characters of one of them
_NAMES = 100  # hosts in one sentence
_BLANK = "\0"
_RUNS = re.compile(r"`+")


def checks(checks_: Sequence[Check], _width: int) -> Iterable[str]:
    """Yield a chapter for each host that is not clean, and a sentence on the others; times are UTC."""
    known = in_order(checks_)
    quiet = [check for check in known if clean(check) and not check.warnings]
    yield f"# Drift of {plural(len(known), 'host')}"
    yield ""
    yield from paragraph(_summary(known))
    for check in sorted(known, key=lambda check: not check.error):
        if check not in quiet:
            yield from _host(check)
    if quiet:
        yield ""
        kept = accepted([drift for check in quiet for drift in check.accepted])
        names = ", ".join(code(check.host) for check in quiet[:_NAMES])
        more = f" and {len(quiet) - _NAMES:,} more" if len(quiet) > _NAMES else ""
        yield from paragraph(f"Clean{f', {kept}' if kept else ''}: {names}{more}.")


def _summary(known: Sequence[Check]) -> str:
    dead = sum(bool(check.error) for check in known)
    drifts = [drift for check in known for drift in check.known]
    blind = sum(bool(check.unknown) for check in known)
    told = [f"{sum(map(clean, known)):,} clean", f"{dead:,} in error" if dead else ""]
    told += [f"{blind:,} not seen whole" if blind else "", f"drift: {tally(drifts)}" if drifts else ""]
    return ", ".join(filter(None, told)) + "."


def _host(check: Check) -> Iterable[str]:
    """Yield the chapter of one host."""
    yield ""
    yield f"## {_code(check.host)}" + (f", {_code(check.role)}" if check.role else "")
    yield ""
    if check.error:
        yield from paragraph(f"**Error**: {code(check.error)}")
        return
    taken = f" of {moment(check.taken, timezone.utc)}" if check.taken else ""
    against = f"against {code(check.against)}" if check.against else "with nothing to compare it with"
    unknown = f"{len(check.unknown):,} unknown" if check.unknown else ""
    counted = ", ".join(filter(None, [tally(check.known), unknown, accepted(check.accepted)])) or "no drift"
    yield from paragraph(f"Snapshot {check.number}{taken} {against}: {counted}.")
    for warning in check.warnings:
        yield ""
        yield from paragraph(f"**Note**: {code(warning)}")
    yield from _tables(check)


def _tables(check: Check) -> Iterable[str]:
    """Yield a table of the drifts, and the diffs below it."""
    if not check.drifts:
        return
    unknown, known = (sorted(drifts, key=order) for drifts in (check.unknown, check.known))
    room = shares([len(unknown), len(known)], _MOST)
    told = [*unknown[: room[0]], *known[: room[1]]]
    yield ""
    yield "| severity | drift | scope | key | what | since, by, why |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for drift in told:
        yield f"| {' | '.join(_row(drift))} |"
    if len(told) < len(check.drifts):
        yield ""
        yield f"And {len(check.drifts) - len(told):,} more."
    for drift in [drift for drift in told if drift.diff][:_DIFFS]:
        yield from _diff(drift)


def _row(drift: Drift) -> Sequence[str]:
    whole = drift.kind is Kind.UNKNOWN and not drift.key
    known = [since(drift.since, timezone.utc)] if drift.since else []
    known += [f"by {_code(drift.by)}"] if drift.by else []
    known += [_code(word) for word in (*evidence(drift), drift.reason) if word]
    return [
        drift.severity.value,
        f"{prose(MARKS[drift.kind])} {drift.kind.value}",
        _code(drift.scope),
        "the whole scope" if whole else _code(drift.key),
        ", ".join(_code(change) for change in changes(drift)),
        "; ".join(known),
    ]


def _code(words: str) -> str:
    r"""Return a code span for a cell or a heading; a bar is `\x7c`, for renderers disagree how one is escaped."""
    return code(words).replace("|", "\\x7c").replace(_BLANK, " ")


def _diff(drift: Drift) -> Iterable[str]:
    """Yield a diff in a fence that it cannot close."""
    lines = [shown(line)[:_WIDTH] for line in drift.diff[:_LINES]]
    if len(drift.diff) > _LINES:
        lines.append(f"… {len(drift.diff) - _LINES:,} more lines")
    fence = "`" * max(3, *(len(run) + 1 for line in lines for run in _RUNS.findall(line)), 3)
    yield ""
    yield f"{_code(drift.key)}:"
    yield ""
    yield f"{fence}diff"
    yield from lines
    yield fence
