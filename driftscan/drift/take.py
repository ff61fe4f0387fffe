"""Taking reviewed drift into a baseline: what its file must say so that the drift is none any more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from driftscan.baseline.model import Baseline, Expected
from driftscan.drift.propose import Versions, is_ordered
from driftscan.model.drift import Change, Check, Drift, Kind
from driftscan.model.item import Json

if TYPE_CHECKING:
    from driftscan.baseline.edit import Document
    from driftscan.drift.subject import Subject

_LACKING = "not there: "


class Step(NamedTuple):
    """One change of the file: what is expected of a thing from now on, that it is absent, or nothing any more."""

    verb: Literal["expect", "absent", "forget"]
    scope: str
    key: str
    attributes: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which drift is to be taken in: all, or what any of the others names."""

    everything: bool = False
    keys: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()

    def has(self, drift: Drift) -> bool:
        """Whether a drift is among them; what could not be seen never is."""
        if drift.kind is Kind.UNKNOWN:
            return False
        below = any(f"{drift.key}/".startswith(f"{path.rstrip('/')}/") for path in self.paths)
        return self.everything or below or drift.key in self.keys or drift.scope in self.scopes


def chosen(check: Check, single: Sequence[Drift], wanted: Wanted) -> list[Drift]:
    """Return those of `single` drifts that are wanted, by themselves or because they are told with one that is.

    What is accepted comes only by its key: it is to end some day.
    """
    names: set[str] = set()
    for drift in check.drifts:
        if wanted.has(drift):
            names |= {f"{drift.scope} {drift.key}", *map(str, drift.evidence.get("includes") or ())}
    names |= {f"{drift.scope} {drift.key}" for drift in check.accepted if drift.key in wanted.keys}
    accepted = {f"{drift.scope} {drift.key}" for drift in check.accepted} - names
    return [
        drift
        for drift in single
        if drift.kind is not Kind.UNKNOWN
        and (
            f"{drift.scope} {drift.key}" in names
            or (wanted.has(drift) and f"{drift.scope} {drift.key}" not in accepted)
        )
    ]


def steps(
    drifts: Sequence[Drift],
    baseline: Baseline,
    lower: Baseline,
    subjects: "Mapping[tuple[str, str], Subject]",
    versions: Versions = "any",
) -> list[Step]:
    """Return what takes `drifts` in; `subjects` are what the host has.

    `lower` is what the file extends: what that declares, and the host has not, has to be declared absent. Of what
    comes in anew the version is declared as `versions` says.
    """
    return [step for drift in drifts if (step := _step(drift, baseline, lower, subjects, versions)) is not None]


def apply(steps: Sequence[Step], document: "Document") -> None:
    """Make the changes in the file."""
    for step in steps:
        if step.verb == "forget":
            document.forget(step.scope, step.key)
        elif step.verb == "absent":
            document.expect(step.scope, step.key, "absent")
        elif step.scope == "trees":
            document.tree(step.key, str(step.attributes["digest"]))
        else:
            document.expect(step.scope, step.key, dict(step.attributes))


def declared(subject: "Subject", versions: Versions) -> dict[str, Json]:
    """Return the attributes by which a subject is declared."""
    attributes = dict(subject.attributes)
    if "version" in attributes and versions != "exact":
        version = attributes.pop("version")
        if versions == "at-least":
            attributes["version"] = f">= {version}" if is_ordered(subject.scope) else version
    return attributes


def _step(
    drift: Drift,
    baseline: Baseline,
    lower: Baseline,
    subjects: "Mapping[tuple[str, str], Subject]",
    versions: Versions,
) -> Step | None:
    name = scope, key = drift.scope, drift.key
    subject = subjects.get(name)
    if drift.kind is Kind.UNKNOWN:
        return None
    if drift.kind is Kind.MISSING:
        if scope == "trees":  # nothing says of a directory as a whole that it is not there
            return None if key in lower.trees else Step("forget", scope, key, {})
        packaged = subject is not None and subject.absent
        return Step("absent" if packaged or name in lower.expected else "forget", scope, key, {})
    if drift.kind is Kind.CHANGED and name in baseline.expected:
        return _changed(baseline.expected[name], lower.expected.get(name), drift.changes)
    if subject is not None:
        return Step("expect", scope, key, declared(subject, versions))
    found = {change.attribute: change.found for change in drift.changes if change.found not in (None, "", [])}
    return Step("expect", scope, key, found)


def _changed(expected: Expected, lower: Expected | None, changes: Sequence[Change]) -> Step:
    """Return a line with the values that were found; what was not found is declared no more."""
    below = {} if lower is None or lower.absent else dict(lower.attributes)
    attributes = dict(expected.attributes)
    for change in changes:
        value = _found(change)
        if value not in (None, "", []):
            attributes[change.attribute] = value
        elif change.attribute in below:
            attributes[change.attribute] = None
        else:
            attributes.pop(change.attribute, None)
    own = {name: value for name, value in attributes.items() if name not in below or below[name] != value}
    return Step("forget" if below and not own else "expect", expected.scope, expected.key, own)


def _found(change: Change) -> Json:
    if change.attribute == "lines":  # those that are not there are what was found
        lacking = {str(line).removeprefix(_LACKING) for line in change.found or ()}
        return [line for line in change.expected if line not in lacking]
    if change.attribute == "version" and str(change.expected).startswith(">=") and change.found:
        return f">= {change.found}"
    return change.found
