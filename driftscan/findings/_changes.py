"""The traces of a snapshot: packages and logins of its history, files that people changed, accounts."""

import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from driftscan.explain.base import item_explainers
from driftscan.explain.view import View
from driftscan.findings._history import history, oldest
from driftscan.findings._traces import DAY, Era, Trace, items, of_accounts, of_file, packages, seconds
from driftscan.findings.base import Judgement
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry

_WALKED = 10_000  # entries of one find that are looked at; a larger one is told as one
_ALL = 100_000  # and of all finds
_NOW = 900.0  # seconds before the scan in which what is written is still being written
_TOGETHER, _DATES = 8, 3  # files that came on one day to one place, and the days that they are dated
_UNPACKING = 60.0  # seconds that unpacking a package may take
_DAYS = 8  # days with changes in one directory that can show a regular pace
_PACE = 0.6  # share of the gaps between them that are the same
# Directories that programs write into day by day, and those of what nobody means to keep.
_WRITTEN = re.compile(
    rb"^/(?:tmp|var/tmp|dev/shm)/|/(?:logs?|caches?|\.cache|sessions?|spool|run|__pycache__)/|\.(?:log|pid|lock|swp)(?:[.-][^/]*)?$"
)


class Traces(NamedTuple):
    """All traces of a host; those in `regular`, by directory, came at a pace."""

    traces: list[Trace]
    regular: dict[bytes, list[Trace]]


def traces(view: View, judgement: Judgement, era: Era) -> Traces:
    """Gather every trace."""
    named = {trace.path: trace for trace in _named(view, era)}
    found: dict[bytes, Trace] = dict(named)
    for top, entry, many in _unexplained(view, judgement):
        if entry.path in named:
            found[entry.path] = found[entry.path]._replace(top=top)
        elif not _WRITTEN.search(entry.path) and abs(entry.mtime - era.taken) > _NOW:
            found[entry.path] = of_file(entry, era, "file", text(entry.path), top)._replace(many=many)
    for trace in _changed(view, judgement, era):
        found.setdefault(trace.path, trace)
    files, regular = _paced(_brought(list(found.values())))
    mine = [trace for trace in of_accounts(view, era) if _by_hand(view, trace)]
    return Traces([*history(view), *_unpacked(view, era), *mine, *files], regular)


def _unpacked(view: View, era: Era) -> Iterator[Trace]:
    """Yield when packages were unpacked last, of those that are older than what the logs tell."""
    since = oldest(view) or era.taken
    for item in packages(view):
        when = seconds(item.attributes.get("installed_at", item.volatile.get("installed_at")))
        if when is not None and era.credible(when) and when < since - 1:
            asked = item.attributes.get("reason") == "manual"
            yield Trace("unpacked", str(item.attributes.get("name")), when, asked=asked)


def _named(view: View, era: Era) -> Iterator[Trace]:
    """Yield units, schedules and keys that were put there by hand: by the mtime of their files."""
    for path, kind, what in _by_file(view):
        entry = view.directories.entry(raw(path)) if path.startswith("/") else None
        if entry is not None and entry.kind in "fl":
            yield of_file(entry, era, kind, what)


def _by_file(view: View) -> Iterator[tuple[str, str, str]]:
    for item in items(view, "services"):
        has = item.attributes
        if has.get("package") == "" and has.get("fragment") and not has.get("alias_of"):
            yield str(has["fragment"]), "unit", str(has.get("name"))
        for path in has.get("dropins") or ():
            if not view.ownership.owner(raw(str(path))):
                yield str(path), "unit", f"{has.get('name')} ({str(path).rpartition('/')[2]})"
    for item in items(view, "schedules"):
        has = item.attributes
        if has.get("package") == "" and has.get("file") and has.get("kind") != "timer":
            yield str(has["file"]), "schedule", str(has["file"])
    for item in items(view, "accounts"):
        if item.attributes.get("kind") == "key" and item.attributes.get("file"):
            yield str(item.attributes["file"]), "key", str(item.attributes["file"])


