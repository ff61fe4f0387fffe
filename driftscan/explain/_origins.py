"""Who started a process: a unit, init itself, cron, a container, a login; or nobody who would do so again."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from driftscan.explain._programs import basename, script, strange_program
from driftscan.model.explanation import Explanation
from driftscan.model.item import Item, Json
from driftscan.model.text import raw, text

if TYPE_CHECKING:
    from driftscan.explain.view import View

# Programs behind which a person sits: what is below them ends with the login, what has left them is nobody's.
_LOGIN = frozenset(
    {
        "sshd", "sshd-session", "sshd-auth", "dropbear", "login", "agetty", "getty", "mingetty", "in.telnetd",
        "telnetd", "rlogind", "rshd", "mosh-server", "gdm-session-worker", "gdm3", "gdm", "lightdm", "sddm",
        "sddm-helper", "xdm", "lxdm", "kdm", "slim", "greetd", "systemd-machined",
    }
)  # fmt: skip
_CRON = frozenset(
    {
        "cron", "crond", "fcron", "anacron", "atd", "bcron-start", "dcron",
    }
)  # fmt: skip
_FIRST = frozenset(
    {
        "systemd", "init", "upstart", "openrc-init", "runit", "runit-init", "s6-svscan", "busybox", "dinit",
        "finit",
    }
)  # fmt: skip
# What a login leaves behind on purpose, to serve the next one.
_HELPERS = frozenset(
    {
        "ssh-agent", "gpg-agent", "dirmngr", "keyboxd", "scdaemon", "dbus-daemon", "dbus-launch", "dbus-broker",
    }
)  # fmt: skip
_PASSING = re.compile(r"session-\*\.scope|session-c?\d+\.scope")
_BY_HAND = re.compile(r"run-\*\.(?:scope|service)|run-r[0-9a-f]{32}\.(?:scope|service)|run-u?\d+\.(?:scope|service)")
_INSTANCE = re.compile(r"([^@]+@).+(\.\w+)", re.DOTALL)
_WORD = re.compile(r"/[\w.@+~:/-]*[\w@+~-]")
_SCRIPTS = frozenset({"sysv", "openrc", "busybox", "upstart"})

_known: "WeakKeyDictionary[View, Origins]" = WeakKeyDictionary()


def origins(view: "View") -> "Origins":
    """Return the origins of a view's processes; what they are told by is worked out once."""
    if view not in _known:
        _known[view] = Origins(view)
    return _known[view]


