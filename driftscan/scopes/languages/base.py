"""Language packages, whatever the ecosystem: what is looked at, and what is known of one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache

from driftscan.model.directories import Directories
from driftscan.model.discovery import modules
from driftscan.model.item import Json
from driftscan.model.search import Sought
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import text
from driftscan.model.tree import Entry
from driftscan.scopes._places import elsewhere, packaged

READABLE = 1 << 20  # bytes: `ds_file` shows no more of a file
PATHS = 2000  # paths of one package that are kept
_SYSTEM = frozenset({b"", b"/usr", b"/usr/local"})  # prefixes of the system's own interpreters

Shown = Mapping[bytes, bytes]  # path of a file -> its content


@dataclass(frozen=True, slots=True)
class Look:
    """The file tree as the ecosystems look at it: `entries` are those with the names that they asked for."""

    snapshot: Snapshot
    directories: Directories
    entries: Sequence[Entry]

    def readable(self, path: bytes) -> bool:
        """Whether `path` is a plain file that can be shown whole."""
        entry = self.directories.entry(path)
        return entry is not None and entry.kind == "f" and entry.size <= READABLE


@dataclass(frozen=True, slots=True)
class Package:
    """One package; `paths` are absolute, directories of its own first and foremost, then single files."""

    name: str
    version: str | None
    root: bytes
    environment: bytes
    metadata: bytes
    paths: Sequence[bytes]
    files: int
    requested: bool | None = None
    installer: str | None = None
    origin: str | None = None

    def attributes(self, ecosystem: str) -> dict[str, Json]:
        """Return the attributes of its item."""
        top = self.root.rstrip(b"/") + b"/"
        paths = sorted(self.paths)[:PATHS]
        return {
            **asdict(self),
            "ecosystem": ecosystem,
            "root": text(self.root),
            "environment": text(self.environment),
            "metadata": text(self.metadata),
            "paths": [text(path.removeprefix(top)) for path in paths],
        }


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """One kind of packages; a module of this package offers one as `ECOSYSTEM`.

    `names` and `endings` are of the files by which its packages are found; `plan` says which files are to be shown,
    the most telling first; `packages` makes of them what there is, and must do without those that were not shown.
    """

    name: str
    names: frozenset[bytes]
    endings: tuple[bytes, ...]
    plan: Callable[[Look], Iterable[bytes]]
    packages: Callable[[Look, Shown], Iterable[Package]]


def ecosystems() -> list[Ecosystem]:
    """Return every ecosystem of this package."""
    return [module.ECOSYSTEM for module in modules("driftscan.scopes.languages") if hasattr(module, "ECOSYSTEM")]


@cache
def sought() -> Sought:
    """Return by what names and endings the packages of all ecosystems are found."""
    every = ecosystems()
    names = frozenset().union(*(one.names for one in every))
    return Sought(names, tuple(ending for one in every for ending in one.endings))


def look(snapshot: Snapshot) -> Look:
    """Find what the ecosystems go by; what a distribution's package owns or another system holds is left out."""
    foreign = elsewhere(snapshot)
    found = snapshot.search.named(*sought())
    entries = [entry for entry in found if not foreign(entry.path) and not _distribution(snapshot, entry)]
    return Look(snapshot, snapshot.directories, entries)


def _distribution(snapshot: Snapshot, entry: Entry) -> bool:
    # A node_modules that packages use may hold others beside theirs: each is asked about on its own.
    return not entry.path.endswith(b"/node_modules") and packaged(snapshot, entry.path)


def environment(prefix: bytes) -> bytes:
    """Return the environment below which an interpreter's packages lie; b"" when it is the system's."""
    return b"" if prefix in _SYSTEM else prefix
