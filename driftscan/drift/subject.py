"""A subject: one thing of a host as it is compared with a baseline."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftscan.model.drift import Change
from driftscan.model.explanation import Explanation
from driftscan.model.item import Item, Json
from driftscan.scopes.base import Scope


@dataclass(frozen=True, slots=True)
class Subject:
    """One item, path or tree: `attributes` are its golden ones, without those that need not be declared.

    `explanation` says why it may be there undeclared. `golden`: a baseline that is made from the host declares it.
    `item` is None for a path or a tree. `absent`: a path of a package that is not on the disk. `deviates` says what a
    packaged path has otherwise than its package; `evidence` helps a person to know what it is.
    """

    scope: str
    key: str
    attributes: Mapping[str, Json]
    explanation: Explanation | None = None
    golden: bool = True
    item: Item | None = None
    absent: bool = False
    deviates: tuple[Change, ...] = ()
    evidence: Mapping[str, Json] | None = None


def golden(scope: Scope, item: Item) -> dict[str, Json]:
    """Return the golden attributes of an item: empty ones and usual ones need not be declared."""
    found = {column.name: item.attributes.get(column.name) for column in scope.columns if column.golden}
    usual = {column.name: column.usual for column in scope.columns}
    return {name: value for name, value in found.items() if value not in (None, "", []) and value not in usual[name]}