class Origins:
    """Tells by units, init's files, schedules and parents who started each process."""

    def __init__(self, view: "View") -> None:
        # Kept for as long as the view is: the view itself may not be kept from here.
        self._services = list(view.of("services"))
        self._contents = {item.key: str(item.attributes.get("text") or "") for item in _contents(view)}
        self._told: dict[str, Explanation | None] = {}
        self._services_whole = view.whole("services")
        self._schedules = [item.attributes for item in view.of("schedules")]
        self._first = next((i for i in view.of("processes") if 1 in (i.volatile.get("pid") or ())), None)

    def of(self, view: "View", item: Item) -> Explanation | None:
        """Return who started a process and would do so again after a reboot, or who sits behind it; None: nobody."""
        if item.key not in self._told:
            self._told[item.key] = self._origin(view, item)
        return self._told[item.key]

    def _origin(self, view: "View", item: Item) -> Explanation | None:
        process = item.attributes
        if process.get("container"):
            return Explanation("container", str(process["container"]))
        if 1 in (item.volatile.get("pid") or ()):
            return Explanation("init", str(process.get("package") or ""), "the first process")
        unit = process.get("unit")
        if isinstance(unit, str) and unit:
            if self._init and self._init != "systemd" and not self._init.startswith("init"):
                return Explanation("container", unit, "of a systemd that is not this host's")
            return self._of_unit(view, item, unit)
        return self._without_unit(view, item)

    def known(self, item: Item) -> bool:
        """Return whether enough was shown to say of a process that nobody would start it again.

        What an init script of nobody's package starts is known only where its text is.
        """
        if not item.attributes.get("parent"):
            return False
        return bool(item.attributes.get("unit")) or not self._unread

    @cached_property
    def _init(self) -> str:
        """The name of the first process, "" where it was not shown."""
        first = self._first.attributes if self._first else {}
        return basename(str(first.get("exe") or first.get("name") or ""))

    @cached_property
    def _unread(self) -> bool:
        """Whether init runs scripts that neither a package nor their text tells about."""
        return any(
            has["manager"] in _SCRIPTS
            and not has.get("package")
            and has.get("enabled") != "not executable"  # one without a runlevel may be called by inittab
            and not self._contents.get(str(has.get("fragment")))
            for has in (one.attributes for one in self._services)
        )

    @cached_property
    def _units(self) -> Mapping[str, Item]:
        return {
            str(one.attributes.get("name")): one for one in self._services if one.attributes["manager"] == "systemd"
        }

    def unit(self, name: str) -> Item | None:
        """Return the service by the name that a process has for its unit."""
        found = self._units.get(name)
        if found is None and (match := _INSTANCE.fullmatch(name)):
            found = self._units.get(match[1] + match[2])
        return found

    def _of_unit(self, view: "View", item: Item, unit: str) -> Explanation | None:
        if unit.startswith("user@"):
            return Explanation("session", str(item.attributes.get("user")), unit)
        if unit == "init.scope":
            return Explanation("init", str(item.attributes.get("package") or ""), unit)
        if _PASSING.fullmatch(unit):
            return self._of_session(view, item)
        if _BY_HAND.fullmatch(unit):
            return None
        service = self.unit(unit)
        if service is None:
            gone = self._services_whole and unit.endswith(".service")
            return None if gone else Explanation("unit", unit)
        has = service.attributes
        if has.get("enabled") == "transient":
            return None
        programs = _programs(str(has.get("command") or ""))
        name = basename(str(item.attributes.get("exe") or ""))
        if programs & _LOGIN and name not in _LOGIN:
            return self._of_session(view, item)
        if programs & _CRON and name not in _CRON:
            return Explanation("cron", self._scheduled(view, item.attributes), unit)
        if "rc.local" in programs:
            return Explanation("rc.local", "/etc/rc.local", unit)
        if _left_behind(view, item, service, programs):
            return None
        package = has.get("package")
        return Explanation("package", str(package), unit) if package else Explanation("unit", unit)

    def _of_session(self, view: "View", item: Item) -> Explanation | None:
        above = _above(item)
        name = basename(str(item.attributes.get("exe") or ""))
        if name in _HELPERS or name in _LOGIN or above & _LOGIN:
            return Explanation("session", str(item.attributes.get("user")))
        by = self._scheduled(view, item.attributes)
        if above & _CRON or by:
            return Explanation("cron", by)
        return None

    def _without_unit(self, view: "View", item: Item) -> Explanation | None:
        above, process = _above(item), item.attributes
        if above & _LOGIN:
            return Explanation("session", str(process.get("user")))
        if 0 in (item.volatile.get("ppid") or ()):
            return Explanation("session", str(process.get("user")), "entered from outside")
        if self._init and self._init not in _FIRST:
            return Explanation("init", self._init, "below the first process of a container")
        by_init = self._by_init(view, item)
        if by_init is not None:
            return by_init
        by = self._scheduled(view, process)
        return Explanation("cron", by) if above & _CRON or by else None

    def _by_init(self, view: "View", item: Item) -> Explanation | None:
        """Return which init script, entry of inittab or line of rc.local starts a process or what started it."""
        exes = _top(item)
        packages = {str(item.attributes.get("package") or "")} | {view.ownership.owner(raw(exe)) for exe in exes}
        names = {basename(exe) for exe in exes} | {str(item.attributes.get("name"))}
        for service in self._services:
            has = service.attributes
            command, name = str(has.get("command") or ""), str(has.get("name"))
            plain = re.sub(r"^S\d\d", "", name).removesuffix(".sh")
            same = bool(has.get("package")) and has.get("package") in packages
            if has["manager"] in _SCRIPTS:
                body = f"{command}\n{self._contents.get(str(has.get('fragment')), '')}"
                if (
                    same
                    or plain in names
                    or (has.get("package") and _akin(plain, names))
                    or _mentions(view, body, item.attributes)
                ):
                    return Explanation("init script", str(has.get("package") or ""), str(has.get("fragment")))
            elif has["manager"] == "inittab" and (
                _programs(command) & names or _mentions(view, command, item.attributes)
            ):
                return Explanation("inittab", "/etc/inittab", name)
            elif has["manager"] == "rc.local" and _mentions(view, command, item.attributes):
                return Explanation("rc.local", str(has.get("fragment")))
        return None

    def _scheduled(self, view: "View", process: Mapping[str, Json]) -> str:
        """Return the file of the schedule that names the program of a process, "" if there is none."""
        for schedule in self._schedules:
            if not schedule.get("ignored") and _mentions(view, str(schedule.get("command") or ""), process):
                return str(schedule.get("file"))
        return ""


