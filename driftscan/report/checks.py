"""Checks for people: what differs on each host, the gravest first, as much of it as a person reads."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from driftscan.model.drift import UNDECLARED, Check, Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.text import shown
from driftscan.report._drifts import (
    MARKS,
    accepted,
    changes,
    clean,
    compared,
    evidence,
    head,
    in_order,
    moment,
    order,
    plural,
    shares,
    since,
    subject,
    tally,
)
from driftscan.report.as_table import cut
from driftscan.report.findings import wrapped

MOST = 50  # drifts of one host that are told; the others are counted
_DIFF = 24  # lines of one diff
_INDENT = " " * 6


def told(checks: Sequence[Check], width: int, most: int | None = MOST) -> Iterable[str]:
    """Yield the lines of a report on checks; of each host at most so many drifts (None: all, and what is accepted)."""
    known = in_order(checks)
    quiet = [check for check in known if clean(check) and not check.warnings]
    dead = [check for check in known if check.error]
    alone = [check for check in known if not check.error and not check.against]
    loud = sorted((c for c in known if c.against and not c.error and c not in quiet), key=_gravity)
    if len(known) > 1 and len(quiet) < len(known):
        yield from _summary(known, width)
    yield from _named("IN ERROR", [f"{head(check)}: {_dead(check)}" for check in dead], width, most)
    yield from _named("NOT COMPARED: there is nothing to compare them with", [_alone(c) for c in alone], width, most)
    for check in loud:
        yield from _host(check, width, most)
    if quiet:
        if len(quiet) < len(known):
            yield ""
        yield from _quiet(quiet, width, most)


def _gravity(check: Check) -> tuple[int, str]:
    return -max((drift.severity.rank for drift in check.drifts), default=-1), check.host


def _summary(checks: Sequence[Check], width: int) -> Iterable[str]:
    """Yield what became of all hosts, in one sentence."""
    counted = (
        (sum(bool(check.error) for check in checks), "in error"),
        (sum(not check.error and not check.against for check in checks), "not compared"),
        (sum(bool(compared(check) and check.unknown) for check in checks), "not seen whole"),
        (sum(bool(compared(check) and check.known) for check in checks), "with drift"),
        (sum(clean(check) for check in checks), "clean"),
    )
    told = ", ".join(f"{number:,} {words}" for number, words in counted if number)
    yield from wrapped(f"{plural(len(checks), 'host')}: {told}", width, "  ")


def _dead(check: Check) -> str:
    last = f"; last seen {moment(check.taken)}, snapshot {check.number}" if check.taken and check.number else ""
    return shown(check.error) + last


def _alone(check: Check) -> str:
    """Return a host that there is nothing to compare with, and what was not seen of it."""
    blind = ", ".join(shown(drift.scope) for drift in sorted(check.unknown, key=order))
    return head(check) + (f": not seen whole: {blind}" if blind else "")


def _named(title: str, lines: Sequence[str], width: int, most: int | None) -> Iterable[str]:
    if not lines:
        return
    yield ""
    yield title
    for line in lines[:most]:
        yield from wrapped(f"  {line}", width, _INDENT)
    if most is not None and len(lines) > most:
        yield f"  … and {len(lines) - most:,} more"


def _quiet(checks: Sequence[Check], width: int, most: int | None) -> Iterable[str]:
    """Yield one line on the hosts that are clean."""
    drifts = [drift for check in checks for drift in check.accepted]
    kept = accepted(drifts)
    if len(checks) == 1:
        words = f"{head(checks[0])} clean: {_against(checks[0])}" + (f"; {kept}" if kept else "")
        yield from wrapped(words, width, "  ")
    else:
        title = f"{plural(len(checks), 'host')} clean" + (f", {kept}" if kept else "")
        names = [shown(check.host) for check in checks]
        yield from wrapped(f"{title}: {', '.join(names)}", width, "  ") if most is None else [_fit(title, names, width)]
    if most is None:
        for check in checks:
            yield from _accepted(check, width)


def _fit(title: str, names: Sequence[str], width: int) -> str:
    """Return one line with as many names as it has room for; the others are counted."""
    line = f"{title}: {', '.join(names)}"
    for left in range(1, len(names)):
        if len(line) <= width:
            break
        line = f"{title}: {', '.join(names[:-left])} and {left:,} more"
    return line if len(line) <= width else cut(title, width)


def _against(check: Check) -> str:
    number = f"snapshot {check.number}" if check.number else "a scan"
    taken = f" of {moment(check.taken)}" if check.taken else ""
    return f"{number}{taken} against {shown(check.against)}"


def _host(check: Check, width: int, most: int | None) -> Iterable[str]:
    """Yield what is to be said of one host: blind spots, drift by severity and scope, what is accepted, warnings."""
    unknown = f"{len(check.unknown):,} unknown" if check.unknown else ""
    counted = ", ".join(filter(None, [tally(check.known), unknown])) or "clean"
    yield ""
    yield cut(f"-- {head(check)}: {counted} ".ljust(width, "-"), width)
    yield from wrapped(_against(check), width, "  ")
    new = [drift.since for drift in check.drifts if drift.since is not None and _is_new(drift, check)]
    if new and new[0].before is not None:
        yield from wrapped(f"what has no time below is new since {moment(new[0].before)}", width, "  ")
    drifts = [*sorted(check.unknown, key=order), *sorted(check.known, key=order)]
    drifts = [replace(drift, since=None) if _is_new(drift, check) else drift for drift in drifts]
    groups = [(title, list(same)) for title, same in groupby(drifts, key=_title)]
    room = _room([same for _, same in groups], most)
    for (title, same), space in zip(groups, room, strict=True):
        if space:
            yield from _group(title, same, space, width, most)
    if sum(room) < len(drifts):
        command = shlex.join(["driftscan", "check", check.host, "--no-scan", "--all"])
        yield from wrapped(f"… and {len(drifts) - sum(room):,} more: {shown(command)}", width, "  ")
    if check.accepted:
        yield accepted(check.accepted)
        if most is None:
            yield from _accepted(check, width)
    for warning in check.warnings:
        yield from wrapped(f"! {shown(warning)}", width, "  ")


def _is_new(drift: Drift, check: Check) -> bool:
    """Whether a drift was first seen in the snapshot that is reported, and not in the one before."""
    return drift.since is not None and drift.since.before is not None and drift.since.number == check.number


def _room(groups: Sequence[Sequence[Drift]], most: int | None) -> list[int]:
    """Return how many drifts of each group are told: what is grave has three quarters of the room for itself."""
    grave = sum(same[0].severity.rank >= Severity.HIGH.rank or same[0].kind is Kind.UNKNOWN for same in groups)
    sizes = [len(same) for same in groups]  # the grave groups are the first
    first = shares(sizes[:grave], None if most is None else most * 3 // 4)
    return first + shares(sizes[grave:], None if most is None else most - sum(first))


def _title(drift: Drift) -> str:
    if drift.kind is Kind.UNKNOWN:
        return "UNKNOWN, could not look"
    return f"{drift.severity.value.upper()} {shown(drift.scope)}"


def _group(title: str, same: Sequence[Drift], space: int, width: int, most: int | None) -> Iterable[str]:
    """Yield drifts of one severity and scope; a reason that all of them share stands in the title.

    What else neighbours have in common is told once, below the last of them.
    """
    reasons = {drift.reason for drift in same}
    shared = reasons.pop() if len(same) > 1 and len(reasons) == 1 else ""
    shared = "" if shared == UNDECLARED else shared
    yield from wrapped(f"{title}: {shown(shared)}" if shared else title, width, "  ")
    told = [(drift, _details(drift, "" if shared else drift.reason, most)) for drift in same[:space]]
    for details, run in groupby(told, key=lambda one: one[1]):
        drifts = [drift for drift, _ in run]
        for drift in drifts:
            yield from _drift(drift, width, most)
        if details:
            words = f"all {len(drifts):,}: {details}" if len(drifts) > 1 else details
            yield from wrapped(_INDENT + words, width, _INDENT)
        yield from _diff(drifts[-1].diff, width, most)
    if len(same) > space:
        yield f"  … {len(same) - space:,} more of {len(same):,}"


def _drift(drift: Drift, width: int, most: int | None) -> Iterable[str]:
    """Yield what differs: in one line, or a line for each attribute."""
    scope = f"{shown(drift.scope)}: " if drift.kind is Kind.UNKNOWN else ""
    name = f"  {MARKS[drift.kind]} {scope}{subject(drift)}"
    told = changes(drift, None if most is None else 160)
    line = f"{name}: {', '.join(told)}" if told else name
    if len(line) <= width:
        yield line
    else:
        yield from wrapped(f"{name}:" if told else name, width, _INDENT)
        for change in told:
            yield from wrapped(_INDENT + change, width, _INDENT + "  ")


def _details(drift: Drift, reason: str, most: int | None) -> str:
    """Return since when, by whom, what comes with it, what decides."""
    known = [since(drift.since)] if drift.since else []
    known += [f"by {shown(drift.by)}"] if drift.by else []
    known += evidence(drift) if most is not None else evidence(drift, None)
    known += [shown(reason)] if reason and reason != UNDECLARED else []
    return "; ".join(known)


def _diff(lines: Sequence[str], width: int, most: int | None) -> Iterable[str]:
    """Yield a diff; a line that is too long goes on in the next one, further in."""
    limit = len(lines) if most is None else _DIFF
    room = max(width - len(_INDENT) - 2, 20)
    for line in lines[:limit]:
        safe = shown(line)
        first, rest = safe[: room + 2], safe[room + 2 :]
        yield (_INDENT + first).rstrip()
        for start in range(0, len(rest), room):
            yield f"{_INDENT}  {rest[start : start + room]}".rstrip()
    if len(lines) > limit:
        yield f"{_INDENT}… {len(lines) - limit:,} more lines of this diff"


def _accepted(check: Check, width: int) -> Iterable[str]:
    """Yield each accepted drift with who accepted it, why and until when."""
    for drift in sorted(check.accepted, key=order):
        known = drift.acceptance
        why = f": {shown(known.why)} ({shown(known.who)}, until {known.until}, {shown(known.where)})" if known else ""
        name = f"{shown(check.host)}: {shown(drift.scope)} {subject(drift)}"
        yield from wrapped(f"  {MARKS[drift.kind]} {name}{why}", width, _INDENT)
