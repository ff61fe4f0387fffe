"""By whom: what the logs of a host tell of the time in which something changed; named, never taken for certain."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from driftscan.explain.view import View
from driftscan.model.drift import Drift, Kind, Since
from driftscan.model.item import Item
from driftscan.model.text import raw

_PACKAGED = frozenset({"install", "upgrade", "remove", "purge"})
_TOLD = 3  # logins and commands that are told; the others are counted
_NEAR = timedelta(hours=1)  # between the ctime of a file and the log of its package
_RUN = timedelta(hours=1)  # between a command of a package manager and what it did last
_OWN = timedelta(minutes=2)  # between the start of a scan and its login
_COMMAND = 60  # characters of a command
_SHORTEST = 3  # characters of a name that is looked for in commands
_MANAGERS = {
    "/var/log/dpkg.log": "dpkg", "/var/log/apt/history.log": "apt", "/var/log/dnf.rpm.log": "dnf",
    "/var/log/yum.log": "yum", "/var/log/zypp/history": "zypper", "/var/log/pacman.log": "pacman",
}  # fmt: skip
_OF_RPM = frozenset({"/var/log/dnf.rpm.log", "/var/log/yum.log"})


class Happened(NamedTuple):
    """One line of a log: `when` is its first time, `last` its last on that day."""

    when: datetime
    last: datetime
    kind: str
    who: str
    what: str
    source: str


@dataclass(frozen=True, slots=True)
class Thing:
    """What drifted: the names that a command would call it by, its package, its owner, when it changed."""

    names: frozenset[str]
    package: str
    owner: str
    changed: datetime | None


class Who:
    """What the history of a host knows; read once, when the first drift asks."""

    def __init__(self, view: View, scans: Sequence[datetime]) -> None:
        self._view = view
        self._scans = scans

    def of(self, drift: Drift, since: Since | None, path: bytes | None, owner: str) -> str:
        """Return who may have made `drift` be as it is, or "": the package manager, a command, who was there."""
        thing = self._thing(drift, since, path, owner)
        packaged = self._packaged(thing, since)
        if packaged:
            return packaged
        named = self._named(thing, since)
        if named is not None:
            return _sudo(named)
        told = self._present(thing, since)
        owned = f"owner {thing.owner}" if thing.owner else ""
        return "; ".join(filter(None, [told, owned]))

    def _thing(self, drift: Drift, since: Since | None, path: bytes | None, owner: str) -> Thing:
        key, package = drift.key, ""
        if path is not None:
            package = self._view.ownership.owner(path) or ""
        elif drift.scope == "packages":
            package = key.partition(" ")[0]
        names = {key, *re.findall(r"/[^\s:,]+", key)}
        names |= {key.removesuffix(ending) for ending in (".service", ".timer", ".socket")}
        known = frozenset(name for name in names if len(name) >= _SHORTEST)
        return Thing(known, _plain(package), owner, since.changed if since else None)

    def _packaged(self, thing: Thing, since: Since | None) -> str:
        """Return what the package log has nearest to the change."""
        if not thing.package:
            return ""
        found = [one for one in self._by_package.get(thing.package, ()) if _fits(one, thing, since)]
        if not found:
            return ""
        aim = thing.changed or max(one.when for one in found)
        nearest = min(found, key=lambda one: abs(one.when - aim))
        command = max(
            (one for one in self._commands if timedelta(0) <= nearest.when - one.when <= _RUN),
            key=lambda one: one.when, default=None,
        )  # fmt: skip
        manager = _MANAGERS.get((command or nearest).source, "")
        of = "" if nearest.what in thing.names else f" of {thing.package}"
        asked = f" asked for by {command.who}" if command is not None and command.who else ""
        return f"{manager} {nearest.kind}{of} {_time(nearest.when)}{asked}".strip()

    def _named(self, thing: Thing, since: Since | None) -> Happened | None:
        """Return the command that names the thing, of several the last."""
        if not thing.names or not self._sudo:
            return None
        name = "|".join(re.escape(one) for one in sorted(thing.names))
        spelled = re.compile(rf"(?<![\w./-])(?:{name})(?![\w-]|\.\w)")
        inside = [one for one in self._sudo if _within(one, since, thing.changed) and spelled.search(one.what)]
        return max(inside, key=lambda one: one.last, default=None)

    def _present(self, thing: Thing, since: Since | None) -> str:
        """Return who did something or came in the time between the last look before and the first that saw it."""
        if since is None or since.before is None:
            return ""
        commands = [_sudo(one) for one in self._sudo if _within(one, since, thing.changed)]
        logins = [
            f"login {one.who} {one.what} {_time(_inside(one, since))}"
            for one in self._logins
            if _within(one, since, thing.changed)
        ]
        told = [*commands, *logins]
        if len(told) == 1:
            return f"{told[0]} (the only one in that time)"
        more = [f"and {len(told) - _TOLD} more"] if len(told) > _TOLD else []
        return "one of: " + "; ".join([*told[:_TOLD], *more]) if told else ""

    @cached_property
    def _happened(self) -> dict[str, list[Happened]]:
        found: dict[str, list[Happened]] = {}
        for one in _read(self._view.of("history")):
            found.setdefault("packages" if one.kind in _PACKAGED else one.kind, []).append(one)
        return found

    @cached_property
    def _by_package(self) -> dict[str, list[Happened]]:
        found: dict[str, list[Happened]] = {}
        for one in self._happened.get("packages", ()):
            found.setdefault(_logged(one), []).append(one)
        return found

    @property
    def _commands(self) -> Sequence[Happened]:
        return self._happened.get("command", ())

    @cached_property
    def _sudo(self) -> Sequence[Happened]:
        return sorted(self._happened.get("sudo", ()), key=lambda one: one.last, reverse=True)

    @cached_property
    def _logins(self) -> Sequence[Happened]:
        """Logins, the newest first, without those by which the scans themselves came."""
        found = [one for one in self._happened.get("login", ()) if not (self._is_scan(one.when, one.last))]
        return sorted(found, key=lambda one: one.last, reverse=True)

    def _is_scan(self, *times: datetime) -> bool:
        return all(any(abs(time - scan) <= _OWN for scan in self._scans) for time in times)


def _read(items: Iterable[Item]) -> Iterator[Happened]:
    for item in items:
        has = item.attributes
        try:
            when = datetime.fromisoformat(str(has.get("when")).replace("Z", "+00:00")).astimezone()
            last = datetime.fromisoformat(str(item.volatile.get("last") or has["when"]).replace("Z", "+00:00"))
            last = last.astimezone()
        except (ValueError, OverflowError):
            continue
        told = (str(has.get(name) or "") for name in ("kind", "who", "what", "source"))
        yield Happened(when, max(when, last), *told)


def _plain(package: str) -> str:
    """Return a package's name without its architecture."""
    return package.partition(":")[0]