def _akin(name: str, others: Iterable[str]) -> bool:
    """Return whether one name begins with the other, as postgres and postgresql, mysqld and mysql."""
    return any(min(len(name), len(one)) > 2 and (one.startswith(name) or name.startswith(one)) for one in others)


def _above(item: Item) -> set[str]:
    return {basename(name) for name in str(item.attributes.get("parent") or "").split(" < ")}


def _top(item: Item) -> set[str]:
    """Return the executable of a process and of what above it init has started."""
    chain = str(item.attributes.get("parent") or "").split(" < ")
    return {str(item.attributes.get("exe") or ""), *(chain[-2:-1] if len(chain) > 1 else ())}


def _programs(command: str) -> set[str]:
    """Return the names of the programs that the lines of a definition start."""
    first = (line.split(None, 1)[0] for line in command.splitlines() if line.strip())
    return {basename(word.lstrip("-@:+!|")) for word in first}


def _left_behind(view: "View", item: Item, service: Item, programs: Iterable[str]) -> bool:
    """Return whether a process is in a unit's group, but not of its making: started from there by something else.

    It has lost its parent, it is not the main process, and nobody has packaged it though the unit is packaged.
    """
    main = service.volatile.get("main_pid")
    orphan = len(str(item.attributes.get("parent") or "").split(" < ")) == 1 and bool(item.attributes.get("parent"))
    if not orphan or not main or main in (item.volatile.get("pid") or ()):
        return False
    if not service.attributes.get("package") or service.attributes.get("dropins"):
        return False
    strange = strange_program(view, item.attributes)
    return strange is not None and basename(strange) not in programs


def _contents(view: "View") -> Iterable[Item]:
    return [item for item in view.snapshot.items if item.scope == "contents"]


def _mentions(view: "View", body: str, process: Mapping[str, Json]) -> bool:
    """Return whether `body` names the program of a process, or something in the same directory of an application."""
    mine = {str(process.get("exe") or ""), *(str(word) for word in (process.get("argv") or ())[:1])}
    path = script(view, process)
    if path is not None:
        mine.add(text(path))
    strange = {word for word in mine if word.startswith("/") and not view.ownership.owner(raw(word))}
    tops = {top for word in strange if (top := _application(word))}
    return any(word in strange or _application(word) in tops for word in _WORD.findall(body))


def _application(path: str) -> str:
    """Return the directory of an application below /opt, /srv, /home …: the first two names, if more follow."""
    parts = path.split("/")
    if len(parts) < 4 or parts[1] in {"usr", "bin", "sbin", "lib", "lib64", "etc", "tmp", "dev", "run", "var", "proc"}:
        return ""
    return "/".join(parts[:3])
