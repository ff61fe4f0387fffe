"""Checks and nights: what became of each comparison, and which nightly runs there were."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def number(name: str, **options: bool) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, **options)


def moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "host_check",
        number("host_id", autoincrement=False),
        number("snapshot_id", autoincrement=False),
        moment("taken"),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("host_id", "snapshot_id", name="pk_host_check"),
        sa.ForeignKeyConstraint(["host_id"], ["host.id"], name="fk_host_check_host_id_host"),
    )
    op.create_table(
        "night",
        number("id"),
        moment("started"),
        moment("finished", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_night"),
    )


def downgrade() -> None:
    for table in ("night", "host_check"):
        op.drop_table(table)
