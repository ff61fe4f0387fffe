"""What a message says: what has changed since the last one, short and bounded, and what to remember of it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

from driftscan.model.drift import Check, Drift
from driftscan.model.finding import Severity
from driftscan.model.text import shown

_LINES = 20  # lines of one part; the others are counted
_NAMES = 3  # hosts that are named in one line
_LENGTH = 160  # characters of what a line is about
_IN_ERROR = "error"  # an entry that is no fingerprint
_NOTE = "note"  # stands for the severity of a line about the baseline
_RANKS = {severity.value: severity.rank for severity in Severity}
# What a chat would act on: links, markup, and mentions, which call people.
_ACTIVE = re.compile(r"[<>\[\]`|]|(?<![\w.-])@|:(?=//)")


@dataclass(frozen=True, slots=True)
class Digest:
    """A message, and what to give to the next `digest` once it is sent: by host, lines that can be kept as JSON."""

    title: str
    body: str
    state: Mapping[str, list[str]]


class _Entry(NamedTuple):
    """One drift, or one line about the baseline, as it is remembered; all but the fingerprint may be unknown: ""."""

    fingerprint: str
    severity: str = ""
    kind: str = ""
    scope: str = ""
    key: str = ""

    def spelled(self) -> str:
        """Return the entry as one line."""
        return " ".join(self)

    def told(self) -> str:
        """Return the entry as a person reads it."""
        severity = f"{self.severity.upper():<8}" if self.severity else ""
        return " ".join(part for part in (severity, self.kind, self.scope, self.key) if part)


@dataclass(slots=True)
class _Change:
    """What is otherwise than at the last message: entries by host, and hosts."""

    new: list[tuple[_Entry, str]] = field(default_factory=list)
    over: list[tuple[_Entry, str]] = field(default_factory=list)
    accepted: list[tuple[_Entry, str]] = field(default_factory=list)
    still: list[tuple[_Entry, str]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    back: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether there is something to tell."""
        return bool(self.new or self.over or self.accepted or self.lost or self.back)


def digest(checks: Sequence[Check], before: Mapping[str, Sequence[str]]) -> Digest | None:
    """Return the message on what has changed since the last one, None where nothing has.

    `before` is `Digest.state` of the last message that was sent, {} where none ever was; fingerprints alone do as well.
    What cannot be seen now is neither over nor new: it is remembered until it can.
    """
    change = _Change()
    state = {host: list(entries) for host, entries in before.items()}
    for check in sorted(checks, key=lambda check: check.host):
        state[check.host] = _follow(check, before.get(check.host, ()), change)
    if not change.any:
        return None
    kept = {host: entries for host, entries in sorted(state.items()) if entries}
    return Digest(_title(change), "\n".join(_body(change)) + "\n", kept)


def _follow(check: Check, before: Sequence[str], change: _Change) -> list[str]:
    """Tell what has become of one host, and return what to remember of it."""
    old = {entry.fingerprint: entry for entry in map(_read, before) if entry.fingerprint != _IN_ERROR}
    was_lost = _IN_ERROR in before
    if check.error:
        if not was_lost:
            change.lost.append((check.host, check.error))
        return sorted([entry.spelled() for entry in old.values()] + [_IN_ERROR])
    if was_lost:
        change.back.append(check.host)
    now = {entry.fingerprint: entry for entry in (*map(_entry, check.drifts), *map(_note, check.warnings))}
    accepted = {drift.fingerprint for drift in check.accepted}
    blind = {(entry.scope, entry.key) for entry in map(_entry, check.unknown)}  # nobody can say that this is over
    held = {
        fingerprint
        for fingerprint, entry in old.items()
        if fingerprint not in now
        and (not check.against or not blind.isdisjoint({(entry.scope, ""), (entry.scope, entry.key)}))
    }
    told = {(entry.scope, entry.key) for entry in now.values()}  # what has changed once more is new, and not over
    for fingerprint, entry in now.items():
        (change.still if fingerprint in old else change.new).append((entry, check.host))
    for fingerprint, entry in old.items():
        if fingerprint in accepted and fingerprint not in now:
            change.accepted.append((entry, check.host))
        elif fingerprint in held:
            change.still.append((entry, check.host))
        elif fingerprint not in now and entry.severity != _NOTE and (entry.scope, entry.key) not in told:
            change.over.append((entry, check.host))
    kept = [*now.values(), *(old[fingerprint] for fingerprint in held - accepted)]
    return sorted(entry.spelled() for entry in kept)


