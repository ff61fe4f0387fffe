"""The traces that logs hold: packages with the command that asked for them, logins, sudo."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from driftscan.explain.view import View
from driftscan.findings._traces import Trace, items, packages, seconds
from driftscan.model.item import Item

_PACKAGES = {"install": "package", "upgrade": "upgrade", "remove": "removal", "purge": "removal"}
_SESSIONS = ("login", "sudo")
_AUTOMATIC = re.compile(
    r"unattended.upgrade|dnf-automatic|yum-cron|packagekit|aptdaemon|cron-apt|apt\.systemd\.daily", re.IGNORECASE
)
_NUMBER = re.compile(r"\s*\(\d+\)$")  # the uid behind an account
_VERSION = re.compile(r"[:=\s(].*", re.DOTALL)  # what may follow the name of a package
_COUNT = re.compile(r"\d{1,6}")
_QUARTER, _SHIFT = 900.0, 14 * 3600.0  # zones differ by quarters of an hour, by 14 hours at most
_NEAR = 120.0  # seconds between the line of a log and the unpacking that it tells
_RUN = 7200.0  # seconds that a command of a package manager may take


class _Event(NamedTuple):
    """One line of a log at the time that it has by the host's clock."""

    when: float
    kind: str
    who: str
    what: str
    detail: str


def history(view: View) -> Iterator[Trace]:
    """Yield what logs tell; starts of the machine are nobody's act."""
    events = sorted(_events(view))
    changes = [event for event in events if event.kind in _PACKAGES]
    commands = [event for event in events if event.kind == "command"]
    yield from _of_packages(view, changes, commands)
    for event in events:
        if event.kind in _SESSIONS:
            yield Trace(event.kind, event.what, event.when, event.who)


def oldest(view: View) -> float | None:
    """Return since when the logs tell what was installed."""
    return min((event.when for event in _events(view) if event.kind in {"install", "upgrade"}), default=None)


def name_of(what: str) -> str:
    """Return the bare name of a package from what a log calls it."""
    return _VERSION.sub("", what)


def _events(view: View) -> Iterator[_Event]:
    found = [(when, item) for item in items(view, "history") if (when := seconds(item.attributes.get("when")))]
    shifts = _shifts(view, found)
    for when, item in found:
        has = item.attributes
        who, what, detail = (str(has.get(name) or "") for name in ("who", "what", "detail"))
        kind = str(has.get("kind"))
        local = kind in _PACKAGES or kind == "command"
        shift = _nearest(shifts, when) if local else 0.0
        yield _Event(when + shift, kind, _NUMBER.sub("", who), what, detail)


def _shifts(view: View, found: Sequence[tuple[float, Item]]) -> list[tuple[float, float]]:
    """Return by how much logs of packages are off, as (time, seconds): they write the local time of a zone long gone.

    The time of unpacking is the clock's own: where it differs from the line by whole quarters of an hour, that is it.
    """
    last: dict[str, float] = {}
    for when, item in found:
        if item.attributes.get("kind") in {"install", "upgrade"}:
            name = name_of(str(item.attributes.get("what")))
            last[name] = max(when, last.get(name, when))
    shifts = []
    for item in packages(view):
        told = last.get(str(item.attributes.get("name")))
        unpacked = seconds(item.attributes.get("installed_at", item.volatile.get("installed_at")))
        if told is None or unpacked is None or abs(unpacked - told) > _SHIFT + _NEAR:
            continue
        shift = round((unpacked - told) / _QUARTER) * _QUARTER
        if abs(unpacked - told - shift) <= _NEAR:
            shifts.append((told, shift))
    return sorted(shifts)


def _nearest(shifts: Sequence[tuple[float, float]], when: float) -> float:
    """Return the shift that is known nearest to a time."""
    if not shifts:
        return 0.0
    at = bisect_left(shifts, (when, 0.0))
    near = shifts[max(at - 1, 0) : at + 1]
    return min(near, key=lambda one: abs(one[0] - when))[1]


def _of_packages(view: View, changes: Sequence[_Event], commands: Sequence[_Event]) -> Iterator[Trace]:
    """Yield packages with who asked for them: a command names its packages and counts what came along."""
    manual = {str(item.attributes.get("name")) for item in packages(view) if item.attributes.get("reason") == "manual"}
    by_command = _by_command(changes, commands)
    for number, event in enumerate(changes):
        command = by_command.get(number)
        name = name_of(event.what)
        if command is None:  # somebody called dpkg or rpm, or the log of commands is gone
            asked = bool(commands) or name in manual
            machine, who = False, event.who
        else:
            asked = name in {name_of(word) for word in command.what.split()}
            machine, who = bool(_AUTOMATIC.search(f"{command.what} {command.who}")), command.who or event.who
        machine = machine or bool(_AUTOMATIC.search(f"{event.detail} {event.who}"))
        yield Trace(_PACKAGES[event.kind], name, event.when, who, machine=machine, asked=asked)


def _by_command(changes: Sequence[_Event], commands: Sequence[_Event]) -> dict[int, _Event]:
    """Return the command behind each change that one explains: as many as it counts, from its beginning on."""
    found: dict[int, _Event] = {}
    for command in commands:
        count = sum(map(int, _COUNT.findall(command.detail)))
        at = bisect_left(changes, (command.when - _NEAR / 2,))
        while count > 0 and at < len(changes) and changes[at].when - command.when <= _RUN:
            if at not in found:
                found[at] = command
                count -= 1
            at += 1
    return found
