"""SQL: views with real columns, tables made for one statement, and nothing that writes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from driftscan.errors import StoreError
from driftscan.model.item import Column, Item
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.scopes.base import ItemScope, Parsed, scopes
from driftscan.store import Store, views

Snap = Callable[..., Snapshot]

COLUMNS = (
    Column("name", "text", "a name"),
    Column("group", "text", "a word of SQL"),
    Column("host", "text", "a name that every view has"),
    Column("size", "integer", "bytes"),
    Column("load", "real", "a share"),
    Column("enabled", "boolean", "yes or no"),
    Column("words", "json", "a list"),
    Column("pid", "integer", "a number", volatile=True),
)


def scope(name: str, columns: tuple[Column, ...], **more: Any) -> ItemScope:
    return ItemScope(name=name, doc="", columns=columns, probes=(), parse=lambda _: Parsed(), **more)


@pytest.fixture
def gadgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `gadgets` the only scope that has a view."""
    tree = scope("files", COLUMNS, derive=lambda _snapshot, _path: ())
    monkeypatch.setattr(views, "scopes", lambda: {"files": tree, "gadgets": scope("gadgets", COLUMNS)})


def rows(store: Store, statement: str, **more: Any) -> list[tuple[Any, ...]]:
    return list(store.sql(statement, **more).rows)


@pytest.mark.usefixtures("gadgets")
def test_a_view_has_the_columns_of_its_scope(store: Store, snap: Snap) -> None:
    attributes = {"name": "é'\"%s", "group": "g", "host": "other", "size": 2**40, "load": 0.5, "enabled": True}
    store.save(snap([Item("gadgets", "k", {**attributes, "words": ["a", 1]}, {"pid": 7})]))
    with store.sql("SELECT * FROM gadgets") as result:
        (row,) = list(result.rows)
    names = ("host", "key", "name", "group", "host_", "size", "load", "enabled", "words", "pid")
    assert result.columns == (*names, "first_seen", "last_seen")
    assert row[:8] == ("web1", "k", "é'\"%s", "g", "other", 2**40, 0.5, 1)
    assert row[8].replace(" ", "") == '["a",1]'
    assert [str(value)[:19] for value in row[9:]] == ["7", "2026-11-01 03:00:00", "2026-11-01 03:00:00"]


@pytest.mark.usefixtures("gadgets")
def test_missing_values_and_such_of_another_kind_do_not_break_a_view(store: Store, snap: Snap) -> None:
    strange = [None, "text", [1], {"a": 1}, True, 1.5, 2**80, -(2**63), "1e999"]
    items = [
        Item("gadgets", f"{place}", dict.fromkeys(("name", "size", "load", "enabled", "words"), value), {"pid": value})
        for place, value in enumerate(strange)
    ]
    store.save(snap([*items, Item("gadgets", "nothing", {})]))
    assert len(rows(store, "SELECT * FROM gadgets")) == len(strange) + 1
    empty = rows(store, "SELECT name, size, load, enabled, words, pid FROM gadgets WHERE key = 'nothing'")
    assert empty == [(None,) * 6]
    assert rows(store, "SELECT size FROM gadgets WHERE key = '5'")[0][0] in {1.5, 2}  # PostgreSQL's are integers


@pytest.mark.usefixtures("gadgets")
def test_each_host_shows_its_newest_state_and_history_shows_all(store: Store, snap: Snap) -> None:
    store.save(snap([Item("gadgets", "a", {"size": 1}), Item("gadgets", "b", {"size": 1})]))
    store.save(snap([Item("gadgets", "a", {"size": 2})], day=1))
    store.save(snap([Item("gadgets", "a", {"size": 1})], host="web2", day=2))
    assert rows(store, "SELECT host, key, size FROM gadgets ORDER BY 1, 2") == [("web1", "a", 2), ("web2", "a", 1)]
    history = rows(store, "SELECT host, key, size, last_seen, gone FROM gadgets_history ORDER BY 1, 2, 3")
    assert [(*row[:3], str(row[3])[:10], row[4] and str(row[4])[:10]) for row in history] == [
        ("web1", "a", 1, "2026-11-01", "2026-11-02"),
        ("web1", "a", 2, "2026-11-02", None),
        ("web1", "b", 1, "2026-11-01", "2026-11-02"),
        ("web2", "a", 1, "2026-11-03", None),
    ]