def _entry(drift: Drift) -> _Entry:
    scope = _key(drift.scope).replace(" ", "_")  # an entry is kept as one line, with blanks between its parts
    return _Entry(drift.fingerprint, drift.severity.value, drift.kind.value, scope, _key(drift.key))


def _note(warning: str) -> _Entry:
    """Return a line about the baseline; it stays the same while only its numbers change (`in 6 days`)."""
    same = re.sub(r"\d+", "0", warning).encode("utf-8", "surrogatepass")
    return _Entry(blake2b(same, digest_size=16).hexdigest(), _NOTE, "", "", _key(warning))


def _key(key: str) -> str:
    """Return a key as it stands in a message: nothing in it is acted upon, neither by a terminal nor by a chat."""
    safe = _ACTIVE.sub(lambda match: f"\\x{ord(match[0]):02x}", shown(key))
    return safe if len(safe) <= _LENGTH else safe[: _LENGTH - 1] + "…"


def _read(line: str) -> _Entry:
    return _Entry(*line.split(" ", 4))


def _title(change: _Change) -> str:
    parts = []
    drifts = [(entry, host) for entry, host in change.new if entry.severity != _NOTE]
    notes = {entry.fingerprint for entry, _ in change.new if entry.severity == _NOTE}
    if drifts:
        kinds = {entry.fingerprint: entry.severity for entry, _ in drifts}
        worst = max(kinds.values(), key=lambda name: _RANKS[name])
        grave = sum(name == worst for name in kinds.values())
        on = _hosts({host for _, host in drifts})
        parts.append(f"{len(kinds):,} new ({grave:,} {worst}) on {on}")
    for word, told in (("over", change.over), ("accepted", change.accepted)):
        if told:
            parts.append(f"{len({entry.fingerprint for entry, _ in told}):,} {word}")
    if change.lost:
        parts.append(f"{_hosts({host for host, _ in change.lost})} in error")
    if change.back:
        parts.append(f"{_hosts(set(change.back))} back again")
    if notes:
        parts.append(f"{len(notes):,} note{'s' * (len(notes) != 1)}")
    return f"driftscan: {', '.join(parts)}"


def _body(change: _Change) -> Iterable[str]:
    """Yield the lines, a blank one between the parts."""
    lost = [f"  {_key(host)}: {_key(error)}" for host, error in change.lost]
    drifts = [one for one in change.new if one[0].severity != _NOTE]
    notes = [(_Entry(entry.fingerprint, key=entry.key), host) for entry, host in change.new if entry.severity == _NOTE]
    parts = [
        ("In error", lost),
        ("Back again", [f"  {_some(change.back, 20)}"] if change.back else []),
        ("New", _lines(drifts)),
        ("Over", _lines(change.over)),
        ("Accepted", _lines(change.accepted)),
        ("Notes", _lines(notes)),
    ]
    for title, lines in parts:
        if lines:
            yield f"{title}:"
            yield from lines[:_LINES]
            if len(lines) > _LINES:
                yield f"  … and {len(lines) - _LINES:,} more"
            yield ""
    still = [(entry, host) for entry, host in change.still if entry.severity != _NOTE]
    count = f"{len(still):,} on {_hosts({host for _, host in still})}" if still else "nothing"
    yield f"Still there from before: {count}."
    yield "All of it: driftscan check --no-scan"


def _lines(entries: Sequence[tuple[_Entry, str]]) -> list[str]:
    """Return a line for each thing, the gravest first, with the hosts that have it."""
    found = sorted(entries, key=lambda one: (-_RANKS.get(one[0].severity, -1), *one[0][2:], one[0].fingerprint, one[1]))
    lines = []
    for _, group in groupby(found, key=lambda one: one[0].fingerprint):
        same = list(group)
        words = same[0][0].told().strip() or "something that an earlier message told of"
        lines.append(f"  {words} ({_some([host for _, host in same], _NAMES)})")
    return lines


def _hosts(names: set[str]) -> str:
    return _key(min(names)) if len(names) == 1 else f"{len(names):,} hosts"


def _some(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(_key, names[:most])) + more
