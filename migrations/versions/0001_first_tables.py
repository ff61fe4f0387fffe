"""First tables: hosts, snapshots, items and their sightings, objects."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def number(name: str, *, nullable: bool = False, **options: bool) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=nullable, **options)


def words(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def octets(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def upgrade() -> None:
    op.create_table(
        "host",
        number("id"),
        words("name"),
        words("role"),
        sa.PrimaryKeyConstraint("id", name="pk_host"),
        sa.UniqueConstraint("name", name="uq_host_name"),
    )
    op.create_table(
        "snapshot",
        number("id"),
        number("host_id"),
        sa.Column("taken", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        words("transport"),
        words("version"),
        number("files"),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("pruned", sa.Boolean(), nullable=False),
        octets("tree"),
        octets("stats"),
        octets("manifests"),
        sa.PrimaryKeyConstraint("id", name="pk_snapshot"),
        refers("snapshot", "host_id", "host"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_snapshot_host_id_id", "snapshot", ["host_id", "id"])
    op.create_table(
        "scope_coverage",
        number("snapshot_id", autoincrement=False),
        words("scope"),
        words("outcome"),
        number("items"),
        words("gaps"),
        words("notes"),
        sa.PrimaryKeyConstraint("snapshot_id", "scope", name="pk_scope_coverage"),
        refers("scope_coverage", "snapshot_id", "snapshot"),
    )
    op.create_table(
        "item",
        number("id"),
        words("scope"),
        words("key"),
        words("attributes"),
        octets("digest"),
        sa.PrimaryKeyConstraint("id", name="pk_item"),
        sa.UniqueConstraint("digest", name="uq_item_digest"),
    )
    op.create_index("ix_item_scope_key", "item", ["scope", "key"])
    op.create_table(
        "sighting",
        number("id"),
        number("host_id"),
        number("item_id"),
        number("first_snapshot"),
        number("last_snapshot"),
        number("gone_snapshot", nullable=True),
        sa.Column("replaced", sa.Boolean(), nullable=False),
        words("volatile", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sighting"),
        refers("sighting", "host_id", "host"),
        refers("sighting", "item_id", "item"),
    )
    op.create_index("ix_sighting_host_id_first_snapshot", "sighting", ["host_id", "first_snapshot"])
    op.create_index("ix_sighting_item_id", "sighting", ["item_id"])
    still_open = sa.text("gone_snapshot IS NULL")
    op.create_index(
        "uq_sighting_open",
        "sighting",
        ["host_id", "item_id"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    op.create_table(
        "unseen",
        number("sighting_id", autoincrement=False),
        number("after_snapshot", autoincrement=False),
        number("before_snapshot"),
        sa.PrimaryKeyConstraint("sighting_id", "after_snapshot", name="pk_unseen"),
        refers("unseen", "sighting_id", "sighting"),
    )
    op.create_table("object", octets("digest"), octets("data"), sa.PrimaryKeyConstraint("digest", name="pk_object"))
    op.create_table("setting", words("name"), words("value"), sa.PrimaryKeyConstraint("name", name="pk_setting"))


def downgrade() -> None:
    for table in ("setting", "object", "unseen", "sighting", "item", "scope_coverage", "snapshot", "host"):
        op.drop_table(table)
