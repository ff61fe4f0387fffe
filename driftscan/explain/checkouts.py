"""Explains what was checked out from somewhere at a known commit; what the checkout does not know is left out."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from driftscan.explain.base import Claim, Explainer
from driftscan.model.explanation import Explanation
from driftscan.model.text import raw

if TYPE_CHECKING:
    from driftscan.explain.view import View

NAME = "checkout"
_KEPT = {"git": b".git", "hg": b".hg", "svn": b".svn", "bzr": b".bzr"}
_COMMIT = 12  # digits of a commit that are told


def claims(view: "View") -> Iterator[Claim]:
    """Claim every checkout that has an address and a commit, but for the files in it that it does not know.

    Where packages have files too (a checkout at /etc), only what the tool itself keeps is claimed.
    """
    for item in view.of("checkouts"):
        has = item.attributes
        if not has.get("remote") or not has.get("commit"):
            continue
        top = raw(str(has["path"])).rstrip(b"/")
        why = Explanation(NAME, str(has["remote"]), f"at {str(has['commit'])[:_COMMIT]}")
        if not top or top in view.ownership.directories:
            yield Claim(b"%s/%s" % (top, _KEPT.get(str(has["kind"]), b".git")), why, whole=True)
        else:
            holes = [b"%s/%s" % (top, raw(path).rstrip(b"/")) for path in has.get("untracked") or ()]
            yield from _but(view, top, holes, why)


def _but(view: "View", top: bytes, holes: Sequence[bytes], why: Explanation) -> Iterator[Claim]:
    """Claim `top` and all below it but for `holes`."""
    through: set[bytes] = set()
    for hole in holes:
        step = hole.rpartition(b"/")[0]
        while step.startswith(top) and step not in through:
            through.add(step)
            step = step.rpartition(b"/")[0]
    if not through:
        yield Claim(top, why, whole=True)
        return
    left_out = frozenset(holes)
    for step in sorted(through):
        yield Claim(step, why)
        for entry in view.directories.list(step).values():
            if entry.path not in through and entry.path not in left_out:
                yield Claim(entry.path, why, whole=True)


EXPLAINER = Explainer(
    name=NAME,
    doc="Checked out by git, hg or svn from an address at a known commit, and tracked or ignored there",
    rank=60,
    claims=claims,
)
