"""The format `json`: stable keys, sorted, one document."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from driftscan.model.drift import Check
from driftscan.model.drift_json import to_json
from driftscan.model.finding import Finding
from driftscan.model.item import Json
from driftscan.model.outcome import Coverage
from driftscan.report._drifts import in_order
from driftscan.report.base import Audit, Rows

FORMAT = "json"


def rows(headers: Sequence[str], rows_: Rows, _width: int) -> Iterable[str]:
    """Yield an array with an object per row, a row per line, so that a long one can be read as it comes."""
    before = "["
    for row in rows_:
        yield before + json.dumps(dict(zip(headers, row, strict=True)))
        before = ","
    yield "[]" if before == "[" else "]"


def audit(report: Audit, _width: int) -> Iterable[str]:
    """Yield one object: host, snapshot, coverage, counts, explained, findings, finds, unjudged."""
    snapshot = report.snapshot
    document = {
        "host": snapshot.host,
        "snapshot": {
            "number": report.number or None,
            "taken": snapshot.taken.isoformat(),
            "seconds": round(snapshot.seconds, 3),
            "transport": snapshot.transport,
            "complete": snapshot.complete,
        },
        "coverage": {name: _coverage(coverage) for name, coverage in sorted(snapshot.coverage.items())},
        "counts": counts(report),
        "explained": {
            scope: {
                "total": share.total,
                "explained": share.explained,
                "by": dict(sorted(share.counts.items())),
                "unexplained": list(share.unexplained),
            }
            for scope, share in report.judgement.shares.items()
        },
        "findings": [_finding(finding) for finding in report.judgement.findings],
        "finds": [asdict(find) for find in report.judgement.finds],
        "unjudged": {rule: list(lacks) for rule, lacks in sorted(report.judgement.unjudged.items())},
    }
    yield json.dumps(document, indent=2)


def path(answer: Mapping[str, Json], _width: int) -> Iterable[str]:
    """Yield what is known of one path as one object."""
    yield json.dumps(dict(answer), indent=2)


def checks(checks_: Sequence[Check], _width: int) -> Iterable[str]:
    """Yield an array with an object per host, as `model.drift_json` makes it."""
    yield json.dumps([to_json(check) for check in in_order(checks_)], indent=2)


def counts(report: Audit) -> dict[str, int]:
    """Return how many items each scope has; the tree's entries are those of `files`."""
    found = {name: coverage.items for name, coverage in sorted(report.snapshot.coverage.items())}
    if "files" in found:
        found["files"] = report.snapshot.files
    if "symlinks" in found:
        found["symlinks"] = len(report.snapshot.links)
    return found


def _coverage(coverage: Coverage) -> dict[str, Json]:
    return {"outcome": coverage.outcome.value, "gaps": list(coverage.gaps), "notes": list(coverage.notes)}


def _finding(finding: Finding) -> dict[str, Json]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "scope": finding.scope,
        "subject": finding.subject,
        "title": finding.title,
        "evidence": dict(finding.evidence),
        "advice": finding.advice,
    }
