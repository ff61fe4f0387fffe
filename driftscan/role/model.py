"""`Role`: the one model between snapshots and emitters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from driftscan.role.resources import Resource


@dataclass(frozen=True, slots=True)
class Handler:
    """A command that runs once where something has changed that notifies it: reload units, restart, build a cache.

    `name` is for people and is what `Resource.notify` says ("restart nginx.service"). Handlers run in the role's order.
    """

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that the role must be given.

    `paths` are where it stands; `what` says in a few words what it is (`password hash of deploy`, `private key`).
    `whole`: it is all that the file holds.
    """

    variable: str
    paths: tuple[str, ...]
    what: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Data:
    """State to be moved: `engine` is a database's name or "" (files); `size` in bytes, None unknown."""

    path: str
    engine: str
    size: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Program:
    """A program that came from nowhere that is known: it is copied as it is, `copied`, or cannot be had."""

    path: str
    why: str
    copied: bool = True


@dataclass(frozen=True, slots=True)
class Stranger:
    """A process that nobody explains, and that nothing starts again."""

    command: str
    user: str
    why: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A thing of the host that the role does not make again, and why; `limit` marks what driftscan cannot do."""

    scope: str
    key: str
    reason: str
    limit: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """One thing that the host is for, as an image could hold it alone.

    `command` is what runs, in words; `user` as whom; `environment` are literal settings, name and value; `packages`
    the leaf packages that it needs; `paths` the topmost paths of the role that belong to it; `ports` are like
    `8081/tcp`; `starts` the unit or script that starts it on the host.
    """

    name: str
    command: tuple[str, ...]
    user: str = "root"
    directory: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    packages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    starts: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """What must be done on top of a stock install; `resources` in the order in which they must be made.

    `taken` is when the snapshot was; `release` its facts (`id`, `version`, `codename`, `name`, `architecture`);
    `manager` the package manager (dpkg, rpm, pacman, apk). `notes` are for people: what could not be seen or fetched.
    """

    name: str
    host: str
    taken: datetime
    release: Mapping[str, str]
    manager: str
    resources: tuple[Resource, ...] = ()
    handlers: tuple[Handler, ...] = ()
    secrets: tuple[Secret, ...] = ()
    data: tuple[Data, ...] = ()
    programs: tuple[Program, ...] = ()
    processes: tuple[Stranger, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    functions: tuple[Function, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def empty(self) -> bool:
        """Whether a stock install needs nothing done."""
        return not self.resources

    @property
    def digest(self) -> str:
        """32 hexadecimal digits, the same for the same resources and handlers."""
        told = repr((self.resources, self.handlers)) + "".join(
            blake2b(data, digest_size=16).hexdigest() for one in self.resources if (data := _payload(one)) is not None
        )
        return blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _payload(resource: Resource) -> bytes | None:
    """Return what a resource holds and its repr does not show."""
    data = getattr(resource, "data", None)
    if isinstance(data, bytes):
        return data
    content = getattr(resource, "content", None)
    return repr(content).encode() if content is not None else None
