"""Since when, by whom, and what it was before: what the store's history adds to drifts."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cached_property

from driftscan.drift._texts import CONTENT, Texts
from driftscan.drift._who import Who, owner_of, path_of
from driftscan.drift.identity import NEUTRAL, identity
from driftscan.explain.view import View
from driftscan.model.drift import Drift, Kind, Since
from driftscan.model.item import Json
from driftscan.model.text import raw
from driftscan.model.tree import Entry
from driftscan.store import Look, State, Store, StoredSnapshot, StoredTree

_WALKED = 60  # snapshots whose trees are looked into
_CLOCKS = timedelta(hours=1)  # by which the clocks of two machines may differ


def traced(drifts: Sequence[Drift], view: View, store: Store) -> list[Drift]:
    """Return `drifts` with `since`, `by` and `diff` filled in, as far as the store knows.

    Nothing is added where the snapshot that `view` shows is not kept in the store.
    """
    now = _stored(view, store) if drifts else None
    if now is None:
        return list(drifts)
    trace = _Trace(view, store, now, drifts)
    return [trace.of(drift) for drift in drifts]


def _stored(view: View, store: Store) -> StoredSnapshot | None:
    """Return the snapshot of the store that `view` shows."""
    snapshot = view.snapshot
    if not any(host.name == snapshot.host for host in store.hosts()):
        return None
    return next((one for one in store.snapshots(snapshot.host) if one.taken == snapshot.taken), None)


class _Trace:
    """One pass through the history of a host: what several drifts need is read once."""

    def __init__(self, view: View, store: Store, now: StoredSnapshot, drifts: Sequence[Drift]) -> None:
        self.view, self.store, self.now = view, store, now
        self.host = view.snapshot.host
        self.drifts = drifts
        self.who = Who(view, [one.taken for one in store.snapshots(self.host, _WALKED)])
        self.texts = Texts(view, store, drifts, now.id)

    def of(self, drift: Drift) -> Drift:
        """Return one drift with what is known of it."""
        since = drift.since or self._since(drift)
        path = path_of(drift)
        by = drift.by
        if not by and drift.kind is not Kind.UNKNOWN:
            by = self.who.of(drift, since, path, owner_of(self.view, drift, path))
        return replace(drift, since=since, by=by, diff=drift.diff or self.texts.diff(drift, since))

    def _since(self, drift: Drift) -> Since | None:
        if drift.kind is Kind.UNKNOWN:
            return None if drift.key else self._unseen(drift.scope)
        path = path_of(drift)
        return self._path(drift, path) if path is not None else self._item(drift)

    def _unseen(self, scope: str) -> Since | None:
        """Return since when a scope was not seen whole."""
        since: Since | None = None
        for look in self.looks.get(scope, ()):
            if look.outcome.seen:
                return since and replace(since, before=look.taken)
            since = Since(look.taken, look.number)
        return since

    def _path(self, drift: Drift, path: bytes) -> Since | None:
        """Walk back through the trees to the last one that has the path otherwise."""
        trees = self.trees
        if not trees or trees[0].snapshot.id != self.now.id:
            return None
        here, first, before = trees[0].entry(path), trees[0], None
        asked = frozenset(change.attribute for change in drift.changes) if drift.kind is Kind.CHANGED else frozenset()
        for tree in trees[1:]:
            there = tree.entry(path)
            if there is None and not tree.whole:
                continue
            if not self._same(asked, (first, here), (tree, there), path):
                before = tree.snapshot.taken
                break
            first, here = tree, there
        changed = _moment(here)
        if changed is not None and before is not None and changed < before - _CLOCKS:
            changed = None  # it came with a directory that was moved: its ctime says nothing of that
        return Since(first.snapshot.taken, first.snapshot.id, before, changed)

    def _same(
        self, asked: frozenset[str], one: tuple[StoredTree, Entry | None], other: tuple[StoredTree, Entry | None],
        path: bytes,
    ) -> bool:  # fmt: skip
        """Whether two trees have the same at a path, as far as it was `asked` for: only that it is there if nothing."""
        (tree, here), (older, there) = one, other
        if here is None or there is None or not asked:
            return (here is None) == (there is None)
        if (here.meta, here.stats, here.link) == (there.meta, there.stats, there.link) and here.kind != "d":
            return self._more(asked, tree, older, path)
        facets = {
            "type": here.kind == there.kind,
            "mode": here.mode == there.mode,
            "user": here.owner[0] == there.owner[0],
            "group": here.owner[1] == there.owner[1],
            "target": here.link == there.link,
        }
        if any(not facets.get(name, True) for name in asked):
            return False
        if asked & CONTENT and not self._same_content(tree, here, older, there):
            return False
        return self._more(asked, tree, older, path)

    def _same_content(self, tree: StoredTree, here: Entry, older: StoredTree, there: Entry) -> bool:
        if here.kind == "d":
            return tree.content(here.path) == older.content(there.path)
        digests = [self._known(one, here.path, "digest") for one in (tree, older)]
        if all(digests):
            return bool(digests[0] == digests[1])
        return (here.size, here.mtime) == (there.size, there.mtime)

    def _more(self, asked: Collection[str], tree: StoredTree, older: StoredTree, path: bytes) -> bool:
        """Whether what the tree does not hold is the same."""
        names = [name for name in ("capabilities", "acl", "xattrs", "flags") if name in asked]
        return all(self._known(tree, path, name) == self._known(older, path, name) for name in names)

    def _known(self, tree: StoredTree, path: bytes, name: str) -> Json:
        number = tree.snapshot.id
        found = (one for one in self.file_items.get(path, ()) if one.first <= number <= one.last)
        return next((one.item.attributes[name] for one in found if one.item.attributes.get(name)), None)

    def _item(self, drift: Drift) -> Since | None:
        key = self._own_key(drift)
        states = self.states.get((drift.scope, key), [])
        if drift.kind is Kind.MISSING:
            return self._missing(drift.scope, states)
        if not states or states[0].last < self.now.id:
            return None
        current = states[0]
        asked = [change.attribute for change in drift.changes] if drift.kind is Kind.CHANGED else []
        for older in states[1:]:
            if older.gone is not None and older.gone < current.first:
                return Since(current.seen, current.first, self._last_whole(drift.scope, current) or older.gone_seen)
            has, had = current.item.attributes, older.item.attributes
            if any(has.get(name) != had.get(name) for name in asked):
                return Since(current.seen, current.first, older.last_seen)
            current = older
        return Since(current.seen, current.first, self._last_whole(drift.scope, current))

    def _missing(self, scope: str, states: Sequence[State]) -> Since | None:
        if states:
            gone, seen = states[0].gone, states[0].gone_seen
            return Since(seen, gone, states[0].last_seen) if gone is not None and seen is not None else None
        whole = [look for look in self.looks.get(scope, ()) if look.outcome.seen]
        return Since(whole[-1].taken, whole[-1].number) if whole else None

    def _last_whole(self, scope: str, state: State) -> datetime | None:
        """Return when the last look before a state was taken that would have seen it."""
        before = (look for look in self.looks.get(scope, ()) if look.number < state.first and look.outcome.seen)
        return next((look.taken for look in before), None)

    def _own_key(self, drift: Drift) -> str:
        return self.own_keys.get((drift.scope, drift.key), drift.key) if drift.scope in NEUTRAL else drift.key

    @cached_property
    def own_keys(self) -> dict[tuple[str, str], str]:
        """Names of items without the host's own in them, to their keys."""
        own = identity(self.view.snapshot)
        return {(scope, own.neutral(item.key)): item.key for scope in NEUTRAL for item in self.view.of(scope)}

    @cached_property
    def looks(self) -> dict[str, list[Look]]:
        """The looks at every scope that drifted, newest first."""
        wanted = {drift.scope for drift in self.drifts} - {"files", "trees"}
        if any(drift.scope == "files" and drift.kind is Kind.UNKNOWN for drift in self.drifts):
            wanted.add("files")
        found: dict[str, list[Look]] = {}
        for look in self.store.looks(self.host, sorted(wanted)) if wanted else ():
            if look.number <= self.now.id:
                found.setdefault(look.scope, []).append(look)
        return found

    @cached_property
    def trees(self) -> list[StoredTree]:
        """The trees up to that of now, newest first."""
        return self.store.trees(self.host, until=self.now.id, limit=_WALKED)

    @cached_property
    def file_items(self) -> dict[bytes, list[State]]:
        """What was known of the paths that drifted beyond the tree."""
        keys = [drift.key for drift in self.drifts if drift.scope == "files"]
        found: dict[bytes, list[State]] = {}
        for state in self.store.states_of("files", keys, self.host):
            found.setdefault(raw(state.item.key), []).append(state)
        return found

    @cached_property
    def states(self) -> dict[tuple[str, str], list[State]]:
        """The states of every item that drifted up to now, newest first."""
        wanted: dict[str, list[str]] = {}
        for drift in self.drifts:
            if drift.kind is not Kind.UNKNOWN and path_of(drift) is None:
                wanted.setdefault(drift.scope, []).append(self._own_key(drift))
        found: dict[tuple[str, str], list[State]] = {}
        for scope, keys in wanted.items():
            for state in self._until_now(self.store.states_of(scope, keys, self.host)):
                found.setdefault((scope, state.item.key), []).append(state)
        return found

    def _until_now(self, states: Iterable[State]) -> Iterable[State]:
        """Yield states as they were known when the snapshot of now was taken."""
        for state in states:
            later = state.gone is not None and state.gone > self.now.id
            if state.first <= self.now.id:
                yield replace(state, gone=None, gone_seen=None) if later else state


def _moment(entry: Entry | None) -> datetime | None:
    """Return the ctime of an entry, None where it is no time that a calendar has."""
    try:
        return datetime.fromtimestamp(entry.ctime, timezone.utc) if entry is not None else None
    except (ValueError, OverflowError, OSError):
        return None
