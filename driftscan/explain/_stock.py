"""Whether a packaged file is still what was shipped, and whether a path that no package lists is a package's making."""

from typing import TYPE_CHECKING

from driftscan.model.explanation import Explanation
from driftscan.model.manifest import PackagedFile
from driftscan.model.text import raw

if TYPE_CHECKING:
    from driftscan.explain.view import View

# Explanations that say where a path lies, not that software has put it there.
_WHERE = frozenset({"checkout", "git", "hg", "svn", "bzr", "state", "skeleton", "history", "baseline"})


def made(view: "View", path: bytes) -> Explanation | None:
    """Return the explanation of a path that packages or their scripts have put there."""
    found = view.explained.of(path)
    return None if found is None or found.kind in _WHERE else found


def changed(view: "View", path: str) -> bool:
    """Return whether a packaged file was found to differ; what was not hashed has not been touched since."""
    here = view.ownership.canonical(raw(path))
    found = view.ownership.get(here)
    digest = view.more.get(here, {}).get("digest")
    if found is None or not isinstance(digest, str):
        return False
    shipped = PackagedFile.decode(found[1]).digest
    return bool(shipped) and shipped.partition(":")[0] == digest.partition(":")[0] and shipped != digest
