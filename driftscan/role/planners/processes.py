"""Plans nothing for what nobody explains: it names the processes, and the listeners, that no rebuild brings back."""

from collections.abc import Iterator
from typing import Any

from driftscan.role.desk import Desk, Planned, Planner
from driftscan.role.model import LeftOut, Stranger


def _plan(desk: Desk) -> Iterator[Planned]:
    strange: dict[str, str] = {}  # pid -> command
    for subject in desk.of("processes"):
        has: dict[str, Any] = {**subject.item.attributes, **subject.item.volatile} if subject.item else {}
        command = str(has.get("command") or has.get("exe") or subject.key)
        why = "its executable has been deleted" if has.get("deleted") else "nothing that lasts starts it"
        starter = has.get("unit") or has.get("parent")
        strange |= {str(pid): command for pid in has.get("pid") or ()}
        yield Stranger(command, str(has.get("user") or ""), f"{why}; it came from {starter}" if starter else why)
        yield LeftOut(subject.scope, subject.key, "a process that nobody explains: it is not started again")
    for subject in desk.of("sockets"):
        pids = (subject.item.volatile.get("pid") or ()) if subject.item else ()
        if any(str(pid) in strange for pid in pids):
            yield LeftOut(subject.scope, subject.key, "the listener of a process that nobody explains")


PLANNER = Planner("processes", 85, _plan)
