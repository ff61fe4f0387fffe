"""Objects: bytes under their digest, compressed, stored once; read one at a time or many at once."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock

from sqlalchemy import Connection, bindparam, delete, select

from driftscan.errors import StoreError
from driftscan.model.objects import as_packed
from driftscan.model.tree import children
from driftscan.store.codec import DamagedError, unpack_object
from driftscan.store.engine import DAMAGED, Database
from driftscan.store.schema import stored_object
from driftscan.store.statements import chunks, insert_new

_ONE_BY_ONE = 300  # objects that are read one by one
_CACHED = 512  # objects are some kilobytes
_TURNS = 16  # to read a sixteenth of the objects of 400,000 files takes 30 ms
_digest, _data = stored_object.c.digest, stored_object.c.data
_ONE = select(_data).where(_digest == bindparam("digest"))  # built once: a walk reads thousands, one at a time


def add_objects(connection: Connection, objects: Mapping[bytes, bytes], roots: Collection[bytes], turn: int) -> int:
    """Store what is not stored yet and return its compressed size.

    What is known is neither read nor compressed, but for the `roots` and a part that is another one every `turn`: is
    it not what it was, it is stored again. So damage heals within `_TURNS` scans of a host that still has the same.
    """
    size = 0
    for digests in chunks(sorted(objects)):
        known = set(connection.scalars(select(_digest).where(_digest.in_(digests))))
        doubted = [digest for digest in known if digest in roots or (digest[0] - turn) % _TURNS == 0]
        damaged = set(doubted) - {digest for digest, data in intact(connection, doubted) if data == objects[digest]}
        if damaged:
            connection.execute(delete(stored_object).where(_digest.in_(sorted(damaged))))
            known -= damaged
        rows = [{"digest": digest, "data": as_packed(objects, digest)} for digest in digests if digest not in known]
        insert_new(connection, stored_object, rows)
        size += sum(len(row["data"]) for row in rows)
    return size


def intact(connection: Connection, digests: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield those of `digests` that are stored and can be read, with their data, in no order."""
    for digest, packed in _packed(connection, digests):
        try:
            data = unpack_object(digest, packed)
        except DamagedError:
            continue
        yield digest, data


def read_objects(connection: Connection, digests: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield those of `digests` that are stored, with their data, in no order; DamagedError for one like that."""
    return ((digest, unpack_object(digest, packed)) for digest, packed in _packed(connection, digests))


def _packed(connection: Connection, digests: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for wanted in chunks(sorted(digests)):
        asked = set(wanted)
        for digest, packed in connection.execute(select(_digest, _data).where(_digest.in_(wanted))):
            if digest in asked:  # a damaged index leads to other rows
                yield digest, packed


def reachable(
    read: Callable[[Collection[bytes]], Iterable[tuple[bytes, bytes]]],
    roots: Iterable[bytes],
    below: Callable[[bytes], Iterable[bytes]],
) -> set[bytes]:
    """Return the digests of `roots` (b"" is none) and of all that they name, `below` telling what an object names."""
    found: set[bytes] = set()
    level = set(roots) - {b""}
    while level:
        found |= level
        level = {child for _, data in read(level) for child in below(data)} - found
    return found


def tree_children(data: bytes) -> list[bytes]:
    """Return what a tree object names."""
    return children(data, "tree")


def stats_children(data: bytes) -> list[bytes]:
    """Return what a stats object names."""
    return children(data, "stats")


class MissingError(StoreError, KeyError):
    """An object that a snapshot needs, and that is not there any more."""


class ObjectReader:
    """Reads objects for as long as the store is open, on one connection of its own; safe for threads."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._lock = Lock()
        self._connection: Connection | None = None
        self.get = lru_cache(_CACHED)(self._get)

    def _get(self, digest: bytes) -> bytes:
        """Return an object's data; MissingError when it is not stored."""
        with self._connected() as connection:
            data = connection.scalar(_ONE, {"digest": digest})
        if data is None:
            raise self._missing()
        with self._store.clear_errors():
            return unpack_object(digest, data)

    def many(self, digests: Collection[bytes]) -> dict[bytes, bytes]:
        """Return those of `digests` that are stored and can be read, with their data."""
        with self._connected() as connection:
            return dict(intact(connection, digests))

    def all(self, digests: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the data of `digests`; MissingError where one of them is not stored, or cannot be read."""
        found = self.many(digests)
        if len(found) < len(set(digests)):
            raise self._missing()
        return found

    def _missing(self) -> MissingError:
        return MissingError(f"database {self._store.name} {DAMAGED[0]}", hint=DAMAGED[1])

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._lock, self._store.clear_errors():
            if self._connection is None:
                self._connection = self._store.outside()
            yield self._connection

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


class StoredObjects(Mapping[bytes, bytes]):
    """The objects of one snapshot, read when they are asked for: one by one at first, then all that are left.

    Whoever knows beforehand what it will need asks for `many` at once: then nothing else is read.
    """

    def __init__(self, reader: ObjectReader, tree: bytes, stats: bytes) -> None:
        self._reader = reader
        self._roots = (tree, stats)
        self._all: set[bytes] | None = None
        self._known: dict[bytes, bytes] = {}
        self._asked = 0

    def __getitem__(self, digest: bytes) -> bytes:
        known = self._known.get(digest)
        if known is None:
            self._asked += 1
            if self._asked == _ONE_BY_ONE:  # whoever has asked for so many walks the tree
                self._all = self._read()
            known = self._known.get(digest) or self._reader.get(digest)
        return known

    def many(self, digests: Collection[bytes]) -> Mapping[bytes, bytes]:
        """Return the data of `digests`; it is kept, and read only once. MissingError where one is not to be had."""
        self._known.update(self._reader.all(set(digests) - self._known.keys()))
        return {digest: self._known[digest] for digest in digests}

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._digests())

    def __len__(self) -> int:
        return len(self._digests())

    def _digests(self) -> set[bytes]:
        if self._all is None:
            self._all = self._read()
        return self._all

    def _read(self) -> set[bytes]:
        """Read all objects, many at a time, and keep them; one that is damaged is missed when it is asked for."""

        def many(digests: Collection[bytes]) -> Iterable[tuple[bytes, bytes]]:
            read = self._reader.many(digests)
            self._known.update(read)
            return read.items()

        tree, stats = self._roots
        return reachable(many, [tree], tree_children) | reachable(many, [stats], stats_children)
