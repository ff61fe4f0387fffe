"""Checks and drifts as JSON objects, and back: what a report for machines says and what the store keeps of a check."""

from collections.abc import Mapping
from datetime import date, datetime

from driftscan.model.drift import Acceptance, Change, Check, Drift, Kind, Since
from driftscan.model.finding import Severity
from driftscan.model.item import Json


def to_json(check: Check) -> dict[str, Json]:
    """Return a check as an object of strings, numbers, lists and objects; times are ISO 8601.

    `clean`, and `fingerprint` of each drift, follow from the rest: they are there for those who read it.
    """
    return {
        "host": check.host,
        "role": check.role,
        "number": check.number,
        "taken": _spelled(check.taken),
        "seconds": check.seconds,
        "against": check.against,
        "clean": check.clean,
        "error": check.error,
        "warnings": list(check.warnings),
        "drifts": [drift_to_json(drift) for drift in check.drifts],
        "accepted": [drift_to_json(drift) for drift in check.accepted],
    }


def from_json(document: Mapping[str, Json]) -> Check:
    """Return the check that `to_json` was given; raises KeyError, TypeError or ValueError for anything else."""
    return Check(
        host=document["host"],
        role=document["role"],
        number=document["number"],
        taken=_time(document["taken"]),
        seconds=document["seconds"],
        against=document["against"],
        drifts=tuple(drift_from_json(drift) for drift in document["drifts"]),
        accepted=tuple(drift_from_json(drift) for drift in document["accepted"]),
        warnings=tuple(document["warnings"]),
        error=document["error"],
    )


def drift_to_json(drift: Drift) -> dict[str, Json]:
    """Return one drift as an object."""
    return {
        "kind": drift.kind.value,
        "severity": drift.severity.value,
        "scope": drift.scope,
        "key": drift.key,
        "changes": [change._asdict() for change in drift.changes],
        "reason": drift.reason,
        "evidence": dict(drift.evidence),
        "diff": list(drift.diff),
        "since": since_to_json(drift.since),
        "by": drift.by,
        "acceptance": _acceptance(drift.acceptance),
        "fingerprint": drift.fingerprint,
    }


def drift_from_json(document: Mapping[str, Json]) -> Drift:
    """Return the drift that `drift_to_json` was given."""
    since, accepted = document["since"], document["acceptance"]
    return Drift(
        kind=Kind(document["kind"]),
        severity=Severity(document["severity"]),
        scope=document["scope"],
        key=document["key"],
        changes=tuple(Change(**change) for change in document["changes"]),
        reason=document["reason"],
        evidence=dict(document["evidence"]),
        diff=tuple(document["diff"]),
        since=None if since is None else _since(since),
        by=document["by"],
        acceptance=None if accepted is None else _accepted(accepted),
    )


def since_to_json(since: Since | None) -> dict[str, Json] | None:
    """Return since when something is as it is, None where that is not known."""
    if since is None:
        return None
    return {
        "seen": _spelled(since.seen),
        "number": since.number,
        "before": _spelled(since.before),
        "changed": _spelled(since.changed),
    }


def _since(document: Mapping[str, Json]) -> Since:
    return Since(
        seen=datetime.fromisoformat(document["seen"]),
        number=document["number"],
        before=_time(document["before"]),
        changed=_time(document["changed"]),
    )


def _acceptance(acceptance: Acceptance | None) -> dict[str, Json] | None:
    if acceptance is None:
        return None
    return {
        "scope": acceptance.scope,
        "pattern": acceptance.pattern,
        "why": acceptance.why,
        "who": acceptance.who,
        "until": acceptance.until.isoformat(),
        "where": acceptance.where,
        "kind": acceptance.kind and acceptance.kind.value,
    }


def _accepted(document: Mapping[str, Json]) -> Acceptance:
    kind = document["kind"]
    return Acceptance(
        scope=document["scope"],
        pattern=document["pattern"],
        why=document["why"],
        who=document["who"],
        until=date.fromisoformat(document["until"]),
        where=document["where"],
        kind=None if kind is None else Kind(kind),
    )


def _spelled(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(spelled: str | None) -> datetime | None:
    return None if spelled is None else datetime.fromisoformat(spelled)
