"""Traces: single acts that left a mark with a time on a host, before they are laid together to strata."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import NamedTuple

from driftscan.explain.view import View
from driftscan.model.item import Item, Json
from driftscan.model.text import raw
from driftscan.model.tree import Entry
from driftscan.scopes.base import scopes

DAY = 86_400.0
_BURST = 600.0  # seconds without a package that end the installation of the system
_OLDEST = 946_684_800.0  # 2000: no package of a host that still runs was installed before
_SAMPLE = (b"/usr/bin", b"/usr/sbin", b"/usr/lib/systemd/system", b"/etc")


class Trace(NamedTuple):
    """One act: `kind` and `what` say what was done, `when` in seconds since 1970 (UTC), `who` by whom, "" unknown.

    `daily`: only the day is known, `when` is its beginning. `machine`: done by a program on a schedule. `asked`: of a
    package, that somebody named it. Of a file, `path` is its path and `top` the find that it is in (b"": none);
    `brought` is when it was brought or altered after it was dated, `dated` what it is dated where that is no time of
    this host. A file without `when` has no credible time.
    """

    kind: str
    what: str
    when: float | None
    who: str = ""
    daily: bool = False
    machine: bool = False
    asked: bool = False
    path: bytes = b""
    top: bytes = b""
    brought: float | None = None
    dated: float | None = None
    many: int = 0


class Era(NamedTuple):
    """The time of a host: its installation from `start` to `end` (0 when unknown), and when it was looked at.

    Up to `settled` the ctimes of its disk say nothing: the system was installed then, or the whole disk copied.
    """

    start: float
    end: float
    settled: float
    taken: float

    def credible(self, moment: float) -> bool:
        """Whether something can have happened at `moment`."""
        return 0 < moment <= self.taken + DAY


def items(view: View, scope: str) -> Iterable[Item]:
    """Return the items of a scope, none where this version does not know it."""
    return view.of(scope) if scope in scopes() else ()


def seconds(value: Json) -> float | None:
    """Return the time in an ISO text as seconds since 1970; None for what is no such text."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None


def era(view: View) -> Era:
    """Work out when the host was installed: its oldest packages, and what came after them without a pause or a start.

    An installer brings its packages before the system is started for the first time.
    """
    taken = view.snapshot.taken.timestamp()
    installed = {str(item.attributes.get("name")): seconds(_either(item, "installed_at")) for item in packages(view)}
    known = sorted(moment for moment in installed.values() if moment and _OLDEST < moment <= taken)
    if not known:
        return Era(0.0, 0.0, _settled(view, installed, 0.0), taken)
    started = (seconds(item.attributes.get("when")) for item in items(view, "history") if _is_start(item))
    start = min((moment for moment in started if moment and moment > known[0]), default=taken)
    end = known[0]
    for moment in known:
        if moment - end > _BURST or moment > start:
            break
        end = moment
    return Era(known[0], end, _settled(view, installed, end), taken)


def packages(view: View) -> list[Item]:
    """Return the packages that are installed."""
    return [item for item in items(view, "packages") if item.attributes.get("state") in {"installed", None}]


def _is_start(item: Item) -> bool:
    return item.attributes.get("kind") == "boot"


def _either(item: Item, name: str) -> Json:
    return item.attributes.get(name, item.volatile.get(name))


def _settled(view: View, installed: Mapping[str, float | None], end: float) -> float:
    """Return until when ctimes say nothing: where most programs have one later than their package, that of the copy."""
    changed: list[float] = []
    later = 0
    for directory in _SAMPLE:
        for entry in view.directories.list(directory).values():
            unpacked = installed.get(view.ownership.owner(entry.path)) if entry.kind == "f" else None
            if unpacked is not None:
                changed.append(entry.ctime)
                later += entry.ctime > unpacked + DAY
    if not changed or later * 2 < len(changed):
        return end
    return max(end, sorted(changed)[len(changed) // 2] + DAY / 4)


def of_file(entry: Entry, era: Era, kind: str, what: str, top: bytes = b"") -> Trace:
    """Return the trace of a file: by its mtime, or by its ctime where it was dated before the host was there."""
    trace = Trace(kind, what, None, path=entry.path, top=top)
    written, changed = entry.mtime, entry.ctime
    telling = changed if changed > era.settled and era.credible(changed) else None
    if not era.credible(written):
        return trace._replace(brought=telling, dated=written)
    if written < era.start:
        return trace._replace(when=era.start if telling is None else telling, dated=written)
    late = telling is not None and telling - written > DAY
    return trace._replace(when=written, brought=telling if late else None)


def of_accounts(view: View, era: Era) -> Iterator[Trace]:
    """Yield when accounts were made, by the skeleton in their homes, and when passwords were changed."""
    for item in items(view, "accounts"):
        has = item.attributes
        if has.get("kind") != "user":
            continue
        name = str(has.get("name"))
        changed = seconds(has.get("password_changed"))
        made = _made(view, str(has.get("home") or ""), has.get("uid"), era)
        if made is not None:
            yield Trace("account", name, made)
        if changed is None or not era.credible(changed) or (made is not None and 0 <= made - changed < DAY):
            continue
        yield Trace("account" if made is None else "password", name, changed, daily=True)


def _made(view: View, home: str, uid: Json, era: Era) -> float | None:
    """Return when a home was filled: nothing sets back the ctime of a skeleton's file that nobody has touched."""
    directory = view.directories.entry(raw(home)) if home.count("/") > 1 else None
    if directory is None or directory.kind != "d" or directory.owner[0] != uid:
        return None
    times = [entry.ctime for entry in view.directories.list(directory.path).values() if entry.kind == "f"]
    first = min(times, default=0.0)
    return first if first > era.settled and era.credible(first) else None
