"""Blockers of the proof itself: there is none, it does not hold, the host has changed since, it was not seen."""

from collections.abc import Iterator

from driftscan.drift.compare import compare
from driftscan.drift.fold import folded
from driftscan.model.drift import Drift, Kind
from driftscan.model.outcome import Coverage
from driftscan.model.proof import Proof
from driftscan.model.verdict import Blocker
from driftscan.prove._case import FRESH, Case

# What runs is no part of a role, and data is to be moved: what starts it, or is not moved, is told by its own.
_ASIDE = frozenset({"processes", "sockets", "state"})
_VERBS = {Kind.MISSING: "it is gone", Kind.UNEXPECTED: "it is new", Kind.CHANGED: "it has changed"}
_NEEDED = ("files", "packages", "processes", "services", "sockets")  # without these nobody can say what is on it


_GAPS = 2  # gaps of one scope that are told


def standing(case: Case) -> Iterator[Blocker]:
    """Yield what is wrong with the proof, and with what is known of the host."""
    yield from _unseen(case)
    proof, again = case.proof, f"driftscan prove {case.host} --on BLANK"
    if proof is None:
        yield Blocker("proof", case.host, "it was never rebuilt", again)
        return
    yield from _unsound(proof, again)
    for one in proof.remainder:
        if one.failed:
            yield Blocker("rest", _named(one.scope, one.key), one.reason, f"see what went wrong, then {again}")
    limits = {(one.scope, one.key): one.reason for one in case.role.left_out if one.limit}
    for one in proof.remainder:
        if not one.failed and (one.scope, one.key) in limits:
            advice = "make it on the new host by hand, or do without"
            yield Blocker("limit", _named(one.scope, one.key), limits[one.scope, one.key], advice)
    yield from _changed(case, proof, again)


def _named(scope: str, key: str) -> str:
    """Return how people name a thing: a path as it is, else the scope and the key."""
    return key if scope in {"files", "trees"} and key else f"{scope} {key}".rstrip()


def _unsound(proof: Proof, again: str) -> Iterator[Blocker]:
    """Yield why a proof is none, as far as no single thing tells it."""
    about = f"{proof.tool} on {proof.blank}"
    if proof.error:
        yield Blocker("proof", about, f"it ended early: {proof.error}", again)
        return
    if not proof.seen:
        yield Blocker("proof", about, "the new host was not seen whole", again)
    if proof.again is None:
        yield Blocker("proof", about, "the role was not applied a second time", again)
    elif proof.again:
        yield Blocker("proof", about, f"a second run changed {proof.again:,} again", again)
    left = proof.reproducible - proof.reproduced
    if left and not any(one.failed for one in proof.remainder):
        yield Blocker("proof", about, f"{left:,} of {proof.reproducible:,} things were not reproduced", again)
    for what, (up, wanted) in (("services", proof.services), ("listeners", proof.listeners)):
        if up < wanted:
            yield Blocker("rest", what, f"{up:,} of {wanted:,} are up on the new host", again)


def _unseen(case: Case) -> Iterator[Blocker]:
    """Yield what of the host is not known: scopes that were not seen whole, or a snapshot that is too old."""
    snapshot = case.view.snapshot
    scan = f"driftscan scan {case.host}"
    age = case.now - snapshot.taken
    if age > FRESH:
        yield Blocker("unseen", "all of it", f"it was last looked at {age.days} days ago", scan, blind=True)
    for scope, seen in sorted(snapshot.coverage.items()):
        if not seen.outcome.seen:
            yield Blocker("unseen", scope, _gaps(seen), scan, blind=True)
    for scope in _NEEDED:
        if scope not in snapshot.coverage:
            yield Blocker("unseen", scope, "it was not looked at", scan, blind=True)


def _gaps(seen: Coverage) -> str:
    more = f" and {len(seen.gaps) - _GAPS} more" if len(seen.gaps) > _GAPS else ""
    return "; ".join(seen.gaps[:_GAPS]) + more or seen.outcome.value


def _changed(case: Case, proof: Proof, again: str) -> Iterator[Blocker]:
    """Yield what has changed on the host since the snapshot that was proven."""
    if proof.number == case.number:
        return
    if case.proven is None:
        kept = f"snapshot {proof.number}, which was proven, is not kept any more"
        yield Blocker("drift", "all of it", f"{kept}: nobody can say what has changed", again, blind=True)
        return
    snapshots = (case.proven, case.view.snapshot)
    items = {(item.scope, item.key): item for snapshot in snapshots for item in snapshot.items}
    for drift in folded(compare(*snapshots), items):
        if drift.kind is not Kind.UNKNOWN and drift.scope not in _ASIDE:
            yield Blocker("drift", _named(drift.scope, drift.key), _told(drift), again)
    known = case.proven.coverage
    for scope, seen in sorted(known.items()):
        if not seen.outcome.seen and scope not in _ASIDE:
            yield Blocker(
                "unseen", f"{scope} of the proof", "; ".join(seen.gaps) or "not seen whole", again, blind=True
            )


def _told(drift: Drift) -> str:
    changed = [change.attribute for change in drift.changes]
    if drift.kind is Kind.CHANGED and changed:
        return f"{_VERBS[drift.kind]}: {', '.join(changed)}"
    return _VERBS[drift.kind]
