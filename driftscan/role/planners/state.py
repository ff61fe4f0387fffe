"""Plans what cannot be code: data that must be moved, named with its size and engine."""

from collections.abc import Iterator

from driftscan.model.text import raw
from driftscan.role.desk import Desk, Planned, Planner
from driftscan.role.model import Data


def _plan(desk: Desk) -> Iterator[Planned]:
    for item in desk.view.of("state"):
        has = {**item.volatile, **item.attributes}
        path = str(has.get("path") or item.key)
        if desk.steering.excludes("state", item.key) or desk.steering.excludes("files", path):
            continue
        size = has.get("size")
        entry = desk.view.directories.entry(raw(path))
        if entry is not None and entry.kind != "d":
            desk.taken.add(path)
        yield Data(
            path=path,
            engine=str(has.get("engine") or ""),
            size=size if isinstance(size, int) else None,
            why=f"data of {has.get('engine') or 'a program'}",
        )


PLANNER = Planner("state", 75, _plan)
