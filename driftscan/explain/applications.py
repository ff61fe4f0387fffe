"""Who runs from a path or refers to it: processes, listeners, services and schedules, in words and by account."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from driftscan.model.ownership import resolve
from driftscan.model.text import raw, text

if TYPE_CHECKING:
    from driftscan.explain.view import View
    from driftscan.model.item import Item

_PATH = re.compile(r"/[^\s\"'`;|&<>()=,:*?\[\]{}$#]+")
_SHOWN = 60  # characters of a command
_MANY = 8  # words on one path; more are counted


class _Use(NamedTuple):
    """One path that somebody uses; `order` puts processes before what starts them."""

    path: str
    order: int
    words: str
    user: str


@dataclass(frozen=True, slots=True)
class Uses:
    """All uses of a snapshot's paths, sorted by path."""

    found: list[_Use]

    def at(self, path: bytes) -> list[_Use]:
        """Return the uses of `path` and of what is below it, processes first."""
        top = text(path).rstrip("/")
        out: set[_Use] = set()
        for at in range(bisect_left(self.found, (top,)), len(self.found)):
            use = self.found[at]
            if not use.path.startswith(top):
                break
            if use.path[len(top) : len(top) + 1] in {"", "/"}:
                out.add(use._replace(path=""))
        return sorted(out, key=lambda use: (use.order, use.words))


_known: "WeakKeyDictionary[View, Uses]" = WeakKeyDictionary()


def run_by(view: "View", path: bytes) -> list[str]:
    """Return short words on what runs from `path` or refers to it.

    `mthompson: python app.py (rc-local.service)`, `listens on tcp 127.0.0.1:8081`, `started by shop.service`,
    `scheduled in /etc/cron.d/shop`.
    """
    words = list(dict.fromkeys(use.words for use in _uses(view).at(path)))
    return words if len(words) <= _MANY else [*words[:_MANY], f"{len(words) - _MANY} more"]


def users_of(view: "View", path: bytes) -> list[str]:
    """Return the accounts of the processes that run from `path`, sorted."""
    return sorted({use.user for use in _uses(view).at(path) if use.user})


def _uses(view: "View") -> Uses:
    known = _known.get(view)
    if known is None:
        links = view.snapshot.links
        found = {
            use._replace(path=spelled)
            for use in (*_processes(view), *_services(view), *_schedules(view))
            for spelled in {use.path, text(resolve(raw(use.path), links) or raw(use.path))}
        }
        known = _known[view] = Uses(sorted(found))
    return known


def _processes(view: "View") -> Iterator[_Use]:
    listeners = _listeners(view)
    for item in view.of("processes"):
        has = item.attributes
        if has.get("kernel") or has.get("container"):
            continue
        user, command = str(has.get("user") or ""), str(has.get("command") or has.get("exe") or "")
        unit = f" ({has['unit']})" if has.get("unit") else ""
        words = f"{user}: {_short(command)}{unit}"
        pids = item.volatile.get("pid") or ()
        ports = sorted({port for pid in pids for port in listeners.get(pid, ())})
        cwd = [str(has["cwd"])] if has.get("cwd") not in {None, "/"} else []
        exe = [str(has["exe"])] if has.get("exe") else []
        # A word of the command line may itself be a command (sh -c '…'): every path in it counts.
        for path in {*cwd, *exe, *(one for word in has.get("argv") or () for one in _paths(str(word)))}:
            yield _Use(path, 0, words, user)
            yield from (_Use(path, 1, f"listens on {port}", "") for port in ports)


def _listeners(view: "View") -> dict[int, list[str]]:
    """Return what processes listen on, by process id."""
    found: dict[int, list[str]] = {}
    for item in view.of("sockets"):
        if item.attributes.get("state") == "listen":
            port = item.attributes.get("port")
            where = (
                f"{item.attributes.get('protocol')} {item.attributes.get('address')}:{'*' if port is None else port}"
            )
            for pid in item.volatile.get("pid") or ():
                found.setdefault(pid, []).append(where)
    return found


def _services(view: "View") -> Iterator[_Use]:
    for item in view.of("services"):
        has = item.attributes
        directory = [str(has["directory"])] if has.get("directory") else []
        where = item.key if has.get("manager") != "rc.local" else str(has.get("fragment") or item.key)
        for path in {*directory, *_told(item, "command", "environment")}:
            yield _Use(path, 2, f"started by {where}", "")


def _schedules(view: "View") -> Iterator[_Use]:
    for item in view.of("schedules"):
        if not item.attributes.get("ignored"):
            where = item.attributes.get("file") or item.key
            for path in _told(item, "command", "environment"):
                yield _Use(path, 3, f"scheduled in {where}", "")


def _told(item: "Item", *columns: str) -> Iterable[str]:
    """Return the paths in some columns of an item; a list of directories to search for programs is none."""
    lines = (line for column in columns for line in str(item.attributes.get(column) or "").split("\n"))
    return {path for line in lines if not line.startswith("PATH=") for path in _paths(line)}


def _paths(words: str) -> list[str]:
    return [path.rstrip("/.") or "/" for path in _PATH.findall(words[:8000])]


def _short(command: str) -> str:
    return command if len(command) <= _SHOWN else command[:_SHOWN] + "…"
