"""Alembic at work: making, upgrading and downgrading the tables, and a developer's helper to write migrations."""

import argparse
import tempfile
from pathlib import Path

import alembic.command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from driftscan.store.engine import Database, database
from driftscan.store.views import drop_views


def folder() -> Path:
    """Return the directory of the migrations: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "migrations"
    return shipped if shipped.is_dir() else package.parent / "migrations"


def revisions() -> list[str]:
    """Return all revisions, oldest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def upgrade(store: Database, revision: str = "head") -> None:
    """Bring the tables to `revision`, in one transaction; two processes that do so at once wait for each other."""
    with store.altering() as connection:
        drop_views(connection)  # SQLite refuses to rename a table while a view that is not valid speaks of it
        alembic.command.upgrade(_config(connection), revision)


def downgrade(store: Database, revision: str) -> None:
    """Take the tables back to `revision` ("base": no tables), in one transaction."""
    with store.altering() as connection:
        drop_views(connection)
        alembic.command.downgrade(_config(connection), revision)


def check(store: Database) -> None:
    """Raise alembic.util.CommandError when the migrations do not make the tables that `schema.py` describes."""
    with store.altering() as connection:
        alembic.command.check(_config(connection))


def _config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, made here so that no alembic.ini has to be found."""
    made = Config()
    made.set_main_option("script_location", str(folder()).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def main() -> None:
    """Write a new migration from what `schema.py` says beyond the newest one."""
    parser = argparse.ArgumentParser(prog="python -m driftscan.store.migrate", description=main.__doc__)
    parser.add_argument("action", choices=["revision"])
    parser.add_argument("message", help="what the migration does, in a few words")
    message = parser.parse_args().message
    with tempfile.TemporaryDirectory() as scratch:
        store = database(Path(scratch) / "scratch.db", create=True)
        upgrade(store)
        number = f"{len(revisions()) + 1:04}"
        with store.altering() as connection:
            alembic.command.revision(_config(connection), message, autogenerate=True, rev_id=number)
        store.engine.dispose()


if __name__ == "__main__":
    main()
