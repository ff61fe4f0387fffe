"""Revisions: which of a host's snapshots is meant."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from driftscan.errors import UsageError

_BACK = re.compile(r"~([0-9]+)", re.ASCII)
_NUMBER = re.compile(r"[0-9]+", re.ASCII)
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([0-9]{2}:[0-9]{2}(?::[0-9]{2})?))?", re.ASCII)
_MOST_DIGITS = 18  # fits the signed 64 bits of a database


@dataclass(frozen=True, slots=True)
class Revision:
    """One of a host's snapshots, as a person asks for it; `spelling` is how.

    - `latest`: the newest.
    - `back`: `number` snapshots before the newest (0 is the newest).
    - `number`: the snapshot with that number in the store.
    - `date`: the newest that was taken before `before` (with time zone), which is the first moment after what was
      written: the next midnight after a day, the next minute after a minute, in the auditor's local time zone.
    """

    kind: Literal["latest", "back", "number", "date"]
    number: int = 0
    before: datetime | None = None
    spelling: str = ""

    def __str__(self) -> str:
        return self.spelling or self.kind


def parse_revision(text: str) -> Revision | None:
    """Return what `latest`, `~N`, `N`, `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM[:SS]` means, None when it is none of these.

    UsageError when it is spelled like one but cannot be: a day that no calendar has, a number without end.
    """
    if text == "latest":
        return Revision("latest", spelling=text)
    if match := _BACK.fullmatch(text):
        return Revision("back", number=_number(match[1], text), spelling=text)
    if _NUMBER.fullmatch(text):
        return Revision("number", number=_number(text, text), spelling=text)
    if match := _MOMENT.fullmatch(text):
        return Revision("date", before=_first_moment_after(match[1], match[2], text), spelling=text)
    return None


def _number(digits: str, spelling: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise UsageError(f"revision '@{spelling[:_MOST_DIGITS]}…' is out of range, expected a snapshot's number")
    return int(digits)


def _first_moment_after(day: str, clock: str | None, spelling: str) -> datetime:
    try:
        if clock is None:
            # The next local midnight, not 24 hours on: days with a change of the clock are longer or shorter.
            return datetime.combine(date.fromisoformat(day) + timedelta(days=1), time()).astimezone()
        unit = timedelta(minutes=1) if clock.count(":") == 1 else timedelta(seconds=1)
        hour, minute, second = (int(part) for part in f"{clock}:00".split(":")[:3])
        return (datetime.combine(date.fromisoformat(day), time(hour, minute, second)) + unit).astimezone()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"revision '@{spelling}' is not a date", hint="expected one such as @2026-11-01 or @2026-11-01T03:00"
        ) from None
