"""Who can reach a path: directories closed to others, and roots of other systems (chroots, containers)."""

from collections.abc import Callable, Iterator

from driftscan.explain.view import View
from driftscan.model.text import raw

_RELEASES = (b"/etc/os-release", b"/usr/lib/os-release", b"/var/lib/dpkg/status", b"/lib/apk/db/installed")


class Reach:
    """Looks at the directories above a path, each once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._closed: dict[bytes, bytes] = {b"": b""}
        self._roots: dict[bytes, bytes] = {b"": b""}
        self._moved = frozenset(
            view.ownership.canonical(raw(str(item.attributes.get("diverted_to")))) for item in view.of("diversions")
        )

    def closed(self, path: bytes) -> bytes:
        """Return the topmost directory above `path` that others cannot enter, b"" if there is none."""
        return _topmost(path, self._closed, self._is_closed)

    def other_root(self, path: bytes) -> bytes:
        """Return the topmost directory above `path` that is the root of another system, b"" if there is none."""
        return _topmost(path, self._roots, self._is_root)

    def _is_closed(self, directory: bytes) -> bool:
        entry = self._view.directories.entry(directory)
        return entry is not None and entry.kind == "d" and not entry.mode & 0o001

    def _is_root(self, directory: bytes) -> bool:
        return any(self._view.directories.entry(directory + name) is not None for name in _RELEASES)

    def packaged(self, path: bytes) -> bool:
        """Whether a package owns `path`, where it was diverted to as well."""
        return bool(self._view.ownership.owner(path)) or path in self._moved


def _topmost(path: bytes, known: dict[bytes, bytes], told: Callable[[bytes], bool]) -> bytes:
    """Return the topmost directory above `path` that is `told`, b"" if there is none; `known` keeps the answers."""
    folder = step = path.rpartition(b"/")[0]
    missing = []
    while step not in known:
        missing.append(step)
        step = step.rpartition(b"/")[0]
    top = known[step]
    for step in reversed(missing):
        top = known[step] = top or (step if told(step) else b"")
    return known[folder]


def above(path: bytes) -> Iterator[bytes]:
    """Yield `path` and the directories above it, the root left out."""
    while path.strip(b"/"):
        yield path
        path = path.rpartition(b"/")[0]
