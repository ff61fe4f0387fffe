"""The format `sarif`: checks as SARIF 2.1.0, for what gathers the results of analysis tools."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

from driftscan import __version__
from driftscan.model.drift import Acceptance, Check, Drift, Kind
from driftscan.model.drift_json import since_to_json
from driftscan.model.finding import Severity
from driftscan.model.item import Json
from driftscan.model.text import raw, shown
from driftscan.report._drifts import changes, in_order, order, since, subject
from driftscan.scopes.base import scopes

FORMAT = "sarif"
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
# On the scale of CVSS, by which consumers sort.
_SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.INFO: "0.0",
}
_KINDS = {
    Kind.MISSING: "is expected and not there",
    Kind.UNEXPECTED: "is there and not expected",
    Kind.CHANGED: "is not as expected",
}
_HELP = (
    "Undo the change on the host; or, when it is right, take it into the baseline with `driftscan baseline update`; "
    "or accept it in the baseline for a time, with a reason and a name."
)
_TREES = "A directory as a whole"  # drift has this scope of its own beside those of the scan
_NOTES = {
    "error": ("A host was not seen, or not compared.", "Nothing is known of it: neither drift nor that there is none."),
    "not-compared": ("There is nothing to compare a host with.", "Write a baseline for its role."),
    "unknown": ("Something could not be looked at.", "There may be drift in it. Scan as root, or with --sudo."),
    "baseline": ("A note on the baseline itself.", "Acceptances that have ended, or will soon."),
}


def checks(checks_: Sequence[Check], _width: int) -> Iterable[str]:
    """Yield one document with one run: an invocation per host, a result per drift; the accepted ones are suppressed."""
    known = in_order(checks_)
    found = [
        (number, check, drift, accepted)
        for number, check in enumerate(known)
        for accepted, drifts in ((False, check.known), (True, check.accepted))
        for drift in sorted(drifts, key=order)
    ]
    by_rule: dict[str, list[Drift]] = {}
    for _, _, drift, _ in found:
        by_rule.setdefault(_rule_id(drift), []).append(drift)
    index = {rule: number for number, rule in enumerate(sorted(by_rule))}
    driver = {
        "name": "driftscan",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(rule, by_rule[rule]) for rule in sorted(by_rule)],
        "notifications": [_descriptor(name) for name in sorted(_NOTES)],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(check) for check in known],
        "results": [
            {
                **_result(check, drift),
                "ruleIndex": index[_rule_id(drift)],
                "provenance": {"invocationIndex": number},
                "suppressions": [_suppression(drift.acceptance)] if accepted else [],
            }
            for number, check, drift, accepted in found
        ],
    }
    yield json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule_id(drift: Drift) -> str:
    return f"drift/{shown(drift.scope)}/{drift.kind.value}"


def _rule(name: str, drifts: Sequence[Drift]) -> Json:
    """Return what a kind of drift of a scope is; its severity is the highest that one of them has."""
    first, worst = drifts[0], max((drift.severity for drift in drifts), key=lambda severity: severity.rank)
    known = scopes().get(first.scope)
    doc = known.doc if known else _TREES if first.scope == "trees" else ""
    verdict = _KINDS.get(first.kind, "could not be looked at")
    return {
        "id": name,
        "name": "".join(word.capitalize() for word in ("drift", *first.scope.split("_"), first.kind.value)),
        "shortDescription": _message(f"Drift of {first.scope}: {first.kind.value}"),
        "fullDescription": _message(f"Something of {first.scope} {verdict}. {doc}".strip(" .") + "."),
        "help": _message(_HELP),
        "defaultConfiguration": {"level": _LEVELS[worst]},
        "properties": {"tags": ["drift", "security", first.scope], "security-severity": _SCORES[worst]},
    }


def _descriptor(name: str) -> Json:
    title, help_ = _NOTES[name]
    return {"id": name, "shortDescription": _message(title), "help": _message(help_)}


def _result(check: Check, drift: Drift) -> dict[str, Json]:
    told = "; ".join(changes(drift, None))
    words = f"{check.host}: {drift.scope} {subject(drift)} {_KINDS.get(drift.kind, 'could not be looked at')}"
    words += f": {told}" if told else ""
    words += f"; {since(drift.since, timezone.utc)}" if drift.since else ""
    words += f"; by {drift.by}" if drift.by else ""
    return {
        "ruleId": _rule_id(drift),
        "level": _LEVELS[drift.severity],
        "message": _message(f"{words}; {drift.reason}" if drift.reason else words),
        "locations": [_location(check.host, drift.scope, drift.key)],
        "partialFingerprints": {"driftscanHost/v1": f"{drift.fingerprint}:{shown(check.host)}"},
        "properties": {
            "security-severity": _SCORES[drift.severity],
            "severity": drift.severity.value,
            "kind": drift.kind.value,
            "host": check.host,
            "role": check.role,
            "scope": drift.scope,
            "key": drift.key,
            "changes": [change._asdict() for change in drift.changes],
            "evidence": dict(drift.evidence),
            "diff": list(drift.diff),
            "since": since_to_json(drift.since),
            "by": drift.by,
            "reason": drift.reason,
        },
    }


def _location(host: str, scope: str, key: str) -> Json:
    """Return where a thing is: the path where its key is one, and its place among the items."""
    name = "/".join(shown(part) for part in (host, scope, key) if part)
    location: dict[str, Json] = {"logicalLocations": [{"fullyQualifiedName": name, "kind": "resource"}]}
    known = scopes().get(scope)
    is_path = scope == "trees" or (known is not None and known.columns[0].name == "path")
    if is_path and key.startswith("/"):
        location["physicalLocation"] = {"artifactLocation": {"uri": f"file://{quote(raw(key))}"}}
    return location


def _suppression(acceptance: Acceptance | None) -> Json:
    if acceptance is None:
        return {"kind": "external", "status": "accepted"}
    return {
        "kind": "external",
        "status": "accepted",
        "justification": shown(acceptance.why),
        "properties": {"who": acceptance.who, "until": acceptance.until.isoformat(), "where": acceptance.where},
    }


def _invocation(check: Check) -> Json:
    """Return how the look at one host went."""
    told: list[Json] = []
    if check.error:
        told.append(_notification("error", "error", f"{check.host}: {check.error}"))
    elif not check.against:
        told.append(_notification("not-compared", "warning", f"there is nothing to compare {check.host} with"))
    for drift in sorted(check.unknown, key=order):
        words = f"{check.host}: {drift.scope}, {subject(drift)}, could not be looked at: {drift.reason}"
        told.append(
            {**_notification("unknown", "error", words), "locations": [_location(check.host, drift.scope, drift.key)]}
        )
    invocation: dict[str, Json] = {
        "executionSuccessful": not told,
        "toolExecutionNotifications": told,
        "toolConfigurationNotifications": [_notification("baseline", "warning", line) for line in check.warnings],
        "properties": {
            "host": check.host,
            "role": check.role,
            "snapshot": check.number or None,
            "against": check.against,
        },
    }
    if check.taken and not check.error:
        invocation["startTimeUtc"] = _utc(check.taken)
        invocation["endTimeUtc"] = _utc(check.taken + timedelta(seconds=check.seconds))
    return invocation


def _notification(name: str, level: str, words: str) -> dict[str, Json]:
    return {"descriptor": {"id": name}, "level": level, "message": _message(words)}


def _message(words: str) -> Json:
    r"""Return a plain text message; `[text](where)` would be a link, so brackets are written `\[` and `\]`."""
    return {"text": shown(words).replace("[", "\\[").replace("]", "\\]")}


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
