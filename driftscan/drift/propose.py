"""A first baseline, proposed from snapshots of the hosts of a role: what they share, and where they differ."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from driftscan.baseline.vocabulary import sections
from driftscan.drift._remarks import Remarks, parent, spelled
from driftscan.model.item import Json

if TYPE_CHECKING:
    from driftscan.drift.subject import Subject

Key = tuple[str, str]  # scope, key
Versions = Literal["any", "at-least", "exact"]
Lowest = Callable[[Key, Sequence[Json]], Json]
Subjects = Mapping[Key, "Subject"]

_DECIDED = ("/etc/", "/boot/", "/usr/", "/root/")  # what changes there was changed by somebody, not by itself
# Facts that an upgrade of packages changes, as their versions.
_VERSIONS = frozenset({("system", "kernel release"), ("system", "kernel version"), ("system", "release file")})
_RIGHTS = ("type", "mode", "user", "group")


@dataclass(frozen=True, slots=True)
class Shown:
    """What one host of the role shows: all that it would be compared by.

    `past` are the same of the snapshots before, newest first, by their numbers; `blind` are the scopes that were not
    seen whole, and why. `neutral` replaces the host's own names in a text, `own` says whether each host has its own of
    an item.
    """

    host: str
    number: int
    subjects: Subjects
    past: Sequence[tuple[int, Subjects]] = ()
    blind: Mapping[str, str] = field(default_factory=dict)
    neutral: Callable[[str], str] = lambda text: text
    own: Callable[[str, str], bool] = lambda _scope, _key: False

    @property
    def name(self) -> str:
        """The host and its snapshot, as the command line takes them."""
        return f"{self.host}@{self.number}"


class Declared(NamedTuple):
    """One thing to be declared; `absent`: that it is not there."""

    scope: str
    key: str
    attributes: Mapping[str, Json]
    absent: bool = False


class Whole(NamedTuple):
    """A directory to be declared as a whole, by its digest; "" for data, and then `reason` says why."""

    path: str
    digest: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a first baseline says.

    `remarks` are comments by scope: where the hosts differ, what changes by itself. `blind` says which scopes were
    left out because they were not seen whole, one line each.
    """

    declared: tuple[Declared, ...]
    trees: tuple[Whole, ...]
    remarks: Mapping[str, tuple[str, ...]]
    blind: tuple[str, ...]


def propose(hosts: Sequence[Shown], versions: Versions = "any", lowest: Lowest | None = None) -> Proposal:
    """Propose what `hosts` have in common; the newest of each host is `Shown.subjects`.

    `lowest` names the lowest of several versions of an item, None where they cannot be ordered; it is asked only where
    `versions` is `at-least` and the hosts differ.
    """
    blind = {scope for host in hosts for scope in host.blind}
    if "files" in blind:
        blind.add("trees")
    trees, remarks = _trees(hosts), Remarks()
    inside = tuple(f"{tree.path}/" for tree in trees)
    declared: list[Declared] = []
    for key in sorted({key for host in hosts for key in host.subjects}):
        scope, name = key
        if scope in blind:
            continue
        if scope in {"files", "trees"} and f"{name}/".startswith(inside):
            continue
        found = {host.host: subject for host in hosts if (subject := host.subjects.get(key)) is not None}
        own = any(_is_own(host, key) for host in hosts)
        strange = any(stands_out(one) for one in found.values())
        if not (strange or _is_worth_a_line(key, found.values(), hosts, own=own)):
            continue
        if versions != "exact" and key in _VERSIONS:
            continue
        missing = [host for host, subject in found.items() if subject.absent]
        if missing and len(missing) < len(hosts):
            remarks.partly(key, missing, "missing on")
        elif len(found) < len(hosts):
            remarks.partly(key, list(found), "only on")
        elif missing:
            declared.append(Declared(scope, name, {}, absent=True))
        else:
            attributes = _Shared(key, hosts, versions, lowest, remarks).attributes()
            if own:
                attributes = {name: value for name, value in attributes.items() if scope == "files" and name in _RIGHTS}
                remarks.add(key, "each host has its own", wanted=strange)
            if scope != "trees":  # that is declared by its digest, or not at all
                declared.append(Declared(scope, name, attributes))
    return Proposal(tuple(declared), trees, remarks.lines(), tuple(_blind(hosts)))


