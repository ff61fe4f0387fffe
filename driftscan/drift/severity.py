"""How much a drift matters, where no baseline says otherwise."""

from driftscan.baseline.model import Grade, matches
from driftscan.model.drift import Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.item import Json

_DOORS = ("key ", "sudo ", "sudo-default ")  # kinds of accounts that let somebody in
_SCOPES = {
    "processes": Severity.MEDIUM,
    "sockets": Severity.MEDIUM,
    "network": Severity.MEDIUM,
    "alternatives": Severity.LOW,
    "system": Severity.LOW,
    "language_packages": Severity.LOW,
    "applications": Severity.LOW,
    "checkouts": Severity.LOW,
}
_WRITABLE, _SPECIAL, _STICKY = 0o002, 0o6000, 0o1000


def severity(drift: Drift, grades: tuple[Grade, ...] = ()) -> Severity:
    """Return how much `drift` matters: as the last of `grades` says that fits, else by what it is."""
    for grade in reversed(grades):
        if _fits(grade, drift):
            return grade.severity
    if drift.kind is Kind.UNKNOWN:
        return Severity.MEDIUM
    if drift.scope in {"files", "trees"}:
        return _of_path(drift)
    if drift.scope == "accounts":
        return _of_account(drift)
    if drift.scope == "packages":
        return _of_package(drift)
    return _SCOPES.get(drift.scope, Severity.MEDIUM)


def _fits(grade: Grade, drift: Drift) -> bool:
    return (
        grade.scope in {"", drift.scope}
        and grade.kind in {None, drift.kind}
        and matches(grade.pattern, drift.key)
        and (not grade.attribute or any(change.attribute == grade.attribute for change in drift.changes))
    )


def _of_path(drift: Drift) -> Severity:
    """Grade the drift of a path: new rights to be another user, or for everybody to write, are grave."""
    for change in drift.changes:
        if change.attribute == "mode" and _opened(_bits(change.found) & ~_bits(change.expected)):
            return Severity.HIGH
        if change.attribute == "capabilities" and change.found:
            return Severity.HIGH
    if drift.kind is Kind.UNEXPECTED and _bits(drift.evidence.get("mode")) & _SPECIAL:
        return Severity.HIGH
    return Severity.MEDIUM


def _opened(bits: int) -> bool:
    """Whether rights let everybody write, or be another user; a sticky directory is made for everybody."""
    return bool(bits & _SPECIAL or (bits & _WRITABLE and not bits & _STICKY))


def _bits(mode: Json) -> int:
    try:
        return int(str(mode), 8)
    except ValueError:
        return 0


def _of_account(drift: Drift) -> Severity:
    opened = drift.kind is Kind.UNEXPECTED and drift.key.startswith(("user ", *_DOORS))
    told = {change.attribute for change in drift.changes}
    if opened or (drift.kind is Kind.CHANGED and told & {"uid", "password", "shell", "options"}):
        return Severity.HIGH
    return Severity.MEDIUM


def _of_package(drift: Drift) -> Severity:
    told = {change.attribute for change in drift.changes}
    return Severity.LOW if drift.kind is Kind.CHANGED and told <= {"version"} else Severity.MEDIUM
