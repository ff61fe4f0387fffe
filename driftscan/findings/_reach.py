"""Who can reach a path: directories closed to others, and roots of other systems (chroots, containers)."""

from collections.abc import Iterator

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
        above = path.rpartition(b"/")[0]
        if above not in self._closed:
            entry = self._view.directories.entry(above)
            barred = entry is not None and entry.kind == "d" and not entry.mode & 0o001
            self._closed[above] = self.closed(above) or (above if barred else b"")
        return self._closed[above]

    def other_root(self, path: bytes) -> bytes:
        """Return the topmost directory above `path` that is the root of another system, b"" if there is none."""
        above = path.rpartition(b"/")[0]
        if above not in self._roots:
            exists = any(self._view.directories.entry(above + name) is not None for name in _RELEASES)
            self._roots[above] = self.other_root(above) or (above if exists else b"")
        return self._roots[above]

    def packaged(self, path: bytes) -> bool:
        """Whether a package owns `path`, where it was diverted to as well."""
        return bool(self._view.ownership.owner(path)) or path in self._moved


def above(path: bytes) -> Iterator[bytes]:
    """Yield `path` and the directories above it, the root left out."""
    while path.strip(b"/"):
        yield path
        path = path.rpartition(b"/")[0]
