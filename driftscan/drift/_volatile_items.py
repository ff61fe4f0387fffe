"""Items that come and go by themselves, and attributes that flap: what runs for a moment, and what that leaves."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import cached_property

from driftscan.model.item import Item
from driftscan.model.snapshot import Snapshot

_YOUNG = 120.0  # seconds for which what something else has started counts as running for a moment
_DAY = 86_400.0  # seconds for which a login, or a task of cron or of a timer, may last
_AHEAD = -60.0  # seconds: what started this long after the scan was seen by a later one, so it has stayed

# Programs that serve a login, and those that run tasks: what is still below them ends with the login or the task.
_LOGINS = frozenset({
    "sshd", "sshd-session", "sshd-auth", "dropbear", "login", "agetty", "getty", "mingetty", "in.telnetd", "telnetd",
    "in.rlogind", "in.rshd", "sftp-server", "gdm-session-worker", "lightdm", "sddm-helper", "mosh-server",
})  # fmt: skip
_TASKS = frozenset({"cron", "crond", "CRON", "fcron", "anacron", "atd", "bcron-start", "dcron", "run-parts"})
# What a login leaves for a while, or a user's own systemd is made of.
_HELPERS = frozenset({
    "systemd", "(sd-pam)", "dbus-daemon", "dbus-broker", "dbus-broker-launch", "ssh-agent", "gpg-agent", "dirmngr",
    "keyboxd", "scdaemon", "pipewire", "wireplumber", "pulseaudio", "xdg-permission-store", "gvfsd",
    "at-spi2-registryd",
})  # fmt: skip
_MADE = re.compile(r"run-(?:\*|r[0-9a-f]{32}|[up]?\d[\w-]*)\.(?:scope|service|timer|socket|path)(?::.*)?", re.DOTALL)
_OWN_NAME = re.compile(
    r"dbus-:\d+\.\d+-.+@\d+\.service|[0-9a-f]{64}(?:-[0-9a-f]+)?\.(?:timer|service)|systemd-coredump@.+\.service"
    r"|user(?:-runtime-dir)?@\d+\.service|session-c?[\d*]+\.scope",
    re.DOTALL,
)
_PASSING_EXE = re.compile(r"/(?:tmp|var/tmp|dev/shm|run|home)/")
_CHANGING = frozenset({"activating", "deactivating", "reloading", "maintenance", "refreshing"})
_BAN = re.compile(r"(?:-s|saddr) \S+.*(?:REJECT|DROP|reject|drop)", re.DOTALL)
_LINK = re.compile(r"(?:veth|vnet|cali|lxc|nic-?|cni-|tap)[0-9a-f]{1,}\w*(?:@\S+)?")


class Moment:
    """What items are judged by beside themselves: the host's time, and what its units are."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @cached_property
    def now(self) -> datetime:
        """The host's own time when it was looked at; the auditor's where it was not told."""
        return _time(self._snapshot.facts.get("clock")) or self._snapshot.taken

    def age(self, when: object) -> float | None:
        """Return how many seconds ago an ISO 8601 time was, negative for a later one; None where it is not known."""
        at = _time(when)
        return (self.now - at).total_seconds() if at is not None else None

    @cached_property
    def units(self) -> Mapping[str, Item]:
        """The services by key, which is the name of a unit."""
        return {item.key: item for item in self._snapshot.items if item.scope == "services"}

    @cached_property
    def times(self) -> Mapping[str, str]:
        """When each schedule is due, by key."""
        return {i.key: str(i.attributes.get("when") or "") for i in self._snapshot.items if i.scope == "schedules"}

    @cached_property
    def askers(self) -> frozenset[tuple[object, object]]:
        """Account and program of those that serve a UDP port of their own: such programs ask others, too."""
        return frozenset(
            (item.attributes.get("user"), item.attributes.get("exe"))
            for item in self._snapshot.items
            if item.scope == "sockets" and item.attributes.get("state") == "listen" and item.attributes.get("port")
            if str(item.attributes.get("protocol")).startswith("udp")
        )


