"""Comparing two snapshots: of one host at two times, or of two hosts."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from driftscan.drift._diff_files import file_drifts
from driftscan.drift._diff_items import item_drifts
from driftscan.drift._diff_packaged import with_packages
from driftscan.drift._diff_sides import Sides
from driftscan.drift.severity import severity
from driftscan.model.drift import Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.snapshot import Snapshot
from driftscan.scopes.base import scopes as all_scopes

# What follows from other scopes, or grows by itself: texts are told with their files, what packages declare with these.
_LEFT_OUT = frozenset({"declarations", "history", "contents", "ucf"})


def comparable() -> Sequence[str]:
    """Return the scopes that are compared: those with items of their own, and `files`."""
    return [
        name
        for name, scope in all_scopes().items()
        if scope.columns and name not in _LEFT_OUT and (name == "files" or scope.derive is None)
    ]


def compare(
    before: Snapshot,
    after: Snapshot,
    *,
    scopes: Collection[str] = (),
    path: bytes = b"/",
    identity: bool = False,
    everything: bool = False,
) -> list[Drift]:
    """Return what differs, by scope and key: MISSING is only in `before`, UNEXPECTED only in `after`.

    `scopes` () are all that are comparable; `path` leaves only what is at or below it, or names such a path.
    `identity` is for two hosts: names, addresses and numbers that are each one's own are not told apart. What changes
    by itself is left out, and the files of a package that differs are counted with it, unless `everything`. Of a
    scope that either side has not seen whole one UNKNOWN tells; what only the other side has is then neither MISSING
    nor UNEXPECTED.
    """
    sides = Sides.of(before, after, path, own=identity, everything=everything)
    found: list[Drift] = []
    for scope in comparable():
        if not scopes or scope in scopes:
            found += _compared(sides, scope)
    if not everything:
        found = with_packages(sides, found)
    graded = [replace(drift, severity=severity(drift)) for drift in found]
    return sorted(graded, key=lambda one: (one.scope, one.kind is not Kind.UNKNOWN, one.key))


def _compared(sides: Sides, scope: str) -> Iterator[Drift]:
    both = all(snapshot.coverage.get(scope) is not None for snapshot in (sides.before, sides.after))
    blind = _blind(sides.before, scope, sides.after), _blind(sides.after, scope, sides.before)
    unseen = 0
    if both:
        told = file_drifts if scope == "files" else item_drifts
        for drift in told(sides, scope):
            if (drift.kind is Kind.MISSING and blind[1]) or (drift.kind is Kind.UNEXPECTED and blind[0]):
                unseen += 1
            else:
                yield drift
    if any(blind):
        reason = "; ".join(f"{why} {label}" for why, label in zip(blind, sides.labels, strict=True) if why)
        evidence = {"only on the other side": unseen} if unseen else {}
        yield Drift(Kind.UNKNOWN, Severity.MEDIUM, scope, "", reason=reason, evidence=evidence)


def _blind(snapshot: Snapshot, scope: str, other: Snapshot) -> str:
    """Return why `scope` was not seen whole; "" where it was."""
    coverage = snapshot.coverage.get(scope)
    if coverage is None:
        return "not looked at"
    if coverage.outcome.seen:
        return "no file tree" if scope == "files" and other.tree and not snapshot.tree else ""
    return f"not seen whole ({'; '.join(coverage.gaps) or coverage.outcome.value})"