def _logged(one: Happened) -> str:
    """Return the name of the package that a log speaks of; rpm's have epoch, version and release in it."""
    if one.source in _OF_RPM:
        return re.sub(r"^\d+:", "", one.what).rsplit("-", 2)[0]
    return _plain(one.what)


def _fits(one: Happened, thing: Thing, since: Since | None) -> bool:
    """Whether the log's line may tell of the change: near to the ctime, or in the time between the looks."""
    if thing.changed is not None:
        return abs(one.when - thing.changed) <= _NEAR
    return since is not None and since.before is not None and since.before < one.when <= since.seen + _OWN


def _within(one: Happened, since: Since | None, changed: datetime | None) -> bool:
    """Whether something happened in the time in which the change came about, as far as that is known."""
    if since is None:
        return False
    end = since.seen + _OWN
    if changed is not None and (since.before is None or changed >= since.before):
        end = min(end, changed + _OWN)
    return one.when <= end and (since.before is None or one.last > since.before)


def _inside(one: Happened, since: Since) -> datetime:
    """Return the first known time of `one` that lies after the last look before."""
    return one.when if since.before is None or one.when > since.before else one.last


def _sudo(one: Happened) -> str:
    command = one.what if len(one.what) <= _COMMAND else one.what[: _COMMAND - 1] + "…"
    return f"sudo {one.who}: {command} {_time(one.when)}"


def _time(when: datetime) -> str:
    return f"{when.astimezone():%Y-%m-%d %H:%M}"


def owner_of(view: View, drift: Drift, path: bytes | None) -> str:
    """Return the user whose file it is, "" where that is root or there is none."""
    entry = view.directories.entry(path) if path is not None and drift.kind is not Kind.MISSING else None
    uid = entry.owner[0] if entry is not None else 0
    return view.names.users.get(uid, str(uid)) if uid else ""


def path_of(drift: Drift) -> bytes | None:
    """Return the path that a drift is about, None where it is about something else."""
    return raw(drift.key) if drift.scope in {"files", "trees"} and drift.key.startswith("/") else None
