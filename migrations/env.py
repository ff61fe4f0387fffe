"""What Alembic runs: the migrations, on the connection and in the transaction that `driftscan.store.migrate` gives."""

from typing import Any

from alembic import context

from driftscan.store.schema import UtcDateTime, metadata


def render(_kind: str, rendered: Any, _context: object) -> str | bool:
    """Write types of driftscan's own as what the database has: a migration does not change when they do."""
    return "sa.DateTime(timezone=True)" if isinstance(rendered, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # on other databases than SQLite a batch is plain ALTER TABLE
    render_item=render,
)
with context.begin_transaction():
    context.run_migrations()
