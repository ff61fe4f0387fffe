"""What the rules on processes share: who holds which ports, which processes belong together, words of evidence."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from driftscan.explain._origins import origins
from driftscan.explain._programs import script
from driftscan.explain.view import View
from driftscan.model.item import Item, Json
from driftscan.model.text import text

ODD_PLACES = ("/tmp/", "/var/tmp/", "/dev/shm/", "/home/", "/run/user/", "/run/shm/")  # noqa: S108 (looked at, not written to)
_LOOPBACK = ("127.", "[::1]", "[::ffff:127.")


class Listener(NamedTuple):
    """A listening socket of a process."""

    where: str
    loopback: bool


def listeners(view: View) -> Mapping[int, list[Listener]]:
    """Return what every process listens on, by process id."""
    found: dict[int, list[Listener]] = {}
    for item in view.of("sockets"):
        if item.attributes.get("state") == "listen":
            for pid in item.volatile.get("pid") or ():
                found.setdefault(pid, []).append(listener(item))
    return found


def listener(item: Item) -> Listener:
    """Return the socket of an item as `tcp 0.0.0.0:9125`."""
    has = item.attributes
    address, port = str(has.get("address")), has.get("port")
    where = f"{has.get('protocol')} {address}:{'*' if port is None else port}"
    return Listener(where, address.startswith(_LOOPBACK))


def ports(listens: Mapping[int, Sequence[Listener]], items: Iterable[Item]) -> list[str]:
    """Return what some processes listen on together."""
    return sorted({one.where for item in items for pid in pids(item) for one in listens.get(pid, ())})


def pids(item: Item) -> list[int]:
    """Return the ids of a process."""
    return list(item.volatile.get("pid") or ())


def odd_place(view: View, item: Item) -> str:
    """Return the program of a process if it lies where people put things and packages do not, "" else."""
    process = item.attributes
    if process.get("container") or process.get("kernel"):
        return ""
    path = script(view, process)
    for program in (process.get("exe"), None if path is None else text(path)):
        if isinstance(program, str) and program.startswith(ODD_PLACES):
            return "" if _elsewhere(view, item, program) else program
    return ""


def _elsewhere(view: View, item: Item, program: str) -> bool:
    """Return whether a container has the program, or somebody who is logged in runs it from the own home."""
    origin = origins(view).of(view, item)
    if origin is None or origin.kind != "session":
        return origin is not None and origin.kind == "container"
    homes = (one.attributes for one in view.of("accounts") if one.attributes.get("kind") == "user")
    home = next((one.get("home") for one in homes if one.get("name") == item.attributes.get("user")), None)
    return isinstance(home, str) and len(home) > 1 and program.startswith(home.rstrip("/") + "/")


def families(items: Sequence[Item]) -> list[list[Item]]:
    """Return `items` gathered by descent: each list begins with what started the rest."""
    by_pid = {pid: item for item in items for pid in pids(item)}
    heads: dict[str, dict[str, Item]] = {}
    for item in items:
        head, seen = item, {item.key}
        while True:
            parent = next((by_pid[ppid] for ppid in head.volatile.get("ppid") or () if ppid in by_pid), None)
            if parent is None or parent.key in seen:
                break
            seen.add(parent.key)
            head = parent
        heads.setdefault(head.key, {head.key: head})[item.key] = item
    return [list(found.values()) for found in heads.values()]


def told(item: Item, names: Iterable[str]) -> dict[str, Json]:
    """Return the attributes by `names` that are known."""
    return {name: value for name in names if (value := item.attributes.get(name)) not in (None, "", [])}
