"""Items: what a scope found, with the columns by which people and SQL see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = Any  # str | int | float | bool | None | list[Json] | dict[str, Json], text as made by model.text


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute of a scope's items.

    `volatile` values (pid, start time …) change without anything having changed: they are kept beside the item,
    for its newest sighting only. A column with `owner_of` is filled by the collector: it names the package that owns
    the path in the attribute `owner_of`; "" where the package database was read and no package owns that path, None
    where it could not be read or there is no path. `golden` columns are what a baseline declares and what drift is
    told by; the others describe, or follow from these. A golden value among `usual` need not be declared: a thing that
    is declared without a word on such a column is expected to have one of them (no hold, no capabilities).
    """

    name: str
    kind: Literal["text", "integer", "real", "boolean", "json"]
    doc: str
    volatile: bool = False
    owner_of: str = ""
    golden: bool = False
    usual: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One thing found in a scope; `key` is unique there and is the same in the next scan of an unchanged host."""

    scope: str
    key: str
    attributes: Mapping[str, Json]
    volatile: Mapping[str, Json] = field(default_factory=dict)
