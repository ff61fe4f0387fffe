"""Explains what dpkg's diversions and the alternatives put on the disk; which of them a person made, the rules tell."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from driftscan.explain.base import Claim, Explainer
from driftscan.model.explanation import Explanation
from driftscan.model.ownership import resolve
from driftscan.model.text import raw, text

if TYPE_CHECKING:
    from driftscan.explain.view import View

_DIRECTORY = b"/etc/alternatives/"
_RECORDS = (b"/var/lib/dpkg/alternatives/", b"/var/lib/alternatives/", b"/var/lib/rpm/alternatives/")


def claims(view: "View") -> Iterator[Claim]:
    """Claim where diverted files are, and the links of alternatives as far as they lead where they should."""
    for item in view.of("diversions"):
        by = str(item.attributes.get("by") or "")
        words = f"{item.attributes.get('path')} is diverted to it"
        yield Claim(raw(str(item.attributes.get("diverted_to"))), Explanation("override", by, words))
    links = view.snapshot.links
    seen = False
    for item in view.of("alternatives"):
        seen = True
        package = str(item.attributes.get("package") or "")
        explanation = Explanation("override", package, f"alternative {item.key}, {item.attributes.get('status')}")
        yield from (Claim(folder + raw(item.key), explanation) for folder in _RECORDS)
        slaves = item.attributes.get("slaves") or []
        for name, link in [(item.key, item.attributes.get("link")), *(pair for pair in slaves if len(pair) == 2)]:
            yield from _links(view, links, raw(str(name)), raw(str(link)), explanation)
    if not seen:
        yield from _bare(view, links)


def _links(
    view: "View", links: Mapping[bytes, bytes], name: bytes, link: bytes, explanation: Explanation
) -> Iterator[Claim]:
    """Claim the two links of one name; what stands in the place of the first but leads elsewhere is no part of it."""
    chosen = _DIRECTORY + name
    if chosen in links:
        yield Claim(chosen, explanation)
        if _absolute(view, link, links) == chosen:
            yield Claim(link, explanation)


def _bare(view: "View", links: Mapping[bytes, bytes]) -> Iterator[Claim]:
    """Claim links of alternatives on a host that keeps no database of them, where they lead to a package's file."""
    chosen = {}
    for path in links:
        if path.startswith(_DIRECTORY):
            final = resolve(path, links)
            if final is not None and final in view.ownership:
                chosen[path] = view.ownership.owner(final)
    if chosen:
        yield Claim(_DIRECTORY, Explanation("override", "", "the links of alternatives"))
    for path, target in links.items():
        name = path if path in chosen else target if target in chosen else b""
        if name:
            words = f"alternative {text(name[len(_DIRECTORY) :])}, of which only the links are left"
            yield Claim(path, Explanation("override", chosen[name], words))


def _absolute(view: "View", link: bytes, links: Mapping[bytes, bytes]) -> bytes | None:
    """Return where the link at `link` leads, one step; None if there is no link."""
    path = view.ownership.canonical(link)
    target = links.get(path)
    if target is None or target.startswith(b"/"):
        return target
    return view.ownership.canonical(b"%s/%s" % (path.rpartition(b"/")[0], target))


EXPLAINER = Explainer(
    "override", "Diverted files, and the links of alternatives (dpkg-divert, update-alternatives)", 30, claims
)
