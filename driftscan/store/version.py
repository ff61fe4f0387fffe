"""Which schema a database has, told, and given to a new one, without Alembic, which takes its time to load."""

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select

from driftscan.errors import StoreError
from driftscan.store.schema import SCHEMA, metadata

_version = Table(  # as Alembic makes it; no part of what it compares
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def version_of(connection: Connection, name: str) -> str:
    """Return the revision of the database's tables, "" when it has none; StoreError when they are not driftscan's."""
    tables = set(inspect(connection).get_table_names())
    if _version.name in tables:
        return connection.scalar(select(_version.c.version_num)) or ""
    if tables:
        raise StoreError(f"database {name} is not driftscan's, it holds other tables", hint="name another one")
    return ""


def make_schema(connection: Connection) -> None:
    """Make all tables of an empty SQLite database, as the migrations would (`store.migrate`)."""
    _version.create(connection, checkfirst=True)
    if connection.scalar(select(_version.c.version_num)) is None:  # else another process was quicker
        metadata.create_all(connection, checkfirst=False)  # tables without a version are an error, not ours to name
        connection.execute(insert(_version).values(version_num=SCHEMA))


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
