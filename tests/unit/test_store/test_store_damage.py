"""Damage: what is whole is read, what is not costs one line, and `Store.check` names it and takes it out."""

import random
import shutil
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.cli.judging import view
from driftscan.errors import StoreError
from driftscan.model.objects import digest, pack, unpack
from driftscan.model.snapshot import Snapshot
from driftscan.store import Store, migrate
from driftscan.store.codec import DamagedError, unpack_object
from driftscan.store.engine import database
from driftscan.store.schema import stored_object
from tests.unit.test_store.conftest import new_database
from tests.unit.test_store.worn import PAGE, facts, read, without_lost, worn, worn_snapshot

Snap = Callable[..., Snapshot]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("worn") / "driftscan.db"
    worn(path)
    return path


@pytest.fixture(scope="module")
def sound_on_server(cluster: str) -> str:
    url = new_database(cluster)
    worn(url)
    return url.partition("@/")[2].partition("?")[0]


@cache
def whole_of(path: Path) -> dict[int, Any]:
    """Return all that can be read of a database that nothing changes."""
    found, said = read(path)
    assert said == []
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, sound: Path, tmp_path: Path) -> str:
    """Give the path or URL of a database that `worn` has made."""
    if request.param == "sqlite":
        return str(copied(sound, tmp_path))
    return new_database(request.getfixturevalue("cluster"), request.getfixturevalue("sound_on_server"))


def run(target: Path | str, statement: str) -> None:
    """Change rows behind the store's back."""
    if "://" not in str(target):
        connection = sqlite3.connect(target, isolation_level=None)
        connection.executescript(statement)
        connection.close()
        return
    opened = database(target, create=False)
    with opened.writing() as writing:
        writing.exec_driver_sql(statement)
    opened.engine.dispose()


def copied(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path / "driftscan.db"))


def told(path: Path | str) -> list[str]:
    return [fault.what for fault in Store.check(path).faults]


def object_of(target: Path | str, number: int, column: str) -> bytes:
    opened = database(target, create=False)
    with opened.reading() as connection:
        name = connection.exec_driver_sql(f"SELECT {column} FROM snapshot WHERE id = {number}").scalar()
    opened.engine.dispose()
    assert isinstance(name, bytes)
    return name


def break_object(target: Path | str, name: bytes, data: bytes | None = b"x\x9cnot what it was") -> None:
    """Damage an object, or with no data take it away."""
    opened = database(target, create=False)
    with opened.writing() as connection:
        this = stored_object.c.digest == name
        connection.execute(
            stored_object.update().where(this).values(data=data) if data else stored_object.delete().where(this)
        )
    opened.engine.dispose()


def test_a_sound_database(target: str) -> None:
    checkup = Store.check(target)
    assert checkup.faults == ()
    assert checkup.info is not None
    assert (checkup.info.hosts, checkup.info.snapshots) == (3, 5)
    assert Store.check(target, repair=True) == checkup


@pytest.mark.parametrize(
    ("column", "data"),
    [
        ("tree", b"x\x9cnot what it was"),
        ("stats", None),
        ("manifests", b"x\x9cnot what it was"),
        ("manifests", pack(b"what belongs to another one")),
        ("tree", pack(b"")),
    ],
)
def test_an_object_costs_only_the_snapshots_that_need_it(
    sound: Path, tmp_path: Path, column: str, data: bytes | None
) -> None:
    target, whole = str(copied(sound, tmp_path)), whole_of(sound)
    newest = max(whole)
    break_object(target, object_of(target, newest, column), data)
    left, said = read(target)
    assert left == {number: one for number, one in whole.items() if number != newest}
    assert said == [f"database {Store.check(target).info.url} is damaged; `driftscan db check` says what of it is lost"]  # type: ignore[union-attr]
    part = "the file lists of all packages" if column == "manifests" else "/ and all below it"
    assert f"web3, snapshot {newest}: {part} cannot be read" in told(target)
    repaired = Store.check(target, repair=True)
    assert [fault.what for fault in repaired.faults] == [f"web3, snapshot {newest}: {part} cannot be read"]
    assert read(target)[0] == left
    with Store.open(target) as store:
        store.save(worn_snapshot(3, 10, 3))  # as the host still is: the next night
        store.save(worn_snapshot(1, 10, 3))
    assert Store.check(target).faults == ()
    assert without_lost(read(target)[0][newest], whole[newest])