def _is_worth_a_line(key: Key, found: Collection["Subject"], hosts: Sequence[Shown], *, own: bool) -> bool:
    """Whether what something explains is declared all the same; of what each host has its own, the rights are."""
    scope, name = key
    rights = scope == "files" and all(host.neutral(name) == name for host in hosts)
    return any(one.golden for one in found) and (rights or not own)


def _is_own(host: Shown, key: Key) -> bool:
    """Whether each host has its own of a thing, by what it is or by the names in its key."""
    scope, name = key
    item = host.subjects[key].item if key in host.subjects else None
    return host.own(scope, name) or host.neutral(name) != name or (item is not None and item.key != name)


def stands_out(subject: "Subject") -> bool:
    """Whether a subject is drift as long as no line names it: nothing explains it, or its package has it otherwise."""
    return subject.explanation is None or bool(subject.deviates) or subject.absent


def without(proposal: Proposal, known: Callable[[Declared], bool], trees: Mapping[str, str]) -> Proposal:
    """Return a proposal without what other baselines declare already: what is `known`, and `trees` by digest."""
    return replace(
        proposal,
        declared=tuple(one for one in proposal.declared if not known(one)),
        trees=tuple(tree for tree in proposal.trees if trees.get(tree.path) not in {"", tree.digest}),
    )


def is_ordered(scope: str) -> bool:
    """Whether the versions of a scope can be told to be at least one."""
    section = sections().get(scope)
    return section is not None and "version" in section.attributes and section.attributes["version"].form == "version"


class _Shared:
    """What hosts have in common of one key that all of them have."""

    def __init__(
        self,
        key: Key,
        hosts: Sequence[Shown],
        versions: Versions,
        lowest: Lowest | None,
        remarks: Remarks,
    ) -> None:
        self._key = key
        self._hosts = hosts
        self._versions = versions
        self._lowest = lowest
        self._remarks = remarks

    def attributes(self) -> dict[str, Json]:
        """Return the attributes that can be declared; of the others a remark is made."""
        names = dict.fromkeys(name for host in self._hosts for name in host.subjects[self._key].attributes)
        found = ((name, self._value(name)) for name in names)
        return {name: value for name, value in found if value is not None}

    def _value(self, name: str) -> Json:
        values = {host.host: host.subjects[self._key].attributes.get(name) for host in self._hosts}
        if name == "version" and self._versions == "any":
            return None
        if name == "version" and self._versions == "at-least" and is_ordered(self._key[0]):
            return self._version(values)
        if len({spelled(value) for value in values.values()}) > 1:
            if len({spelled(_neutral(host, values[host.host])) for host in self._hosts}) > 1:
                self._remarks.differs(self._key, name, self._spelled_out(name, values))
            else:
                self._remarks.add(self._key, f"{name} is each host's own")
            return None
        first = next(iter(values.values()))
        if len(self._hosts) == 1 and _neutral(self._hosts[0], first) != first:
            self._remarks.add(self._key, f"{name} is not declared, it names the host itself")
            return None
        if (when := _changed(self._hosts, self._key, name)) is not None:
            if self._moves(name):
                self._remarks.add(self._key, f"{name} is not declared, it changed {when}")
                return None
            self._remarks.add(self._key, f"{name} changed {when}")
        return first

    def _spelled_out(self, name: str, values: Mapping[str, Json]) -> dict[str, Json]:
        """Return the values with those that are left out because they are usual."""
        items = {host.host: host.subjects[self._key].item for host in self._hosts}
        return {
            host: item.attributes.get(name) if value is None and (item := items[host]) is not None else value
            for host, value in values.items()
        }

    def _version(self, values: Mapping[str, Json]) -> Json:
        known = list(values.values())
        same = len({spelled(value) for value in known}) == 1
        least = known[0] if same else self._lowest(self._key, known) if self._lowest is not None else None
        if least is None:
            if not same:
                self._remarks.differs(self._key, "version", values)
            return None
        return f">= {least}"

    def _moves(self, name: str) -> bool:
        """Whether a file's content is one that a program writes, by where it lies."""
        scope, key = self._key
        return scope == "files" and name == "digest" and not key.startswith(_DECIDED)


