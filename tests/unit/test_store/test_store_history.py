"""History: what an item ever was, what changed when, and never a removal where nobody could look."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from driftscan.model.item import Item
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.store import Event, Store
from tests.unit.handmade import leaf, tree

Snap = Callable[..., Snapshot]
OK, DENIED = {"packages": Outcome.OK}, {"packages": Outcome.DENIED}


def package(name: str, version: str) -> Item:
    return Item("packages", name, {"name": name, "version": version})


def told(events: list[Event]) -> list[tuple[int, str, str, str | None, str | None]]:
    """Return events as (snapshot, what, key, version before, version after), oldest first."""
    return [
        (
            event.number,
            event.what,
            event.key,
            event.before and event.before.attributes["version"],
            event.after and event.after.attributes["version"],
        )
        for event in reversed(events)
    ]


def test_every_state_with_its_times(store: Store, snap: Snap) -> None:
    one, two = package("a", "1"), package("a", "2")
    for day, items in enumerate([[one], [one], [two], [], [one]]):
        store.save(snap(items, day=day, outcomes=OK))
    store.save(snap([one], host="web2", outcomes=OK))
    found = store.states("packages", "a", "web1")
    assert [(s.item.attributes["version"], s.first, s.last, s.gone) for s in found] == [
        ("1", 5, 5, None),
        ("2", 3, 3, 4),
        ("1", 1, 2, 3),
    ]
    oldest = found[-1]
    first = snap().taken
    times = [first + timedelta(days=day) for day in (0, 1, 2)]
    assert [oldest.seen, oldest.last_seen, oldest.gone_seen] == times
    assert {state.host for state in store.states("packages", "a")} == {"web1", "web2"}
    assert store.states("packages", "b") == []
    store.prune("web1", keep_last=1)
    assert [(s.first, s.last) for s in store.states("packages", "a", "web1")] == [(5, 5)]


def test_since_when_is_known_though_the_snapshot_is_not_kept(store: Store, snap: Snap) -> None:
    for day in range(3):
        store.save(snap([package("a", "1")], day=day, outcomes=OK))
    store.prune(keep_last=1)
    (state,) = store.states("packages", "a", "web1")
    assert (state.first, state.seen, state.last) == (1, snap().taken, 3)


def test_volatile_attributes_are_those_of_the_last_sighting(store: Store, snap: Snap) -> None:
    for day in range(2):
        store.save(snap([Item("processes", "sshd", {"user": "root"}, {"pid": day})], day=day))
    (state,) = store.states("processes", "sshd")
    assert state.item == Item("processes", "sshd", {"user": "root"}, {"pid": 1})


def test_changes_are_told_newest_first_and_the_first_look_is_none(store: Store, snap: Snap) -> None:
    nights = [
        [package("a", "1"), package("b", "1")],
        [package("a", "2"), package("b", "1"), package("c", "1")],
        [package("a", "2"), package("c", "1")],
        [package("a", "1"), package("b", "1"), package("c", "1")],
    ]
    for day, items in enumerate(nights):
        store.save(snap(items, day=day, outcomes=OK))
    events = store.changes("web1", ["packages"])
    assert told(events) == [
        (2, "new", "c", None, "1"),
        (2, "changed", "a", "1", "2"),
        (3, "gone", "b", "1", None),
        (4, "new", "b", None, "1"),
        (4, "changed", "a", "2", "1"),
    ]
    assert all(event.proven and event.taken == snap(day=event.number - 1).taken for event in events)
    assert store.changes("web1", ["packages"], 2) == events[:2]
    assert store.changes("web1") == events
    assert store.changes("web1", ["services"]) == store.changes("web9") == []


def test_a_gap_takes_nothing_away(store: Store, snap: Snap) -> None:
    nights = [([package("a", "1")], OK), ([], DENIED), ([package("a", "1"), package("b", "1")], OK)]
    for day, (items, outcomes) in enumerate(nights):
        store.save(snap(items, day=day, outcomes=outcomes))
    assert told(store.changes("web1")) == [(3, "new", "b", None, "1")]
    looks = store.looks("web1", ["packages"])
    assert [(look.number, look.outcome, look.reason) for look in looks] == [
        (3, Outcome.OK, ""),
        (2, Outcome.DENIED, "a gap"),
        (1, Outcome.OK, ""),
    ]


def test_what_a_look_shows_that_was_not_whole(store: Store, snap: Snap) -> None:
    nights = [
        ([package("a", "1")], DENIED),
        ([package("a", "1"), package("b", "1")], OK),  # b may have been there
        ([package("b", "2")], DENIED),  # b is another, of a nothing is known
        ([package("a", "1"), package("b", "1")], OK),  # and is as it was
        ([package("a", "1")], OK),
    ]
    for day, (items, outcomes) in enumerate(nights):
        store.save(snap(items, day=day, outcomes=outcomes))
    events = store.changes("web1")
    assert told(events) == [
        (2, "new", "b", None, "1"),
        (3, "changed", "b", "1", "2"),
        (4, "changed", "b", "2", "1"),
        (5, "gone", "b", "1", None),
    ]
    assert [event.proven for event in events] == [True, True, True, False]


def test_what_was_pruned_leaves_the_changes_between_the_kept(store: Store, snap: Snap) -> None:
    for day, version in enumerate("1123"):
        store.save(snap([package("a", version), package("b", "1")], day=day, outcomes=OK))
    store.prune(keep_last=2)
    assert told(store.changes("web1")) == [(3, "new", "a", None, "2"), (4, "changed", "a", "2", "3")]


def test_items_that_name_a_path(store: Store, snap: Snap) -> None:
    path = '/etc/cron.d/a"%_b'
    items = [
        Item("schedules", "cron 1", {"file": path}),
        Item("certificates", path, {"name": "x"}),
        Item("services", "s", {"fragments": [{"path": path}]}),
        Item("contents", "c", {"text": f'include "{path}"'}),
        Item("schedules", "cron 2", {"file": path.upper()}),
        Item("schedules", "cron 3", {"file": path.replace("_", "x")}),
    ]
    store.save(snap(items))
    store.save(snap(items, host="web2"))
    assert [state.item.key for state in store.naming("web1", path)] == [path, "cron 1", "s"]
    assert store.naming("web1", "/etc/cron.d") == []


def test_trees_are_read_side_by_side(store: Store, snap: Snap) -> None:
    many = [leaf(b"usr/lib/%03d" % number, b"f644 0 0") for number in range(100)]
    for day, mode in enumerate((b"f644", b"f644", b"f755")):
        built = tree(*many, leaf(b"etc/motd", mode + b" 0 0"), leaf(b"usr/lib/link", b"l777 0 0", b"000"))
        outcomes = {"files": Outcome.DENIED if day == 1 else Outcome.OK}
        more = {"tree": built.tree, "stats": built.stats, "objects": built.objects, "files": built.entries}
        store.save(snap([], day=day, outcomes=outcomes, **more))
    store.save(snap([], day=3))
    found = store.trees("web1")
    assert [(one.snapshot.id, one.whole) for one in found] == [(3, True), (2, False), (1, True)]
    entries = [one.entry(b"/etc/motd") for one in found]
    assert [entry and (entry.path, entry.mode) for entry in entries] == [
        (b"/etc/motd", 0o755),
        (b"/etc/motd", 0o644),
        (b"/etc/motd", 0o644),
    ]
    loaded = store.load(found[0].snapshot)
    for path in (b"/usr", b"/usr/lib", b"/usr/lib/007", b"/usr/lib/link", b"/usr/lib/none", b"/none/at/all", b"/etc"):
        assert found[0].entry(path) == loaded.directories.entry(path)
    assert found[0].content(b"/usr/lib") == found[1].content(b"/usr/lib") != None  # noqa: E711 - a chain
    assert found[0].content(b"/etc") is None
    assert [one.snapshot.id for one in store.trees("web1", until=2, limit=1)] == [2]


def test_the_questions_use_indexes(tmp_path: Path, snap: Snap) -> None:
    """SQLite tells its plans in a way that does not depend on how much there is."""
    path = tmp_path / "driftscan.db"
    asked: list[tuple[str, Any]] = []
    with Store.open(path) as store:
        store.save(snap([package("a", "1")]))
        event.listen(Engine, "before_cursor_execute", ask := lambda _c, _r, sql, given, *_: asked.append((sql, given)))
        try:
            store.states("packages", "a", "web1")
            store.changes("web1", ["packages"])
            store.trees("web1")
        finally:
            event.remove(Engine, "before_cursor_execute", ask)
    with closing(sqlite3.connect(path)) as connection:
        plans = [row[3] for sql, given in asked for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", given)]
    assert len(plans) > 10
    assert [plan for plan in plans if plan.startswith("SCAN") and "VIRTUAL" not in plan] == []
