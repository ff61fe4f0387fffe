"""A golden baseline as it is compared with: read, its layers put together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from driftscan.model.drift import Acceptance, Kind
from driftscan.model.finding import Severity
from driftscan.model.item import Json

Policy = Literal["explained", "unexpected", "allowed"]


@dataclass(frozen=True, slots=True)
class Expected:
    """One thing that a baseline declares: `scope` and `key` are the item's, of files the path.

    `attributes` are compared, those alone; {}: it only has to be there. `absent`: it must not be there. `where` is the
    file and line that say so (`webserver.yaml:14`).
    """

    scope: str
    key: str
    attributes: Mapping[str, Json]
    where: str
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory that is declared as a whole: `digest` as `drift.trees` makes it, "" for data: anything goes."""

    path: str
    digest: str
    where: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """What is not compared: a shell pattern of keys, of one scope or ("") of all.

    A pattern of a path holds for all below it too.
    """

    scope: str
    pattern: str
    reason: str
    where: str

    def covers(self, scope: str, key: str) -> bool:
        """Whether an item is ignored."""
        return self.scope in {"", scope} and matches(self.pattern, key)


@dataclass(frozen=True, slots=True)
class Grade:
    """The severity of some drifts; "" and None stand for any scope, pattern "*" for any key."""

    severity: Severity
    where: str
    scope: str = ""
    pattern: str = "*"
    kind: Kind | None = None
    attribute: str = ""


@dataclass(frozen=True)
class Baseline:
    """What the hosts of `role` should be; `sources` are the files it was read from, the role's own first.

    `others` says what holds for what is not declared, by scope: `explained` (the default) leaves it to explanation,
    `unexpected` takes it for drift, `allowed` lets it be. Of `grades` the last that fits counts. `digest` names what
    the files say, so that a result can be kept for it.
    """

    role: str
    sources: tuple[str, ...] = ()
    expected: Mapping[tuple[str, str], Expected] = field(default_factory=dict)
    trees: Mapping[str, Tree] = field(default_factory=dict)
    others: Mapping[str, Policy] = field(default_factory=dict)
    ignore: tuple[Ignore, ...] = ()
    grades: tuple[Grade, ...] = ()
    acceptances: tuple[Acceptance, ...] = ()
    digest: str = ""


def matches(pattern: str, key: str) -> bool:
    """Whether a shell pattern fits a key; that of a path fits what lies below it as well.

    A pattern that is spelled as the key itself fits it, wildcards or not: paths may hold stars.
    """
    if pattern == key or fnmatchcase(key, pattern):
        return True
    return pattern.startswith("/") and (key.startswith(f"{pattern}/") or fnmatchcase(key, f"{pattern}/*"))
