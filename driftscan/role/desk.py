"""The desk at which a role is planned: the host as it was seen, what a person decided, and the files' content."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from weakref import WeakKeyDictionary

from driftscan.baseline.model import Baseline
from driftscan.drift.observed import Observed, observe
from driftscan.drift.propose import stands_out
from driftscan.drift.subject import Subject
from driftscan.explain.view import View
from driftscan.findings.base import Judgement
from driftscan.model.discovery import modules
from driftscan.model.text import raw
from driftscan.role.model import Data, Function, Handler, LeftOut, Program, Stranger
from driftscan.role.resources import Content, Resource, Why
from driftscan.role.secrets import Secrets
from driftscan.role.steering import Steering

Planned = Resource | Handler | Data | Program | Stranger | LeftOut | Function
Read = Callable[[bytes], bytes | None]  # the content of a regular file; None where it is not known


_observed: "WeakKeyDictionary[View, Observed]" = WeakKeyDictionary()  # a role is planned more than once
_EXCLUDED = "left out by the one who steers"


def upwards(path: str) -> Iterator[str]:
    """Yield `path` and every directory above it but the root."""
    while path:
        yield path
        path = path.rpartition("/")[0]


@dataclass
class Desk:
    """What planners work with.

    With a baseline `declared` the role is what that declares; else it is all that was found. `hashes`: those of
    passwords are asked for too, for a proof that is to have the old host's secrets.
    `early` are paths that the package manager needs: what lies there or below is made before the packages. `taken`
    are paths that a planner has dealt with, with all below; `files`, the last one, leaves them alone. `checkouts` maps
    the top of a checkout that is planned to the paths in it that are not as its commit has them. `wanted` are the paths
    whose content was asked for.
    """

    view: View
    judgement: Judgement
    steering: Steering
    read: Read
    declared: Baseline | None = None
    secrets: Secrets = field(default_factory=Secrets)
    hashes: bool = False
    early: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    checkouts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    wanted: set[bytes] = field(default_factory=set)
    observed: Observed = field(init=False)

    def __post_init__(self) -> None:
        known = _observed.get(self.view)
        self.observed = known if known is not None else _observed.setdefault(self.view, observe(self.view))

    @property
    def subjects(self) -> Mapping[tuple[str, str], Subject]:
        """Everything that can be decided on, by scope and key."""
        return self.observed.subjects

    def of(self, scope: str) -> Iterable[Subject]:
        """Yield what of `scope` is no stock, by key: nothing explains it, or its package has it otherwise.

        What a person includes is among it; what one excludes, or the baseline does not declare, is not.
        """
        for (name, key), subject in sorted(self.subjects.items()):
            if name == scope and self.wants(subject) and not self.refusal(name, key):
                yield subject

    def wants(self, subject: Subject) -> bool:
        """Whether a subject is no stock, or a person wants it all the same."""
        return stands_out(subject) or self.steering.includes(subject.scope, subject.key)

    def refusal(self, scope: str, key: str) -> str:
        """Return why a thing shall not be in the role, by a person's word or the baseline's; "" if it may be."""
        if self.steering.excludes(scope, key):
            return _EXCLUDED
        if self.declared is None or self.steering.includes(scope, key):
            return ""
        if scope in {"files", "trees"}:
            trees = self.declared.trees
            if any(step in trees or ("files", step) in self.declared.expected for step in upwards(key)):
                return ""
        return "" if (scope, key) in self.declared.expected else "the baseline does not declare it"

    def word(self, path: str) -> str:
        """Return why a path shall not be in the role by a person's word alone."""
        return _EXCLUDED if self.steering.excludes("files", path) else ""

    def owner(self, path: str) -> tuple[str, str]:
        """Return user and group of a path, by their names in the role; numbers where no account has one."""
        entry = self.view.directories.entry(raw(path))
        if entry is None:
            return "root", "root"
        uid, gid = entry.owner
        user, group = self.view.names.users.get(uid, str(uid)), self.view.names.groups.get(gid, str(gid))
        return self.steering.named(user), self.steering.named(group)

    def is_taken(self, path: str) -> bool:
        """Whether a planner has dealt with a path, or with a directory above it."""
        return any(step in self.taken for step in upwards(path))

    def is_early(self, path: str) -> bool:
        """Whether the package manager needs a path."""
        return any(step in self.early for step in upwards(path))

    def why(self, subject: Subject, words: str = "") -> Why:
        """Return the reason of a resource that makes `subject` again."""
        return Why(subject.scope, subject.key, words)

    def bytes(self, path: str) -> bytes | None:
        """Return what a regular file says, secrets included; None where that is not known. It is marked as wanted."""
        self.wanted.add(raw(path))
        return self.read(raw(path))

    def content(self, path: str) -> Content | None:
        """Return what a regular file says with its secrets as variables; None where that is not known."""
        data = self.bytes(path)
        return None if data is None else self.secrets.split(path, data)


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans one concern; a module of `role.planners` offers one as `PLANNER`. The lowest `rank` is asked first."""

    name: str
    rank: int
    plan: Callable[[Desk], Iterable[Planned]]


@cache
def planners() -> tuple[Planner, ...]:
    """Return every planner in the order in which they are asked."""
    found: list[Planner] = [
        module.PLANNER for module in modules("driftscan.role.planners") if hasattr(module, "PLANNER")
    ]
    return tuple(sorted(found, key=lambda one: (one.rank, one.name)))
