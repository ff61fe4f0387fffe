"""Stored snapshots as explainers and rules look at them, the fleet beside them."""

from contextlib import suppress
from typing import TYPE_CHECKING

from driftscan.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftscan.explain.view import View
    from driftscan.model.snapshot import Snapshot
    from driftscan.store import Store, StoredSnapshot

_PEERS = 20  # hosts that one is compared with


def view(store: "Store | None", snapshot: "Snapshot") -> "View":
    """Return the view of `snapshot`; its peers are the other hosts in `store`, each by its newest snapshot."""
    from driftscan.explain.view import View

    def peers() -> "Sequence[Snapshot]":
        if store is None:
            return ()
        newest = [host.newest for host in store.hosts() if host.name != snapshot.host and host.newest is not None]
        found = []
        for stored in sorted(newest, key=_taken)[-_PEERS:]:
            with suppress(StoreError):  # another host's damaged snapshot says nothing of this one
                found.append(store.load(stored))
        return found

    return View(snapshot, peers)


def _taken(stored: "StoredSnapshot") -> int:
    return stored.id
