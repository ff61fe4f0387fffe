"""Opening: what is made and how, and one clear line for everything that cannot be opened, read or written."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from driftscan.errors import StoreError
from driftscan.model.item import Item
from driftscan.model.snapshot import Snapshot
from driftscan.store import Store, engine, migrate, schema
from driftscan.store.engine import database, default_path

Snap = Callable[..., Snapshot]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def set_version(target: str, version: str) -> None:
    opened = database(target, create=False)
    with opened.writing() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{version}'")
    opened.engine.dispose()


def test_only_the_owner_may_read_the_file_from_its_birth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snap: Snap
) -> None:
    seen = []
    real_open = os.open

    def watching(path: Path, flags: int, permissions: int) -> int:
        descriptor = real_open(path, flags, permissions)
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    monkeypatch.setattr(engine.os, "open", watching)
    path = tmp_path / "new" / "driftscan.db"
    old = os.umask(0)
    try:
        with Store.open(path) as store:
            store.save(snap([Item("packages", "a", {})]))
            wal = path.with_name("driftscan.db-wal")
            assert [mode(path), mode(wal), mode(path.parent)] == [0o600, 0o600, 0o700]
    finally:
        os.umask(old)
    assert seen == [0o600]


def test_the_default_is_in_the_users_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "driftscan" / "driftscan.db"
    with Store.open() as store:
        assert store.info().url == str(default_path())
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_path() == tmp_path / "home/.local/share/driftscan/driftscan.db"


def test_a_second_opening_does_not_import_alembic(tmp_path: Path) -> None:
    Store.open(tmp_path / "a.db").close()
    program = "import sys; from driftscan.store import Store; Store.open(sys.argv[1]).close(); print(*sys.modules)"
    command = [sys.executable, "-c", program, str(tmp_path / "a.db")]
    modules = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert "sqlalchemy" in modules
    assert "alembic" not in modules


def test_what_is_missing_is_made_only_when_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "driftscan.db"
    with pytest.raises(StoreError, match=r"there is no database .*driftscan\.db; it is made by the first scan"):
        Store.open(path, create=False)
    path.touch()
    with pytest.raises(StoreError, match="is empty; it is filled by the first scan"):
        Store.open(path, create=False)
    Store.open(path).close()
    Store.open(path, create=False).close()


def test_another_version_is_named(target: str) -> None:
    Store.open(target).close()
    set_version(target, "9999")
    with pytest.raises(StoreError, match="was made by a newer driftscan; upgrade driftscan"):
        Store.open(target)
    with pytest.raises(StoreError, match="was made by a newer driftscan; upgrade driftscan"):
        Store.upgrade(target)


def test_an_older_version_is_upgraded_when_that_is_asked_for(target: str) -> None:
    opened = database(target, create=True)
    migrate.upgrade(opened, "0001")
    opened.engine.dispose()
    with pytest.raises(StoreError, match="older driftscan; run `driftscan db upgrade`"):
        Store.open(target)
    assert Store.upgrade(target) == ("0001", schema.SCHEMA)
    assert Store.upgrade(target) == (schema.SCHEMA, schema.SCHEMA)
    with Store.open(target, create=False) as store:
        assert store.last_check("web1") is None


def test_a_database_of_something_else_is_left_alone(target: str) -> None:
    opened = database(target, create=True)
    with opened.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE accounts (id INTEGER)")
    opened.engine.dispose()
    with pytest.raises(StoreError, match="is not driftscan's, it holds other tables; name another one"):
        Store.open(target)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 100)
    with pytest.raises(StoreError, match=r"notes\.txt is not a driftscan database; name another file"):
        Store.open(path)
    assert path.read_text() == "not a database, " * 100


def test_a_damaged_database(tmp_path: Path, snap: Snap) -> None:
    path = tmp_path / "driftscan.db"
    with Store.open(path) as store:
        store.save(snap([Item("packages", f"p{number}", {"name": "x" * 50}) for number in range(500)]))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with (
        pytest.raises(StoreError, match=r"driftscan\.db is damaged; `driftscan db check` says what of it is lost"),
        Store.open(path) as store,
    ):
        store.hosts()


def test_a_directory_a_file_in_the_way_and_a_path_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened; check the path"):
        Store.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made: File exists"):
        Store.open(tmp_path / "file" / "driftscan.db")


def test_a_lock_that_lasts_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snap: Snap) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.05)
    path = tmp_path / "driftscan.db"
    with Store.open(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="is in use by another process; try again"):
            store.save(snap())
        assert store.hosts() == []
        other.execute("ROLLBACK")
        other.close()
        store.save(snap())


def test_a_full_disk_loses_nothing(tmp_path: Path, snap: Snap) -> None:
    path = tmp_path / "driftscan.db"
    with Store.open(path) as store:
        store.save(snap([Item("packages", "a", {})]))
    with Store.open(path) as store:

        @event.listens_for(store._database.engine, "connect")
        def _limit(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("PRAGMA max_page_count = 1")  # it is never less than there are

        store._database.engine.dispose()
        many = [Item("packages", f"p{number}", {"name": "x" * 500}) for number in range(1000)]
        with pytest.raises(StoreError, match="has no space left, nothing was stored; free some space"):
            store.save(snap(many, day=1))
        assert [len(store.load(one).items) for one in store.snapshots()] == [1]


def as_nobody(work: Callable[[], object]) -> str:
    """Return what `work` raised in a process that is not root, "" for nothing."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = ""
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            work()
        except BaseException as error:  # noqa: BLE001 - the parent looks at it
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as output:
        said = output.read()
    os.waitpid(child, 0)
    return said


def test_a_database_that_may_not_be_written(tmp_path: Path, snap: Snap) -> None:
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(stat.S_IMODE(parent.stat().st_mode) | 0o055)  # /tmp may be among them: it stays everybody's
    path = tmp_path / "driftscan.db"
    Store.open(path).close()
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        assert "StoreError: database " in (said := as_nobody(lambda: Store.open(path).save(snap())))
        assert "\n" not in said
        path.chmod(0o400 if os.geteuid() == 0 else 0)
        assert as_nobody(lambda: Store.open(path)).endswith("cannot be opened; check the path and who may use it")
        assert as_nobody(lambda: Store.open(tmp_path / "new.db")).endswith("new.db cannot be made: Permission denied")
    finally:
        tmp_path.chmod(0o755)
        path.chmod(0o600)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://me:se%20cret@db/x", "'mysql' databases are not supported"),
        ("postgresql://me:se cret@db:port/x", "the database's URL cannot be read"),
        ("sqlite://", "'sqlite' databases are not supported"),
        (
            "postgresql://me:se%20cret@127.0.0.1:1/x?connect_timeout=1",
            r"postgresql\+psycopg://me:\*\*\*@127.0.0.1:1/x: ",
        ),
    ],
)
def test_a_url_that_leads_nowhere_does_not_tell_its_password(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as caught:
        Store.open(url)
    assert "cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_postgresql_without_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"PostgreSQL needs psycopg; pip install 'driftscan\[postgresql\]'"):
        Store.open("postgresql://me@db/x")
