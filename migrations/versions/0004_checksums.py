"""Sightings keep a sum of their own numbers; file trees are packed by zstd, which earlier versions cannot read."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SUM = """
UPDATE sighting SET checksum = (
    host_id * 1000003 + item_id * 7368787 + first_snapshot * 15485863 + last_snapshot * 32452843
    + coalesce(gone_snapshot, 0) * 49979687 + CAST(replaced AS INTEGER) * 67867967
) % 2147483647
"""


def upgrade() -> None:
    op.add_column("sighting", sa.Column("checksum", sa.BigInteger().with_variant(sa.Integer(), "sqlite")))
    op.execute(_SUM)


def downgrade() -> None:
    op.drop_column("sighting", "checksum")
