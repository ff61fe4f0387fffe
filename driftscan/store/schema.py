"""The tables, as SQLAlchemy and Alembic's autogeneration know them."""

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from driftscan.store.codec import DamagedError

SCHEMA = "0004"  # Alembic's head: compared on opening, so that Alembic is imported only when there is work for it

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Number = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only in INTEGER columns


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC, also where the database knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what the database is given; ValueError for a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        utc = value.astimezone(timezone.utc)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return what the database gave, in UTC."""
        if value is None or value.tzinfo is not None:
            return value and value.astimezone(timezone.utc)
        return value.replace(tzinfo=timezone.utc)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Return what reads a value; DamagedError for one that is no time."""
        inner = super().result_processor(dialect, coltype)

        def read(value: Any) -> datetime | None:
            try:
                return inner(value) if inner else value
            except (ValueError, TypeError) as error:
                raise DamagedError(str(error)) from error

        return read


host = Table(
    "host",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    UniqueConstraint("name"),
)

# A pruned snapshot whose row stays has no contents any more: it still says when something was first seen.
snapshot = Table(
    "snapshot",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("host_id", _Number, ForeignKey("host.id"), nullable=False),
    Column("taken", UtcDateTime, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("transport", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("files", _Number, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("pruned", Boolean, nullable=False),
    Column("tree", LargeBinary, nullable=False),
    Column("stats", LargeBinary, nullable=False),
    Column("manifests", LargeBinary, nullable=False),
    Index(None, "host_id", "id"),
    sqlite_autoincrement=True,  # the number of a pruned snapshot is never given again
)

scope_coverage = Table(
    "scope_coverage",
    metadata,
    Column("snapshot_id", _Number, ForeignKey("snapshot.id"), primary_key=True, autoincrement=False),
    Column("scope", Text, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("items", _Number, nullable=False),
    Column("gaps", Text, nullable=False),
    Column("notes", Text, nullable=False),
)

item = Table(
    "item",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    UniqueConstraint("digest"),
    Index(None, "scope", "key"),
)

# The ranges hold numbers of snapshots, not references: `last_snapshot` changes every night, and an index on it, which
# a reference needs lest each deletion of a snapshot reads the table, would double what an unchanged night writes.
# `gone_snapshot` is the first that proved the item away; while it is not set, the range can be extended. An item is
# `replaced` while another state of its key was seen since, but not enough to prove it away: views show the newer one.
sighting = Table(
    "sighting",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("host_id", _Number, ForeignKey("host.id"), nullable=False),
    Column("item_id", _Number, ForeignKey("item.id"), nullable=False),
    Column("first_snapshot", _Number, nullable=False),
    Column("last_snapshot", _Number, nullable=False),
    Column("gone_snapshot", _Number),
    Column("replaced", Boolean, nullable=False),
    Column("volatile", Text),
    Column("checksum", _Number),
    Index(None, "host_id", "first_snapshot"),
    Index(None, "item_id"),
)
Index(  # as partial on PostgreSQL, where the migration makes it so: said here, it would load that dialect everywhere
    "uq_sighting_open",
    sighting.c.host_id,
    sighting.c.item_id,
    unique=True,
    sqlite_where=sighting.c.gone_snapshot.is_(None),
)

# A stretch inside a sighting's range, without its ends, in which the scope was not seen whole, nor the item in it.
unseen = Table(
    "unseen",
    metadata,
    Column("sighting_id", _Number, ForeignKey("sighting.id"), primary_key=True, autoincrement=False),
    Column("after_snapshot", _Number, primary_key=True, autoincrement=False),
    Column("before_snapshot", _Number, nullable=False),
)

# What an object is (tree, stats, list of manifests …) says who names it; the same bytes are kept once.
stored_object = Table(
    "object",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# What became of a host's comparison, as a packed document. A row outlives its snapshot while it is the host's newest:
# the number is no reference then, and the time stands here.
host_check = Table(
    "host_check",
    metadata,
    Column("host_id", _Number, ForeignKey("host.id"), primary_key=True, autoincrement=False),
    Column("snapshot_id", _Number, primary_key=True, autoincrement=False),
    Column("taken", UtcDateTime, nullable=False),
    Column("digest", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
)

# A nightly run; `finished` is not set while it runs, nor ever where it was killed.
night = Table(
    "night",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime),
)

# What became of a rebuild. The row outlives its snapshot, as long as one of the host is kept: the number is no
# reference. `document` is all of it as JSON; the columns beside it are those that people ask for.
proof = Table(
    "proof",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("host_id", _Number, ForeignKey("host.id"), nullable=False),
    Column("snapshot_id", _Number, nullable=False),
    Column("role", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("blank", Text, nullable=False),
    Column("proven", UtcDateTime, nullable=False),
    Column("holds", Boolean, nullable=False),
    Column("reproduced", _Number, nullable=False),
    Column("reproducible", _Number, nullable=False),
    Column("document", Text, nullable=False),
    Index(None, "host_id", "id"),
)
