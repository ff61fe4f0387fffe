"""Settlements: which blockers of a verdict people have dealt with, in the file that steers a role."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from driftscan.baseline.model import matches
from driftscan.model.text import shown
from driftscan.model.verdict import KINDS, Blocker, Settled

_WORDS = ("why", "who", "until")
_NEVER = "proof"  # a proof can only be made


def load_settled(document: Mapping[str, Any]) -> tuple[Settled, ...]:
    """Return what the section `settled` of a steering file says; ValueError, in one line, where it is none.

    It is a list; each entry names one kind with a pattern, why, who, and perhaps until when:
    `{data: /var/lib/redis, why: replicated, who: maria, until: 2026-12-31}`.
    """
    said = document.get("settled")
    if said is None:
        return ()
    if not isinstance(said, list):
        raise ValueError("settled: a list is wanted")  # noqa: TRY004 -- of the file, not of the program
    return tuple(_entry(number, one) for number, one in enumerate(said, 1))


def _entry(number: int, said: Any) -> Settled:
    where = f"settled: entry {number}"
    if not isinstance(said, dict) or not all(isinstance(name, str) for name in said):
        raise ValueError(f"{where} is wanted as a kind with its pattern, why and who")
    named = [name for name in said if name not in _WORDS]
    if len(named) != 1 or named[0] not in KINDS or named[0] == _NEVER:
        told = f"{shown(repr(named[0]))} is none" if len(named) == 1 else f"it has {len(named)}"
        raise ValueError(f"{where} must name one kind, {told}; known are {', '.join(k for k in KINDS if k != _NEVER)}")
    kind = named[0]
    pattern, why, who = (_text(where, name, said.get(name)) for name in (kind, "why", "who"))
    return Settled(kind, pattern, why, who, _day(where, said.get("until")), number)


def _text(where: str, name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where} needs {name}, as text")
    return value


def _day(where: str, value: Any) -> date | None:
    """Return a day, which YAML has read already unless it stood in quotes."""
    if value is None or type(value) is date:
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{where}: until is wanted as a day, as 2026-12-31") from None


def parted(
    blockers: Sequence[Blocker], settled: Sequence[Settled], on: date
) -> tuple[tuple[Blocker, ...], tuple[tuple[Blocker, Settled], ...]]:
    """Part blockers into those that stand, and those that somebody has settled, as far as that has not ended."""
    known = [
        (one, next((said for said in settled if _holds(said, on) and _covers(said, one)), None)) for one in blockers
    ]
    return tuple(one for one, said in known if said is None), tuple((one, said) for one, said in known if said)


def warnings(blockers: Sequence[Blocker], settled: Sequence[Settled], on: date) -> tuple[str, ...]:
    """Return a line for each settlement that has ended while it is needed, or that fits nothing."""
    found = []
    for said in settled:
        needed = any(_covers(said, one) for one in blockers)
        name = f"settled, entry {said.number}, {said.kind} {said.pattern} by {said.who}"
        if needed and said.until is not None and not _holds(said, on):
            found.append(f"{name}: ended on {said.until}")
        elif not needed:
            found.append(f"{name}: there is no such blocker")
    return tuple(found)


def _holds(said: Settled, on: date) -> bool:
    return said.until is None or said.until >= on


def _covers(said: Settled, blocker: Blocker) -> bool:
    return said.kind == blocker.kind and matches(said.pattern, blocker.subject)
