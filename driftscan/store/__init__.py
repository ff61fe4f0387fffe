"""The store: every snapshot of every host in one database, SQLite or PostgreSQL."""

from driftscan.store.records import DatabaseInfo, Pruned, SavedSnapshot, StoredHost, StoredSnapshot
from driftscan.store.sql import Result
from driftscan.store.store import Store

__all__ = ["DatabaseInfo", "Pruned", "Result", "SavedSnapshot", "Store", "StoredHost", "StoredSnapshot"]
