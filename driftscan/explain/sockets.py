"""Explains listening sockets by the package whose program listens; connections need no explanation."""

from typing import TYPE_CHECKING

from driftscan.explain._programs import process_of, strange_program
from driftscan.explain.base import ItemExplainer
from driftscan.model.explanation import Explanation
from driftscan.model.item import Item

if TYPE_CHECKING:
    from driftscan.explain.view import View


def explain(view: "View", item: Item) -> Explanation | None:
    """Return the package or the container that listens; None for a program that nobody has packaged."""
    has = item.attributes
    if has.get("container"):
        return Explanation("container", str(has["container"]))
    package = has.get("package")
    if not package:
        return None
    process = process_of(view, item)
    strange = strange_program(view, process.attributes) if process is not None else None
    return None if strange else Explanation("package", str(package), str(has.get("unit") or ""))


def asks(item: Item) -> bool:
    """Return whether something of the host listens: what the kernel holds itself has no executable."""
    has = item.attributes
    return has.get("state") == "listen" and bool(has.get("exe") or has.get("container"))


ITEMS = ItemExplainer("sockets", "the package whose program listens", explain, asks)
