"""Manifests in the store: one object per package's files, and a small tree of objects that lists them.

The list of a snapshot is cut into buckets by package, and its root names the buckets: a night without changes in the
packages stores nothing, and a changed package stores its own files, one bucket and the root (some 2 KB).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, overload
from zlib import crc32

from driftscan.model.manifest import Manifest
from driftscan.model.objects import digest
from driftscan.store.codec import storable
from driftscan.store.objects import ObjectReader

_BUCKETS = 32
_DIGEST_BYTES = 32

Read = Callable[[Collection[bytes]], Iterable[tuple[bytes, bytes]]]


class _Listed(NamedTuple):
    package: str
    name: str
    unpacked: float
    files: bytes  # digest


def manifest_objects(manifests: Sequence[Manifest]) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the digest of the root (b"" for no manifests) and all objects by digest."""
    objects: dict[bytes, bytes] = {}

    def keep(data: bytes) -> bytes:
        name = digest(data)
        objects[name] = data
        return name

    buckets: dict[int, list[_Listed]] = {}
    for one in manifests:
        listed = _Listed(storable(one.package), storable(one.name), one.unpacked, keep(one.encode()))
        buckets.setdefault(crc32(listed.package.encode()) % _BUCKETS, []).append(listed)
    if not buckets:
        return b"", {}
    return keep(b"".join(keep(_encode(bucket)) for _, bucket in sorted(buckets.items()))), objects


def _encode(bucket: list[_Listed]) -> bytes:
    lines = (
        b"%s\0%s\0%r\0%s\0" % (package.encode(), name.encode(), unpacked, files.hex().encode())
        for package, name, unpacked, files in sorted(bucket)
    )
    return b"".join(lines)


def _decode(bucket: bytes) -> Iterator[_Listed]:
    fields = iter(bucket.split(b"\0")[:-1])
    for package, name, unpacked, files in zip(fields, fields, fields, fields, strict=True):
        yield _Listed(package.decode(), name.decode(), float(unpacked), bytes.fromhex(files.decode()))


def bucket_names(root: bytes) -> list[bytes]:
    """Return the digests of the buckets that a root names."""
    return [root[start : start + _DIGEST_BYTES] for start in range(0, len(root), _DIGEST_BYTES)]


def listed_files(bucket: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what people call each package that a bucket lists, and the digest of its files."""
    return ((listed.name, listed.files) for listed in _decode(bucket))


def reachable_manifests(read: Read, roots: Iterable[bytes]) -> set[bytes]:
    """Return the digests of `roots` (b"" is none), of their buckets, and of the files that these list."""
    found = set(roots) - {b""}
    buckets = {name for _, root in read(found) for name in bucket_names(root)}
    files = {listed.files for _, bucket in read(buckets) for listed in _decode(bucket)}
    return found | buckets | files


def _load(reader: ObjectReader, root: bytes) -> list[Manifest]:
    buckets = reader.all(bucket_names(reader.get(root))) if root else {}
    listed = sorted(line for bucket in buckets.values() for line in _decode(bucket))
    files = reader.all({line.files for line in listed})
    return [
        Manifest(line.package, line.name, line.unpacked, Manifest.decode_files(files[line.files])) for line in listed
    ]


class StoredManifests(Sequence[Manifest]):
    """The manifests of one snapshot in the order of their packages, read when the first of them is asked for."""

    def __init__(self, reader: ObjectReader, root: bytes) -> None:
        self._reader = reader
        self._root = root
        self._loaded: list[Manifest] | None = None

    def _all(self) -> list[Manifest]:
        if self._loaded is None:
            self._loaded = _load(self._reader, self._root)
        return self._loaded

    @overload
    def __getitem__(self, index: int) -> Manifest: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Manifest]: ...
    def __getitem__(self, index: int | slice) -> Manifest | Sequence[Manifest]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())
