"""Explains configuration that ucf keeps for packages, and copies that package managers leave beside configuration."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from driftscan.explain.base import Claim, Explainer
from driftscan.model.explanation import Explanation
from driftscan.model.text import raw, text

if TYPE_CHECKING:
    from driftscan.explain.view import View

_LEFT = {
    b"dpkg": (b"dist", b"old", b"new", b"bak", b"backup", b"remove", b"tmp"),
    b"ucf": (b"dist", b"old", b"new"),
}
_ENDINGS = {
    **{b".%s-%s" % (tool, what): tool.decode() for tool, words in _LEFT.items() for what in words},
    **dict.fromkeys((b".rpmsave", b".rpmnew", b".rpmorig"), "rpm"),
    **dict.fromkeys((b".pacnew", b".pacsave", b".pacorig", *(b".pacsave.%d" % n for n in range(1, 10))), "pacman"),
    b".apk-new": "apk",
}


def claims(view: "View") -> Iterator[Claim]:
    """Claim what ucf has registered, and leftovers beside what it or a package knows."""
    registered = {}
    for item in view.of("ucf"):
        path, package = raw(item.key), str(item.attributes.get("package") or "")
        registered[view.ownership.canonical(path)] = package
        yield Claim(path, Explanation("conffile", package, "kept by ucf"))
    for entry in view.named((), tuple(_ENDINGS)):
        ending = next(ending for ending in _ENDINGS if entry.path.endswith(ending))
        beside = entry.path[: -len(ending)]
        owner = _owner(view, beside, registered)
        if owner is not None and entry.kind != "d":
            words = f"left by {_ENDINGS[ending]} beside {text(beside)}"
            yield Claim(entry.path, Explanation("conffile", owner, words))


def _owner(view: "View", path: bytes, registered: Mapping[bytes, str]) -> str | None:
    """Return the package that `path` belongs to; None when nobody knows it."""
    if path in view.ownership:
        return view.ownership.owner(path)
    return registered.get(path)


EXPLAINER = Explainer(
    "conffile",
    "Configuration kept by ucf, and what package managers leave beside it (.dpkg-dist, .rpmnew …)",
    20,
    claims,
)
