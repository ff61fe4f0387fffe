"""Ownership: which package a path on the disk belongs to, with the spelling of the package database resolved."""

from collections.abc import Iterable, Mapping
from functools import cached_property

from driftscan.model.manifest import Manifest

_CHAIN = 40  # links that one path may lead through, as in the kernel
_DEEP = 100  # directories above one another; nobody's package goes deeper, and each is a call inside a call


def resolve(path: bytes, links: Mapping[bytes, bytes]) -> bytes | None:
    """Return the absolute `path` with every link on its way followed, the last one too; None where they loop."""
    followed = 0
    done, rest = b"", path
    while rest:
        name, _, rest = rest.partition(b"/")
        if name in {b"", b"."}:
            continue
        if name == b"..":
            done = done.rpartition(b"/")[0]
            continue
        step = b"%s/%s" % (done, name)
        target = links.get(step)
        if target is None:
            done = step
            continue
        followed += 1
        if followed > _CHAIN:
            return None
        if target.startswith(b"/"):
            done = b""
        rest = b"%s/%s" % (target, rest)
    return done or b"/"


class Ownership:
    """Paths of packages as the disk spells them: dpkg lists `/lib/x` where a merged-/usr disk has `/usr/lib/x`.

    `links` are the disk's symbolic links, absolute path to target. `manifests` are kept by package name.
    """

    def __init__(self, manifests: Iterable[Manifest], links: Mapping[bytes, bytes]) -> None:
        self.manifests = list(manifests)
        self._links = links
        self._directories: dict[bytes, bytes] = {}
        self._owners: dict[bytes, Manifest] = {}
        self._listed: dict[bytes, bytes] = {}  # how the package spells a path, where the disk does otherwise
        for manifest in self.manifests:
            for path in manifest.files:
                real = self.canonical(path)
                self._owners[real] = manifest
                if real is not path:
                    self._listed[real] = path
                elif self._listed:
                    self._listed.pop(real, None)  # another package's, which does not own it any more
        self._packaged = frozenset(self._directories.values())  # later, others' paths are looked up as well

    def __len__(self) -> int:
        return len(self._owners)

    def __contains__(self, path: bytes) -> bool:
        return path in self._owners

    @cached_property
    def directories(self) -> frozenset[bytes]:
        """Every directory that has something of a package at or below it."""
        found: set[bytes] = set()
        for directory in self._packaged:
            step = directory
            while step and step not in found:
                found.add(step)
                step = step.rpartition(b"/")[0]
        return frozenset(found)

    def canonical(self, path: bytes) -> bytes:
        """Return `path` with the links among its directories followed, but not itself if it is one."""
        directory, _, name = path.rpartition(b"/")
        real = self._directory(directory)
        return path if real == directory else b"%s/%s" % (real, name)

    def _directory(self, path: bytes) -> bytes:
        """Return where the directory `path` really is; its parent's answer is most often known already."""
        known = self._directories.get(path)
        if known is None:
            known = path
            if path.count(b"/") > _DEEP:
                known = resolve(path, self._links) or path
            elif path:
                parent, _, name = path.rpartition(b"/")
                known = b"%s/%s" % (self._directory(parent), name)
                if known in self._links or name in {b".", b".."}:
                    known = (resolve(path, self._links) or path).rstrip(b"/")
            self._directories[path] = known
        return known

    def owner(self, path: bytes) -> str:
        """Return the name of the package that `path` belongs to, "" if none."""
        found = self._owners.get(self.canonical(path))
        return found.name if found else ""

    def get(self, path: bytes) -> tuple[Manifest, bytes] | None:
        """Return the manifest that holds the disk's `path`, and what it holds of it (`PackagedFile.encode`)."""
        found = self._owners.get(path)
        return None if found is None else (found, found.files[self._listed.get(path, path)])
