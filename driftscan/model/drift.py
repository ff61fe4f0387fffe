"""Drift: what differs between a snapshot and a baseline, or between two snapshots."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from hashlib import blake2b
from json import dumps
from typing import NamedTuple

from driftscan.model.finding import Severity
from driftscan.model.item import Json

UNDECLARED = "nothing declares or explains it"  # the reason of what is unexpected


class Kind(Enum):
    """What a drift is; UNKNOWN is what could not be looked at, and is never one of the others."""

    MISSING = "missing"
    UNEXPECTED = "unexpected"
    CHANGED = "changed"
    UNKNOWN = "unknown"


class Change(NamedTuple):
    """One attribute that is not what was expected; None stands for an attribute that is not there."""

    attribute: str
    expected: Json
    found: Json


@dataclass(frozen=True, slots=True)
class Since:
    """Since when something is as it is.

    `seen` is when the first snapshot that saw it was taken, `number` that snapshot's; `before` is when the last
    snapshot was taken that saw it otherwise, None when every kept one saw it so. `changed` is the host's own word for
    it: the ctime of a file.
    """

    seen: datetime
    number: int
    before: datetime | None = None
    changed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A drift that a person has accepted.

    `scope` and `pattern` say which: the pattern is one of the shell, matched with the key; `kind` limits it to one kind
    of drift. `until` is the last day on which it holds, `where` the line of the file that it stands in.
    """

    scope: str
    pattern: str
    why: str
    who: str
    until: date
    where: str
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: `scope` and `key` are those of the item, of files the path.

    `reason` says what decides: the line of a baseline, or that nothing declares or explains the thing. `evidence` are
    telling facts; under `includes` it has the subjects that are there for the same cause and are told with this one.
    `diff` are the lines of a unified diff of a text, secrets replaced. Of an UNKNOWN the key is "" where the whole
    scope is meant.
    """

    kind: Kind
    severity: Severity
    scope: str
    key: str
    changes: tuple[Change, ...] = ()
    reason: str = ""
    evidence: Mapping[str, Json] = field(default_factory=dict)
    diff: tuple[str, ...] = ()
    since: Since | None = None
    by: str = ""
    acceptance: Acceptance | None = None

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that stay the same from night to night while the drift is the same."""
        told = [self.kind.value, self.scope, self.key, [list(change) for change in self.changes]]
        return blake2b(dumps(told, sort_keys=True).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Check:
    """What became of the comparison of one host.

    `number` and `taken` are the snapshot's, 0 and None where there is none; `against` names what it was compared with:
    the baseline's file, a snapshot, or "" where there was nothing. `drifts`, the gravest first, are those that nobody
    has accepted, the UNKNOWN among them; `accepted` the others. `warnings` are lines about the baseline itself:
    acceptances that have ended or will within a week. `error` says why the host was not seen, or not compared: then
    the snapshot is the last one of it that there is.
    """

    host: str
    role: str = ""
    number: int = 0
    taken: datetime | None = None
    seconds: float = 0.0
    against: str = ""
    drifts: tuple[Drift, ...] = ()
    accepted: tuple[Drift, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""

    @property
    def unknown(self) -> tuple[Drift, ...]:
        """What could not be compared."""
        return tuple(drift for drift in self.drifts if drift.kind is Kind.UNKNOWN)

    @property
    def known(self) -> tuple[Drift, ...]:
        """What is known to differ."""
        return tuple(drift for drift in self.drifts if drift.kind is not Kind.UNKNOWN)

    @property
    def clean(self) -> bool:
        """Whether the host was seen whole and nothing differs."""
        return not self.error and not self.drifts