def _time(value: object) -> datetime | None:
    try:
        return datetime.strptime(str(value), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _process(moment: Moment, item: Item) -> str:
    """Judge a process by what started it and how long ago: what stays is told, whoever started it."""
    has = item.attributes
    if has.get("kernel"):
        return "a thread of the kernel"
    if has.get("container"):
        return "of a container"
    age = moment.age(item.volatile.get("started"))
    if age is None:
        return ""
    above = str(has.get("parent") or "").split(" < ")
    names = {_name(one) for one in above}
    unit, mine = str(has.get("unit") or ""), _name(str(has.get("exe") or has.get("name") or ""))
    if unit.startswith("user@") and has.get("package") and mine in _HELPERS:
        return "serves a login"
    if age > _DAY:
        return ""
    if mine in _LOGINS and has.get("package") and len(above) > 1:
        return "serves a login"
    if names & _LOGINS:
        return "of a login"
    if names & _TASKS:
        return "a task that cron runs"
    service = moment.units.get(unit)
    if service is not None and service.attributes.get("active") == "on demand":
        return "of a service that runs on demand"
    if not _AHEAD < age <= _YOUNG:
        return ""
    if _MADE.fullmatch(unit):
        return "has just been started by systemd-run"
    return f"has just been started by {_name(above[0])}" if len(above) > 1 else ""


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _socket(moment: Moment, item: Item) -> str:
    """Judge a socket: connections come and go, but those of a program that lies where nobody installs one are told."""
    has = item.attributes
    exe = str(has.get("exe") or "")
    if has.get("state") == "established":
        return "" if _PASSING_EXE.match(exe) and not has.get("package") else "a connection"
    asks = str(has.get("protocol")).startswith("udp") and has.get("port") is None
    if asks and (has.get("user"), has.get("exe")) in moment.askers:
        return "waits for answers to what it has asked"
    loopback = str(has.get("address")) in {"127.0.0.1", "[::1]"}
    if loopback and _name(exe) in _LOGINS and 6010 <= int(has.get("port") or 0) < 6100:
        return "the display of a login"
    return ""


def _service(moment: Moment, item: Item) -> str:
    has = item.attributes
    if has.get("manager") != "systemd" or not str(has.get("fragment") or "/run/").startswith("/run/"):
        return ""
    name = str(has.get("name"))
    if _OWN_NAME.fullmatch(name):
        return "made for one call, login or container"
    if not _MADE.fullmatch(item.key) and not _MADE.fullmatch(name):
        return ""
    if _comes_again(moment, item.key):
        return ""
    age = moment.age(item.volatile.get("since"))
    young = age is None or _AHEAD < age <= _YOUNG
    passing = has.get("kind") == "service" and has.get("active") in {"inactive", "on demand", *_CHANGING}
    return "has just been made by systemd-run" if young or passing else ""


def _schedule(moment: Moment, item: Item) -> str:
    """Judge a schedule: a timer that has just been made for one start, not one that stays."""
    if item.attributes.get("kind") != "timer":
        return ""
    unit = moment.units.get(item.key)
    if unit is not None:
        return _service(moment, unit)
    if not moment.units or not _MADE.fullmatch(item.key) or _comes_again(moment, item.key):
        return ""
    return "came or went while the host was looked at"


def _comes_again(moment: Moment, key: str) -> bool:
    return any(word in moment.times.get(key, "") for word in ("OnCalendar", "OnUnit"))


def _network(_moment: Moment, item: Item) -> str:
    has = item.attributes
    if has.get("kind") in {"interface", "address", "route"}:
        name = str((has.get("name") if has.get("kind") == "interface" else has.get("interface")) or "")
        return "of a container or virtual machine" if has.get("automatic") and _LINK.fullmatch(name) else ""
    chain, rule = str(has.get("name") or ""), str(has.get("value") or "")
    banning = re.search(r"(?:^|[ /])(?:f2b|fail2ban|sshguard|crowdsec)", chain)
    return "shuts somebody out for a while" if has.get("kind") == "rule" and banning and _BAN.search(rule) else ""


def _history(_moment: Moment, _item: Item) -> str:
    return "an event, not a state"


JUDGES: Mapping[str, Callable[[Moment, Item], str]] = {
    "processes": _process,
    "sockets": _socket,
    "services": _service,
    "schedules": _schedule,
    "network": _network,
    "history": _history,
}
OF_FILES = frozenset({"files", "contents", "symlinks"})  # judged as the path that they are
BY_PATH = OF_FILES | {"state", "applications", "checkouts", "language_packages"}  # the others by where they lie


def flapping(item: Item) -> frozenset[str]:
    """Return the names of the attributes of an item that change by themselves."""
    has = item.attributes
    if item.scope == "services":
        state = str(item.volatile.get("state") or "").split(" ")
        waits = state[-1].startswith("auto-restart")  # it keeps failing, and that is told
        changing = has.get("active") in _CHANGING and not waits
        return frozenset({"active", "needs_reload"} if changing else ())
    if item.scope == "mounts" and "automount" in str(has.get("fstab_options") or ""):
        return frozenset({"source", "fstype", "options", "mounted", "subtree"})
    if item.scope == "processes":
        return frozenset({"name", "parent", "cwd", "deleted_libraries"})
    if item.scope == "network" and has.get("kind") == "interface" and has.get("automatic"):
        return frozenset({"mac"})
    if item.scope == "kernel" and has.get("kind") == "sysctl" and _COUNTS.fullmatch(str(has.get("name"))):
        return frozenset({"live"})
    return frozenset()


# What the kernel counts, or tunes by what it meets.
_COUNTS = re.compile(
    r"fs\.(?:dentry-state|file-nr|inode-nr|inode-state|aio-nr|quota\.\w+)|kernel\.(?:random\..*|ns_last_pid|pty\.nr"
    r"|perf_event_max_sample_rate|cad_pid|sched_domain\..*)|net\.netfilter\.nf_conntrack_count|net\.ipv4\.route\..*_count"
    r"|fs\.binfmt_misc\..*|kernel\.keys\..*|dev\.raid\..*|sunrpc\..*|fs\.nfs\.nfs_.*"
)
