"""Retention: which snapshots of a host are kept as it grows old."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime

from driftscan.errors import UsageError

_RULE = re.compile(r"([a-z]+)[ \t]+([0-9]{1,6})", re.ASCII)
_HINT = 'expected one such as "daily 14, weekly 8, monthly 24"'

# What two moments of one day, week, month have in common; weeks are those of ISO 8601 and begin on Monday.
_PERIODS: dict[str, Callable[[datetime], object]] = {
    "daily": lambda taken: taken.date(),
    "weekly": lambda taken: taken.isocalendar()[:2],
    "monthly": lambda taken: (taken.year, taken.month),
}


@dataclass(frozen=True, slots=True)
class Retention:
    """Of each of the newest so many days, weeks and months that have a snapshot, the newest one is kept.

    And so are the `last` newest. A snapshot is kept if any of these keeps it. Days are the auditor's.
    """

    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    last: int = 0

    def __post_init__(self) -> None:
        """Raise UsageError for what would keep nothing."""
        counts = [getattr(self, field.name) for field in fields(self)]
        if min(counts) < 0 or not any(counts):
            raise UsageError("at least one snapshot is kept of each host", hint=_HINT)

    @classmethod
    def parse(cls, words: str) -> "Retention":
        """Read `daily 14, weekly 8, monthly 24, last 3`, each at most once; UsageError in one line."""
        told: dict[str, int] = {}
        for part in words.split(","):
            match = _RULE.fullmatch(part.strip())
            if match is None or match[1] not in {field.name for field in fields(cls)}:
                raise UsageError(f"{part.strip()!r} does not say what to keep", hint=_HINT)
            if match[1] in told:
                raise UsageError(f"{words!r} says {match[1]!r} twice", hint=_HINT)
            told[match[1]] = int(match[2])
        return cls(**told)

    def __str__(self) -> str:
        """Return what `parse` reads."""
        told = ((field.name, getattr(self, field.name)) for field in fields(self))
        return ", ".join(f"{name} {count}" for name, count in told if count)

    def kept(self, snapshots: Iterable[tuple[int, datetime]]) -> set[int]:
        """Return the numbers of those of one host's snapshots (number, when it was taken) that are kept."""
        newest_first = sorted(((taken.astimezone(), number) for number, taken in snapshots), reverse=True)
        kept = {number for _, number in newest_first[: self.last]}
        for name, period in _PERIODS.items():
            left, told = getattr(self, name), None
            for taken, number in newest_first:
                if left and period(taken) != told:
                    kept.add(number)
                    left, told = left - 1, period(taken)
        return kept
