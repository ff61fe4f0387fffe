"""References: which files of the host's configuration name a path, and which links lead to it."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from driftscan.model.text import raw, text

if TYPE_CHECKING:
    from driftscan.explain.view import View

# A path in a line of configuration; what may end it in shell, in ini files and in vhosts is not part of it.
_PATH = re.compile(r"/[\w.@+~:/-]*[\w@+~/-]")


class References:
    """All references of a snapshot, found once; asked for by the path that is referred to."""

    def __init__(self, view: "View") -> None:
        self._view = view

    @cached_property
    def _found(self) -> list[tuple[str, str]]:
        """Every (path that is referred to, who refers), sorted."""
        return sorted({*self._texts(), *self._links()})

    def _texts(self) -> Iterator[tuple[str, str]]:
        for item in self._view.of("contents"):
            told = item.attributes.get("text")
            if isinstance(told, str):
                for path in set(_PATH.findall(told)):
                    yield path.rstrip("/"), item.key

    def _links(self) -> Iterator[tuple[str, str]]:
        for link, final in self._view.snapshot.finals.items():
            if final is not None and link not in self._view.ownership:
                yield text(final), text(link)

    def to(self, path: bytes) -> list[str]:
        """Return who refers to `path` or to what is below it, from outside of it; sorted, each once."""
        top = text(path)
        found: set[str] = set()
        for at in range(bisect_left(self._found, (top, "")), len(self._found)):
            named, who = self._found[at]
            if not named.startswith(top):
                break
            if named[len(top) : len(top) + 1] in {"", "/"}:
                found.add(who)
        return sorted(who for who in found if raw(who) != path and not raw(who).startswith(path + b"/"))
