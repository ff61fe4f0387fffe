"""Which schema a database has, told without Alembic."""

from sqlalchemy import Connection, inspect, text

from driftscan.errors import StoreError


def version_of(connection: Connection, name: str) -> str:
    """Return the revision of the database's tables, "" when it has none; StoreError when they are not driftscan's."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        return connection.scalar(text("SELECT version_num FROM alembic_version")) or ""
    if tables:
        raise StoreError(f"database {name} is not driftscan's, it holds other tables", hint="name another one")
    return ""
