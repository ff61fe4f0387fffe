"""Plans packages: those that somebody asked for after the system was installed, and those that no repository has."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import chain

from driftscan.baseline.conditions import fits
from driftscan.explain._publishers import FOREIGN, THIRD_PARTY, Publishers, publishers
from driftscan.model.item import Item
from driftscan.model.manifest import PackagedFile
from driftscan.model.text import raw, text
from driftscan.role.desk import Desk, Planned, Planner
from driftscan.role.model import LeftOut, Program
from driftscan.role.planners._asked import asked, is_manual, is_there
from driftscan.role.planners._needs import Needs, needs
from driftscan.role.planners.repositories import strange
from driftscan.role.repack import STATUS, CannotRepackError, Repacked, repack
from driftscan.role.resources import File, Package, PackageFile, Refresh, Why

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9+._@-]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~:^_-]*")
_BY_HAND = frozenset({"@commandline", "commandline", "@System"})  # dnf's words for a file that somebody gave it
# Without one of these nothing could be installed.
_MANAGERS = frozenset({"apk", "apk-tools", "apt", "dnf", "dpkg", "pacman", "rpm", "yum", "zypper"})
_NAMED = 5  # files of a removed package that are named


def _plan(desk: Desk) -> Iterator[Planned]:
    found = _Packages(desk)
    planned = [*found.from_repositories(), *chain.from_iterable(map(found.apart, found.in_order()))]
    first = {one.manager: one.why for one in reversed(planned) if isinstance(one, Package | PackageFile)}
    for manager in sorted(first.keys() - strange(desk).keys()):
        why = replace(first[manager], words="the lists of a new host are as old as its installation")
        yield Refresh(why=why, manager=manager)
    yield from planned


class _Packages:
    """The packages of one host."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.view = desk.view
        self.items = [item for item in self.view.of("packages") if item.attributes.get("name") != "gpg-pubkey"]
        self.known: Publishers = publishers(self.view)

    @cached_property
    def needs(self) -> Needs:
        """What packages bring: dpkg's status tells, and is asked for only where there is something to ask about."""
        dpkg = any(item.attributes.get("manager") == "dpkg" for item in self.items)
        return needs(self.desk.bytes(STATUS) if dpkg else None)

    # What is asked for

    @cached_property
    def asked(self) -> frozenset[str]:
        """The keys of the packages that somebody asked for after the system was installed."""
        return asked(self.view, filter(is_there, self.items))

    @cached_property
    def leaves(self) -> frozenset[str]:
        """The names of those that are asked for and that no other package brings."""
        candidates = [item for item in self.items if item.key in self.asked and not self.has_no_source(item)]
        names = {_name(item) for item in candidates if not self.desk.refusal("packages", item.key)}
        stock = {_name(item) for item in self.items if is_manual(item) and item.key not in self.asked}
        return frozenset(self.needs.leaves(names, stock) if names else ())

    @cached_property
    def touched(self) -> frozenset[str]:
        """The keys of packages that came with the system, and of which somebody has changed something.

        A role that changes it again must see to it that it is there: what one installation begins with another may not.
        Where nobody knows what packages bring, only one that runs a service, and that nothing brought, is such a one.
        """
        serving = {str(item.attributes.get("package")) for item in self.view.of("services")}
        changed = {str(one.item.attributes.get("package")) for one in self.desk.of("services") if one.item is not None}
        changed |= {
            self.view.ownership.owner(raw(one.key))
            for one in self.desk.of("files")
            if not self.desk.is_early(one.key)  # what manages packages is there
        }
        if not changed - {"", "None"}:
            return frozenset()
        if self.needs.depends:
            mine = changed - self.needs.base - self.needs.closure(self.leaves | self.needs.base)
        else:
            mine = changed & serving & {_name(item) for item in self.items if is_manual(item)}
        mine -= _MANAGERS
        return frozenset(item.key for item in self.items if _name(item) in mine and item.key not in self.asked)

    def has_no_source(self, item: Item) -> bool:
        """Whether it is known that no repository offers any version of a package."""
        if item.volatile.get("origin") in _BY_HAND:
            return True
        if item.attributes.get("manager") == "rpm":
            return self.known.of(item).kind == FOREIGN
        return item.volatile.get("offered") is False and not item.volatile.get("offers")

    # From repositories

    def from_repositories(self) -> Iterator[Planned]:
        done = set()
        for item in self.items:
            has = item.attributes
            one = _name(item), has.get("architecture")
            if not is_there(item) or self.has_no_source(item) or one in done or not self._is_wanted(item):
                continue
            done.add(one)
            yield from self._from_repository(item)

    def _is_wanted(self, item: Item) -> bool:
        """Whether a role asks for a package: a leaf, a choice about it, or the word of the one who steers."""
        if self.desk.refusal("packages", item.key):
            return False
        if self.desk.steering.includes("packages", item.key) or item.attributes.get("hold"):
            return True
        name = _name(item)
        apart = _is_foreign_architecture(item) or self.desk.steering.version(name) != "any"
        return item.key in self.touched or (item.key in self.asked and (name in self.leaves or apart))

    def _from_repository(self, item: Item) -> Iterator[Planned]:
        has = item.attributes
        name, version, policy = _name(item), str(has.get("version") or ""), self.desk.steering.version(_name(item))
        if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
            yield LeftOut("packages", item.key, "its name or version is none that a package can have")
            return
        yield Package(
            why=Why("packages", item.key, self._words(item)),
            name=name,
            manager=str(has.get("manager")),
            version="" if policy == "any" else version,
            exact=policy == "exact",
            architecture=str(has.get("architecture") or "") if _is_foreign_architecture(item) else "",
            hold=bool(has.get("hold")),
        )
        yield from self._version(item, policy)

    def _words(self, item: Item) -> str:
        has, source = item.attributes, self.known.of(item)
        told = []
        if item.key in self.asked:
            told.append("asked for by somebody after the system was installed")
        told += ["it came with the system, and something of it was changed"] if item.key in self.touched else []
        told += ["held back from upgrades"] if has.get("hold") else []
        told += [f"pinned: {has['pin']}"] if has.get("pin") else []
        told += [f"published by {source.by}"] if source.kind == THIRD_PARTY and source.by else []
        return "; ".join(told)

    def _version(self, item: Item, policy: str) -> Iterator[LeftOut]:
        """Name a version that is wanted, or that the package was held at, and that no repository offers any more."""
        offers = item.volatile.get("offers")
        if item.volatile.get("offered") is not False or not isinstance(offers, list):
            return
        name, version = _name(item), str(item.attributes.get("version"))
        versions = sorted({str(offer).partition(" ")[0] for offer in offers})
        fit = any(fits("packages", "version", f">= {version}", one, item.attributes) for one in versions)
        offered = f"no repository offers that version any more, but {', '.join(versions)}"
        if policy == "exact":
            yield LeftOut("packages", f"{name}={version}", f"{offered}: the role fails unless one does again")
        elif policy == "at-least" and not fit:
            yield LeftOut("packages", f"{name}>={version}", f"{offered}: the role fails unless a newer one comes")
        elif item.attributes.get("hold"):
            yield LeftOut("packages", f"{name}={version}", f"it was held there; {offered}: that is taken, and held")

    # What no repository has, what is broken, what was removed

    def apart(self, item: Item) -> Iterator[Planned]:
        """Plan a package that cannot be asked for by its name."""
        state = str(item.attributes.get("state") or "installed")
        if self.desk.refusal("packages", item.key):
            return
        if state == "config-files":
            yield self._removed(item)
        elif not is_there(item):
            yield LeftOut("packages", item.key, f"it is {state} on the host: finish or remove it, and scan again")
        elif self.has_no_source(item) and self._is_carried(item):
            yield from self._without_source(item)

    def in_order(self) -> list[Item]:
        """Return the packages with those that others need before these."""

        def depth(item: Item) -> int:
            return len(self._gone & self.needs.closure([_name(item)])) if _name(item) in self._gone else 0

        return sorted(self.items, key=lambda item: (depth(item), item.key))

    @cached_property
    def _gone(self) -> frozenset[str]:
        return frozenset(_name(item) for item in self.items if self.has_no_source(item))

    def _is_carried(self, item: Item) -> bool:
        """Whether a package without a source is worth carrying: nobody's, or of the distribution and asked for."""
        if item.key in self.asked or self.desk.steering.includes("packages", item.key) or item.attributes.get("hold"):
            return True
        return self.known.of(item).kind == FOREIGN or _name(item) in self._needed_by_carried

    @cached_property
    def _needed_by_carried(self) -> set[str]:
        gone = [item for item in self.items if is_there(item) and _name(item) in self._gone]
        top = {_name(item) for item in gone if item.key in self.asked or self.known.of(item).kind == FOREIGN}
        return self.needs.closure(top)

    def _without_source(self, item: Item) -> Iterator[Planned]:
        has = item.attributes
        try:
            made = self._repacked(item)
        except CannotRepackError as error:
            limit = has.get("manager") != "dpkg"
            yield LeftOut("packages", item.key, f"no repository has it, and {error}", limit=limit)
            yield Program(item.key, "a package that no repository has", copied=False)
            return
        words = "no repository has it: made again from what is installed"
        yield PackageFile(
            why=Why("packages", item.key, words),
            name=_name(item),
            manager=str(has.get("manager")),
            version=str(has.get("version")),
            file=made.file,
            data=made.data,
            hold=bool(has.get("hold")),
        )
        for path, content in made.secret:
            subject = self.desk.subjects.get(("files", path))
            if subject is not None and self.desk.wants(subject):
                continue  # it is planned as a file that deviates from its package
            entry = self.view.directories.entry(raw(path))
            user, group = self.desk.owner(path)
            mode = f"{entry.mode:04o}" if entry is not None else "0600"
            why = Why("packages", item.key, "the package holds placeholders for its secrets")
            yield File(why=why, path=path, user=user, group=group, mode=mode, content=content)

    def _repacked(self, item: Item) -> Repacked:
        """Return a package without a source as a file; raise `CannotRepackError`."""
        manager, version = item.attributes.get("manager"), str(item.attributes.get("version"))
        if manager != "dpkg":
            raise CannotRepackError(f"driftscan makes no packages of {manager} from installed files")
        if not _NAME.fullmatch(_name(item)) or not _VERSION.fullmatch(version):
            raise CannotRepackError("its name or version is none that a package can have")
        return repack(self.desk, item)

    def _removed(self, item: Item) -> LeftOut:
        """Name what is left of a removed package, and leave its files alone unless a person wants them."""
        manifest = next((one for one in self.view.ownership.manifests if one.package == item.key), None)
        left = []
        for listed, data in sorted(manifest.files.items()) if manifest is not None else ():
            path = self.view.ownership.canonical(listed)
            entry = self.view.directories.entry(path)
            mine = self.view.ownership.owner(path) == (manifest.name if manifest is not None else "")
            if PackagedFile.decode(data).kind == "config" and entry is not None and entry.kind != "d" and mine:
                left.append(text(path))
        left = [path for path in left if not self.desk.steering.includes("files", path)]
        self.desk.taken.update(left)
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        named = f" ({', '.join(left[:_NAMED])}{more})" if left else ""
        return LeftOut("packages", item.key, f"it was removed from the host; what is left of it{named} is not carried")


def _name(item: Item) -> str:
    return str(item.attributes.get("name"))


def _is_foreign_architecture(item: Item) -> bool:
    has = item.attributes
    name, architecture = has.get("name"), has.get("architecture")
    return item.key.startswith((f"{name}:{architecture}", f"{name}.{architecture}"))


PLANNER = Planner("packages", 20, _plan)
