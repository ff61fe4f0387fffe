"""Comparing a rebuilt host with the original, through the drift engine: what was reproduced, and what is left."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from driftscan.drift.observed import Observed, observe
from driftscan.drift.propose import stands_out
from driftscan.drift.subject import Subject
from driftscan.explain.view import View
from driftscan.model.item import Json
from driftscan.model.proof import ONLY_NEW, Fidelity, Remainder
from driftscan.model.text import raw
from driftscan.prove._aside import FOLLOWS, LIVE, PATHS, Aside
from driftscan.prove._paths import Paths, topmost, words
from driftscan.prove._running import listeners, services
from driftscan.prove._sides import Sides
from driftscan.role.model import Role
from driftscan.role.resources import Group, Package, PackageFile, User
from driftscan.role.steering import Steering

_MOST = 20  # paths of a directory that are named
_NOW = frozenset({"active", "live", "mounted"})  # what is known only while a kernel runs
_ANSIBLE = frozenset({"python3-apt", "python-apt", "python3-dnf", "python2-dnf"})  # its modules install them
_Found = list[Remainder]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a rebuilt host has of the original; the four as in `Proof`."""

    fidelity: tuple[Fidelity, ...]
    services: tuple[int, int]
    listeners: tuple[int, int]
    remainder: tuple[Remainder, ...]


def compare(
    old: View,
    new: View,
    role: Role,
    *,
    blank: View | None = None,
    made_up: Collection[str] = (),
    written: Mapping[str, str] | None = None,
    steering: Steering | None = None,
    tool: str = "",
) -> Comparison:
    """Compare `new`, to which `role` was applied, with `old`, of which it was made.

    `blank` is the new host before that: what it had already is nobody's work. `made_up` are the secrets whose values
    were made up, `written` the digest that the role meant to write of each file that holds such. `tool` is what
    applied the role: some bring a package of their own.
    """
    sides = Sides(old, new, role, frozenset(made_up), written or {}, steering or Steering())
    return _Comparison(sides, blank, tool).run()


