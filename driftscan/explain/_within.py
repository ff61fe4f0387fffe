"""Claims on directories with all below them, but for the programs there: nobody's state is a program."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from driftscan.explain.base import Claim
from driftscan.model.explanation import Explanation
from driftscan.model.tree import Entry, walk

if TYPE_CHECKING:
    from driftscan.explain.view import View

_PROGRAM = re.compile(rb"\0f\d*(?:[1357]\d\d|\d[1357]\d|\d\d[1357]) ")
_MOST_MATCHES = 1_000  # paths that one pattern stands for


def is_program(entry: Entry) -> bool:
    """Whether `entry` is a regular file that somebody may run."""
    return entry.kind == "f" and entry.mode & 0o111 != 0


def claims(view: "View", tops: Mapping[bytes, Explanation]) -> Iterator[Claim]:
    """Claim each directory of `tops` with all below it that is no program; packages own those that belong there."""
    found = sorted(path for path in _programs(view, tops) if path not in view.ownership)
    for top, explanation in tops.items():
        first, last = bisect_left(found, top + b"/"), bisect_left(found, top + b"0")  # "0" comes after "/"
        yield from _spared(view, top, explanation, found[first:last])


def _spared(view: "View", top: bytes, explanation: Explanation, programs: list[bytes]) -> Iterator[Claim]:
    """Claim `top` with all below it but for `programs`, which are below it."""
    waiting = [(top, programs)]
    while waiting:
        top, programs = waiting.pop()
        if not programs:
            yield Claim(top, explanation, whole=True)
            continue
        yield Claim(top, explanation)
        spoilt: dict[bytes, list[bytes]] = {}
        for path in programs:
            name, slash, _ = path[len(top) + 1 :].partition(b"/")
            spoilt.setdefault(b"%s/%s" % (top, name), []).extend([path] if slash else [])
        for entry in view.directories.list(top).values():
            if entry.path not in spoilt:
                yield Claim(entry.path, explanation, whole=entry.kind == "d")
            elif spoilt[entry.path]:
                waiting.append((entry.path, spoilt[entry.path]))


def _programs(view: "View", tops: Iterable[bytes]) -> list[bytes]:
    """Return the programs below `tops`."""
    return [entry.path for entry in below(view, tops, _PROGRAM) if is_program(entry)]


def below(view: "View", tops: Iterable[bytes], listed: re.Pattern[bytes]) -> Iterator[Entry]:
    """Yield what is below `tops` in those objects of the tree that list something of which `listed` is found."""
    if not view.snapshot.tree:
        return
    roots = _topmost(tops)
    ways = {step for root in roots for step in _above(root[:-1])}
    snapshot, holding = view.snapshot, view.snapshot.search.holding(listed)

    def enter(path: bytes, child: bytes) -> bool:
        return path in ways or (child in holding and _is_below(path, roots))

    for entry in walk(snapshot.objects, snapshot.tree, snapshot.stats, enter):
        if _is_below(entry.path, roots):
            yield entry


def _topmost(paths: Iterable[bytes]) -> list[bytes]:
    """Return `paths` without those below another, in order; each ends in a slash, so that the order finds them."""
    out: list[bytes] = []
    for path in sorted(one + b"/" for one in paths):
        if not out or not path.startswith(out[-1]):
            out.append(path)
    return out


def _is_below(path: bytes, roots: list[bytes]) -> bool:
    at = bisect_right(roots, path + b"/")
    return at > 0 and (path + b"/").startswith(roots[at - 1])


def _above(path: bytes) -> Iterator[bytes]:
    while path:
        path = path.rpartition(b"/")[0]
        if path:
            yield path


def way(view: "View", path: bytes, explanation: Explanation) -> Iterator[Claim]:
    """Claim the directories that had to be made for `path`: those above it in which no package has anything."""
    step = path.rpartition(b"/")[0]
    while step.count(b"/") > 1 and step not in view.ownership.directories and step not in view.ownership:
        yield Claim(step, explanation)
        step = step.rpartition(b"/")[0]


def matching(view: "View", pattern: bytes) -> list[bytes]:
    """Return the paths of the tree that a pattern of the shell stands for; one without wildcards stands for itself.

    A wildcard matches within one name, and not a leading dot. At most 1,000 paths are returned.
    """
    if not re.search(rb"[*?\[]", pattern):
        return [pattern]
    found = [b""]
    for part in pattern.strip(b"/").split(b"/"):
        step = []
        for directory in found:
            if not re.search(rb"[*?\[]", part):
                step.append(b"%s/%s" % (directory, part))
                continue
            names = (
                view.directories.list(view.ownership.canonical(directory)) if directory else view.directories.list(b"")
            )
            hidden = part.startswith(b".")
            step += [
                entry.path
                for name, entry in names.items()
                if fnmatchcase(name.decode("latin-1"), part.decode("latin-1")) and (hidden or not name.startswith(b"."))
            ]
        found = step[:_MOST_MATCHES]
    return found
