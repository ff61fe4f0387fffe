"""Explains packages by the repository that offers them."""

from typing import TYPE_CHECKING

from driftscan.explain._publishers import DISTRIBUTION, FOREIGN, SUPERSEDED, UNKNOWN, publishers
from driftscan.explain.base import ItemExplainer
from driftscan.model.explanation import Explanation

if TYPE_CHECKING:
    from driftscan.explain.view import View
    from driftscan.model.item import Item


def explain(view: "View", item: "Item") -> Explanation | None:
    """Return which repository a package is from; None where there are lists and none of them knows it."""
    source = publishers(view).of(item)
    if source.kind == FOREIGN:
        return None
    if source.kind == UNKNOWN:
        return Explanation("unlisted", source.by, source.repository or "the host has no list to tell where it is from")
    if source.kind == SUPERSEDED:
        return Explanation("superseded", source.by, "offered no more, but others of the same source or maintainer are")
    kind = "distribution" if source.kind == DISTRIBUTION else "repository"
    return Explanation(kind, source.by, source.repository)


ITEMS = ItemExplainer("packages", "Packages by the repository that offers them, or by who sells them", explain)
