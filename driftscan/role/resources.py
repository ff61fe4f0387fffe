"""The resources of a role: what each emitter must spell or refuse by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import ClassVar


class Stage(IntEnum):
    """When a resource is made; within a stage the order is that of the role."""

    ACCOUNTS = 10  # before the packages: a uid that is kept must not be taken by an account that a package makes
    REPOSITORIES = 20  # sources, keys, pins, the package manager's own settings, mirrors that lie on the host
    PACKAGES = 30
    MEMBERS = 40  # of groups that packages make too
    OVERRIDES = 50  # diversions, statoverrides
    FILES = 60  # directories, archives, files, links; checkouts before them
    LANGUAGES = 70  # pip, npm, gem …
    ALTERNATIVES = 80  # their programs are there now
    RIGHTS = 90  # modes and owners of packaged paths, ACLs, capabilities, extended attributes
    SERVICES = 100
    SEALS = 110  # immutable and append-only: nothing could be written afterwards


@dataclass(frozen=True, slots=True)
class Why:
    """The reason of a resource: the thing of the host that it makes again, and in words why that is no stock.

    `scope` and `key` are those of the item, of paths `files` and the path. `words` is one clause, for a comment.
    """

    scope: str
    key: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """A secret by its name: lower-case letters, digits, underscores, unique in a role."""

    name: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a file says: literal bytes and, in their places, secrets."""

    parts: tuple[bytes | Variable, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the secrets in it, each once."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Variable)))

    @property
    def literal(self) -> bytes | None:
        """All of it, where there is no secret in it; else None."""
        if self.variables:
            return None
        return b"".join(part for part in self.parts if isinstance(part, bytes))

    def filled(self, values: Mapping[str, bytes]) -> bytes:
        """Return it with the secrets put in; KeyError where one is not among `values`."""
        return b"".join(part if isinstance(part, bytes) else values[part.name] for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One thing to be made. Paths, names and values are text as `model.text.text` makes it; `raw` gives the bytes.

    `notify` names the handlers that must run once, before the services are started, where this has changed anything.
    """

    stage: ClassVar[Stage] = Stage.FILES
    why: Why
    notify: tuple[str, ...] = ()
    early: bool = False  # needed by the package manager: made in stage REPOSITORIES

    @property
    def when(self) -> Stage:
        """The stage that it is made in."""
        return Stage.REPOSITORIES if self.early else self.stage


@dataclass(frozen=True, kw_only=True)
class Group(Resource):
    """A group; `gid` None: any number."""

    stage = Stage.ACCOUNTS
    name: str
    gid: int | None
    system: bool = False


@dataclass(frozen=True, kw_only=True)
class User(Resource):
    """An account; `uid` None: any number. `password` is the secret with its hash, None: it is locked.

    `make_home`: the home is its own, to be made from the skeleton where it is missing. `shared_uid`: others have the
    number too. `expires` is a day (YYYY-MM-DD) or "".
    """

    stage = Stage.ACCOUNTS
    name: str
    uid: int | None
    group: str
    gecos: str = ""
    home: str = ""
    shell: str = ""
    system: bool = False
    make_home: bool = False
    shared_uid: bool = False
    password: Variable | None = None
    expires: str = ""


@dataclass(frozen=True, kw_only=True)
class Membership(Resource):
    """Groups that a user is in besides its primary one; those that it is in already are kept."""

    stage = Stage.MEMBERS
    user: str
    groups: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Refresh(Resource):
    """The package manager's lists are read anew: its repositories are not the stock ones."""

    stage = Stage.REPOSITORIES
    manager: str  # dpkg, rpm, pacman, apk


@dataclass(frozen=True, kw_only=True)
class Package(Resource):
    """A package from a repository; `version` "" is any, else at least that one, or `exact`ly. `hold`: not upgraded."""

    stage = Stage.PACKAGES
    name: str
    manager: str  # dpkg, rpm, pacman, apk
    version: str = ""
    exact: bool = False
    architecture: str = ""  # only where it is not the host's own
    hold: bool = False


@dataclass(frozen=True, kw_only=True)
class PackageFile(Resource):
    """A package that no repository has, from a file beside the role; `file` is its name there."""

    stage = Stage.PACKAGES
    name: str
    manager: str
    version: str
    file: str
    data: bytes = field(repr=False)
    hold: bool = False


@dataclass(frozen=True, kw_only=True)
class Diversion(Resource):
    """A local dpkg diversion, the file moved."""

    stage = Stage.OVERRIDES
    path: str
    to: str


@dataclass(frozen=True, kw_only=True)
class StatOverride(Resource):
    """Owner and mode by dpkg-statoverride, applied at once; `mode` in octal."""

    stage = Stage.OVERRIDES
    path: str
    user: str
    group: str
    mode: str


@dataclass(frozen=True, kw_only=True)
class Owned(Resource):
    """What has an owner: names, or numbers where no account has one; `mode` is octal with four digits."""

    path: str
    user: str = "root"
    group: str = "root"
    mode: str = "0644"


@dataclass(frozen=True, kw_only=True)
class Directory(Owned):
    """A directory."""


@dataclass(frozen=True, kw_only=True)
class File(Owned):
    """A regular file. `content` None: what it says is data; it is made empty where it is missing, else left alone."""

    content: Content | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Lines(Resource):
    """Lines that must be in a file of which the host has its own; those that are missing are added at its end."""

    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Link(Resource):
    """A symbolic link; whatever else lies there is replaced, a directory that is not empty excepted."""

    path: str
    target: str
    user: str = "root"
    group: str = "root"


@dataclass(frozen=True, kw_only=True)
class HardLink(Resource):
    """Another name of the file at `to`."""

    path: str
    to: str


@dataclass(frozen=True, kw_only=True)
class Special(Owned):
    """A fifo (`kind` p) or a device (c, b) with its numbers."""

    kind: str
    major: int = 0
    minor: int = 0


@dataclass(frozen=True, kw_only=True)
class Archive(Resource):
    """A tar.gz beside the role, unpacked over the directory `path`; its members are relative to that.

    `name` is the archive's file name there. It holds owners by name and number, modes, links, odd names: all that tar
    can. `digest` (hex SHA-256) is that of `data`. `members` are the paths in it, without directories' slashes.
    """

    path: str
    name: str
    data: bytes = field(repr=False)
    members: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the archive, hexadecimal."""
        return sha256(self.data).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Checkout(Resource):
    """A working copy at a commit; `kind` git, hg or svn; `user` is whose it is."""

    path: str
    kind: str
    remote: str
    commit: str
    branch: str = ""
    user: str = "root"
    group: str = "root"


@dataclass(frozen=True, kw_only=True)
class LanguagePackages(Resource):
    """Packages of a language, each with its version, in one place.

    `ecosystem` is pip, npm, gem …; `environment` the virtual environment or project directory, "" for the whole
    system. `interpreter` is the program that a virtual environment is made with. `user` is who installs.
    """

    stage = Stage.LANGUAGES
    ecosystem: str
    environment: str
    packages: tuple[tuple[str, str], ...]
    interpreter: str = ""
    user: str = "root"
    system_packages: bool = False  # a virtual environment that sees those of the system


@dataclass(frozen=True, kw_only=True)
class Alternative(Resource):
    """A choice of update-alternatives; `by_hand`: it was installed with `priority` by nobody's package.

    `manual`: chosen; else the best is taken.
    """

    stage = Stage.ALTERNATIVES
    name: str
    link: str
    value: str
    priority: int
    by_hand: bool
    manual: bool


@dataclass(frozen=True, kw_only=True)
class Rights(Resource):
    """Owner or mode of what a package brings, otherwise than it does; "" leaves as it is."""

    stage = Stage.RIGHTS
    path: str
    user: str = ""
    group: str = ""
    mode: str = ""


@dataclass(frozen=True, kw_only=True)
class Acl(Resource):
    """Entries of an access control list beyond the mode, as getfacl spells them (`user:deploy:rwx`, `default:…`)."""

    stage = Stage.RIGHTS
    path: str
    entries: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Capabilities(Resource):
    """File capabilities, as getcap spells them (`cap_net_bind_service=ep`)."""

    stage = Stage.RIGHTS
    path: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Xattr(Resource):
    """One extended attribute of the user namespace."""

    stage = Stage.RIGHTS
    path: str
    name: str
    value: bytes


@dataclass(frozen=True, kw_only=True)
class Absent(Resource):
    """A path of a package, or of the stock system, that was taken away."""

    path: str


@dataclass(frozen=True, kw_only=True)
class Service(Resource):
    """A unit or init script; None leaves as it is. `masked` excludes the others."""

    stage = Stage.SERVICES
    name: str  # with its ending for systemd: nginx.service, nightly.timer
    manager: str  # systemd or sysv
    enabled: bool | None = None
    active: bool | None = None
    masked: bool = False


@dataclass(frozen=True, kw_only=True)
class Flags(Resource):
    """Flags of chattr: immutable, append-only; taken off before the path is written, set at the end."""

    stage = Stage.SEALS
    path: str
    flags: tuple[str, ...]


def kinds() -> tuple[type[Resource], ...]:
    """Return every kind of resource."""
    return tuple(kind for kind in _below(Resource) if kind is not Owned)


def _below(kind: type[Resource]) -> list[type[Resource]]:
    return [found for sub in kind.__subclasses__() for found in (sub, *_below(sub))]
