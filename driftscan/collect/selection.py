"""Selection: which paths are looked at a second time, by the first look alone or by what has changed since the last."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from driftscan.collect.reuse import Known
from driftscan.model.item import Json
from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.ownership import Ownership
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import EXECUTABLE, REGULAR, Entry, Run, runs
from driftscan.model.unpackaged import Owned, unpackaged
from driftscan.scopes.base import Change

_HASH_LIMIT = 1 << 18  # bytes; a larger file that no package knows is data, not configuration
_HASHED = 4_000  # files among no packaged ones that are hashed
_HASHED_BYTES = 64 << 20  # of these together
_ATTRIBUTE_LIMIT = 8_000  # paths that no package owns of which flags, ACLs and attributes are looked at
_GRACE = 2.0  # seconds by which a package's files may be younger than a note of their unpacking in whole seconds

_PROGRAM = 84  # bytes of the smallest program that the kernel loads, two headers: with less, capabilities do nothing
_EVEN = (0, 2, 4, 6)
_PLAIN = frozenset(  # how the meta begins of most files that nobody may execute
    b"f%d%d%d " % (user, group, all_) for user in _EVEN for group in _EVEN for all_ in _EVEN
)
_LISTS_EXECUTABLE = re.compile(rb"\0" + EXECUTABLE.pattern)
_LISTS_CHILD = re.compile(rb"\0[0-9a-f]{64}\0")
_PASSING = re.compile(rb"/(?:var/(?:log|cache|tmp|mail)|tmp|run|proc|sys|dev)/")  # a packaged directory, others' files
# Directories whose files come and go by themselves, are fetched by tools, or bear their digest as their name.
_UNSTEADY = re.compile(
    rb"/(?:var/(?:lib|cache|log|tmp|spool|crash|backups)|tmp|run|proc|sys|dev|snap)/"
    rb"|/.*/(?:\.git/(?:.*/)?objects|\.hg/store|\.svn/pristine|\.bzr/repository|\.?cache|__pycache__"
    rb"|\.local/share/(?:docker|containers)|\.npm|\.cargo/(?:git|registry)|\.rustup|go/pkg/mod|\.m2|\.gradle)/"
)


@dataclass(slots=True)
class Selection:
    """The paths that are looked at again, and why there may be fewer than there are.

    `hashed` and `attributed` are how many names a path may have to be looked at for certain, None where all are; of
    `unhashed` and `left_out` paths there were too many. `kept` is what still holds from the last time, by path.
    """

    digests: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))  # algorithm -> paths
    executables: list[bytes] = field(default_factory=list)
    others: list[bytes] = field(default_factory=list)  # owned by no package, or changed after it was unpacked
    left_out: int = 0
    unhashed: int = 0
    attributed: int | None = None
    hashed: int | None = None
    kept: Mapping[bytes, Mapping[str, Json]] = field(default_factory=dict)
    strangers: int = 0  # hashed files among no packaged ones
    strangers_bytes: int = 0

    def take(self, path: bytes, wanted: "_Wanted") -> None:
        """Choose a path for all that is wanted of it but its attributes."""
        if wanted.executable:
            self.executables.append(path)
        if wanted.algorithm:
            self.digests[wanted.algorithm].append(path)
        elif wanted.stranger is not None:
            self.hash_stranger(path, wanted.stranger)

    def hash_stranger(self, path: bytes, size: int) -> None:
        """Choose a file among no packaged ones to be hashed, while there is room; the topmost come first."""
        if self.strangers < _HASHED and self.strangers_bytes + size <= _HASHED_BYTES:
            self.strangers += 1
            self.strangers_bytes += size
            self.digests["sha256"].append(path)
        else:
            self.unhashed += 1
            self.hashed = _least(self.hashed, path.count(b"/") - 1)

    def limits(self) -> Iterable[str]:
        """Yield a note on what was left out for there was too much of it."""
        if self.left_out:
            looked = f"{_ATTRIBUTE_LIMIT:,} of {self.left_out + _ATTRIBUTE_LIMIT:,}"
            yield f"acl, xattrs, flags: looked at {looked} unpackaged paths, topmost first"
        if self.unhashed:
            most = f"{_HASHED:,} files, {_HASHED_BYTES >> 20} MB"
            yield f"digest: of small files among no packaged ones the topmost were hashed ({most} at most)"


class _Wanted(NamedTuple):
    """What is wanted of one path beside its attributes; `stranger` is the size of a file among no packaged ones."""

    executable: bool
    algorithm: str = ""
    stranger: int | None = None


class _Chooser:
    """Tells what is wanted of a path by its entry and its owner; paths of one directory come together."""

    def __init__(self, ownership: Ownership, roots: Collection[bytes], *, full: bool = False) -> None:
        self._ownership = ownership
        self._roots = tuple(root + b"/" for root in roots)
        self._full = full
        self._directory = b""
        self._steady = False

    def __call__(self, entry: Entry, owned: Owned | None) -> _Wanted | None:
        """Return what is wanted; None where a package owns the path and nothing has changed it since."""
        path, regular = entry.path, entry.meta[0] == REGULAR
        if owned is None:
            if not regular:
                return _Wanted(executable=False)
            executable = EXECUTABLE.match(entry.meta) is not None
            if entry.size > _HASH_LIMIT:
                return _Wanted(executable)
            directory = path.rpartition(b"/")[0]
            if directory in self._ownership and not _PASSING.match(path):
                return _Wanted(executable, "sha256")
            return _Wanted(executable, stranger=entry.size if self.steady(directory) else None)
        if not (regular and (self._full or _is_younger(entry.ctime, *owned))):
            return None
        algorithm, colon, _ = owned[1].partition(b":")
        known = algorithm.decode() if colon and algorithm.isalnum() else "sha256"
        return _Wanted(EXECUTABLE.match(entry.meta) is not None, known)

    def steady(self, directory: bytes) -> bool:
        """Whether a file that no package knows is worth hashing where it lies."""
        if directory != self._directory:
            below = directory + b"/"
            self._directory = directory
            self._steady = not (_UNSTEADY.match(below) or below.startswith(self._roots))
        return self._steady


def select(seen: Snapshot, roots: Collection[bytes] = (), *, full: bool) -> Selection:
    """Choose what to look at again; `roots` are those of other systems.

    A packaged file that was changed after its package was unpacked has a later ctime: only those are hashed, unless
    `full`. A small file that no package owns is configuration or a stranger: hashed too, but where data lies.
    """
    chosen = Selection()
    others: list[bytes] = []
    ownership = seen.ownership or Ownership((), seen.links)
    wish = _Chooser(ownership, roots, full=full)
    found = unpackaged(seen.objects, seen.tree, seen.stats, ownership, full=True) if full else seen.unpackaged
    for entry, owned in found.entries:
        wanted = wish(entry, owned)
        if wanted is not None:
            others.append(entry.path)
            chosen.take(entry.path, wanted)
    among_packaged = len(others)
    _look_into(seen, found.foreign, others, chosen, wish)
    unopened = seen.files - found.walked - (len(others) - among_packaged)
    chosen.others = others[:_ATTRIBUTE_LIMIT]
    chosen.left_out = unopened + len(others) - len(chosen.others)
    for path in others[_ATTRIBUTE_LIMIT:]:
        chosen.attributed = _least(chosen.attributed, path.count(b"/") - 1)
    return chosen


def select_changed(seen: Snapshot, last: Known, changes: Sequence[Change]) -> Selection:
    """Choose what to look at again where packages own the same as the last time: of what has changed alone.

    Where there was too much then, a path is looked at if all with so few names were, or if it was itself.
    """
    mark = last.mark
    chosen = Selection(attributed=mark.attributed, hashed=mark.hashed, unhashed=mark.unhashed)
    if mark.left_out:
        chosen.left_out = max(mark.left_out + seen.files - last.files, 1)
    ownership = seen.ownership or Ownership((), seen.links)
    wish = _Chooser(ownership, mark.roots or ())
    for entry in (change.after for change in changes if change.after is not None):
        path, names, had = entry.path, entry.path.count(b"/"), last.items.get(entry.path, {})
        wanted = wish(entry, ownership.get(path))
        if wanted is None:
            continue
        if mark.attributed is None or names <= mark.attributed or had:
            chosen.others.append(path)
        if wanted.stranger is not None and mark.hashed is not None and names > mark.hashed and "digest" not in had:
            wanted = wanted._replace(stranger=None)
        chosen.take(path, wanted)
    chosen.kept = {path: values for path, values in last.items.items() if path not in last.changed}
    return chosen


def without_known(chosen: Selection, last: Known) -> Selection:
    """Return a selection without the files whose digests are known; all else is looked at, for owners have changed."""
    kept: dict[bytes, dict[str, Json]] = {}
    digests: dict[str, list[bytes]] = {}
    for algorithm, paths in chosen.digests.items():
        digests[algorithm] = []
        for path in paths:
            known = last.items.get(path, {}).get("digest") if path not in last.changed else None
            if isinstance(known, str) and known.startswith(algorithm + ":"):
                kept[path] = {"digest": known}
            else:
                digests[algorithm].append(path)
    return replace(chosen, digests=digests, kept=kept)


def _is_younger(ctime: float, manifest: Manifest, packaged: bytes) -> bool:
    """Whether a packaged file was changed after it was unpacked.

    A note in whole seconds needs some grace. dpkg's has fractions and is made after the files: nothing is forgiven.
    Nor is it to configuration, which is most often edited right after the installation, and is little.
    """
    if ctime <= manifest.unpacked:
        return False
    exact = manifest.unpacked % 1 != 0
    return exact or ctime > manifest.unpacked + _GRACE or PackagedFile.decode(packaged).kind == "config"


def _look_into(
    seen: Snapshot, foreign: list[tuple[bytes, bytes]], others: list[bytes], chosen: Selection, wish: _Chooser
) -> None:
    """Go through directories without anything packaged, topmost first, as long as there is room for what is found.

    Programs are wanted wherever they are: after that only objects that list an executable are opened.
    """
    level = foreign
    while level:
        below: list[tuple[bytes, bytes]] = []
        for prefix, name in level:
            data = seen.objects[bytes.fromhex(name.decode())]
            room, hashing, names = len(others) < _ATTRIBUTE_LIMIT, not chosen.unhashed, prefix.count(b"/")
            if not room:
                chosen.attributed = _least(chosen.attributed, names)
            if not hashing:
                chosen.hashed = _least(chosen.hashed, names)
            if not (room or hashing) and not _LISTS_EXECUTABLE.search(data) and not _LISTS_CHILD.search(data):
                continue
            for run in runs(data, prefix):
                if run.child is not None and run.child[1]:
                    below.append(run.child)
                if room:
                    others += [b"%s/%s" % (run.path, one) for one in run.names]
                    others += () if run.child is None else (run.child[0],)
                if hashing and wish.steady(run.path):
                    _hash(run, chosen)
                chosen.executables += _programs(run, least=0 if room else _PROGRAM)
        level = below


def _hash(run: Run, chosen: Selection) -> None:
    for name, meta in zip(run.names, run.metas, strict=True):
        if meta[0] == REGULAR and (size := _size(meta)) <= _HASH_LIMIT:
            chosen.hash_stranger(b"%s/%s" % (run.path, name), size)


def _programs(run: Run, least: int) -> list[bytes]:
    """Return the paths of what may be executed, and has at least so many bytes."""
    return [
        b"%s/%s" % (run.path, name)
        for name, meta in zip(run.names, run.metas, strict=True)
        if meta[:5] not in _PLAIN and EXECUTABLE.match(meta) and _size(meta) >= least
    ]


def _size(meta: bytes) -> int:
    return int(meta.split(b" ", 4)[3])


def _least(one: int | None, other: int) -> int:
    return other if one is None else min(one, other)