def test_snapshots_and_their_coverage(store: Store, snap: Snap) -> None:
    number = store.save(snap(outcomes={"cron": Outcome.DENIED}, files=7), role="shop").id
    (row,) = rows(store, "SELECT id, host, role, files, taken, complete FROM snapshots")
    assert (*row[:4], str(row[4])[:19], bool(row[5])) == (number, "web1", "shop", 7, "2026-11-01 03:00:00", False)
    (row,) = rows(store, "SELECT host, snapshot, scope, outcome, items, gaps, notes FROM coverage")
    assert row == ("web1", number, "cron", "denied", 0, '["a gap"]', '["a note"]')


def test_a_new_column_needs_no_migration(store: Store, snap: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(snap())
    before = scope("gadgets", COLUMNS[:1])
    monkeypatch.setattr(views, "scopes", lambda: {"gadgets": before})
    assert store.sql("SELECT * FROM gadgets").columns[2:3] == ("name",)
    after = scope("gadgets", (Column("colour", "text", "a colour"),))
    monkeypatch.setattr(views, "scopes", lambda: {"gadgets": after})
    store.save(snap([Item("gadgets", "k", {"colour": "red"})], day=1))
    assert rows(store, "SELECT colour FROM gadgets") == [("red",)]
    monkeypatch.setattr(views, "scopes", dict)
    with pytest.raises(StoreError, match=r"SQL: .*gadgets"):
        store.sql("SELECT * FROM gadgets")


def test_a_view_of_a_persons_own_stays(tmp_path: Path, snap: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(tmp_path / "driftscan.db") as store:
        with store._database.writing() as connection:
            connection.exec_driver_sql("CREATE VIEW mine AS SELECT 1 AS one")
        monkeypatch.setattr(views, "scopes", lambda: {"gadgets": scope("gadgets", COLUMNS)})
        store.save(snap())
        assert rows(store, "SELECT one FROM mine") == [(1,)]


def test_every_scope_has_a_view_but_those_of_the_tree(store: Store) -> None:
    for one in scopes().values():
        if one.derive is None:
            columns = store.sql(f'SELECT * FROM "{one.name}"').columns
            assert set(columns) >= {"host", "key", "first_seen", "last_seen"}
            assert len(columns) == len(one.columns) + 4
            assert "gone" in store.sql(f'SELECT * FROM "{one.name}_history"').columns


def test_a_scope_may_not_have_the_name_of_a_table(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "scopes", lambda: {"item": scope("item", COLUMNS)})
    with pytest.raises(ValueError, match="name of a table"):
        store.sql("SELECT 1")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM host",
        "delete from host returning name",
        "WITH gone AS (SELECT 1) DELETE FROM host",
        "UPDATE host SET name = 'x'",
        "INSERT INTO host (name, role) VALUES ('x', '')",
        "DROP TABLE sighting",
        "CREATE TABLE x (y INTEGER)",
        "CREATE TEMP TABLE x AS SELECT 1",
        "SELECT 1; DELETE FROM host",
        "SELECT 1; COMMIT; DELETE FROM host",
        "COMMIT",
        "VACUUM",
        "VACUUM INTO 'FILE'",
        "ATTACH DATABASE 'FILE' AS x",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "COPY host TO 'FILE'",
        "COPY (SELECT 1) TO PROGRAM 'touch FILE'",
        "SELECT set_config('transaction_read_only', 'off', false), nextval('host_id_seq')",
        "SELECT load_extension('FILE')",
        "SELECT writefile('FILE', 'x')",
        "",
        "-- nothing",
        "\ud800",
        "SELECT ?",
        "SELECT nothing\nFROM nowhere",
    ],
)
def test_nothing_but_reading(store: Store, snap: Snap, statement: str, tmp_path: Path) -> None:
    store.save(snap([Item("packages", "a", {})]))
    before = store.info()
    made = tmp_path / "made"
    with pytest.raises(StoreError, match=r"^SQL: ") as caught:
        rows(store, statement.replace("FILE", str(made)))
    assert "\n" not in str(caught.value)
    assert not made.exists()
    store.save(snap([Item("packages", "a", {})], day=1))
    after = store.info()
    assert (after.hosts, after.items, after.sightings) == (before.hosts, before.items, before.sightings)


