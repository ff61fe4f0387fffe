"""What has become of the files of a checkout: changed, missing, and those that it does not know."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftscan.model.directories import Directories
from driftscan.model.tree import Entry
from driftscan.scopes.checkout.git_ignore import Pattern, ignored
from driftscan.scopes.checkout.git_index import Tracked

_SHOWN = 50
_UNKNOWN = 20_000  # untracked files that are looked at
_RULES = 1000
_KEPT = frozenset({b".git", b".hg", b".svn", b".bzr"})
_TYPES = {"f": 0o100000, "l": 0o120000}


@dataclass(slots=True)
class Status:
    """Paths relative to the checkout: the first of those that changed, of those unknown; and how many there are."""

    dirty: list[bytes] = field(default_factory=list)
    changed: int = 0
    untracked: list[bytes] = field(default_factory=list)
    strangers: int = 0
    tracked: int = 0


def compare(
    directories: Directories, top: bytes, tracked: Sequence[Tracked], rules: Sequence[Pattern], *, modes: bool = True
) -> Status:
    """Compare what is tracked with what is on the disk at `top`.

    A file has changed when its type, its size, its time or, with `modes`, whether it may be executed differs. Where no
    file at all has the time that is remembered, the checkout was copied: times are left out of account then.
    """
    found = {one.path: directories.entry(b"%s/%s" % (top, one.path)) for one in tracked}
    times = any(
        entry is not None and entry.kind == "f" and int(entry.mtime) == one.mtime
        for one in tracked
        if (entry := found[one.path]) is not None
    )
    changed = sorted(one.path for one in tracked if _changed(one, found[one.path], times=times, modes=modes))
    walk = _Walk(directories, top, {one.path: one for one in tracked}, rules)
    untracked = list(walk.unknown())
    return Status(changed[:_SHOWN], len(changed), untracked[:_SHOWN], walk.strangers, len(tracked))


def _changed(one: Tracked, entry: Entry | None, *, times: bool, modes: bool) -> bool:
    if one.optional or one.directory:
        return False
    if entry is None or _TYPES.get(entry.kind) != one.mode & 0o170000:
        return True
    if entry.size & 0xFFFFFFFF != one.size:
        return True
    if entry.kind == "l":
        return False
    return bool((modes and (entry.mode ^ one.mode) & 0o100) or (times and int(entry.mtime) != one.mtime))


class _Walk:
    """A walk through a checkout for what it does not know; what is ignored is not entered."""

    def __init__(
        self, directories: Directories, top: bytes, tracked: Mapping[bytes, Tracked], rules: Sequence[Pattern]
    ) -> None:
        self._directories = directories
        self._top = top
        self._tracked = tracked
        self._rules = rules[:_RULES]
        self._left = _UNKNOWN
        self.strangers = 0
        self._inside: set[bytes] = set()  # directories with something tracked below
        for path in tracked:
            step = path.rpartition(b"/")[0]
            while step and step not in self._inside:
                self._inside.add(step)
                step = step.rpartition(b"/")[0]

    def unknown(self) -> Iterator[bytes]:
        """Yield paths that are neither tracked nor ignored; a directory without anything tracked once, with a /."""
        waiting = [(b"", False)]
        while waiting:
            here, hidden = waiting.pop()
            for path, entry in self._listed(here):
                directory = entry.kind == "d"
                if path in self._tracked or (hidden and path not in self._inside):
                    continue
                told = hidden or self._ignored(path, directory=directory)
                if directory and path in self._inside:
                    waiting.append((path, told))
                elif not told:
                    count = self._count(path) if directory else 1
                    self.strangers += count
                    if count:
                        yield path + b"/" * directory

    def _listed(self, path: bytes) -> Iterator[tuple[bytes, Entry]]:
        """Yield what a directory lists, by path relative to the checkout; other checkouts inside are not entered."""
        listed = self._directories.list(b"%s/%s" % (self._top, path) if path else self._top)
        if path and not _KEPT.isdisjoint(listed):
            return
        for name, entry in sorted(listed.items()):
            if name not in _KEPT:
                yield (b"%s/%s" % (path, name) if path else name), entry

    def _count(self, path: bytes) -> int:
        """Return how many files below an unknown directory are not ignored."""
        count, waiting = 0, [path]
        while waiting and self._left > 0:
            for below, entry in self._listed(waiting.pop()):
                if self._ignored(below, directory=entry.kind == "d"):
                    continue
                if entry.kind == "d":
                    waiting.append(below)
                else:
                    count += 1
        return count

    def _ignored(self, path: bytes, *, directory: bool) -> bool:
        self._left -= 1
        return self._left < 0 or ignored(self._rules, path, directory=directory)
