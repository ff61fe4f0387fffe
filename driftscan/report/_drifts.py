"""Drifts in words, for every report that a person reads: marks, changes, since when, by whom, how many."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone, tzinfo

from driftscan.model.drift import Change, Check, Drift, Kind, Since
from driftscan.model.finding import Severity
from driftscan.model.item import Json
from driftscan.model.text import shown
from driftscan.report.as_table import cell, cut

MARKS = {Kind.MISSING: "-", Kind.UNEXPECTED: "+", Kind.CHANGED: "~", Kind.UNKNOWN: "?"}
_NUMBERS = frozenset({"digest", "text"})  # that tell a person nothing by themselves
_OF_TEXTS = frozenset({"digest", "size", "lines", "text"})  # that a diff tells better
_SUBJECTS = 5  # things of the same cause that are named; the others are counted
_DIGEST = re.compile(r"([a-z0-9]+:)?([0-9a-f]{12})[0-9a-f]{20,}")
_WORD = re.compile(r"[^\s,]+")  # a part of a list that is told by + and -


def order(drift: Drift) -> tuple[int, str, str, str, str]:
    """Sort drifts by: the gravest first, then by scope and key."""
    return -drift.severity.rank, drift.scope, drift.key, drift.kind.value, drift.fingerprint


def in_order(checks: Iterable[Check]) -> list[Check]:
    """Return checks by the names of their hosts."""
    return sorted(checks, key=lambda check: (check.host, check.role, check.number))


def clean(check: Check) -> bool:
    """Whether a host was compared with something, whole, and nothing differs."""
    return check.clean and bool(check.against)


def compared(check: Check) -> bool:
    """Whether a host was seen, and there was something to compare it with."""
    return not check.error and bool(check.against)


def tally(drifts: Iterable[Drift]) -> str:
    """Return how many drifts there are of each severity: `1 critical, 3 low`; "" of none."""
    known = [drift.severity for drift in drifts]
    counted = ((known.count(severity), severity.value) for severity in reversed(Severity))
    return ", ".join(f"{number:,} {name}" for number, name in counted if number)


def head(check: Check) -> str:
    """Return the host with its role."""
    return shown(check.host) + (f" ({shown(check.role)})" if check.role else "")


def subject(drift: Drift) -> str:
    """Return what a drift is about; of the unknown it may be the whole scope."""
    return shown(drift.key) if drift.key or drift.kind is not Kind.UNKNOWN else "the whole scope"


def changes(drift: Drift, length: int | None = 160) -> list[str]:
    """Return each attribute as `mode 0755 -> 4755`, values cut to `length`; those that a diff tells are left out.

    Of a thing that is missing only what was expected is told, of an unexpected one only what was found.
    """
    told = [
        change
        for change in drift.changes
        if not (drift.diff and change.attribute in {"digest", "size", "lines", "text"})
    ]
    return [_change(drift.kind, change, length) for change in told]


def since(known: Since, zone: tzinfo | None = None) -> str:
    """Return since when in words, in `zone` (None: that of this machine)."""
    if known.changed is not None:
        return f"since {moment(known.changed, zone)} by its ctime (snapshot {known.number})"
    if known.before is not None:
        return f"since {moment(known.seen, zone)} (snapshot {known.number})"
    return f"since the first snapshot that is kept, {moment(known.seen, zone)}"


def moment(when: datetime, zone: tzinfo | None = None) -> str:
    """Return a time to the minute, in `zone` (None: that of this machine, which needs no name)."""
    return f"{when.astimezone(zone):%Y-%m-%d %H:%M}" + (" UTC" if zone is timezone.utc else "")


def evidence(drift: Drift, most: int | None = _SUBJECTS) -> list[str]:
    """Return the telling facts as `name value`; of what is told with a drift at most so many subjects."""
    told = []
    for name, value in drift.evidence.items():
        if value in (None, "", [], False) or value == drift.key or (name, value) == ("type", "file"):
            continue
        if name in _NUMBERS or (name == "package" and f"package {value} " in drift.reason):
            continue
        if isinstance(value, list):
            parts = [cell(part) for part in value[:most]]
            more = f" and {len(value) - len(parts):,} more" if len(value) > len(parts) else ""
            told.append(f"{shown(name)} {', '.join(parts)}{more}")
        else:
            told.append(shown(name) if value is True else f"{shown(name)} {cut(cell(value), 160)}")
    return told


def accepted(drifts: Sequence[Drift]) -> str:
    """Return how many drifts are accepted and which acceptance ends first; "" of none."""
    ends = sorted(drift.acceptance.until for drift in drifts if drift.acceptance)
    if not drifts:
        return ""
    if not ends:
        return f"{len(drifts):,} accepted"
    first = ends.count(ends[0])
    until = f"until {ends[0]}" if first == len(drifts) else f"{first:,} end{'s' * (first == 1)} on {ends[0]}"
    return f"{len(drifts):,} accepted ({until})"


def shares(sizes: Sequence[int], most: int | None) -> list[int]:
    """Divide room for `most` lines among groups: small ones are told whole, large ones are cut alike.

    None is room for all.
    """
    if most is None:
        return list(sizes)
    given = [0] * len(sizes)
    left = most
    while left and (hungry := [index for index, size in enumerate(sizes) if given[index] < size]):
        portion = max(1, left // len(hungry))
        for index in hungry:
            more = min(portion, sizes[index] - given[index], left)
            given[index] += more
            left -= more
    return given


def plural(number: int, word: str) -> str:
    """Return a number with its word: `1 host`, `3 hosts`."""
    return f"{number:,} {word}{'s' * (number != 1)}"


def _change(kind: Kind, change: Change, length: int | None) -> str:
    name, expected, found = shown(change.attribute), change.expected, change.found
    if kind is Kind.MISSING and found is None:
        return f"{name} {_value(expected, length)}"
    if kind is Kind.UNEXPECTED and expected is None:
        return f"{name} {_value(found, length)}"
    if isinstance(expected, list) and isinstance(found, list) and (told := _parts(expected, found)):
        return f"{name} {told}"
    before, after = _short(expected, length), _short(found, length)
    if before == after:  # both were cut to the same
        before, after = _value(expected, None), _value(found, None)
    return f"{name} {before} -> {after}"


def _parts(expected: Sequence[Json], found: Sequence[Json]) -> str:
    """Return how two lists differ as `+new -gone`; "" where that does not say it: order, doubles, several words."""
    before, after = ([cell(part) for part in parts] for parts in (expected, found))
    new = [f"+{part}" for part in after if part not in before]
    gone = [f"-{part}" for part in before if part not in after]
    whole = len({*before}) == len(before) and len({*after}) == len(after)
    return " ".join([*new, *gone]) if whole and all(map(_WORD.fullmatch, (*new, *gone))) else ""


def _short(value: Json, length: int | None) -> str:
    digest = _DIGEST.fullmatch(value) if isinstance(value, str) else None
    return f"{digest[1] or ''}{digest[2]}…" if digest else _value(value, length)


def _value(value: Json, length: int | None) -> str:
    told = "nothing" if value is None else cell(value) or "(empty)"
    return told if length is None else cut(told, length)
