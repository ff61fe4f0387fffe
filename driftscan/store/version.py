"""Which schema a database has, told without Alembic."""

from sqlalchemy import Connection, inspect, text

from driftscan.errors import StoreError
from driftscan.store.schema import SCHEMA


def version_of(connection: Connection, name: str) -> str:
    """Return the revision of the database's tables, "" when it has none; StoreError when they are not driftscan's."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        return connection.scalar(text("SELECT version_num FROM alembic_version")) or ""
    if tables:
        raise StoreError(f"database {name} is not driftscan's, it holds other tables", hint="name another one")
    return ""


def require_schema(name: str, version: str) -> None:
    """StoreError for tables of another version than this driftscan's, and for none."""
    if version == SCHEMA:
        return
    if not version:
        raise StoreError(f"database {name} is empty", hint="it is filled by the first scan")
    refuse_newer(name, version)
    raise StoreError(f"database {name} was made by an older driftscan", hint="run `driftscan db upgrade`")


def refuse_newer(name: str, version: str) -> None:
    """StoreError for tables of a version that is not known yet."""
    from driftscan.store import migrate  # noqa: PLC0415 - Alembic is heavy, and seldom needed

    if version and version not in migrate.revisions():
        raise StoreError(f"database {name} was made by a newer driftscan", hint="upgrade driftscan")
