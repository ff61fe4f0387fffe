"""What a scope is: probes to run on the host, and a pure parser from what they brought to items."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple, Protocol

from driftscan.model.discovery import modules
from driftscan.model.item import Column, Item
from driftscan.model.manifest import Manifest
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.model.search import Sought
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import Entry

Results = Mapping[str, ProbeResult]  # probe name -> result; only probes that ran


@dataclass(frozen=True, slots=True)
class Probe:
    r"""One read-only POSIX sh script; it runs in a subshell of the bundle, with LC_ALL=C, stdin from /dev/null.

    `$R` is the root to look at ("" on a live host), `$SELF` the process id of the bundle's shell. These functions can
    be called (see `collect/bundle.sh`):

    - `ds_file PATH…` shows files whole (`ProbeResult.files`), each with an outcome of its own; PATH is without `$R`.
    - `ds_dir DIR` does so for every regular file or link to one directly in DIR; DIR itself appears as a file with
      its outcome when it cannot be listed or is not there.
    - `ds_absent WORDS…`, `ds_denied WORDS…` end the probe with that outcome.

    `tools` must all be on the host, else the outcome is absent; of the tools that every host should have (see
    `bundle.sh`) it is failed, and none of them needs to be named but those that another program calls, as xargs does. `accepts` are the exit codes that are no failure.
    `timeout` is in seconds, `limit` in bytes of output. `live` probes need a running kernel: an image has none.
    No here-document may be used (bash writes it to /tmp), nor anything else that writes.
    """

    name: str
    script: str
    tools: tuple[str, ...] = ()
    accepts: frozenset[int] = frozenset({0})
    timeout: float = 30.0
    limit: int = 32 << 20
    live: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a scope made of its results.

    `unparsed` maps a probe's name to why its output was not understood (the rest of it may still have given items);
    `denied` maps it to what could not be read though the probe as a whole worked.
    """

    items: Sequence[Item] = ()
    unparsed: Mapping[str, str] = field(default_factory=dict)
    denied: Mapping[str, str] = field(default_factory=dict)
    manifests: Sequence[Manifest] = ()
    notes: Sequence[str] = ()


class Change(NamedTuple):
    """One path that is not as it was: `before` is None where it is new, `after` where it is gone.

    A file that may have been written while it was read the last time is among them too, though nothing shows it.
    """

    path: bytes
    before: Entry | None
    after: Entry | None

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link, or was one."""
        return any(entry is not None and entry.kind == "l" for entry in (self.before, self.after))

    @property
    def leads(self) -> bool:
        """Whether it is a link that something lasting may be reached by."""
        return self.is_link and not self.path.startswith((b"/tmp/", b"/var/tmp/", b"/run/", b"/proc/", b"/dev/"))

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, or was one."""
        return any(entry is not None and entry.kind == "f" for entry in (self.before, self.after))

    @property
    def name(self) -> bytes:
        """Name without the directory."""
        return self.path.rpartition(b"/")[2]

    @property
    def is_other(self) -> bool:
        """Whether it came, went, or has another type, mode, owner or target: more than a directory's new listing."""
        before, after = self.before, self.after
        return before is None or after is None or before.meta != after.meta or before.link != after.link


@dataclass(frozen=True)
class Since:
    """The last snapshot, and every path that changed since.

    The packages own the same paths as then, the same accounts have the same numbers, other systems' roots lie where
    they lay, and commands run as the same user: what a scope has said then holds as long as no file says otherwise.
    """

    before: Snapshot
    changes: Sequence[Change]

    @cached_property
    def paths(self) -> frozenset[bytes]:
        """The paths of `changes`."""
        return frozenset(change.path for change in self.changes)

    def said(self, scope: str) -> "Parsed | None":
        """Return all that `scope` said then; None where it had not seen everything."""
        coverage = self.before.coverage.get(scope)
        if coverage is None or coverage.outcome is not Outcome.OK or coverage.gaps:
            return None
        return Parsed(self.before.of(scope), notes=coverage.notes)


@dataclass(frozen=True, slots=True)
class Again:
    """What a scope looks at again of what it looked at before: the probes that are left, and what still holds."""

    probes: Sequence[Probe]
    kept: Parsed


@dataclass(frozen=True, slots=True)
class Follow:
    """A second look that depends on what the first has shown: the files that a scope wants to read are found by then.

    Both functions get the snapshot as it is after the first look: the file tree, its links, whose the paths are, and
    the items of every scope without a follow. What `parse` returns comes on top of what the scope's first look gave.
    `again` says what is left to do where the host was scanned before; None: all of it. `sought` is what they look for
    in the tree by name, so that it is found in one pass for all scopes.
    """

    probes: Callable[[Snapshot], Sequence[Probe]]
    parse: Callable[[Snapshot, Results], Parsed]
    again: Callable[[Snapshot, Since], Again | None] = lambda _snapshot, _since: None
    sought: Sequence[Sought] = ()


def unless(scope: str, concerns: Callable[[Snapshot, Since], bool]) -> Callable[[Snapshot, Since], Again | None]:
    """Return a `Follow.again` that keeps all that `scope` said, unless a change `concerns` it."""

    def again(snapshot: Snapshot, since: Since) -> Again | None:
        said = since.said(scope)
        return None if said is None or concerns(snapshot, since) else Again((), said)

    return again


class Scope(Protocol):
    """One kind of thing that is inspected; a module of this package offers one as `SCOPE`."""

    @property
    def name(self) -> str:
        """The word in tables, on the command line and in SQL, where it is the view's name."""

    @property
    def doc(self) -> str:
        """One line on what its items are."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The attributes of its items, in the order in which a table shows them."""

    @property
    def probes(self) -> tuple[Probe, ...]:
        """What is run on the host."""

    @property
    def parse(self) -> Callable[[Results], Parsed]:
        """Turn what the probes brought into items; never raises on hostile output, never invents an item."""

    @property
    def derive(self) -> Callable[[Snapshot, bytes], Iterable[Item]] | None:
        """For a scope that is kept in the file tree and not as items: its items at or below a path."""

    @property
    def follow(self) -> Follow | None:
        """A second look, for a scope whose probes depend on the file tree."""

    @property
    def local(self) -> Callable[[], Parsed] | None:
        """A way to look at this very machine without probes, where there is a better one."""

    @property
    def golden(self) -> Callable[[Item], bool]:
        """Whether a baseline declares an item even where something explains it: its state is somebody's decision.

        Only scopes with golden columns are compared with a baseline at all.
        """


@dataclass(frozen=True, slots=True)
class ItemScope:
    """A scope whose parser is a plain function."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    probes: tuple[Probe, ...] = ()
    parse: Callable[[Results], Parsed] = lambda _results: Parsed()
    follow: Follow | None = None
    derive: Callable[[Snapshot, bytes], Iterable[Item]] | None = None
    local: Callable[[], Parsed] | None = None
    golden: Callable[[Item], bool] = lambda item: not item.attributes.get("automatic")


@cache
def scopes() -> dict[str, Scope]:
    """Return every scope of this package by name, in alphabetical order."""
    found: list[Scope] = [module.SCOPE for module in modules("driftscan.scopes") if hasattr(module, "SCOPE")]
    return {scope.name: scope for scope in found}
