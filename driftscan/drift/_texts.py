"""What a changed text file said before: from the texts that the store keeps of this host, or of any other."""

import hashlib
from collections.abc import Iterable, Mapping
from difflib import unified_diff
from functools import cached_property
from itertools import islice

from driftscan.drift.identity import Identity, identity
from driftscan.drift.noteworthy import text_digest
from driftscan.explain.view import View
from driftscan.model.drift import Drift, Kind, Since
from driftscan.model.item import Json
from driftscan.model.text import raw
from driftscan.store import State, Store

CONTENT = frozenset({"digest", "text", "lines", "size"})  # attributes by which a content is told to differ
_LINES = 200  # lines of a diff
_LONGEST = 10_000  # lines of a text that is compared


class Texts:
    """The texts of files that drifted, read at once."""

    def __init__(self, view: View, store: Store, drifts: Iterable[Drift], number: int) -> None:
        self._host = view.snapshot.host
        self._view = view
        self._number = number
        changed = {drift.key for drift in drifts if _is_told(drift)}
        self._now = {item.key: item.attributes.get("text") for item in view.of("contents") if item.key in changed}
        wanted = [key for key, told in self._now.items() if isinstance(told, str)]
        self._texts = _by_key(store.states_of("contents", wanted)) if wanted else {}
        self._digests = _by_key(store.states_of("files", wanted)) if wanted else {}

    def diff(self, drift: Drift, since: Since | None) -> tuple[str, ...]:
        """Return the lines of a unified diff from what was expected, or was there before; () where it is not known."""
        now = self._now.get(drift.key) if _is_told(drift) else None
        if not isinstance(now, str):
            return ()
        expected = next((str(one.expected) for one in drift.changes if one.attribute in {"digest", "text"}), "")
        before = self._expected(drift.key, expected) or self._before(drift.key, since, now)
        text = before and before.item.attributes.get("text")
        if before is None or not isinstance(text, str) or text == now:
            return ()
        old, new = text.splitlines(), now.splitlines()
        if max(len(old), len(new)) > _LONGEST:
            return ()
        label = f"{drift.key} ({before.host}, {before.last_seen.astimezone():%Y-%m-%d})"
        lines = list(islice(unified_diff(old, new, label, drift.key, lineterm="", n=3), _LINES + 1))
        return (*lines[: _LINES - 1], "…") if len(lines) > _LINES else tuple(lines)

    def _expected(self, key: str, digest: str) -> State | None:
        """Return the state whose content has `digest`, on this host rather than on another."""
        algorithm, _, value = digest.partition(":")
        if not value:
            return None
        known = [one for one in self._digests.get(key, ()) if one.item.attributes.get("digest") == digest]
        found = [
            one
            for one in self._texts.get(key, ())
            if _has(one.item.attributes, algorithm, value)
            or any(_together(one, other) for other in known)
            or (algorithm == "text" and one.host == self._host and self._neutral(one) == digest)
        ]
        return min(found, key=lambda one: one.host != self._host, default=None)

    def _neutral(self, state: State) -> str:
        """Return the digest of a text from which the host's own names were taken."""
        return text_digest(self._own.neutral(str(state.item.attributes.get("text"))))

    @cached_property
    def _own(self) -> Identity:
        return identity(self._view.snapshot)

    def _before(self, key: str, since: Since | None, now: str) -> State | None:
        """Return the last state of this host that was there before the one of now."""
        end = since.number if since is not None and since.before is not None else self._number
        earlier = (one for one in self._texts.get(key, ()) if one.host == self._host and one.first < end)
        return next((one for one in earlier if one.item.attributes.get("text") != now), None)


def _is_told(drift: Drift) -> bool:
    differs = any(change.attribute in CONTENT for change in drift.changes)
    return drift.kind is Kind.CHANGED and drift.scope == "files" and differs and not drift.diff


def _by_key(states: Iterable[State]) -> Mapping[str, list[State]]:
    found: dict[str, list[State]] = {}
    for state in states:
        found.setdefault(state.item.key, []).append(state)
    return found


def _has(attributes: Mapping[str, Json], algorithm: str, value: str) -> bool:
    """Whether a text that holds no secrets has a digest."""
    text = attributes.get("text")
    if not isinstance(text, str) or attributes.get("secrets") or algorithm not in hashlib.algorithms_guaranteed:
        return False
    if algorithm.startswith("shake"):
        return False
    return hashlib.new(algorithm, raw(text), usedforsecurity=False).hexdigest() == value


def _together(one: State, other: State) -> bool:
    """Whether two states of a host were seen by one snapshot."""
    return one.host == other.host and one.first <= other.last and other.first <= one.last
