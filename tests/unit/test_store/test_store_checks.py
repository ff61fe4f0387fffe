"""What is kept beside the snapshots: comparisons, nightly runs, notes."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from driftscan.errors import StoreError
from driftscan.model.snapshot import Snapshot
from driftscan.store import Night, Store, StoredCheck

Snap = Callable[..., Snapshot]
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=timezone.utc)
WITHIN = timedelta(hours=20)


def test_the_newest_comparison_is_the_last(store: Store, snap: Snap) -> None:
    for day in range(2):
        store.save(snap(day=day))
    assert store.last_check("web1") is None
    document = '{"\ud800\0": "' + "x" * 100_000 + '"}'
    store.keep_check("web1", 2, "abc", document)
    store.keep_check("web1", 1, "abc", "older")
    assert store.last_check("web1") == StoredCheck(2, snap(day=1).taken, "abc", document)
    store.keep_check("web1", 2, "def", "again")
    assert store.last_check("web1") == StoredCheck(2, snap(day=1).taken, "def", "again")
    assert store.last_check("web9") is None


def test_a_comparison_of_nothing_is_refused(store: Store, snap: Snap) -> None:
    store.save(snap())
    store.save(snap(host="web2"))
    for host, number in (("web1", 2), ("web1", 0), ("web9", 1)):
        with pytest.raises(StoreError, match=f"host {host} has no snapshot {number}; see"):
            store.keep_check(host, number, "", "")


def test_comparisons_are_pruned_with_their_snapshots_but_for_the_newest(store: Store, snap: Snap) -> None:
    for host in ("web1", "web2"):
        for day in range(3):
            number = store.save(snap(host=host, day=day)).id
            if day < 2:
                store.keep_check(host, number, "", f"{host} {day}")
    store.prune(keep_last=1)
    assert list(store.sql("SELECT snapshot_id FROM host_check ORDER BY 1").rows) == [(2,), (5,)]
    kept = store.last_check("web1")
    assert kept is not None
    assert (kept.document, kept.taken) == ("web1 1", snap(day=1).taken)
    store.prune("web1", before=snap(day=9).taken)
    assert store.last_check("web1") is None
    assert store.last_check("web2") is not None


def test_a_night_that_was_killed_is_resumed(store: Store) -> None:
    first = store.begin_night(NOW, WITHIN)
    assert first == Night(first.number, NOW, resumed=False)
    again = store.begin_night(NOW + timedelta(hours=1), WITHIN)
    assert again == Night(first.number, NOW, resumed=True)
    store.end_night(again.number, NOW + timedelta(hours=2))
    second = store.begin_night(NOW + timedelta(hours=3), WITHIN)
    assert not second.resumed
    assert second.number > first.number


def test_a_night_is_not_resumed_later_nor_past_another(store: Store) -> None:
    killed = store.begin_night(NOW, WITHIN)
    next_night = store.begin_night(NOW + WITHIN, WITHIN)
    assert (next_night.number != killed.number, next_night.resumed) == (True, False)
    store.end_night(next_night.number, NOW + WITHIN)
    assert not store.begin_night(NOW + WITHIN, timedelta(days=9)).resumed
    with pytest.raises(StoreError, match="there is no nightly run 99"):
        store.end_night(99, NOW)


def test_hosts_that_were_scanned_since(store: Store, snap: Snap) -> None:
    for host, day in (("web1", 0), ("web2", 1), ("web1", 2), ("web1", 3)):
        store.save(snap(host=host, day=day))
    found = store.scanned_since(snap(day=2).taken)
    assert {host: one.id for host, one in found.items()} == {"web1": 4}
    assert sorted(store.scanned_since(snap().taken)) == ["web1", "web2"]
    assert store.scanned_since(snap(day=9).taken) == {}


def test_notes(store: Store, snap: Snap) -> None:
    assert store.recall("views") is None
    store.remember("views", "a note of that name does not touch the store's own\0")
    store.remember("other", "1")
    store.remember("other", "2")
    assert store.recall("other") == "2"
    store.save(snap())
    assert list(store.sql("SELECT host FROM snapshots").rows) == [("web1",)]
