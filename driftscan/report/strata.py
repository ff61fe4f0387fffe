"""Strata for people and for programs: a line of time, or a JSON object a line."""

import json
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone

from driftscan.findings.strata import SHOWN, UNDATED, Stratum
from driftscan.model.text import shown

StrataFormat = Callable[[Sequence[Stratum], str, int], Iterable[str]]
_MARGIN = 18  # columns that the times take
_LEFT_OUT = {
    "visit": ("visit", "logins and sudo, and no change that is still seen"),
    "machine": ("run", "unattended upgrades"),
    "regular": ("place", "files that a program leaves at a regular pace"),
}


def told(strata: Sequence[Stratum], *, everything: bool) -> list[Stratum]:
    """Return the strata that are told: those of people, or all."""
    return [one for one in strata if everything or one.kind in SHOWN]


def text(strata: Sequence[Stratum], host: str, width: int) -> Iterable[str]:
    """Yield a line of time, oldest first, in UTC; `strata` that stand aside are counted at the end, all others told."""
    title = f"{shown(host)}: what was done on it, in the order of time (UTC)"[:width]
    yield title
    yield "=" * len(title)
    for one in strata:
        words = one.sentence or "nothing that can be named"
        if one.kind not in SHOWN:
            words = f"[{one.kind}] {words}"
        lines = textwrap.wrap(
            words, max(width - _MARGIN, 20), break_on_hyphens=False, break_long_words=False
        )  # a path is copied: it rather leaves the screen than be broken
        margin = _times(one)
        for number in range(max(len(lines), len(margin))):
            left = margin[number] if number < len(margin) else ""
            right = lines[number] if number < len(lines) else ""
            yield f"{left:<{_MARGIN}}{right}".rstrip()
    if not any(one.kind != UNDATED for one in strata):
        yield "nothing with a time was found"


def aside(strata: Sequence[Stratum], width: int) -> Iterable[str]:
    """Yield what `told` leaves out, as numbers."""
    parts = []
    for kind, (noun, words) in _LEFT_OUT.items():
        number = sum(one.kind == kind for one in strata)
        if number:
            parts.append(f"{number:,} {noun}{'s' * (number > 1)} ({words})")
    if parts:
        yield ""
        yield from textwrap.wrap(f"left out: {', '.join(parts)}; --all tells them", width, subsequent_indent="  ")


def lines(strata: Sequence[Stratum], host: str, _width: int = 0) -> Iterable[str]:
    """Yield one JSON object a line: host, kind, first, last (ISO, UTC; null without), and all that a stratum holds."""
    for one in strata:
        document = {
            "host": host,
            "kind": one.kind,
            "first": _iso(one.first, daily=one.daily),
            "last": _iso(one.last, daily=one.daily),
            "who": list(one.who),
            "owners": list(one.owners),
            "counts": dict(one.counts),
            "things": {name: list(things) for name, things in one.things.items()},
            "sentence": one.sentence,
        }
        yield json.dumps(document, sort_keys=True)


FORMATS: Mapping[str, StrataFormat] = {"text": text, "json": lines}


def span(one: Stratum) -> str:
    """Return the time of a stratum in one line: the days, of one day the minute in which it begins."""
    if one.first is None or one.last is None:
        return "without a credible time"
    first, last = _moment(one.first)[:10], _moment(one.last)[:10]
    if first != last:
        return f"{first} to {last}"
    return first if one.daily else _moment(one.first)


def _times(one: Stratum) -> list[str]:
    """Return what stands in the margin: the time, and below it the end where that is another day or hour."""
    if one.first is None or one.last is None:
        return ["without a", "credible time"]
    if one.daily:
        first, last = _moment(one.first)[:10], _moment(one.last)[:10]
        return [first] if first == last else [first, f"to {last}"]
    first, last = _moment(one.first), _moment(one.last)
    if first[:10] != last[:10]:
        return [first, f"to {last[:10]}"]
    return [first] if first[:13] == last[:13] else [first, f"        to {last[11:]}"]


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M}"


def _iso(seconds: float | None, *, daily: bool) -> str | None:
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(int(seconds), timezone.utc)
    return f"{moment:%Y-%m-%d}" if daily else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
