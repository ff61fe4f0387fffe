"""What the store answers: plain records that know nothing of a database."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from driftscan.model.item import Item
from driftscan.model.outcome import Outcome


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
    """What pruning removed, or would remove; `bytes_freed` counts compressed objects and the text of items.

    `gone` are the snapshots themselves, by host and newest first.
    """

    snapshots: int
    items: int
    objects: int
    bytes_freed: int
    gone: tuple[StoredSnapshot, ...] = field(default=(), compare=False, repr=False)


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


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong with a database, in one line; `mendable` if the rest can be freed from it."""

    what: str
    mendable: bool = False


@dataclass(frozen=True, slots=True)
class Checkup:
    """What became of a look at a whole database: how much was looked at, and what is wrong with it.

    After a repair `mended` is what was wrong and no longer is, `faults` what is left, `backup` the copy from before.
    """

    info: DatabaseInfo | None
    faults: tuple[Fault, ...] = ()
    mended: tuple[Fault, ...] = ()
    backup: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """One state that an item had on a host, for as long as it lasted without a proven end.

    It was seen first in snapshot `first`, taken at `seen`, and last in `last`; `gone` is the first that proved it
    away, or another state in its place, None while none has. Any of them may have been pruned since. `item` has its
    volatile attributes as last seen.
    """

    host: str
    item: Item
    first: int
    seen: datetime
    last: int
    last_seen: datetime
    gone: int | None = None
    gone_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A change of one item that snapshot `number` showed.

    `proven` is False of something new where no look before was whole: it may have been there, unseen.
    """

    number: int
    taken: datetime
    scope: str
    key: str
    what: Literal["new", "gone", "changed"]
    before: Item | None
    after: Item | None
    proven: bool = True


@dataclass(frozen=True, slots=True)
class Look:
    """How the look at one scope ended in one snapshot that is kept; `reason` says why it was not whole, or is ""."""

    number: int
    taken: datetime
    scope: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class StoredCheck:
    """What became of the comparison of a host's snapshot `number`; `digest` is that of what it was compared with."""

    number: int
    taken: datetime
    digest: str
    document: str


@dataclass(frozen=True, slots=True)
class Night:
    """A nightly run; `resumed` if it had been started before and did not come to its end."""

    number: int
    started: datetime
    resumed: bool
