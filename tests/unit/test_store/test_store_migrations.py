"""Migrations: what they make is what `schema.py` says, from everywhere to everywhere."""

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from driftscan.errors import StoreError
from driftscan.model.item import Item
from driftscan.model.snapshot import Snapshot
from driftscan.store import Store, migrate
from driftscan.store.engine import database
from driftscan.store.schema import SCHEMA
from driftscan.store.version import version_of

Snap = Callable[..., Snapshot]
REVISIONS = migrate.revisions()


def test_the_schema_is_the_newest_migration() -> None:
    assert REVISIONS[-1] == SCHEMA


def test_the_migrations_make_what_the_schema_says(target: str) -> None:
    opened = database(target, create=True)
    migrate.upgrade(opened)
    migrate.check(opened)
    opened.engine.dispose()


def test_a_new_database_is_made_as_the_migrations_make_it(tmp_path: Path) -> None:
    Store.open(tmp_path / "new.db").close()
    assert "alembic_version" in made(tmp_path / "new.db")
    opened = database(tmp_path / "migrated.db", create=True)
    migrate.upgrade(opened)
    opened.engine.dispose()
    assert made(tmp_path / "new.db") == made(tmp_path / "migrated.db")


def test_tables_that_have_lost_their_version_are_not_taken_for_a_new_database(tmp_path: Path) -> None:
    opened = database(tmp_path / "old.db", create=True)
    migrate.upgrade(opened, "0002")
    with opened.writing() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
    opened.engine.dispose()
    before = made(tmp_path / "old.db")
    with pytest.raises(StoreError, match="already exists"):
        Store.open(tmp_path / "old.db")
    assert made(tmp_path / "old.db") == before


def made(path: Path) -> dict[str, object]:
    """Return all that SQLite knows of the tables of a database."""
    connection = sqlite3.connect(path)

    def told(pragma: str, name: str) -> list[tuple[Any, ...]]:
        return sorted(connection.execute(f"PRAGMA {pragma}({name})"), key=repr)

    found: dict[str, object] = {}
    tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    for table, text in tables:
        indexes = sorted((unique, name, partial) for _, name, unique, _, partial in told("index_list", table))
        texts = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?", (table,))
        found[table] = (
            told("table_xinfo", table),
            {row[2:] for row in told("foreign_key_list", table)},
            [(*index, told("index_xinfo", index[1])) for index in indexes],
            sorted(" ".join(row[0].split()) for row in texts if row[0]),
            sorted(re.findall(r"CONSTRAINT \w+ (?:PRIMARY|UNIQUE|FOREIGN)|AUTOINCREMENT", text)),
        )
    connection.close()
    return found


@pytest.mark.parametrize("start", ["", *REVISIONS])
def test_every_revision_is_upgraded_and_taken_back(target: str, snap: Snap, start: str) -> None:
    opened = database(target, create=True)
    if start:
        migrate.upgrade(opened, start)
    opened.engine.dispose()
    if start:
        assert Store.upgrade(target) == (start, SCHEMA)
    with Store.open(target) as store:
        store.save(snap([Item("packages", "a", {"name": "a"})]))
        assert list(store.sql("SELECT key FROM packages").rows) == [("a",)]
    for revision in [*REVISIONS[:-1][::-1], "base"]:
        migrate.downgrade(opened, revision)
        with opened.reading() as connection:
            assert version_of(connection, "it") == ("" if revision == "base" else revision)
    with opened.reading() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
        assert inspect(connection).get_view_names() == []
    opened.engine.dispose()
    with Store.open(target) as store:
        assert store.hosts() == []


def test_foreign_keys_hold_at_run_time_and_after_a_migration(tmp_path: Path) -> None:
    opened = database(tmp_path / "driftscan.db", create=True)
    migrate.upgrade(opened)
    with opened.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    with opened.altering() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 0
    opened.engine.dispose()


def test_an_installed_package_brings_its_migrations(tmp_path: Path) -> None:
    package = Path(migrate.__file__).parent.parent
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, tmp_path / "driftscan", ignore=left_out)
    shutil.copytree(migrate.folder(), tmp_path / "driftscan" / "migrations", ignore=left_out, dirs_exist_ok=True)
    program = "from driftscan.store import Store, migrate; Store.open('a.db').close(); print(migrate.folder())"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(tmp_path / "driftscan" / "migrations")


def test_a_developer_writes_a_migration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "migrations"
    shutil.copytree(migrate.folder(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate, "folder", lambda: copy)
    monkeypatch.setattr("sys.argv", ["migrate", "revision", "more words"])
    migrate.main()
    number = f"{len(REVISIONS) + 1:04}"
    written = (copy / "versions" / f"{number}_more_words.py").read_text()
    assert f'revision = "{number}"' in written.replace("'", '"')
    assert "create_table" not in written
    assert number in capsys.readouterr().out
