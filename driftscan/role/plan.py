"""Planning a role: every planner is asked, what nobody planned is named."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from driftscan.baseline.model import Baseline
from driftscan.drift.subject import Subject
from driftscan.explain.view import View
from driftscan.findings.base import Judgement
from driftscan.model.item import Json
from driftscan.model.text import raw
from driftscan.role.desk import Desk, Planned, Read, planners, upwards
from driftscan.role.handlers import in_order
from driftscan.role.model import Data, Function, Handler, LeftOut, Program, Role, Stranger
from driftscan.role.resources import (
    Absent,
    Archive,
    Checkout,
    Directory,
    File,
    HardLink,
    LanguagePackages,
    Lines,
    Link,
    Refresh,
    Resource,
    Service,
    Special,
)
from driftscan.role.secrets import Secrets
from driftscan.role.steering import Steering

_UNPLANNED = "driftscan cannot write this yet"
_DECLARED = "packages that the baseline does not declare are left out"
# What follows from other things, or is told by their own planner alone.
_FOLLOWS = frozenset({"packages", "state"})
_ORDER = (Absent, Directory, Checkout, Archive, File, Special, Link, HardLink)  # within one stage, before all others
_PLACES = ("file", "path", "key_path", "fragment", "metadata")
_RUNS = ("exe", "cwd", "command", "unit")
_RELEASE = {
    "id": "release id",
    "version": "release version",
    "codename": "release codename",
    "name": "release name",
    "architecture": "architecture",
}
_T = TypeVar("_T")


def plan(
    view: View,
    judgement: Judgement,
    steering: Steering,
    read: Read,
    *,
    name: str = "",
    declared: Baseline | None = None,
    secrets: Secrets | None = None,
    hashes: bool = False,
) -> tuple[Role, frozenset[bytes]]:
    """Return the role of the host that `view` shows, and the paths whose content was asked for.

    `read` gives the content of files; one that knows nothing tells by the second value what is worth fetching. With
    `declared` the role holds what that baseline declares, and names the rest as left out. `hashes`: the hashes of
    passwords are asked for as well, for `secrets` to know them.
    """
    desk = Desk(view, judgement, steering, read, declared, secrets or Secrets(), hashes)
    planned: list[Planned] = []
    for planner in planners():
        planned += planner.plan(desk)
    resources = _of(planned, Resource)
    left_out = {(one.scope, one.key): one for one in _of(planned, LeftOut)}
    left_out |= {(one.scope, one.key): one for one in _unplanned(desk, planned)}
    snapshot = view.snapshot
    role = Role(
        name=name or _slug(snapshot.host),
        host=snapshot.host,
        taken=snapshot.taken,
        release={key: str(view.facts[fact]) for key, fact in _RELEASE.items() if view.facts.get(fact)},
        manager=_manager(view),
        resources=tuple(sorted(resources, key=_place)),
        handlers=in_order(_of(planned, Handler)),
        secrets=desk.secrets.all(),
        data=_once(_of(planned, Data), lambda one: one.path),
        programs=_once(_of(planned, Program), lambda one: one.path),
        processes=_once(_of(planned, Stranger), lambda one: (one.user, one.command)),
        left_out=tuple(left_out[key] for key in sorted(left_out)),
        functions=_once(_of(planned, Function), lambda one: one.name),
        notes=(*_notes(view), *_idle(desk), *((_DECLARED,) if declared else ())),
    )
    return role, frozenset(desk.wanted)


def _of(planned: Iterable[Planned], kind: type[_T]) -> list[_T]:
    return [one for one in planned if isinstance(one, kind)]


def _once(found: Sequence[_T], key: Callable[[_T], object]) -> tuple[_T, ...]:
    """Return what was found in the order of keys, the first of each."""
    by_key: dict[object, _T] = {}
    for one in found:
        by_key.setdefault(key(one), one)
    return tuple(sorted(by_key.values(), key=lambda one: str(key(one))))


def _place(resource: Resource) -> tuple[int, int]:
    """Return where a resource stands; planners give the order of the others, lists are read anew when all is there."""
    kind = type(resource)
    last = len(_ORDER) + (kind is Refresh)
    return resource.when, _ORDER.index(kind) if kind in _ORDER else last


def _manager(view: View) -> str:
    managers = [str(item.attributes.get("manager")) for item in view.of("packages")]
    return max(sorted(set(managers)), key=managers.count) if managers else ""


def _slug(host: str) -> str:
    """Return a name that every tool takes: small letters, digits and underscores, a letter first."""
    words = re.sub(r"[^a-z0-9]+", "_", host.rpartition("@")[2].lower()).strip("_")
    return words if re.match("[a-z]", words) else f"host_{words}".rstrip("_")


def _notes(view: View) -> Iterable[str]:
    for scope, seen in sorted(view.snapshot.coverage.items()):
        if not seen.outcome.seen:
            yield f"{scope} was not seen whole: {'; '.join(seen.gaps) or seen.outcome.value}"


def _idle(desk: Desk) -> Iterable[str]:
    """Yield the patterns of the one who steers that nothing matches: most likely they are misspelt."""
    for one in desk.steering.patterns:
        there = desk.view.directories.entry(raw(one.pattern)) is not None and one.scope in {"", "files"}
        if not there and not any(one.covers(scope, key) for scope, key in desk.subjects):
            yield f"nothing on the host matches the pattern {one.pattern}"


class _Made:
    """What a plan makes, to be asked whether it makes a thing of the host again."""

    def __init__(self, planned: Sequence[Planned], taken: Collection[str]) -> None:
        resources = _of(planned, Resource)
        self.names = {(one.why.scope, one.why.key) for one in resources}
        self.names |= {(one.scope, one.key) for one in _of(planned, LeftOut)}
        self.paths = {str(path) for one in resources if (path := getattr(one, "path", None))}
        self.trees = {one.path for one in resources if isinstance(one, Archive | Checkout)}
        self.trees |= {one.path for one in _of(planned, Data)} | set(taken)
        self.trees |= {one.key for one in _of(planned, LeftOut) if one.scope == "files"}
        self.files = {one.path for one in resources if isinstance(one, Lines)}
        self.units = {one.name for one in resources if isinstance(one, Service)}
        self.languages = {(one.ecosystem, one.environment) for one in resources if isinstance(one, LanguagePackages)}
        self.trees |= {environment for _, environment in self.languages if environment}

    def has(self, path: str) -> bool:
        """Whether a path is made, or lies in a tree that is."""
        return path in self.paths or any(step in self.trees for step in upwards(path))

    def covers(self, subject: Subject) -> bool:
        """Whether a thing of the host is made again, or named as left out."""
        if (subject.scope, subject.key) in self.names or subject.scope in _FOLLOWS:
            return True
        if subject.item is None:
            return self.has(subject.key)
        has = subject.item.attributes
        if any(isinstance(has.get(name), str) and self.has(has[name]) for name in _PLACES):
            return True
        if subject.scope == "language_packages":
            return (str(has.get("ecosystem")), str(has.get("environment") or "")) in self.languages
        if subject.scope in {"services", "schedules"}:
            return subject.key in self.units or has.get("unit") in self.units
        if subject.scope == "mounts":
            return bool(has.get("in_fstab")) and "/etc/fstab" in self.files
        if subject.scope in {"processes", "sockets"}:
            return self._runs(has)
        return False

    def _runs(self, has: Mapping[str, Json]) -> bool:
        """Whether a process runs from what is made, or a unit that is made starts it."""
        words = " ".join(str(has.get(name) or "") for name in _RUNS).split()
        return any(word in self.units or (word.startswith("/") and self.has(word)) for word in words) or (
            has.get("unit") == "rc-local.service" and "/etc/rc.local" in self.paths
        )


def _unplanned(desk: Desk, planned: Sequence[Planned]) -> Iterable[LeftOut]:
    """Yield what is no stock, and neither made nor named by any planner."""
    made = _Made(planned, desk.taken)
    for (scope, key), subject in sorted(desk.subjects.items()):
        if not desk.wants(subject):
            continue
        if refusal := desk.refusal(scope, key):
            if scope not in _FOLLOWS:  # of packages, which ones are stock is their own planner's to tell
                yield LeftOut(scope, key, refusal)
        elif not made.covers(subject):
            yield LeftOut(scope, key, _UNPLANNED, limit=True)
