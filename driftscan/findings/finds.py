"""Finds: what nothing explains, gathered to the highest directory that is strange as a whole."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from driftscan.explain.applications import run_by
from driftscan.explain.paths import Stranger
from driftscan.explain.view import View
from driftscan.model.directories import Measure
from driftscan.model.item import Item
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry, descend

_SMALL = 20  # entries of a directory whose paths are kept by name
_APART = 12  # applications in one strange directory that are told one by one; more of them are told as one find


@dataclass(frozen=True, slots=True)
class Find:
    """One strange path, with what a person needs to know what it is.

    `kind` is find's letter; `entries` counts the path and all below it, `files` the regular files, `size` their bytes;
    `oldest` and `newest` are their mtimes in seconds since 1970. `owners` are accounts, that of the path first.
    `explained` counts the entries below that are explained after all, by kind. `application` says in words what it
    is, `runs` who runs from it, `refers` what names it or leads to it. `names` are the paths of what a small directory
    holds, () of a large one.
    """

    path: str
    kind: str
    entries: int
    files: int
    size: int
    oldest: float | None
    newest: float | None
    owners: tuple[str, ...]
    explained: Mapping[str, int] = field(default_factory=dict)
    target: str = ""
    application: str = ""
    runs: tuple[str, ...] = ()
    refers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def finds(view: View) -> list[Find]:
    """Return every find, in the order of paths."""
    roots = {raw(item.key): item for item in view.of("applications")}
    in_order = sorted(roots)
    found: list[Find] = []
    for stranger in view.explained.strangers:
        apart = _apart(stranger.entry, in_order)
        found += [_find(view, entry, roots) for path in apart if (entry := view.directories.entry(path))]
        rest = _rest(view, stranger, apart)
        if rest is not None:
            found.append(_find(view, stranger.entry, roots, rest, stranger.explained))
    return sorted(found, key=lambda find: find.path)


def _apart(entry: Entry, roots: Sequence[bytes]) -> list[bytes]:
    """Return the applications in a strange directory that is none itself: each is a find of its own."""
    if entry.kind != "d" or entry.path in roots:
        return []
    top, found = entry.path + b"/", list[bytes]()
    for path in roots[bisect_left(roots, top) :]:
        if not path.startswith(top):
            break
        if not found or not path.startswith(found[-1] + b"/"):
            found.append(path)
    return found if len(found) <= _APART else []


def _rest(view: View, stranger: Stranger, apart: Sequence[bytes]) -> Measure | None:
    """Return what a stranger holds beside the applications that are told apart; None when that is nothing."""
    measured = _measure(view, stranger.entry)
    if not apart:
        return measured
    inside = [view.directories.measure(path) for path in apart]
    entries = measured.entries - sum(one.entries + 1 for one in inside) - len(_between(stranger.entry.path, apart))
    if entries <= 0:
        return None
    files, size = (sum(getattr(one, name) for one in inside) for name in ("files", "size"))
    return measured._replace(entries=entries, files=measured.files - files, size=measured.size - size)


def _between(top: bytes, paths: Sequence[bytes]) -> set[bytes]:
    """Return the directories from `top` down to `paths`: they only lead there."""
    found = set()
    for path in paths:
        step = path.rpartition(b"/")[0]
        while step not in found and step.startswith(top):
            found.add(step)
            step = step.rpartition(b"/")[0]
    return found


def _measure(view: View, entry: Entry) -> Measure:
    """Return what a find holds, itself included."""
    if entry.kind == "d":
        below = view.directories.measure(entry.path)
        return below._replace(entries=below.entries + 1, owners=below.owners | {entry.owner})
    if entry.kind == "f":
        return Measure(1, 1, entry.size, entry.mtime, entry.mtime, frozenset({entry.owner}))
    return Measure(1, 0, 0, entry.mtime, entry.mtime, frozenset({entry.owner}))


def _find(
    view: View,
    entry: Entry,
    roots: Mapping[bytes, Item],
    measured: Measure | None = None,
    explained: Mapping[str, int] | None = None,
) -> Find:
    measured = measured or _measure(view, entry)
    users = view.names.users
    numbers = [entry.owner[0], *sorted({uid for uid, _ in measured.owners} - {entry.owner[0]})]
    root = roots.get(entry.path)
    return Find(
        path=text(entry.path),
        kind=entry.kind,
        entries=measured.entries,
        files=measured.files,
        size=measured.size,
        oldest=measured.oldest,
        newest=measured.newest,
        owners=tuple(users.get(uid, str(uid)) for uid in numbers),
        explained=explained or {},
        target=text(entry.link),
        application=_application(root) if root is not None else "",
        runs=tuple(run_by(view, entry.path)),
        refers=tuple(view.references.to(entry.path)),
        names=_names(view, entry, measured),
    )


def _names(view: View, entry: Entry, measured: Measure) -> tuple[str, ...]:
    """Return the paths of all that a small directory holds, but for the directories in it."""
    if entry.kind != "d" or measured.entries > _SMALL:
        return ()
    below = descend(view.snapshot.objects, view.snapshot.tree, view.snapshot.stats, entry.path)
    return tuple(text(one.path) for one in below if one.kind != "d")


def _application(item: Item) -> str:
    """Say in words what an application is: kinds, name and version, checkout."""
    has = item.attributes
    words = [
        ", ".join(str(kind) for kind in has.get("kinds") or ()),
        str(has.get("name") or ""),
        str(has.get("version") or ""),
    ]
    return " ".join(word for word in words if word)
