"""What tests of a role's planners share: a desk with a host made by hand, or with a recorded one."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from driftscan.collect.collector import Wish, collect
from driftscan.collect.runner import Link
from driftscan.explain.view import View
from driftscan.findings.base import judge
from driftscan.model.item import Item
from driftscan.model.manifest import Manifest
from driftscan.role.desk import Desk, Planned
from driftscan.role.steering import Steering
from driftscan.scopes.base import scopes
from driftscan.transport.base import Privilege
from driftscan.transport.replay import Replay
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree

T = TypeVar("T")
BASE = manifest("base", b"/usr/bin/true")
SYSTEMD = Item("system", "init", {"fact": "init", "value": "systemd"})


def item(scope: str, key: str, volatile: Mapping[str, Any] | None = None, **has: Any) -> Item:
    """Return an item with all the columns of its scope, those that are not given None."""
    columns = {column.name: None for column in scopes()[scope].columns if not column.volatile}
    return Item(scope, key, {**columns, **has}, volatile or {})


def text(path: str, said: str) -> Item:
    """Return the kept text of a file."""
    return item("contents", path, path=path, text=said)


def view_of(items: Iterable[Item], *leaves: Record, manifests: Iterable[Manifest] = ()) -> View:
    """Return the view of a host with one packaged file and what is given."""
    files = tree(leaf(b"/usr/bin/true", b"f755 0 0"), *leaves)
    return View(snapshot(items, files=files, manifests=[BASE, *manifests]))


def desk_of(
    items: Iterable[Item],
    *leaves: Record,
    manifests: Iterable[Manifest] = (),
    steering: Steering | None = None,
    says: Mapping[bytes, bytes] | None = None,
) -> Desk:
    """Return a desk with such a host; `says` is what files say whose content is asked for."""
    view = view_of(items, *leaves, manifests=manifests)
    return Desk(view, judge(view), steering or Steering(), (says or {}).get)


@cache
def recorded_desk(flavor: str) -> Desk:
    """Return a desk with a recorded host of the lab, no content known; it is made once, for it takes seconds."""
    folder = Path(__file__).parent.parent / "recordings" / flavor
    view = View(collect(flavor, Link(Replay(folder), Privilege()), Wish()))
    return Desk(view, judge(view), Steering(), lambda _path: None)


def planned(planner: ModuleType, desk: Desk, kind: type[T] = object) -> list[T]:  # type: ignore[assignment]
    """Return what a planner yields at a desk, of one kind."""
    found: Iterable[Planned] = planner.PLANNER.plan(desk)
    return [one for one in found if isinstance(one, kind)]
