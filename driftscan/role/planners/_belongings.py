"""What belongs to one function of a host: its packages, the paths of its configuration, code and secrets, its data."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property

from driftscan.explain._programs import is_interpreter, real
from driftscan.model.item import Item
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry
from driftscan.role.desk import Desk, upwards

_PATH = re.compile(r"/[\w.@+~:/-]*[\w@+~/-]")
_COMMENT = re.compile(r"(?m)^[ \t]*(?:[#;]|//).*$")
_CONFIGURATION = ("/etc/", "/usr/local/etc/")
_READABLE = 1 << 15  # bytes of a file of configuration that is read for the paths in it
_FILES = 120  # such files of one function
_SECTIONS = 40  # times that a path that was found is followed to others
_PASSING = ("/proc/", "/sys/", "/dev/", "/run/", "/tmp/", "/var/run/", "/var/tmp/", "/var/log/")  # noqa: S108 (read)
# Where the modules lie that programs of an interpreter load from packages.
_MODULES = {
    "python": (b"/usr/lib/python3/dist-packages/", b"/usr/lib/python3."),
    "perl": (b"/usr/share/perl5/", b"/usr/lib/x86_64-linux-gnu/perl5/", b"/usr/lib64/perl5/"),
    "ruby": (b"/usr/lib/ruby/", b"/usr/share/rubygems-integration/", b"/usr/share/gems/"),
    "node": (b"/usr/share/nodejs/", b"/usr/lib/nodejs/", b"/usr/lib/node_modules/"),
    "php": (b"/usr/lib/php/", b"/usr/share/php/", b"/usr/lib64/php/"),
}
_SHELLS = frozenset({"sh", "dash", "bash", "ash", "busybox"})


class Belongings:
    """Tells what belongs to a function by who owns what, and by what names what."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._view = desk.view
        self._strange = {subject.key for subject in desk.of("files")}
        self._strange |= {find.path for find in desk.judgement.finds}
        self._applications = {key for scope, key in desk.subjects if scope == "applications"}
        self._strange |= self._applications
        self._state = {str(item.attributes.get("path") or item.key) for item in desk.view.of("state")}

    @cached_property
    def _packages(self) -> Mapping[str, Item]:
        """Installed packages by name."""
        return {
            str(item.attributes["name"]): item
            for item in self._view.of("packages")
            if item.attributes.get("state") in {None, "installed"}
        }

    @cached_property
    def _by_source(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name, item in self._packages.items():
            found[str(item.attributes.get("source") or name)].append(name)
        return found

    def siblings(self, package: str) -> frozenset[str]:
        """Return the packages that were built together with one."""
        item = self._packages.get(package)
        source = str(item.attributes.get("source") or package) if item else package
        return frozenset({package, *self._by_source.get(source, ())})

    def leaves(self, owners: Iterable[str]) -> tuple[str, ...]:
        """Return the packages to ask for, for what `owners` bring: those that somebody asked for here, sorted."""
        found: set[str] = set()
        unknown: set[str] = set()
        for owner in owners:
            asked = {name for name in self.siblings(owner) if self._asked(name)}
            found |= {owner} if owner in asked else asked
            unknown |= set() if asked else {owner}
        return tuple(sorted(found or unknown))

    def _asked(self, name: str) -> bool:
        item = self._packages.get(name)
        return item is not None and item.attributes.get("reason") == "manual"

    def interpreter(self, programs: Iterable[str]) -> set[str]:
        """Return the packages of interpreters among `programs`, links on the way to them included; shells are there."""
        found: set[str] = set()
        for program in programs:
            for path in self._hops(raw(program)):
                name = text(path.rpartition(b"/")[2])
                if is_interpreter(name) and name not in _SHELLS:
                    found.add(self._view.ownership.owner(path))
        return found - {""}

    def _hops(self, path: bytes) -> Iterator[bytes]:
        for _ in range(10):
            yield path
            target = self._view.snapshot.links.get(self._view.ownership.canonical(path))
            if target is None:
                return
            path = target if target.startswith(b"/") else b"%s/%s" % (path.rpartition(b"/")[0], target)

    def modules(self, interpreter: str) -> set[str]:
        """Return the packages that somebody asked for and that bring modules to an interpreter (`python3.11`)."""
        places = next((where for name, where in _MODULES.items() if interpreter.startswith(name)), ())
        if not places:
            return set()
        return {
            manifest.name
            for manifest in self._view.ownership.manifests
            if self._asked(manifest.name) and any(path.startswith(places) for path in manifest.files)
        }

    @cached_property
    def _configured(self) -> Mapping[str, Counter[str]]:
        """How many paths each package has below each directory of /etc."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for manifest in self._view.ownership.manifests:
            for path in manifest.files:
                if path.startswith(b"/etc/") and path.count(b"/") > 2:
                    found["/".join(text(path).split("/", 3)[:3])][manifest.name] += 1
        return found

    def configuration(self, packages: Collection[str]) -> list[str]:
        """Return the directories of /etc that are mostly of `packages`."""
        return [
            path
            for path, owners in self._configured.items()
            if sum(owners[name] for name in packages) * 2 > owners.total()
        ]

    def deviating(self, packages: Collection[str]) -> list[str]:
        """Return the paths of `packages` that are not as these bring them."""
        return [path for path in self._strange if self._view.ownership.owner(raw(path)) in packages]

    def find(self, path: str) -> str:
        """Return the highest strange directory that `path` lies in, or itself where it is strange; "" for neither."""
        above = [step for step in upwards(path) if step in self._strange]
        return above[-1] if above else ""

    def top(self, path: str) -> str:
        """Return the strange directory of code that `path` lies in, no higher than /opt/app; "" where it is known."""
        find = self.find(path)
        return find if not find or find.count("/") > 1 else "/".join(path.split("/", 3)[:3])

    def closure(self, start: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the topmost paths that belong together, and the directories of data among them.

        These are `start`, what files there name, and where links there lead to.
        """
        todo, paths, data = list(dict.fromkeys(start)), set[str](), set[str]()
        for _ in range(_SECTIONS):
            if not todo:
                break
            path = todo.pop(0)
            if path in paths:
                continue
            paths.add(path)
            for named in (*self._named(path), *self._led_to(path)):
                data |= set(self._data(named))
                wanted = self._wanted(named)
                if wanted and not any(step in paths for step in upwards(wanted)):
                    todo.append(wanted)
        for path in list(paths):
            data |= set(self._data(path))
        places = {path if self._is_directory(path) else path.rpartition("/")[0] for path in data} - {""}
        paths |= places
        top = {path for path in paths if not any(step in paths for step in upwards(path.rpartition("/")[0]))}
        return tuple(sorted(top)), tuple(sorted(places))

    def _wanted(self, named: str) -> str:
        """Return the path to take along for one that is named; "" where there is nothing strange about it."""
        if named.startswith(_PASSING) or self._view.directories.entry(raw(named)) is None:
            return ""
        if self.find(named):
            data = next((step for step in upwards(named) if step in self._state), "")
            return named if not data else data if self._is_directory(data) else data.rpartition("/")[0]
        known = self._view.explained.of(raw(named))
        standard = named.count("/") < 2 or (known is not None and known.kind == "installer")
        below = f"{named.rstrip('/')}/"
        return "" if standard or not any(path.startswith(below) for path in self._strange) else named

    def _data(self, named: str) -> Iterator[str]:
        """Yield the state at, above or below a path, or beside it in one strange directory that is no application."""
        top = self.find(named)
        below = (f"{named}/", *([f"{top}/"] if top and top not in self._applications else []))
        for path in self._state:
            if path.startswith(below) or path in upwards(named):
                yield path

    def _is_directory(self, path: str) -> bool:
        entry = self._view.directories.entry(raw(path))
        return entry is not None and entry.kind == "d"

    def _named(self, path: str) -> Iterator[str]:
        """Yield the paths that files at or below `path` name: those that were kept, and its configuration."""
        below = f"{path}/"
        read = set[str]()
        for item in self._view.of("contents"):
            if item.key == path or item.key.startswith(below):
                read.add(item.key)
                yield from _paths(str(item.attributes.get("text") or ""))
        if path.startswith(_CONFIGURATION):
            for entry in self._plain(raw(path)):
                if text(entry.path) not in read:
                    yield from _paths(text(self._desk.bytes(text(entry.path)) or b""))

    def _plain(self, path: bytes) -> list[Entry]:
        """Return the small regular files at or below `path`, links to them left alone; a bounded number."""
        found: list[Entry] = []
        todo = [path]
        while todo and len(found) < _FILES:
            here = todo.pop()
            entry = self._view.directories.entry(here)
            if entry is not None and entry.kind == "d":
                todo += sorted((one.path for one in self._view.directories.list(here).values()), reverse=True)
            elif entry is not None and entry.kind == "f" and entry.size <= _READABLE:
                found.append(entry)
        return found

    def _led_to(self, path: str) -> Iterator[str]:
        here = raw(path)
        for link, final in self._view.snapshot.finals.items():
            if final is not None and (link == here or link.startswith(here + b"/")):
                yield text(final)

    def real(self, path: str) -> str:
        """Return where a path leads in the end."""
        return text(real(self._view, raw(path)))


def _paths(said: str) -> set[str]:
    """Return the paths that a text names outside of its comments."""
    return {path.rstrip("/") for path in _PATH.findall(_COMMENT.sub("", said))} - {""}
