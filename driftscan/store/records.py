"""What the store answers: plain records that know nothing of a database."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """One snapshot in the database without its contents; `taken` is UTC, `seconds` how long the scan took."""

    id: int
    host: str
    taken: datetime
    seconds: float
    transport: str
    version: str
    files: int
    complete: bool


@dataclass(frozen=True, slots=True)
class StoredHost:
    """One host that was scanned, how many of its snapshots are kept, and the newest of them."""

    name: str
    role: str
    snapshots: int
    newest: StoredSnapshot | None


@dataclass(frozen=True, slots=True)
class SavedSnapshot:
    """What saving did.

    `new_items` began to be seen on this host, `ended_items` were proven gone; `bytes_stored` counts the data that the
    database did not have yet: compressed objects, and the text of items.
    """

    id: int
    host: str
    taken: datetime
    new_items: int
    ended_items: int
    bytes_stored: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What pruning removed, or would remove; `bytes_freed` counts compressed objects and the text of items."""

    snapshots: int
    items: int
    objects: int
    bytes_freed: int


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """How much the database holds; sizes in bytes, `url` without password, `object_bytes` compressed."""

    url: str
    size: int
    schema: str
    hosts: int
    snapshots: int
    items: int
    sightings: int
    objects: int
    object_bytes: int