def test_objects_of_earlier_versions_are_read(sound: Path, tmp_path: Path) -> None:
    """They were packed by zlib: the same objects, under the same names, and what a night adds beside them."""
    path = copied(sound, tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT digest, data FROM object").fetchall()
        older = [(zlib.compress(unpack(data), 4), name) for name, data in rows]
        connection.executemany("UPDATE object SET data = ? WHERE digest = ?", older)
        connection.commit()
    assert read(path) == (whole_of(sound), [])
    with Store.open(path) as store:
        saved = store.save(worn_snapshot(3, 10, 3))  # nothing of its tree is new
        assert saved.bytes_stored < 2000
    assert Store.check(path).faults == ()


@given(data=st.binary(max_size=300), cut=st.integers(1, 40), bit=st.integers(0, 10_000))
def test_a_damaged_object_is_never_another_one(data: bytes, cut: int, bit: int) -> None:
    for whole in (pack(data), zlib.compress(data)):
        assert unpack(whole) == data
        flipped = bytearray(whole)
        flipped[bit // 8 % len(flipped)] ^= 1 << bit % 8
        for damaged in (whole[:-cut], bytes(flipped), b""):
            with suppress(DamagedError):
                assert unpack_object(digest(data), damaged) == data


def test_an_object_that_claims_to_be_huge_is_not_made_room_for() -> None:
    huge = b"\x28\xb5\x2f\xfd\xe4" + (1 << 60).to_bytes(8, "little") + b"\x01\0\0"
    with pytest.raises(ValueError, match="larger than any object"):
        unpack(huge)


def test_damage_is_found_and_healed_by_the_nights_alone(target: str) -> None:
    whole, _ = read(target)
    break_object(target, object_of(target, max(whole), "stats"))
    with Store.open(target) as store:
        for night in range(16):
            store.save(worn_snapshot(3, 10 + night, 3))
    assert Store.check(target).faults == ()
    assert without_lost(read(target)[0][max(whole)], whole[max(whole)])


def test_a_directory_and_a_package_are_named(sound: Path, tmp_path: Path) -> None:
    path = copied(sound, tmp_path)
    with Store.open(path) as store:
        objects = store.load(store.snapshots("web3")[0]).objects
        below = next(name for name in objects if b"file0092" in objects[name])
    break_object(path, below, None)
    assert told(path) == ["web3, snapshot 7: /d3 and all below it cannot be read"]
    with Store.open(path) as store:
        assert len(facts(store, store.snapshots("web1")[0])) == 4


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE item SET attributes = '{}' WHERE key = 'p7' AND scope = 'packages'", "item packages p7 is damaged"),
        ("UPDATE item SET attributes = '{' WHERE key = '/etc/c1'", "item contents /etc/c1 is damaged"),
        ("UPDATE item SET scope = CAST(x'7061ff' AS TEXT) WHERE key = 'p7'", "item pa\ufffd p7 is damaged"),
        ("UPDATE sighting SET volatile = '{' WHERE id = 9", "sighting 9 is damaged (web1)"),
        ("UPDATE sighting SET volatile = replace(volatile, 'pid', 'rid') WHERE id = 9", "sighting 9 is damaged (web1)"),
        ("UPDATE scope_coverage SET outcome = 'fine' WHERE scope = 'services'", "services cannot be read: outcome"),
        ("UPDATE scope_coverage SET gaps = '[' WHERE scope = 'services'", "services cannot be read: gaps"),
        ("UPDATE setting SET value = '{' WHERE name = 'views'", "views are not there"),
        ("DROP VIEW packages", "views are not there: packages"),
        ("DROP VIEW packages; CREATE VIEW packages AS SELECT 1 AS key", "views are not as they were made"),
        ("DELETE FROM sighting WHERE id IN (2, 3, 5, 300)", "items are lost"),
        ("UPDATE sighting SET last_snapshot = last_snapshot - 1 WHERE id = 9", "sighting 9 is damaged (web1)"),
        ("UPDATE sighting SET item_id = (SELECT max(id) FROM item) WHERE id = 9", "sighting 9 is damaged (web1)"),
        ("UPDATE sighting SET host_id = 2 WHERE id = 9", "sighting 9 is damaged (web2)"),
        ("UPDATE sighting SET gone_snapshot = 5 WHERE id = 9", "sighting 9 is damaged (web1)"),
        ("UPDATE sighting SET replaced = 1 WHERE id = 9", "sighting 9 is damaged (web1)"),
        ("UPDATE sighting SET checksum = NULL WHERE id = 9", "sighting 9 is damaged (web1)"),
    ],
)
def test_rows_that_are_not_what_they_were(sound: Path, tmp_path: Path, statement: str, says: str) -> None:
    mended(str(copied(sound, tmp_path)), statement, says, whole_of(sound))


