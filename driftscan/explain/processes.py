"""Explains processes by their package and by who started them; threads of the kernel need no explanation."""

from typing import TYPE_CHECKING

from driftscan.explain._origins import origins
from driftscan.explain.base import ItemExplainer
from driftscan.model.explanation import Explanation
from driftscan.model.item import Item

if TYPE_CHECKING:
    from driftscan.explain.view import View


def explain(view: "View", item: Item) -> Explanation | None:
    """Return who started a process and would do so again; None for what would not survive a reboot."""
    return origins(view).of(view, item)


ITEMS = ItemExplainer(
    "processes",
    "who started it: a unit, an init script, cron, a container, a login",
    explain,
    asks=lambda item: not item.attributes.get("kernel"),
)
