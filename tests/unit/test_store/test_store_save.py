"""What is saved is loaded again, exactly, whatever came before and after it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.errors import StoreError
from driftscan.model.item import Item
from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.outcome import Outcome
from driftscan.model.revision import Revision
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import walk
from driftscan.model.treebuilder import TreeBuilder
from driftscan.store import Store
from tests.unit.handmade import lines

Snap = Callable[..., Snapshot]


def package(name: str, version: str = "1") -> Item:
    return Item("packages", name, {"name": name, "version": version})


def facts(snapshot: Snapshot) -> dict[str, Any]:
    """Return what of a snapshot can be compared: all but the order of items, and the volatile attributes."""
    return {
        "items": sorted((item.scope, item.key, json.dumps(item.attributes, sort_keys=True)) for item in snapshot.items),
        "coverage": dict(snapshot.coverage),
        "manifests": sorted((one.package, one.name, one.unpacked, one.files) for one in snapshot.manifests),
        "plain": (snapshot.host, snapshot.taken, snapshot.seconds, snapshot.transport, snapshot.files),
        "roots": (snapshot.tree, snapshot.stats),
        "objects": dict(snapshot.objects),
    }


def all_loaded(store: Store) -> list[Snapshot]:
    return [store.load(stored) for stored in reversed(store.snapshots())]


def first_seen(store: Store, key: str) -> list[str]:
    rows = store.sql(f"SELECT first_seen FROM packages_history WHERE key = '{key}' ORDER BY first_seen").rows
    return [str(row[0])[:10] for row in rows]


def small_tree() -> TreeBuilder:
    builder = TreeBuilder()
    builder.begin(b"")
    builder.add(lines([(b"", b"d755 0 0 4096 1.0", b"1.0 2 3", b""), (b"etc", b"d755 0 0 4096 1.0", b"1.0 3 2", b"")]))
    names = [b"etc/f\xff%03d" % number for number in range(200)]
    builder.add(lines((name, b"f644 0 0 5 1.0", b"1.0 4 1", b"") for name in names))
    return builder


def test_everything_comes_back(store: Store, snap: Snap) -> None:
    built = small_tree().finish()
    manifests = [
        Manifest(
            "bash", "bash", 1700000000.25, {b"/bin/bash": PackagedFile("md5:0", 0o100755).encode(), b"/\xff": b""}
        ),
        Manifest("zsh", "zsh", 0, {}),
    ]
    items = [package("zsh"), Item("cron", "é\U0010ffff", {"line": 'a "b" \\', "n": 1.5, "none": None, "l": [1, {}]})]
    saved_snapshot = snap(
        items,
        manifests=manifests,
        tree=built.tree,
        stats=built.stats,
        objects=built.objects,
        files=built.entries,
        outcomes={"packages": Outcome.OK, "cron": Outcome.DENIED, "users": Outcome.ABSENT},
    )
    saved = store.save(saved_snapshot, role="shop")
    assert (saved.new_items, saved.ended_items) == (2, 0)
    loaded = store.load(store.snapshot_at("web1", Revision("latest")))
    assert facts(loaded) == facts(saved_snapshot)
    assert not loaded.complete
    assert len(list(walk(loaded.objects, loaded.tree, loaded.stats))) == 201
    assert [(host.name, host.role, host.snapshots) for host in store.hosts()] == [("web1", "shop", 1)]
    with pytest.raises(KeyError):
        loaded.objects[b"x" * 32]


def test_a_copy_of_a_loaded_snapshot_is_the_same(store: Store, snap: Snap, tmp_path: Path) -> None:
    built = small_tree().finish()
    manifests = [Manifest("bash", "bash", 1.0, {b"/bin/bash": b""})]
    store.save(snap([package("a")], tree=built.tree, stats=built.stats, objects=built.objects, manifests=manifests))
    (loaded,) = all_loaded(store)
    with Store.open(tmp_path / "copy.db") as other:
        other.save(loaded)
        assert [facts(copied) for copied in all_loaded(other)] == [facts(loaded)]


def test_an_unchanged_night_adds_no_rows_and_hosts_share_items(store: Store, snap: Snap) -> None:
    items = [package(name) for name in "abc"]
    for day in range(3):
        again = store.save(snap(items, day=day))
    store.save(snap(items, host="web2"))
    assert (again.new_items, again.ended_items, again.bytes_stored) == (0, 0, 0)
    info = store.info()
    assert (info.hosts, info.snapshots, info.items, info.sightings) == (2, 4, 3, 6)


def test_a_changed_item_ends_and_begins(store: Store, snap: Snap) -> None:
    store.save(snap([package("a"), package("b")]))
    saved = store.save(snap([package("a", "2"), package("b")], day=1))
    assert (saved.new_items, saved.ended_items) == (1, 1)
    assert first_seen(store, "a") == ["2026-11-01", "2026-11-02"]
    assert [[item.attributes["version"] for item in one.items] for one in all_loaded(store)] == [["1", "1"], ["2", "1"]]


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if not outcome.seen])
def test_what_could_not_be_seen_is_not_gone(store: Store, snap: Snap, outcome: Outcome) -> None:
    both = [package("a"), package("b")]
    store.save(snap(both))
    saved = store.save(snap([package("a")], day=1, outcomes={"packages": outcome}))
    assert saved.ended_items == 0
    assert list(store.sql("SELECT key FROM packages ORDER BY key").rows) == [("a",), ("b",)]
    saved = store.save(snap(both, day=2))
    assert (saved.new_items, saved.ended_items) == (0, 0)
    assert first_seen(store, "b") == ["2026-11-01"]
    assert [[item.key for item in one.items] for one in all_loaded(store)] == [["a", "b"], ["a"], ["a", "b"]]


def test_what_is_proven_absent_is_gone(store: Store, snap: Snap) -> None:
    store.save(snap([package("a")]))
    assert store.save(snap([], day=1, outcomes={"packages": Outcome.ABSENT})).ended_items == 1
    assert store.save(snap([package("a")], day=2)).new_items == 1
    assert first_seen(store, "a") == ["2026-11-01", "2026-11-03"]


def test_a_scope_that_was_not_asked_for_neither_ends_nor_extends(store: Store, snap: Snap) -> None:
    store.save(snap([package("a"), package("b")]))
    saved = store.save(snap([Item("cron", "c", {})], day=1))
    assert (saved.new_items, saved.ended_items) == (1, 0)
    saved = store.save(snap([package("a")], day=2))
    assert (saved.new_items, saved.ended_items) == (0, 1)
    assert [[item.key for item in one.items] for one in all_loaded(store)] == [["a", "b"], ["c"], ["a"]]
    rows = store.sql("SELECT key, last_seen, gone FROM packages_history WHERE key = 'b'").rows
    assert [[str(value)[:10] for value in row] for row in rows] == [["b", "2026-11-01", "2026-11-03"]]


def test_the_newest_state_of_a_key_is_shown_when_the_older_is_only_unknown(store: Store, snap: Snap) -> None:
    store.save(snap([package("a")]))
    store.save(snap([package("a", "2")], day=1, outcomes={"packages": Outcome.DENIED}))
    assert list(store.sql("SELECT version FROM packages").rows) == [("2",)]
    store.save(snap([], day=2, outcomes={"packages": Outcome.DENIED}))
    assert list(store.sql("SELECT version FROM packages").rows) == [("2",)]
    store.save(snap([package("a")], day=3, outcomes={"packages": Outcome.DENIED}))
    assert list(store.sql("SELECT version FROM packages").rows) == [("1",)]
    assert first_seen(store, "a") == ["2026-11-01", "2026-11-02"]


def test_volatile_attributes_are_kept_for_the_newest_sighting_only(store: Store, snap: Snap) -> None:
    for day in range(2):
        store.save(snap([Item("processes", "p", {"exe": "/bin/p"}, {"pid": 100 + day})], day=day))
    assert [one.items[0].volatile for one in all_loaded(store)] == [{}, {"pid": 101}]
    assert store.info().sightings == 1
    store.save(snap([Item("processes", "p", {"exe": "/bin/p"})], day=2))
    assert [one.items[0].volatile for one in all_loaded(store)] == [{}, {}, {}]


def test_values_that_no_database_takes_are_kept_as_text(store: Store, snap: Snap) -> None:
    hostile = {"nul": "a\0b", "half": "\ud800", "nan": float("nan"), "list": [{"\udfff": "\0"}], "escaped": "\\u0000"}
    store.save(snap([Item("packages", "\ud800\0", hostile)]))
    (item,) = all_loaded(store)[0].items
    assert item.attributes["escaped"] == "\\u0000"
    assert item.attributes["nan"] == "nan"
    assert "\0" not in str(item) + item.key
    assert store.save(snap([Item("packages", "\ud800\0", hostile)], day=1)).new_items == 0
    assert len(list(store.sql("SELECT * FROM packages").rows)) == 1


def test_an_item_outside_the_coverage_is_a_bug(store: Store, snap: Snap) -> None:
    with pytest.raises(ValueError, match="does not cover"):
        store.save(snap([package("a")], outcomes={"cron": Outcome.OK}))
    assert store.hosts() == []


def test_a_role_stays_until_another_is_given(store: Store, snap: Snap) -> None:
    for day, role in enumerate(["shop", "", "mail"]):
        store.save(snap(day=day), role=role)
        assert store.hosts()[0].role == (role or "shop")


def test_revisions(store: Store, snap: Snap) -> None:
    numbers = [store.save(snap(day=day)).id for day in range(3)]
    other = store.save(snap(host="web2")).id
    taken = snap(day=1).taken

    def at(kind: Any, **more: Any) -> int:
        return store.snapshot_at("web1", Revision(kind, spelling="spelled", **more)).id

    assert at("latest") == at("back", number=0) == numbers[2]
    assert at("back", number=2) == at("number", number=numbers[0]) == numbers[0]
    assert at("date", before=taken) == numbers[0]
    assert at("date", before=taken + timedelta(microseconds=1)) == numbers[1]
    for kind, more in (("back", {"number": 3}), ("number", {"number": other}), ("date", {"before": snap().taken})):
        with pytest.raises(StoreError, match=r"host web1 has no snapshot 'spelled'; see"):
            at(kind, **more)
    with pytest.raises(StoreError, match="host web9 is not in the database"):
        store.snapshot_at("web9", Revision("latest"))
    assert [one.id for one in store.snapshots("web1", 2)] == numbers[:0:-1]
    assert len(store.snapshots()) == 4


def test_only_the_manifest_that_changed_is_stored_again(store: Store, snap: Snap) -> None:
    files = {b"/usr/share/doc/%d" % number: b"md5:%032d" % number for number in range(200)}
    manifests = [Manifest(f"p{number}", f"p{number}", 5.0, {**files, b"%d" % number: b""}) for number in range(300)]
    store.save(snap(manifests=manifests))
    before = store.info()
    assert store.save(snap(manifests=manifests[::-1], day=1)).bytes_stored == 0
    manifests[7] = replace(manifests[7], unpacked=6.0)
    assert 0 < store.save(snap(manifests=manifests, day=2)).bytes_stored < 3000
    assert store.info().objects == before.objects + 2
    assert [one.manifests[0].name for one in all_loaded(store)] == ["p0"] * 3
    assert [{one.package: one for one in loaded.manifests}["p7"].unpacked for loaded in all_loaded(store)] == [5, 5, 6]


_KEYS = st.sets(st.sampled_from("abc"))
_LOOK = st.one_of(
    st.tuples(st.sampled_from([Outcome.OK, Outcome.DENIED]), _KEYS), st.just((Outcome.ABSENT, frozenset()))
)
_LOOKS = st.fixed_dictionaries({}, optional=dict.fromkeys(("packages", "cron"), _LOOK))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=st.lists(_LOOKS, min_size=1, max_size=7))
def test_every_snapshot_of_any_history_is_loaded_as_it_was_saved(
    nights: list[dict[str, tuple[Outcome, set[str]]]], snap: Snap, made: Path, tmp_path: Path
) -> None:
    saved: list[Snapshot] = []
    since: dict[tuple[str, str], int] = {}
    counts: list[tuple[int, int]] = []
    for day, looks in enumerate(nights):
        items = [Item(scope, key, {"k": key}) for scope, (_, keys) in looks.items() for key in sorted(keys)]
        saved.append(snap(items, day=day, outcomes={scope: outcome for scope, (outcome, _) in looks.items()}))
        seen = {(item.scope, item.key) for item in items}
        gone = {one for one in since if one not in seen and one[0] in looks and looks[one[0]][0].seen}
        counts.append((len(seen - since.keys()), len(gone)))
        since = dict.fromkeys(seen, day) | {one: first for one, first in since.items() if one not in gone}
    for left in tmp_path.glob("history.db-*"):
        left.unlink()
    with Store.open(shutil.copy(made, tmp_path / "history.db")) as store:
        results = [store.save(one) for one in saved]
        assert [(one.new_items, one.ended_items) for one in results] == counts
        assert [facts(one) for one in all_loaded(store)] == [facts(one) for one in saved]
        rows = store.sql(
            "SELECT i.scope, i.key, g.first_snapshot FROM sighting g JOIN item i ON i.id = g.item_id"
            " WHERE g.gone_snapshot IS NULL"
        ).rows
        assert {(scope, key): number - 1 for scope, key, number in rows} == since
