"""Which running services read a path: by their packages' directories, by what they name, by where they run from."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import ClassVar
from weakref import WeakKeyDictionary

from driftscan.explain.services import explain
from driftscan.explain.view import View
from driftscan.model.item import Item
from driftscan.model.ownership import resolve
from driftscan.model.text import raw, text
from driftscan.role.model import Handler

_PATH = re.compile(r"/[^\s\"'`;|&<>()=,:*?\[\]{}$#]+")
_SETTINGS = frozenset({"/etc", "/etc/default", "/etc/sysconfig", "/etc/conf.d"})
# What is read each time that it is needed: nobody has to be told.
_READ_ANEW = re.compile(
    r"/etc/(?:cron[^/]*|anacrontab|logrotate\.d|logrotate\.conf|profile\.d|sudoers(?:\.d)?|pam\.d|security|init\.d"
    r"|rc[^/]*\.d|bash_completion\.d|systemd/system|udev)(?:/.*)?"
)
# Restarting these cuts off the one who applies the role, or all programs from one another, or is refused.
_LEFT_ALONE = frozenset(
    {"networking.service", "network.service", "dbus.service", "dbus-broker.service", "auditd.service"}
)
_KINDS = frozenset({"service", "socket", "timer", "path"})
_NAMESAKE = re.compile(r"/etc/systemd/([a-z]+)\.conf(?:\.d/.*)?")
# Directories that hold many people's programs: a neighbour of what a unit runs is none of its business.
_SHARED = re.compile(
    r"/(?:usr/)?(?:local/)?(?:s?bin|lib(?:exec|32|64)?|share|src|etc)|/(?:etc|var|opt|srv|home|root)(?:/[^/]*)?"
)
_PARTS = re.compile(r"(?:\.conf)?\.d$")
_DEEP = 4  # slashes in the path of a directory of settings, at most
_SHORT = 3  # letters of a name that says something
_INIT = b"/lib/systemd/systemd"
_OPT = re.compile(r"/(?:opt|srv)/[^/]+|/home/[^/]+/.+")

_known: "WeakKeyDictionary[View, Restarts]" = WeakKeyDictionary()


def restarts(view: View) -> "Restarts":
    """Return the services of a host with what they read; worked out once."""
    if view not in _known:
        _known[view] = Restarts(view)
    return _known[view]


class Restarts:
    """The services of one host that run, by name, and by the paths that they read."""

    VERB: ClassVar[str] = "restart "

    def __init__(self, view: View) -> None:
        self._view = view
        self._init = view.ownership.owner(view.ownership.canonical(_INIT))
        self._items: dict[str, Item] = {}
        self._handlers: dict[str, Handler] = {}
        self._read: dict[str, set[str]] = defaultdict(set)  # path, the names of services
        self._below: dict[str, set[str]] = defaultdict(set)  # directory, the names of services
        self._packages: dict[str, set[str]] = defaultdict(set)
        self._sources = {
            str(item.attributes.get("name")): str(item.attributes.get("source") or item.attributes.get("name"))
            for item in view.of("packages")
        }
        self._busy = {item.attributes.get("package") for item in view.of("processes")}
        for item in view.of("services"):
            self._add(item)
        self._add_folders()
        for item in view.of("certificates"):
            self._add_certificate(item)

    def of(self, path: str) -> Iterator[Handler]:
        """Yield the restarts that are due where `path`, a file or a whole directory, has changed."""
        names = set(self._read.get(path, ()))
        if not _READ_ANEW.fullmatch(path):
            names |= self._settings(path)
        for folder, concerned in self._below.items():
            if path == folder or path.startswith(f"{folder}/"):
                names |= concerned
        entry = self._view.directories.entry(raw(path))
        if entry is not None and entry.kind == "d":
            names |= {name for known, some in self._read.items() if known.startswith(f"{path}/") for name in some}
        yield from (self._handlers[name] for name in sorted(names))

    def runs(self, name: str) -> bool:
        """Whether a unit is active."""
        return name in self._items

    def _add(self, item: Item) -> None:
        has = item.attributes
        name, fragment = str(has.get("name")), str(has.get("fragment"))
        manager = has.get("manager")
        if manager == "rc.local":
            self._add_rc_local(item)
            return
        if not self._runs(item):
            return
        self._items[name] = item
        if name in _LEFT_ALONE:
            return
        command = ("systemctl", "restart", name) if manager == "systemd" else (fragment, "restart")
        self._handlers[name] = Handler(f"{self.VERB}{name}", command)
        for path in (fragment, *(has.get("dropins") or ())):
            self._read[path].add(name)
        if has.get("kind") in {"service", "script"}:
            if has.get("package"):
                self._packages[str(has["package"])].add(name)
            self._add_told(item, name)

    def _runs(self, item: Item) -> bool:
        """Whether a unit is active and is started again by something, or an init script has left a process."""
        has = item.attributes
        if has.get("alias_of") or "@." in str(has.get("name")):
            return False
        if has.get("manager") == "systemd":
            lost = not (has.get("wanted_by") or item.volatile.get("needed_by") != [] or has.get("enabled") == "enabled")
            return has.get("active") in {"active", "reloading"} and has.get("kind") in _KINDS and not lost
        if has.get("manager") != "sysv" or has.get("enabled") != "enabled" or has.get("replaced_by"):
            return False
        return not has.get("package") or has["package"] in self._busy

    def _add_rc_local(self, item: Item) -> None:
        """Add what rc.local starts; under systemd a unit runs it, and ends it with all that it started."""
        if item.attributes.get("enabled") != "enabled" or not item.attributes.get("command"):
            return
        script = str(item.attributes.get("fragment"))
        systemd = self._view.facts.get("init") == "systemd"
        name = "rc-local.service" if systemd else "rc.local"
        command = ("systemctl", "restart", name) if systemd else (script,)
        self._handlers[name] = Handler(f"{self.VERB}{name}", command)
        self._read[script].add(name)
        self._add_told(item, name)

    def _add_told(self, item: Item, name: str) -> None:
        """Note the paths that a definition names, and of one by hand the whole of what it runs from."""
        has, view = item.attributes, self._view
        lines = (line for column in ("command", "environment") for line in str(has.get(column) or "").split("\n"))
        told = {path.rstrip("/.") for line in lines if not line.startswith("PATH=") for path in _PATH.findall(line)}
        directory = str(has.get("directory") or "").rstrip("/")
        by_hand = explain(view, item) is None
        for path in {*told, *([directory] if directory.startswith("/") else [])}:
            if path.startswith(("/dev/", "/proc/", "/sys/", "/run/")) or path.count("/") < 2:
                continue
            for spelled in {path, text(resolve(raw(path), view.snapshot.links) or raw(path))}:
                entry = view.directories.entry(raw(spelled))
                if entry is not None and entry.kind != "d":
                    self._read[spelled].add(name)
                if by_hand and (top := self._top(spelled)):
                    self._below[top].add(name)
                    self._add_linked(top, name)

    def _top(self, path: str) -> str:
        """Return the directory of an application that a path lies in; "" where it lies among other people's."""
        for stranger in self._view.explained.strangers:
            top = text(stranger.entry.path)
            if stranger.entry.kind == "d" and f"{path}/".startswith(f"{top}/"):
                return top if _OPT.fullmatch(top) or not _SHARED.fullmatch(top) else ""
        return ""

    def _add_linked(self, top: str, name: str) -> None:
        """Note the files outside to which links of an application lead: settings that are kept elsewhere."""
        links = self._view.snapshot.links
        inside = raw(f"{top}/")
        for link in links:
            if link.startswith(inside):
                target = resolve(link, links) or inside
                entry = None if target.startswith(inside) else self._view.directories.entry(target)
                if entry is not None and entry.kind == "f" and target not in self._view.ownership:
                    self._read[text(target)].add(name)

    def _settings(self, path: str) -> set[str]:
        """Return the services whose settings a file is by its package, by its name, or as a part of systemd's own."""
        folder, _, base = path.rpartition("/")
        if match := _NAMESAKE.fullmatch(path):
            name = f"systemd-{match[1]}.service"
            return {name} if name in self._handlers else set()
        if folder not in _SETTINGS:
            return set()
        owner = self._view.ownership.owner(raw(path))
        by_name = {name for name in self._handlers if name.partition(".")[0] == base} if folder != "/etc" else set()
        return self._services_of(owner) | by_name

    def _services_of(self, package: str) -> set[str]:
        """Return the services of a package, none of systemd's: what it brings below /etc is not for all of them."""
        return set() if package == self._init else self._packages.get(package, set())

    def _add_folders(self) -> None:
        """Note the directories below /etc that a package of running services brings and that bear its name."""
        for manifest in self._view.ownership.manifests:
            services = self._services_of(manifest.name)
            if services:
                names = {manifest.name, self._sources.get(manifest.name, ""), *services}
                plain = {_plain(name.partition(".service")[0]) for name in names}
                for path in manifest.files:
                    if path.startswith(b"/etc/") and self._is_for(path, plain):
                        self._below[text(path)] |= services

    def _is_for(self, path: bytes, names: set[str]) -> bool:
        """Whether a path is a directory that is named for a software, as /etc/mysql/mariadb.conf.d is for mariadb."""
        if path.count(b"/") > _DEEP or _READ_ANEW.fullmatch(text(path)):
            return False
        stem = _plain(_PARTS.sub("", text(path).rpartition("/")[2]))
        if len(stem) < _SHORT or not any(stem in name or name in stem for name in names if len(name) >= _SHORT):
            return False
        entry = self._view.directories.entry(self._view.ownership.canonical(path))
        return entry is not None and entry.kind == "d"

    def _add_certificate(self, item: Item) -> None:
        """Let whoever reads a setting that names a certificate be restarted with it."""
        used = [str(path) for path in item.attributes.get("used_by") or ()]
        names = {one.name.removeprefix(self.VERB) for path in used for one in self.of(path)}
        for column in ("path", "key_path"):
            path = item.attributes.get(column)
            if names and isinstance(path, str) and path:
                self._read[path] |= names


def _plain(name: str) -> str:
    """Return a name as it is compared: NetworkManager is network-manager."""
    return name.lower().replace("-", "").replace("_", "")
