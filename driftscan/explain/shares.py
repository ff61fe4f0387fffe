"""Shares: how much of each scope is explained, and by what."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from driftscan.explain.base import item_explainers
from driftscan.explain.view import View


@dataclass(frozen=True, slots=True)
class Share:
    """Of `total` things, `counts` are explained, by kind of explanation; `unexplained` are the keys of the rest."""

    total: int
    counts: Mapping[str, int]
    unexplained: tuple[str, ...] = ()

    @property
    def explained(self) -> int:
        """How many things are explained."""
        return sum(self.counts.values())


def shares(view: View) -> dict[str, Share]:
    """Return the share of every scope that was seen and that explainers know; of files, paths are counted."""
    found: dict[str, Share] = {}
    if view.seen("files") and view.seen("packages"):
        found["files"] = Share(view.explained.total, view.explained.counts)
    for scope, explainer in item_explainers().items():
        items = [item for item in view.of(scope) if explainer.asks(item)] if view.seen(scope) else []
        if not items:
            continue
        counts: Counter[str] = Counter()
        strange = []
        for item in items:
            explanation = explainer.explain(view, item)
            if explanation is None:
                strange.append(item.key)
            else:
                counts[explanation.kind] += 1
        found[scope] = Share(len(items), dict(counts), tuple(strange))
    return found