def _unexplained(view: View, judgement: Judgement) -> Iterator[tuple[bytes, Entry, int]]:
    """Yield what is in the finds, each path once, for the innermost find; directories only where they are empty.

    Of a find that is too large to be looked at file by file, its own entry is yielded with the number of its entries.
    """
    seen: set[bytes] = set()
    left = _ALL
    for find in sorted(judgement.finds, key=lambda find: (-find.path.count("/"), find.path)):
        top = raw(find.path)
        entry = view.directories.entry(top)
        if entry is None:
            continue
        if find.entries > min(_WALKED, left):
            yield top, entry, find.entries
            continue
        for below in _below(view, entry):
            left -= 1
            if below.path not in seen:
                seen.add(below.path)
                yield top, below, 0


def _below(view: View, top: Entry) -> Iterator[Entry]:
    waiting = [top]
    while waiting:
        step = waiting.pop()
        if step is not top and view.explained.of(step.path) is not None:
            continue
        below = view.directories.list(step.path) if step.kind == "d" else {}
        if below:
            waiting += [below[name] for name in sorted(below, reverse=True)]
        elif step.kind != "d" or step is top:
            yield step


def _brought(files: Sequence[Trace]) -> list[Trace]:
    """Place files that came together by the day of their coming: copies and archives keep dates of many days."""
    together: dict[tuple[bytes, int], list[Trace]] = {}
    for trace in files:
        if trace.brought is not None and trace.when is not None:
            where = trace.top or trace.path.rpartition(b"/")[0]
            together.setdefault((where, int(trace.brought // DAY)), []).append(trace)
    moved = {
        trace.path
        for some in together.values()
        if len(some) >= _TOGETHER and len({int((trace.when or 0.0) // DAY) for trace in some}) >= _DATES
        for trace in some
    }
    return [
        trace._replace(when=trace.brought, brought=None, dated=trace.when) if trace.path in moved else trace
        for trace in files
    ]


def _changed(view: View, judgement: Judgement, era: Era) -> Iterator[Trace]:
    """Yield the files that findings are about and that were changed after their package, if any, was unpacked."""
    finds = {raw(find.path) for find in judgement.finds}
    for path in sorted({finding.subject for finding in judgement.findings if finding.subject.startswith("/")}):
        entry = view.directories.entry(raw(path))
        if entry is None or entry.kind not in "fl" or _WRITTEN.search(entry.path) or _inside(entry.path, finds):
            continue
        trace = of_file(entry, era, "file", text(entry.path))
        owned = view.ownership.get(entry.path)
        if owned is None or entry.mtime > owned[0].unpacked + _UNPACKING:
            yield trace
        elif entry.ctime > max(era.settled, owned[0].unpacked + _UNPACKING):  # its content is the package's still
            yield trace._replace(when=entry.ctime, brought=None, dated=None)


def _inside(path: bytes, finds: Container[bytes]) -> bool:
    """Whether a path is in a find, with which it has been looked at."""
    while path:
        if path in finds:
            return True
        path = path.rpartition(b"/")[0]
    return False


def _by_hand(view: View, trace: Trace) -> bool:
    """Whether an account, or its password, is anybody's decision: not where a package explains it."""
    explainer = item_explainers().get("accounts")
    if explainer is None:
        return True
    found = [item for item in items(view, "accounts") if item.key == f"user {trace.what}" and explainer.asks(item)]
    return not any(explainer.explain(view, item) is not None for item in found)


def _paced(files: list[Trace]) -> tuple[list[Trace], dict[bytes, list[Trace]]]:
    """Part files that come at a regular pace (a backup each night) from those that people left."""
    together: dict[bytes, list[Trace]] = {}
    for trace in files:
        together.setdefault(trace.path.rpartition(b"/")[0], []).append(trace)
    regular = {where: some for where, some in together.items() if _at_a_pace(some)}
    paced = {trace.path for some in regular.values() for trace in some}
    return [trace for trace in files if trace.path not in paced], regular


def _at_a_pace(some: list[Trace]) -> bool:
    days = sorted({int(trace.when // DAY) for trace in some if trace.when is not None})
    gaps = Counter(after - before for before, after in pairwise(days))
    return len(days) >= _DAYS and max(gaps.values()) >= _PACE * (len(days) - 1)
