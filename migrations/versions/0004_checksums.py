"""Sightings keep a sum of what they say; file trees are packed by zstd, which earlier versions cannot read."""

from zlib import crc32

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NUMBERS = """
UPDATE sighting SET checksum = (
    host_id * 1000003 + item_id * 7368787 + first_snapshot * 15485863 + last_snapshot * 32452843
    + coalesce(gone_snapshot, 0) * 49979687 + CAST(replaced AS INTEGER) * 67867967
) % 2147483647
"""
_TEXTS = "SELECT id, volatile FROM sighting WHERE volatile IS NOT NULL"
_TEXT = "UPDATE sighting SET checksum = (checksum + :more) % 2147483647 WHERE id = :number"


def upgrade() -> None:
    op.add_column("sighting", sa.Column("checksum", sa.BigInteger().with_variant(sa.Integer(), "sqlite")))
    op.execute(_NUMBERS)
    connection = op.get_bind()
    rows = connection.execute(sa.text(_TEXTS)).all()
    more = [{"number": number, "more": crc32(volatile.encode()) % 2147483647} for number, volatile in rows]
    if more:
        connection.execute(sa.text(_TEXT), more)


def downgrade() -> None:
    op.drop_column("sighting", "checksum")
