"""Blame: every state that a path or an item of a host ever had, since when, and what names it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from driftscan.drift.since import traced
from driftscan.explain.view import View
from driftscan.model.drift import Change, Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.item import Item, Json
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import text
from driftscan.model.tree import Entry
from driftscan.scopes.files import Names
from driftscan.store import State, Store, StoredTree

_NOT_TOLD = frozenset({"path", "changed", "inode", "links", "package"})  # they follow from others, or are the disk's
_OF_DIRECTORY = frozenset({"size", "modified"})  # they change with what lies in it
_KNOWN = ("digest", "capabilities", "acl", "xattrs", "flags")  # what of a path is kept beside the tree


@dataclass(frozen=True, slots=True)
class Past:
    """One state: `attributes` is None where the thing was not there.

    `first` and `last` are the snapshots that saw it so first and last, None where that is not known; `before` is when
    the last one was taken that saw it otherwise.
    """

    attributes: Mapping[str, Json] | None
    first: int
    seen: datetime
    last: int | None = None
    last_seen: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Blame:
    """All that is known of the past of one thing, newest first; `named` are states of items that name it."""

    host: str
    scope: str
    key: str
    states: Sequence[Past]
    named: Sequence[State] = ()
    by: str = ""
    diff: Sequence[str] = field(default=())


def blame_path(view: View, store: Store, path: bytes) -> Blame:
    """Return the past of a path: of every kept snapshot that saw the files what its tree has there."""
    host, key = view.snapshot.host, text(path)
    states = list(_collapsed(_at(store, host, path, names(view.snapshot.items))))
    named = store.naming(host, key)
    return _told(view, store, Blame(host, "files", key, states, [one for one in named if one.item.scope != "files"]))


def blame_item(view: View, store: Store, scope: str, key: str) -> Blame:
    """Return the past of an item; where it was proven away, that is a state too."""
    host = view.snapshot.host
    states = store.states(scope, key, host)
    named = [one for one in store.naming(host, key) if one.item.scope != scope] if key.startswith("/") else []
    return _told(view, store, Blame(host, scope, key, list(_with_gaps(states)), named))


def names(items: Iterable[Item]) -> Names:
    """Return what users and groups are called, without reading whose the paths are."""
    accounts = [item for item in items if item.scope == "accounts"]
    return Names(Snapshot("", datetime.min.replace(tzinfo=timezone.utc), 0.0, "", accounts, {}))


def attributes(entry: Entry, called: Names) -> dict[str, Json]:
    """Return what a person calls the state of a path: no inode, no ctime, of a directory no mtime."""
    left_out = _NOT_TOLD | _OF_DIRECTORY if entry.kind == "d" else _NOT_TOLD
    return {
        name: value
        for name, value in called.attributes(entry).items()
        if name not in left_out and not (entry.kind == "l" and name == "mode")
    }


def _at(store: Store, host: str, path: bytes, called: Names) -> Iterator[tuple[StoredTree, dict[str, Json] | None]]:
    """Yield each tree that tells of the path, newest first, with what it has there."""
    known = store.states("files", text(path), host)
    for tree in store.trees(host):
        entry = tree.entry(path)
        if entry is None and not tree.whole:
            continue
        if entry is None:
            yield tree, None
            continue
        number = tree.snapshot.id
        more = next((one.item.attributes for one in known if one.first <= number <= one.last), {})
        yield tree, {**attributes(entry, called), **{name: more[name] for name in _KNOWN if more.get(name)}}


def _collapsed(seen: Iterable[tuple[StoredTree, dict[str, Json] | None]]) -> Iterator[Past]:
    current: Past | None = None
    for tree, has in seen:
        number, taken = tree.snapshot.id, tree.snapshot.taken
        if current is not None and current.attributes == has:
            current = replace(current, first=number, seen=taken)
            continue
        if current is not None:
            yield replace(current, before=taken)
        current = Past(has, number, taken, number, taken)
    if current is not None and current.attributes is not None:  # that it was not there yet is no state
        yield current


def _with_gaps(states: Sequence[State]) -> Iterator[Past]:
    """Yield the states of an item, newest first, and the times between in which it was proven not to be there."""
    newer: State | None = None
    for state in states:
        if state.gone is not None and state.gone_seen is not None and (newer is None or state.gone < newer.first):
            yield Past(None, state.gone, state.gone_seen, before=state.last_seen)
        older = states[states.index(state) + 1 :]
        before = next((one.gone_seen if _is_apart(one, state) else one.last_seen for one in older), None)
        yield Past(state.item.attributes, state.first, state.seen, state.last, state.last_seen, before)
        newer = state


def _is_apart(older: State, newer: State) -> bool:
    return older.gone is not None and older.gone < newer.first


def _told(view: View, store: Store, blame: Blame) -> Blame:
    """Add who may have made it as it is, and the difference of the texts."""
    if not blame.states:
        return blame
    now, *rest = blame.states
    before = rest[0].attributes if rest else None
    kind, changes = Kind.UNEXPECTED, list[Change]()
    if now.attributes is None:
        kind = Kind.MISSING
    elif before is not None:
        kind, changes = Kind.CHANGED, list(differences(before, now.attributes))
    drift = Drift(kind, Severity.INFO, blame.scope, blame.key, tuple(changes))
    (found,) = traced([drift], view, store)
    return replace(blame, by=found.by, diff=found.diff)


def differences(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Change]:
    """Yield the attributes in which two states differ."""
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield Change(name, before.get(name), after.get(name))
