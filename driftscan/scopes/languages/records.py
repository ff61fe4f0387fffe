"""Lists of files gathered: a directory that belongs to one package alone is one path."""

from collections.abc import Collection, Iterator, Mapping

from driftscan.model.directories import Directories

_DEEP = 60  # directories above one another; what lies deeper is not gathered
_CACHE = b"__pycache__"


def gathered(
    directories: Directories, root: bytes, records: Mapping[bytes, Collection[bytes]]
) -> dict[bytes, list[bytes]]:
    """Return what each of several packages has on the disk: whole directories where nothing else is in them.

    `records` are the absolute paths that each says are its own, by any name for the package; a directory in them
    stands for all below it. What Python compiles by itself is left out of account.
    """
    told = _Told(directories, root, records)
    return {name: sorted(set(told.topmost(name, paths))) for name, paths in records.items()}


class _Told:
    def __init__(self, directories: Directories, root: bytes, records: Mapping[bytes, Collection[bytes]]) -> None:
        self._directories = directories
        self._top = root + b"/"
        self._records: dict[bytes, bytes | None] = {}
        self._whole: dict[bytes, bool] = {}
        self._owner: dict[bytes, bytes | None] = {}
        for name, paths in records.items():
            for path in paths:
                self._records[path] = name if self._records.get(path, name) == name else None
            for folder in {path.rpartition(b"/")[0] for path in paths}:
                for step in self._above(folder):
                    if self._owner.get(step, b"") in {name, None}:  # then it has been said of those above too
                        break
                    self._owner[step] = None if step in self._owner else name

    def _above(self, folder: bytes) -> Iterator[bytes]:
        """Yield `folder` and the directories above it below the root, the lowest first."""
        step = folder
        while step.startswith(self._top):
            yield step
            step = step.rpartition(b"/")[0]

    def topmost(self, name: bytes, paths: Collection[bytes]) -> Iterator[bytes]:
        """Yield what of `paths` is on the disk, all of a directory that is of `name` alone as its topmost such one."""
        folders: dict[bytes, list[bytes]] = {}
        for path in paths:
            folder, _, base = path.rpartition(b"/")
            folders.setdefault(folder, []).append(base)
        for folder, bases in folders.items():
            there = self._directories.list(folder).keys() & bases
            top = self._top_whole(folder, name) if there else b""
            if top:
                yield top
            else:
                yield from (b"%s/%s" % (folder, base) for base in there)

    def _top_whole(self, folder: bytes, name: bytes) -> bytes:
        """Return the topmost directory at or above `folder` in which all is of `name`; b"" if there is none."""
        steps = [*self._above(folder)]
        return next((step for step in reversed(steps) if self._is_whole(step, name)), b"")

    def _is_whole(self, path: bytes, name: bytes) -> bool:
        """Whether all in the directory `path` is of the package `name`."""
        if self._records.get(path) == name:
            return True
        if self._owner.get(path) != name or path.count(b"/") > _DEEP or path == self._top + _CACHE:
            return False
        known = self._whole.get(path)
        if known is None:
            known = all(
                self._records.get(entry.path) == name
                or (entry.kind == "d" and (base == _CACHE or self._is_whole(entry.path, name)))
                or (entry.kind == "f" and base.endswith(b".pyc") and path.endswith(_CACHE))
                for base, entry in self._directories.list(path).items()
            )
            self._whole[path] = known
        return known