@pytest.mark.parametrize(
    "change",
    [
        "item_id = (SELECT max(id) FROM item)",
        "first_snapshot = first_snapshot + 1",
        "last_snapshot = last_snapshot - 1",
        "replaced = NOT replaced",
        "volatile = '{}'",
    ],
)
def test_a_damaged_row_is_forgotten_by_the_next_night(target: str, change: str) -> None:
    run(target, f"UPDATE sighting SET {change} WHERE id = 9")
    with Store.open(target) as store:
        newest = store.snapshots("web1")[0]
        with pytest.raises(StoreError, match="is damaged; `driftscan db check` says what"):
            store.load(newest)
        for night in range(2):
            store.save(worn_snapshot(1, 10 + night, 3))
        for later in store.snapshots("web1", 2):
            assert len(store.load(later).of("packages")) == 120
        with pytest.raises(StoreError, match="is damaged; `driftscan db check` says what"):
            store.load(newest)
    assert any("1 item is lost" in line for line in told(target))
    assert Store.check(target, repair=True).faults == ()
    with Store.open(target) as store:
        assert len(store.load(newest).of("packages")) == 119


def test_another_host_s_damage_is_no_matter_of_this_one(sound: Path, tmp_path: Path) -> None:
    path = copied(sound, tmp_path)
    with Store.open(path) as store:
        newest = store.snapshots("web1")[0]
        assert [peer.host for peer in view(store, store.load(newest)).peers] == ["web2", "web3"]
    run(path, "UPDATE sighting SET replaced = 1 WHERE host_id = 2")
    with Store.open(path) as store:
        assert [peer.host for peer in view(store, store.load(newest)).peers] == ["web3"]
    assert any("sightings are damaged (web2)" in line for line in told(path))


def test_rows_on_a_server(target: str) -> None:
    mended(target, "DELETE FROM sighting WHERE id IN (2, 3, 5, 300)", "items are lost", read(target)[0])


def mended(target: str, statement: str, says: str, whole: dict[int, Any]) -> None:
    """Damage rows, and hold that they are named and that all others are read after the repair."""
    run(target, statement)
    read(target)  # nothing but plain lines
    named = told(target)
    assert any(says in line for line in named), named
    repaired = Store.check(target, repair=True)
    assert repaired.faults == ()
    assert repaired.mended
    left, said = read(target)
    assert (said, left.keys()) == ([], whole.keys())
    assert all(without_lost(left[number], whole[number]) for number in whole)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("host", ["host 1 has lost its name, its snapshots are there", "host 2", "host 3"]),
        ("item", ["rows of sighting name a item that is not there (web1, web2, web3)"]),
        ("snapshot", ["rows of scope_coverage name a snapshot that is not there", "sightings begin or end with"]),
    ],
)
def test_rows_that_lead_nowhere(sound: Path, tmp_path: Path, table: str, says: list[str]) -> None:
    path = copied(sound, tmp_path)
    run(path, f"DELETE FROM {table} WHERE id % 2 = 1 OR '{table}' = 'host'")
    lines = told(path)
    assert all(any(word in line for line in lines) for word in says), lines
    repaired = Store.check(path, repair=True)
    assert repaired.faults == ()
    assert Path(repaired.backup).stat().st_mode & 0o777 == 0o600
    assert read(path)[1] == []
    if table == "host":
        with Store.open(path) as store:
            assert [one.name for one in store.hosts()] == ["unnamed-1", "unnamed-2", "unnamed-3"]


def ruined(path: Path, how: str, page: int, chance: random.Random) -> None:
    """Damage one page of a file."""
    data = bytearray(path.read_bytes())
    here = page * PAGE
    if how == "bits":
        for _ in range(3):
            data[here + chance.randrange(PAGE)] ^= 1 << chance.randrange(8)
    elif how == "head":
        for _ in range(2):
            data[here + chance.randrange(16)] ^= 1 << chance.randrange(8)
    elif how == "cut":
        del data[here + chance.randrange(PAGE) :]
    else:
        data[here : here + PAGE] = (b"\xff" if how == "ones" else b"\0") * PAGE
    path.write_bytes(data)


