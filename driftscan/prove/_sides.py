"""The two hosts of a proof: what each shows, and how values of one are looked for on the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from driftscan.baseline.conditions import fits
from driftscan.baseline.model import Baseline, Expected, Tree
from driftscan.drift.observed import Observed, observe
from driftscan.drift.propose import stands_out
from driftscan.drift.subject import Subject, golden
from driftscan.explain.view import View
from driftscan.model.item import Item, Json
from driftscan.role.model import Role, Secret
from driftscan.role.resources import Package, PackageFile
from driftscan.role.steering import Steering
from driftscan.scopes.base import scopes

_ACCOUNT = ("user", "group")  # the words with which the key of an account begins


@dataclass(frozen=True)
class Sides:
    """The old host, the new one, and what lies between them.

    `made_up` are the variables whose values were made up; `written` maps paths of files that hold such to the digest
    that the role meant to write.
    """

    old: View
    new: View
    role: Role
    made_up: frozenset[str] = frozenset()
    written: Mapping[str, str] = field(default_factory=dict)
    steering: Steering = field(default_factory=Steering)

    @cached_property
    def mine(self) -> Observed:
        """What is to be compared of the old host."""
        return observe(self.old)

    @cached_property
    def theirs(self) -> Observed:
        """The same of the new one, its directories looked at as those of the old one were."""
        wanted = [one for one in self.mine.subjects.values() if self.wants(one)]
        paths = {(one.scope, one.key): Expected("files", one.key, {}, "") for one in wanted if one.scope == "files"}
        trees = {one.key: Tree(one.key, "", "") for one in wanted if one.scope == "trees"}
        return observe(self.new, Baseline("", expected=paths, trees=trees))

    @cached_property
    def live(self) -> bool:
        """Whether a kernel ran on the new host: of an image nobody knows what runs."""
        return self.new.snapshot.transport != "image"

    @cached_property
    def secrets(self) -> Mapping[str, tuple[Secret, ...]]:
        """The secrets that stand in each path."""
        paths = {path for one in self.role.secrets for path in one.paths}
        return {path: tuple(one for one in self.role.secrets if path in one.paths) for path in paths}

    @cached_property
    def packages(self) -> Mapping[str, Package | PackageFile]:
        """The packages that the role installs, by name."""
        return {one.name: one for one in self.role.resources if isinstance(one, Package | PackageFile)}

    def wants(self, subject: Subject) -> bool:
        """Whether a subject of the old host is no stock, or a person wants it all the same."""
        return stands_out(subject) or self.steering.includes(subject.scope, subject.key)

    def there(self, subject: Subject) -> Subject | None:
        """Return what the new host has of an item of the old one, under its name there; None where there is none."""
        key = self.renamed(subject)
        found = self.theirs.subjects.get((subject.scope, key))
        if found is not None:
            return found
        by_name = self._neutral.get((subject.scope, self.mine.identity.neutral(key)))
        return by_name or self._looked_up(subject.scope, key)

    def same(self, scope: str, name: str, old: Json, new: Json, item: Mapping[str, Json]) -> bool:
        """Whether a value is what it was, but for names of their own."""
        if fits(scope, name, old, new, item):
            return True
        neutral = self.mine.identity.neutral_json(old), self.theirs.identity.neutral_json(new)
        return bool(neutral[0] == neutral[1] or neutral[0] == self.mine.identity.neutral_json(new))

    def named(self, value: Json) -> Json:
        """Return the name, or the names, that accounts have in the role."""
        if isinstance(value, list):
            return [self.named(one) for one in value]
        return self.steering.named(value) if isinstance(value, str) else value

    def renamed(self, subject: Subject) -> str:
        """Return the key that an item of the old host has in the role."""
        if subject.scope != "accounts" or not self.steering.rename:
            return subject.key
        kind, _, name = subject.key.partition(" ")
        return f"{kind} {self.steering.named(name)}" if kind in _ACCOUNT else subject.key

    def _looked_up(self, scope: str, key: str) -> Subject | None:
        item = self._items.get((scope, key))
        return None if item is None else Subject(scope, key, golden(scopes()[scope], item), item=item)

    @cached_property
    def _items(self) -> Mapping[tuple[str, str], Item]:
        return {(item.scope, item.key): item for item in self.new.snapshot.items}

    @cached_property
    def _neutral(self) -> Mapping[tuple[str, str], Subject]:
        own = self.theirs.identity
        return {(scope, own.neutral(key)): one for (scope, key), one in self.theirs.subjects.items()}