def _neutral(host: Shown, value: Json) -> Json:
    if isinstance(value, str):
        return host.neutral(value)
    if isinstance(value, list):
        return [_neutral(host, one) for one in value]
    return value


def _changed(hosts: Sequence[Shown], key: Key, name: str) -> str | None:
    """Return between which snapshots an attribute changed on a host; None where it did not."""
    for host in hosts:
        for (newer, now), (older, before) in pairwise([(host.number, host.subjects), *host.past]):
            if key in now and key in before:
                new, old = now[key].attributes.get(name), before[key].attributes.get(name)
                if old is not None and new is not None and spelled(old) != spelled(new):
                    where = f" of {host.host}" if len(hosts) > 1 else ""
                    return f"between snapshot {older} and {newer}{where}"
    return None


def _trees(hosts: Sequence[Shown]) -> tuple[Whole, ...]:
    """Return the directories to be declared as a whole, none inside another."""
    found: dict[str, Whole] = {}
    if any("files" in host.blind for host in hosts):
        return ()
    for path in sorted({key for host in hosts for scope, key in host.subjects if scope == "trees"}):
        if (when := _changed(hosts, ("trees", path), "digest")) is not None:
            found[path] = Whole(path, "", f"changed {when}")
        elif all(("trees", path) in host.subjects for host in hosts):
            digests = {str(host.subjects["trees", path].attributes.get("digest", "")) for host in hosts}
            if len(digests) == 1:
                found[path] = Whole(path, digests.pop())
    for path, reason in [*_state(hosts), *_busy(hosts)]:
        found.setdefault(path, Whole(path, "", reason))
    outermost: list[Whole] = []
    for path in sorted(found, key=lambda path: path.split("/")):
        if not outermost or not path.startswith(f"{outermost[-1].path}/"):
            outermost.append(found[path])
    return tuple(outermost)


def _state(hosts: Sequence[Shown]) -> Iterator[tuple[str, str]]:
    """Yield the directories that hold the data of a database or its like, and would be compared."""
    for host in hosts:
        paths = [key for scope, key in host.subjects if scope in {"files", "trees"}]
        for (scope, name), subject in host.subjects.items():
            if scope == "state" and any(path.startswith(f"{name}/") for path in paths):
                yield name, f"data of {subject.attributes.get('engine') or 'a program'}"


def _busy(hosts: Sequence[Shown]) -> Iterator[tuple[str, str]]:
    """Yield the directories in which unexplained paths come and go between two snapshots."""
    for host in hosts:
        for (newer, now), (older, before) in pairwise([(host.number, host.subjects), *host.past]):
            come = {parent(key) for key in now.keys() - before.keys() if _moving(key, now)}
            went = {parent(key) for key in before.keys() - now.keys() if _moving(key, before)}
            for path in sorted(come & went):
                if path.count("/") > 2 or ("files", path) in now:
                    yield path, f"paths in it came and went between snapshot {older} and {newer}"


def _moving(key: Key, subjects: Subjects) -> bool:
    scope, name = key
    subject = subjects[key]
    return scope == "files" and not name.startswith(_DECIDED) and subject.explanation is None


def _blind(hosts: Sequence[Shown]) -> Iterator[str]:
    by_scope: dict[str, list[str]] = defaultdict(list)
    for host in hosts:
        for scope, why in host.blind.items():
            by_scope[scope].append(f"{host.host}: {why}")
    for scope, told in sorted(by_scope.items()):
        yield f"{scope} ({'; '.join(told)})"