class _Comparison:
    def __init__(self, sides: Sides, blank: View | None, tool: str) -> None:
        self.sides = sides
        self.tool = tool
        self.aside = Aside(sides.role)
        self.paths = Paths(sides, self.aside)
        self.before: Observed | None = None if blank is None else observe(blank)
        self.named = {(one.why.scope, one.why.key) for one in sides.role.resources}

    def run(self) -> Comparison:
        wanted: Counter[str] = Counter()
        done: Counter[str] = Counter()
        found: _Found = []
        for name, subject in sorted(self.sides.mine.subjects.items()):
            if not self._is_reproducible(name, subject):
                continue
            wanted[subject.scope] += 1
            failed = self._differs(subject)
            done[subject.scope] += not failed
            found += failed
        up, open_ = services(self.sides, self.aside), listeners(self.sides, self.aside)
        found += [*up.failed, *open_.failed, *self._extra()]
        found += [*self._made_up(), *self.aside.remainder(), *self._unseen()]
        return Comparison(
            tuple(Fidelity(scope, done[scope], wanted[scope]) for scope in sorted(wanted)),
            up[:2],
            open_[:2],
            _in_order(found),
        )

    def _is_reproducible(self, name: tuple[str, str], subject: Subject) -> bool:
        if not self.sides.wants(subject) or self.aside.subject(subject):
            return False
        if self.sides.new.snapshot.outcome(subject.scope if subject.scope != "trees" else "files") is None:
            return False  # nobody looked: of an image not all can be told
        return name in self.named or not self._was_there(subject)

    def _was_there(self, subject: Subject) -> bool:
        """Whether the blank host had a thing of the old one before the role was applied: then it is stock."""
        before = None if self.before is None else self.before.subjects.get((subject.scope, subject.key))
        return before is not None and before.attributes == subject.attributes and before.absent == subject.absent

    # What is not as it was

    def _differs(self, subject: Subject) -> _Found:
        if subject.scope == "trees":
            told = self.paths.tree(subject)
            more = [f"and {len(told) - _MOST:,} more"] if len(told) > _MOST else []
            return [_failed(subject, "; ".join([*told[:_MOST], *more]))] if told else []
        if subject.scope == "files":
            told = self.paths.differs(subject)
        else:
            there = self.sides.there(subject)
            told = ["not there"] if there is None else list(self._attributes(subject, there))
        return [_failed(subject, ", ".join(told))] if told else []

    def _attributes(self, before: Subject, after: Subject) -> Iterator[str]:
        ignored = self._ignored(before)
        for one, observed in ((before, self.sides.mine), (after, self.sides.theirs)):
            ignored |= observed.volatile.attributes(one.item) if one.item is not None else frozenset()
        item = after.item.attributes if after.item is not None else {}
        for name in sorted((before.attributes.keys() | after.attributes.keys()) - ignored):
            old, new = before.attributes.get(name), after.attributes.get(name)
            if name == "version" and before.scope == "packages":
                wanted = self._version(before)
                if not self.sides.same("packages", name, wanted, new, item):
                    yield f"version {words(wanted)} -> {words(new)}"
            elif not self.sides.same(before.scope, name, self._named(before.scope, name, old), new, item):
                yield f"{name} {words(old)} -> {words(new)}"

    def _ignored(self, subject: Subject) -> frozenset[str]:
        """Return the attributes of a subject that cannot, or need not, be what they were."""
        ignored = frozenset() if self.sides.live else _NOW
        if subject.scope == "accounts":
            numbers = frozenset({"uid", "gid"}) - self._numbers.get(subject.key, frozenset())
            return ignored | numbers | {"password_changed"}
        if subject.scope == "kernel" and subject.item is not None and subject.item.attributes.get("writable") is False:
            return ignored | {"live"}
        return ignored

    @cached_property
    def _numbers(self) -> Mapping[str, frozenset[str]]:
        """Which numbers of which accounts the role keeps."""
        groups = {one.name: one for one in self.sides.role.resources if isinstance(one, Group)}
        kept = {f"group {name}": frozenset({"gid"} if one.gid is not None else ()) for name, one in groups.items()}
        for user in (one for one in self.sides.role.resources if isinstance(one, User)):
            primary = groups.get(user.group)
            names = {"uid": user.uid, "gid": primary.gid if primary is not None else None}
            kept[f"user {user.name}"] = frozenset(name for name, number in names.items() if number is not None)
        return kept

    def _version(self, subject: Subject) -> Json:
        """Return which version of a package the role asks for."""
        asked = self.sides.packages.get(str(subject.item.attributes.get("name") if subject.item else subject.key))
        if isinstance(asked, PackageFile):
            return asked.version
        if isinstance(asked, Package) and asked.version:
            return asked.version if asked.exact else f">= {asked.version}"
        return "any"

    def _named(self, scope: str, name: str, value: Json) -> Json:
        return self.sides.named(value) if scope == "accounts" and name == "members" else value

    def _made_up(self) -> Iterator[Remainder]:
        """Tell of the files that are there again, but with a secret that was made up."""
        for path in self.sides.secrets:
            if names := self.paths.made_up(path):
                told = f"a secret in it was made up: {', '.join(names)}"
                yield Remainder("files", path, told, failed=False)

    # What nobody asked for

    def _extra(self) -> Iterator[Remainder]:
        paths: dict[str, str] = {}
        for (scope, key), subject in self.sides.theirs.subjects.items():
            if scope in LIVE | FOLLOWS or not stands_out(subject) or self._was_blank(scope, key):
                continue
            if scope in PATHS:
                paths |= dict(self._extra_path(subject))
            elif self.tool == "ansible" and scope == "packages" and key in _ANSIBLE:
                yield Remainder(scope, key, "installed by Ansible for its own use", failed=False)
            elif not self._known(subject) and not self.aside.subject(subject):
                yield Remainder(scope, key, ONLY_NEW, failed=True)
        for path in topmost(paths):
            yield Remainder("files", path, paths[path], failed=True)

    def _was_blank(self, scope: str, key: str) -> bool:
        before = None if self.before is None else self.before.subjects.get((scope, key))
        return before is not None and stands_out(before)

    def _known(self, subject: Subject) -> bool:
        """Whether the old host has an item of that name: how it differs is told with it."""
        name = subject.scope, subject.key
        return name in self._old_names or (name[0], self.sides.theirs.identity.neutral(name[1])) in self._old_names

    def _extra_path(self, subject: Subject) -> Iterator[tuple[str, str]]:
        """Yield paths that stand out on the new host alone; of a directory that both have, those below."""
        key = subject.key
        if self.aside.path(key) or (subject.scope, key) in self._compared:
            return
        on_old = self.sides.old.directories.entry(self.sides.old.ownership.canonical(raw(key))) is not None
        if subject.scope == "trees" and on_old:
            for line in self.paths.tree(subject):
                if line.startswith("+ "):
                    yield line[2:], ONLY_NEW
        elif subject.absent:
            if on_old:
                yield key, "a package's path that is missing on the new host alone"
        elif not on_old:
            yield key, ONLY_NEW
        elif subject.deviates and ("files", key) not in self.sides.mine.subjects:
            changed = ", ".join(
                f"{one.attribute} {words(one.expected)} -> {words(one.found)}" for one in subject.deviates
            )
            yield key, f"otherwise than its package on the new host alone: {changed}"

    @cached_property
    def _compared(self) -> frozenset[tuple[str, str]]:
        found = self.sides.mine.subjects.items()
        return frozenset(name for name, subject in found if self._is_reproducible(name, subject))

    @cached_property
    def _old_names(self) -> frozenset[tuple[str, str]]:
        """The items of the old host by every name under which they may be found again."""
        items = {(item.scope, item.key) for item in self.sides.old.snapshot.items}
        found = self.sides.mine.subjects.values()
        renamed = {(one.scope, self.sides.renamed(one)) for one in found}
        own = self.sides.mine.identity
        return frozenset(items | renamed | {(one.scope, own.neutral(one.key)) for one in found})

    def _unseen(self) -> Iterator[Remainder]:
        """Yield the scopes that the new host did not show whole."""
        for scope, coverage in sorted(self.sides.new.snapshot.coverage.items()):
            if not coverage.outcome.seen:
                why = "; ".join(coverage.gaps) or coverage.outcome.value
                yield Remainder(scope, "", f"not seen whole on the new host: {why}", failed=False)


def _failed(subject: Subject, told: str) -> Remainder:
    return Remainder(subject.scope, subject.key, told, failed=True)


def _in_order(found: _Found) -> tuple[Remainder, ...]:
    """Return each thing once, failed ones first."""
    by_name: dict[tuple[str, str], Remainder] = {}
    for one in sorted(found, key=lambda one: not one.failed):
        by_name.setdefault((one.scope, one.key), one)
    return tuple(sorted(by_name.values(), key=lambda one: (not one.failed, one.scope, one.key)))
