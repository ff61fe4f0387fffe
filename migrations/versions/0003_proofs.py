"""Proofs: what became of each rebuild of a host."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def number(name: str, **options: bool) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, **options)


def words(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "proof",
        number("id"),
        number("host_id"),
        number("snapshot_id"),
        words("role"),
        words("tool"),
        words("blank"),
        sa.Column("proven", sa.DateTime(timezone=True), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        number("reproduced"),
        number("reproducible"),
        words("document"),
        sa.PrimaryKeyConstraint("id", name="pk_proof"),
        sa.ForeignKeyConstraint(["host_id"], ["host.id"], name="fk_proof_host_id_host"),
    )
    op.create_index("ix_proof_host_id_id", "proof", ["host_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_proof_host_id_id", table_name="proof")
    op.drop_table("proof")