def test_the_message_says_what_is_possible(tmp_path: Path) -> None:
    with (
        Store.open(tmp_path / "driftscan.db") as store,
        pytest.raises(StoreError, match="SQL: only a statement that reads can be run; expected SELECT"),
    ):
        store.sql("DELETE FROM host")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 AS one;",
        "VALUES (1)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i+1 FROM n WHERE i<3) SELECT 1 FROM n WHERE i=1",
    ],
)
def test_reading_in_all_its_forms(store: Store, statement: str) -> None:
    assert rows(store, statement) == [(1,)]


def test_what_sqlite_says_of_itself(tmp_path: Path) -> None:
    with Store.open(tmp_path / "driftscan.db") as store:
        assert "tree" in {row[1] for row in rows(store, "PRAGMA table_info(snapshot)")}
        assert ("snapshots",) in rows(store, "SELECT name FROM sqlite_master WHERE type = 'view'")
        assert rows(store, "SELECT value FROM json_each('[1, 2]')") == [(1,), (2,)]


def test_a_table_that_is_mentioned_is_filled(store: Store, snap: Snap) -> None:
    store.save(snap())
    asked = []

    def files() -> Iterator[tuple[Any, ...]]:
        asked.append("files")
        for number in range(3000):
            yield "web1", f"/é{number}", number, number / 2, None

    def symlinks() -> Iterator[tuple[Any, ...]]:
        asked.append("symlinks")
        yield from ()

    tables = {
        "files": (("host", "path", "size", "share", "group"), files),
        "symlinks": (("path", "target"), symlinks),
    }
    assert rows(store, "SELECT count(*) FROM snapshots WHERE host = 'profiles'", tables=tables) == [(0,)]
    assert asked == []
    statement = 'SELECT count(*), sum(size), max(share), max("group") FROM FILES JOIN snapshots USING (host)'
    assert [[float(value or 0) for value in row] for row in rows(store, statement, tables=tables)] == [
        [3000, 4498500, 1499.5, 0]
    ]
    assert asked == ["files"]
    assert rows(store, "SELECT * FROM symlinks", tables=tables) == []
    assert len(rows(store, "SELECT * FROM files", tables=tables)) == 3000
    with pytest.raises(StoreError, match=r"SQL: .*files"):
        store.sql("SELECT * FROM files")


def test_a_table_whose_rows_fail_leaves_nothing_open(store: Store) -> None:
    def fail() -> Iterator[tuple[Any, ...]]:
        yield ("a",)
        raise StoreError("pruned meanwhile")

    for _ in range(30):  # more than the pool has
        with pytest.raises(StoreError, match="pruned meanwhile"):
            store.sql("SELECT * FROM files", {"files": (("path",), fail)})


def test_a_result_that_is_given_up_is_closed(store: Store) -> None:
    for _ in range(30):
        with store.sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i+1 FROM n WHERE i<5000) SELECT i FROM n"
        ) as found:
            assert next(found.rows) == (1,)
    assert (
        sum(
            1
            for _ in store.sql(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i+1 FROM n WHERE i<5000) SELECT i FROM n"
            ).rows
        )
        == 5000
    )


def test_the_name_of_the_file_is_not_read_as_a_uri(tmp_path: Path) -> None:
    path = Path(tmp_path, "a?mode=rwc#%20 b.db")
    with Store.open(path) as store:
        assert rows(store, "SELECT count(*) FROM host") == [(0,)]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
