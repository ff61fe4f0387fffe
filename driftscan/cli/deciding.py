"""What `baseline explain` tells: the lines that have a say in a thing, and what a host has of it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from driftscan.cli.options import Shared
    from driftscan.cli.proposing import Seen
    from driftscan.drift.decide import Decision
    from driftscan.drift.propose import Declared, Key
    from driftscan.drift.subject import Subject
    from driftscan.inventory.target import Target
    from driftscan.model.drift import Drift
    from driftscan.model.item import Json

_PATHS = frozenset({"files", "trees"})


def decided(
    shared: "Shared", path: "Path", target: "Target | None", scope: str, key: str, today: "date"
) -> "list[dict[str, Json]]":
    """Return what decides on a thing, for a person or a program: of a path one entry for each scope that knows it."""
    from driftscan.baseline.load import load
    from driftscan.cli.proposing import checked, see
    from driftscan.drift.decide import decide, scopes_of

    baseline = load(path)
    if target is None:
        names = scopes_of(baseline, key, {}) if scope == "files" else [scope]
        return [_told(decide(baseline, name, key, today), "", "") for name in names]
    with shared.store() as store:
        seen = see(store, target, baseline)
        key = _canonical(seen, key) if scope in _PATHS else key
        _, single = checked(store, seen, baseline, today)
        names = scopes_of(baseline, key, seen.observed.subjects) if scope == "files" else [scope]
        return [
            _told(
                decide(baseline, name, key, today, _subjects(seen, name, key), single),
                target.host.name,
                _restless(seen, name, key),
            )
            for name in names
        ]


def _told(decision: "Decision", host: str, restless: str) -> "dict[str, Json]":
    subject = decision.subject
    told: dict[str, Json] = {
        "scope": decision.scope,
        "key": decision.key,
        "decides": [{"what": one.what, "where": one.where, "words": one.words} for one in decision.rulings],
        "declared": None if decision.attributes is None else dict(decision.attributes),
        "host": host or None,
    }
    if host:
        told["there"] = subject is not None and not subject.absent
        told["found"] = dict(subject.attributes) if subject is not None else None
        told["explanation"] = _why(subject)
        told["part_of"] = subject.key if subject is not None and subject.key != decision.key else None
        told["changes_by_itself"] = restless or None
        told["drift"] = [_drift(drift) for drift in decision.drifts]
    told["line"] = _line(decision, moving=bool(restless))
    return told


def _why(subject: "Subject | None") -> str | None:
    if subject is None or subject.explanation is None:
        return None
    one = subject.explanation
    return " ".join(filter(None, [one.kind, one.by, f"({one.detail})" if one.detail else ""]))


def _drift(drift: "Drift") -> str:
    changes = ", ".join(f"{change.attribute} {change.expected} -> {change.found}" for change in drift.changes)
    return f"{drift.kind.value}: {changes}" if changes else f"{drift.kind.value}: {drift.reason}"


def _line(decision: "Decision", *, moving: bool) -> str | None:
    """Return the line that would declare the thing as YAML; None where a line decides already.

    Of what is `moving` the content is left out: it changes by itself.
    """
    from driftscan.baseline.edit import Document

    if decision.attributes is not None or any(one.where for one in decision.rulings if one.what != "accepted once"):
        return None
    missing, document = decision.missing, Document.new("role")
    if missing is None:
        document.expect(decision.scope, decision.key, {})
    elif missing.scope == "trees":
        document.tree(missing.key, str(missing.attributes["digest"]))
    else:
        document.expect(missing.scope, missing.key, "absent" if missing.absent else _still(missing, moving=moving))
    lines = [line for line in document.text().splitlines() if line and not line.startswith(("role:", "#"))]
    return "\n".join(lines)


def _still(missing: "Declared", *, moving: bool) -> "dict[str, Json]":
    return {name: value for name, value in missing.attributes.items() if not (moving and name in {"digest", "text"})}


def _restless(seen: "Seen", scope: str, key: str) -> str:
    """Return why a thing changes by itself, and so is not compared unless it is declared; "" if it does not."""
    from driftscan.model.text import raw

    if scope in _PATHS:
        entry = seen.view.directories.entry(raw(key))
        return seen.observed.volatile.entry(entry) if entry is not None else ""
    item = next((item for item in seen.view.of(scope) if item.key == key), None)
    return seen.observed.volatile.item(item) if item is not None else ""


def _canonical(seen: "Seen", key: str) -> str:
    """Return a path as the disk spells it: /bin/ls is /usr/bin/ls."""
    from driftscan.model.text import raw, text

    return text(seen.view.ownership.canonical(raw(key))) or "/"


def _subjects(seen: "Seen", scope: str, key: str) -> "Mapping[Key, Subject]":
    """Return what the host has that could be this thing, also where it is not compared by itself."""
    from driftscan.drift.noteworthy import attributes_of
    from driftscan.drift.subject import Subject, golden
    from driftscan.model.text import raw
    from driftscan.scopes.base import scopes

    found = dict(seen.observed.subjects)
    if (scope, key) in found or ("trees", key) in found:
        return found
    if scope in _PATHS:
        path = raw(key)
        if seen.view.directories.entry(path) is not None:
            attributes = attributes_of(seen.view, path)
            why = seen.view.explained.of(path)
            return {("files", key): Subject("files", key, attributes, why, golden=False)}
        return {}
    item = next((item for item in seen.view.of(scope) if item.key == key), None)
    return {} if item is None else {(scope, key): Subject(scope, key, golden(scopes()[scope], item), item=item)}