def told_in(path: Path) -> set[int]:
    """Return the pages in which a file says what its tables are, and the one after the first."""
    with closing(sqlite3.connect(path)) as connection:
        pages = connection.execute("SELECT pageno FROM dbstat WHERE name = 'sqlite_schema'").fetchall()
    return {0, 1, *(number - 1 for (number,) in pages)}


HOWS = ("bits", "head", "ones", "zeros", "cut")


def hold(sound: Path, path: Path, how: str, page: int) -> None:
    """Hold the promises for a file of which one page is damaged."""
    whole = whole_of(sound)
    shutil.copy(sound, path)
    ruined(path, how, page, random.Random(f"{how} {page}"))
    before, said = read(path)
    try:
        checkup = Store.check(path)
    except StoreError as error:
        said = [str(error)]
        assert page in told_in(sound) or how == "cut", said
        assert "restore it from a backup" in said[0] or "is empty" in said[0]
        return
    if not checkup.faults:
        assert (before, said) == (whole, [])
        return
    repaired = Store.check(path, repair=True)
    left, again = read(path)
    assert all(without_lost(left[number], whole[number]) for number in left), [f.what for f in checkup.faults]
    if not repaired.faults:
        assert again == []
    with Store.open(path) as store:
        store.save(worn_snapshot(3, 20, 3))
    assert Path(repaired.backup).exists()


@pytest.mark.parametrize("how", HOWS)
def test_a_page_of_each_kind(sound: Path, tmp_path: Path, how: str) -> None:
    pages = sound.stat().st_size // PAGE
    for page in (0, pages // 2):
        hold(sound, tmp_path / f"{how}{page}.db", how, page)


def test_a_page_of_an_earlier_version(sound: Path, tmp_path: Path) -> None:
    """Its sightings have no sums yet: they are read as they are."""
    path, whole = copied(sound, tmp_path), whole_of(sound)
    opened = database(path, create=False)
    migrate.downgrade(opened, "0003")
    opened.engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT max(pageno) FROM dbstat WHERE name = 'object'").fetchone()
    ruined(path, "ones", page - 1, random.Random(1))
    Store.check(path, repair=True)
    left, _ = read(path)
    assert len(left) > 2
    assert all(left[number] == whole[number] for number in left)


@pytest.mark.soak
@pytest.mark.parametrize("how", HOWS)
def test_every_page(sound: Path, tmp_path: Path, how: str) -> None:
    for page in range(sound.stat().st_size // PAGE):
        hold(sound, tmp_path / f"{how}{page}.db", how, page)


def test_an_index_that_disagrees(sound: Path, tmp_path: Path) -> None:
    path = copied(sound, tmp_path)
    turned = """UPDATE sqlite_master SET sql = replace(sql, '(scope, "key")', '("key", scope)')"""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    assert connection.execute(f"{turned} WHERE name = 'ix_item_scope_key'").rowcount == 1
    connection.close()
    assert any("missing from index" in line for line in told(path))
    assert Store.check(path, repair=True).faults == ()


def test_a_log_that_is_damaged_or_missing(sound: Path, tmp_path: Path) -> None:
    source = copied(sound, tmp_path)
    whole = whole_of(sound)
    with Store.open(source) as store:
        store.save(worn_snapshot(1, 20, 5))
        for name in ("damaged", "missing"):
            shutil.copy(source, tmp_path / f"{name}.db")
        log = bytearray(source.with_name("driftscan.db-wal").read_bytes())
    log[len(log) // 2] ^= 1
    (tmp_path / "damaged.db-wal").write_bytes(log)
    for name in ("damaged", "missing"):
        left, said = read(tmp_path / f"{name}.db")
        assert (left, said) == (whole, [])


def test_a_file_cut_to_nothing_is_not_made_anew_over_its_log(tmp_path: Path) -> None:
    path = tmp_path / "driftscan.db"
    path.touch()
    (tmp_path / "driftscan.db-wal").write_bytes(b"x" * 100)
    for create in (True, False):
        with pytest.raises(StoreError, match="is empty, but not the log beside it: it was cut off; restore it"):
            Store.open(path, create=create)
    assert path.stat().st_size == 0
