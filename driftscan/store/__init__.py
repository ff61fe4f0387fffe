"""The store: every snapshot of every host in one database, SQLite or PostgreSQL."""

from driftscan.store.records import (
    Checkup,
    DatabaseInfo,
    Event,
    Fault,
    Look,
    Night,
    Pruned,
    SavedSnapshot,
    State,
    StoredCheck,
    StoredHost,
    StoredSnapshot,
)
from driftscan.store.retention import Retention
from driftscan.store.sql import Result
from driftscan.store.store import Store
from driftscan.store.trees import StoredTree

__all__ = [
    "Checkup",
    "DatabaseInfo",
    "Event",
    "Fault",
    "Look",
    "Night",
    "Pruned",
    "Result",
    "Retention",
    "SavedSnapshot",
    "State",
    "Store",
    "StoredCheck",
    "StoredHost",
    "StoredSnapshot",
    "StoredTree",
]
