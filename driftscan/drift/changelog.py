"""The changes of a host from one snapshot to the next, and the times in which nobody could look."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal

from driftscan.drift.blame import attributes, names
from driftscan.drift.treediff import changes
from driftscan.drift.volatile import volatile
from driftscan.model.item import Json
from driftscan.model.text import text
from driftscan.model.tree import Entry
from driftscan.scopes.base import scopes
from driftscan.store import Look, Store, StoredTree

Mark = Literal["+", "-", "~", "?"]
_OF_LINKS = ("type", "target", "user", "group")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log: a change, or ("?") what could not be seen, and then `said` says so."""

    taken: datetime
    number: int
    scope: str
    mark: Mark
    key: str
    before: Mapping[str, Json] | None = None
    after: Mapping[str, Json] | None = None
    said: str = ""


def changelog(
    store: Store, host: str, asked: Collection[str], since: datetime | None = None, limit: int | None = None
) -> list[Line]:
    """Return the newest `limit` changes of the scopes `asked` since a time, newest first.

    A time in which a scope was not seen whole is a line of its own, and takes nothing away. Of files and links those
    changes are left out that come about by themselves.
    """
    derived = [name for name in asked if scopes()[name].derive is not None]
    plain = [name for name in asked if name not in derived]
    lines = [*_of_items(store, host, plain), *_gaps(store.looks(host, asked))] if asked else []
    if derived:
        lines += _of_trees(store, host, derived, since)
    if "files" in derived:
        lines += (line for line in _of_items(store, host, ["files"]) if line.mark == "~")
    kept = [line for line in lines if since is None or line.taken >= since]
    return sorted(kept, key=lambda line: (-line.number, line.scope, line.key))[:limit]


def _of_items(store: Store, host: str, asked: Sequence[str]) -> Iterator[Line]:
    marks: Mapping[str, Mark] = {"new": "+", "gone": "-", "changed": "~"}
    events = store.changes(host, asked) if asked else []
    for (number, scope, proven), group in groupby(events, key=lambda event: (event.number, event.scope, event.proven)):
        same = list(group)
        if not proven:
            said = f"{len(same)} seen for the first time: no look before was whole, they may have been there"
            yield Line(same[0].taken, number, scope, "?", "", said=said)
            continue
        for event in same:
            before, after = event.before, event.after
            yield Line(
                event.taken, number, scope, marks[event.what], event.key,
                before.attributes if before else None, after.attributes if after else None,
            )  # fmt: skip


def _gaps(looks: Iterable[Look]) -> Iterator[Line]:
    """Yield one line for each stretch of snapshots that did not see a scope whole, as of its last snapshot."""
    by_scope = sorted(looks, key=lambda look: (look.scope, -look.number))
    for (scope, seen), group in groupby(by_scope, key=lambda look: (look.scope, look.outcome.seen)):
        same = list(group)
        if not seen:
            last, first = same[0], same[-1]
            since = "" if len(same) == 1 else f" since snapshot {first.number}, {len(same)} times"
            why = f": {last.reason}" if last.reason else ""
            said = f"not seen whole{since} ({last.outcome.value}{why})"
            yield Line(last.taken, last.number, scope, "?", "", said=said)


def _of_trees(store: Store, host: str, asked: Collection[str], since: datetime | None) -> Iterator[Line]:
    """Yield what changed from each file tree to the next, as of now's users and as of what changes by itself now."""
    trees = store.trees(host)
    if not trees:
        return
    now = store.load(trees[0].snapshot)
    called, changing = names(now.items), volatile(now)
    for index, newer in enumerate(trees[:-1]):
        if since is not None and newer.snapshot.taken < since:
            return
        between, older = _compared(newer, trees[index + 1 :])
        for before, after in changes(older.bare(), newer.bare()):
            entry = after or before
            if entry is None or changing.change(before, after):
                continue
            if (after is None and not newer.whole) or (before is None and not older.whole):
                continue  # a directory that could not be read looks empty
            if between is not None and after is not None and _is_same(between.entry(after.path), after):
                continue  # told of the snapshot between
            had, has = (one and attributes(one, called) for one in (before, after))
            mark: Mark = "+" if had is None else "-" if has is None else "~"
            for scope in asked:
                if scope == "files" or "l" in {one.kind for one in (before, after) if one is not None}:
                    yield Line(
                        newer.snapshot.taken, newer.snapshot.id, scope, mark, text(entry.path),
                        _told(scope, had), _told(scope, has),
                    )  # fmt: skip


def _compared(newer: StoredTree, older: Sequence[StoredTree]) -> tuple[StoredTree | None, StoredTree]:
    """Return the tree before `newer`, and the one to compare it with: a whole one with the last that was whole.

    The first is None where it is the second.
    """
    before = older[0]
    whole = before if before.whole or not newer.whole else next((one for one in older if one.whole), before)
    return (None if whole is before else before), whole


def _is_same(one: Entry | None, other: Entry) -> bool:
    return one is not None and (one.meta, one.link) == (other.meta, other.link)


def _told(scope: str, has: Mapping[str, Json] | None) -> Mapping[str, Json] | None:
    if has is None or scope == "files":
        return has
    return {name: has.get(name) for name in _OF_LINKS}
