"""What tests of scopes with a follow share: a directory as an image, its file tree, and the second look at it."""

import os
from collections.abc import Iterable
from pathlib import Path

from driftscan.collect.bundle import Task
from driftscan.model.item import Item
from driftscan.model.manifest import Manifest
from driftscan.model.outcome import ProbeResult
from driftscan.model.snapshot import Snapshot
from driftscan.scopes.base import Parsed, scopes
from tests.unit.conftest import run_below
from tests.unit.handmade import Record, snapshot, tree


def image(root: Path, files: dict[str, bytes | str], modes: dict[str, int] | None = None) -> Path:
    """Write `files` below `root`: bytes are content, a str is the target of a link."""
    for path, body in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(body, str):
            place.symlink_to(body)
        else:
            place.write_bytes(body)
            place.chmod((modes or {}).get(path, 0o644))
    return root


def seen(root: Path, manifests: Iterable[Manifest] = (), items: Iterable[Item] = ()) -> Snapshot:
    """Return the snapshot of an image after the first look."""
    return snapshot(items, files=tree(*_records(os.fsencode(root))), manifests=manifests)


def _records(root: bytes) -> Iterable[Record]:
    for directory, below, files in os.walk(root):
        for name in below + files:
            path = os.path.join(directory, name)
            found = os.lstat(path)
            kind = b"l" if os.path.islink(path) else b"d" if os.path.isdir(path) else b"f"
            meta = b"%s%o 0 0 %d %f" % (kind, found.st_mode & 0o7777, found.st_size, found.st_mtime)
            link = os.readlink(path) if kind == b"l" else b""
            yield path[len(root) + 1 :], meta, b"%f %d %d" % (found.st_ctime, found.st_ino, found.st_nlink), link


def look_again(root: Path, scope: str, first: Snapshot, shell: str = "sh") -> dict[str, ProbeResult]:
    """Run the probes of a scope's second look below `root`, as the transport `image` does."""
    follow = scopes()[scope].follow
    assert follow is not None
    return run_below(root, [Task(scope, probe) for probe in follow.probes(first)], shell)


def parsed(root: Path, scope: str, first: Snapshot, shell: str = "sh") -> Parsed:
    """Return what a scope makes of its second look at an image."""
    follow = scopes()[scope].follow
    assert follow is not None
    return follow.parse(first, look_again(root, scope, first, shell))


def held(scope: str, made: Parsed) -> dict[str, Item]:
    """Return the items by key, held to the contract of items."""
    columns = scopes()[scope].columns
    stable = {column.name for column in columns if not column.volatile and not column.owner_of}
    assert all(set(item.attributes) == stable for item in made.items)
    found = {item.key: item for item in made.items}
    assert len(found) == len(made.items)
    return found
