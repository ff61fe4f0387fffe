"""What must run again on a rebuilt host: the services of the role that were up, and who listened on which port."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from driftscan.model.item import Item, Json
from driftscan.model.proof import Remainder
from driftscan.prove._aside import Aside
from driftscan.prove._sides import Sides
from driftscan.role.resources import Service

_SERVICES = frozenset({"service", "socket", "script"})
_UP = "active"


class Counted(NamedTuple):
    """How many of what was wanted are up, and what is not."""

    up: int
    wanted: int
    failed: tuple[Remainder, ...] = ()


def services(sides: Sides, aside: Aside) -> Counted:
    """Count the services that were up on the old host and are the role's: made, enabled or installed by it."""
    if not sides.live:
        return Counted(0, 0)
    named = {one.name for one in sides.role.resources if isinstance(one, Service)}
    failed, wanted = [], 0
    for item in sides.old.of("services"):
        has = item.attributes
        if has.get("active") != _UP or has.get("kind") not in _SERVICES or sides.mine.volatile.item(item):
            continue
        subject = sides.mine.subjects.get(("services", item.key))
        ours = has.get("package") in sides.packages or item.key in named or (subject and sides.wants(subject))
        if not ours or subject is None or aside.subject(subject):
            continue
        wanted += 1
        there = sides.there(subject)
        state = there.item.attributes.get("active") if there is not None and there.item is not None else None
        if state != _UP:
            said = "not there" if there is None else f"not up: {state or 'nobody knows'}"
            failed.append(Remainder("services", item.key, said, failed=True))
    return Counted(wanted - len(failed), wanted, tuple(failed))


def listeners(sides: Sides, aside: Aside) -> Counted:
    """Count the ports that somebody listened on whom the role brings back."""
    if not sides.live or not sides.new.seen("sockets"):
        return Counted(0, 0)
    there = {_listener(item): item for item in _listening(sides.new.of("sockets"))}
    failed, wanted = [], 0
    for item in _listening(sides.old.of("sockets")):
        subject = sides.mine.subjects.get(("sockets", sides.mine.identity.neutral(item.key)))
        if subject is None or aside.named("sockets", subject.key) or aside.named("sockets", item.key):
            continue
        wanted += 1
        found = there.get(_listener(item))
        if found is None:
            failed.append(Remainder("sockets", item.key, "nobody listens there", failed=True))
        elif _program(found) != _program(item):
            said = f"another program listens there: {_program(found) or 'one that is not known'}"
            failed.append(Remainder("sockets", item.key, said, failed=True))
    return Counted(wanted - len(failed), wanted, tuple(failed))


def _listening(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        has = item.attributes
        if has.get("state") == "listen" and has.get("port") is not None and not has.get("container"):
            yield item


def _listener(item: Item) -> tuple[Json, ...]:
    has = item.attributes
    return has.get("protocol"), has.get("port"), _reach(str(has.get("address") or ""))


def _reach(address: str) -> str:
    """Return from where a listener can be reached: an address of its own is each host's."""
    if address in {"0.0.0.0", "[::]", "*"}:  # noqa: S104 - what the host shows
        return "all"
    return "loopback" if address.startswith("127.") or address == "[::1]" else "one"


def _program(item: Item) -> str:
    return str(item.attributes.get("exe") or "")
