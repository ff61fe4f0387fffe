"""What a baseline of a host would be compared with: its items by their golden attributes, and its noteworthy paths."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from driftscan.baseline.model import Baseline
from driftscan.drift.identity import NEUTRAL, Identity, identity
from driftscan.drift.noteworthy import noteworthy
from driftscan.drift.ordinary import ordinary
from driftscan.drift.subject import Subject, golden
from driftscan.drift.volatile import Volatile, volatile
from driftscan.explain.view import View
from driftscan.scopes.base import Scope, scopes


@dataclass(frozen=True)
class Observed:
    """All subjects of a host by scope and key, and what changes by itself there."""

    subjects: Mapping[tuple[str, str], Subject]
    volatile: Volatile
    identity: Identity

    def key(self, scope: str, key: str) -> tuple[str, str]:
        """Return under what name something is among the subjects: the host's own names and addresses are left out."""
        return scope, self.identity.neutral(key) if scope in NEUTRAL else key


def observe(view: View, known: Baseline | None = None) -> Observed:
    """Return what is to be compared of the host that `view` shows.

    `known` is the baseline that it will be compared with: a directory of which it declares paths is looked at path by
    path, one that it declares as a tree as a whole.
    """
    changing, own = volatile(view.snapshot), identity(view.snapshot)
    found = [*_items(view, changing, own), *noteworthy(view, changing, own, known or Baseline(""))]
    return Observed({(one.scope, one.key): one for one in found}, changing, own)


def compared() -> list[Scope]:
    """Return the scopes whose items are compared with a baseline; paths are compared apart."""
    return [scope for scope in scopes().values() if scope.derive is None and any(c.golden for c in scope.columns)]


def _items(view: View, changing: Volatile, own: Identity) -> Iterator[Subject]:
    for scope in compared():
        if view.snapshot.outcome(scope.name) is None:
            continue
        for item in view.of(scope.name):
            if changing.item(item) or own.is_own(scope.name, item.key):
                continue
            flapping = changing.attributes(item)
            attributes = {name: value for name, value in golden(scope, item).items() if name not in flapping}
            key = item.key
            if scope.name in NEUTRAL:
                key, attributes = own.neutral(key), {name: own.neutral_json(one) for name, one in attributes.items()}
            yield Subject(scope.name, key, attributes, ordinary(view, item), scope.golden(item), item)
