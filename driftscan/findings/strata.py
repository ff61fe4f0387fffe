"""Strata: what people did on a host, laid out in time; one layer per session, with a sentence that tells it."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from driftscan.explain.view import View
from driftscan.findings._changes import traces
from driftscan.findings._strata_words import day, sentence
from driftscan.findings._traces import DAY, Era, Trace, era
from driftscan.findings.base import Judgement
from driftscan.model.text import text

HUMAN, INSTALLED, MACHINE, VISIT, REGULAR, UNDATED = "human", "installed", "machine", "visit", "regular", "undated"
SHOWN = (INSTALLED, HUMAN, UNDATED)  # what is told unless all is asked for
_HOUR = 3600.0
_GAPS = (2 * _HOUR, 18 * _HOUR, 5 * DAY, 21 * DAY)  # a pause that ends a session; longer ones where there are too many
_MANY = 60  # strata that a person reads
_NAMES = 200  # names of one kind that a stratum keeps; the others are counted
_PRESENT = frozenset({"login", "sudo"})  # somebody was there, and changed nothing that is seen by it alone


@dataclass(frozen=True, slots=True)
class Stratum:
    """One layer: from `first` to `last`, seconds since 1970, None without a credible time.

    `kind` is human, installed (the system itself), machine (unattended upgrades), visit (logins and sudo, and no
    change that is still seen), regular (files that a program leaves at a pace), undated. `daily`: only days are known.
    `who` was there: by logins, sudo and package logs; `owners` have the files. `counts` are acts by kind, `things`
    what they were done to, at most 200 of each kind. `marked` is the sentence with each value of the host between
    U+0002 and U+0003, which no value holds.
    """

    kind: str
    first: float | None
    last: float | None
    daily: bool = False
    who: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    things: Mapping[str, Sequence[str]] = field(default_factory=dict)
    marked: str = ""

    @property
    def sentence(self) -> str:
        """What was done, without the time, safe for a terminal."""
        return self.marked.translate({2: None, 3: None})


def strata(view: View, judgement: Judgement) -> list[Stratum]:
    """Return the strata of a host in the order of time, those without one last."""
    time = era(view)
    found = traces(view, judgement, time)
    owner = _owner(view)
    dated = [trace for trace in found.traces if trace.when is not None and time.credible(trace.when)]
    undated = [trace for trace in found.traces if trace.when is None and trace.path]
    first = [trace for trace in dated if _belongs_to_installation(trace, time)]
    rest = [trace for trace in dated if not _belongs_to_installation(trace, time)]
    acts = [trace for trace in rest if not trace.machine]
    made = [_stratum(INSTALLED, first, owner, time)] if any(t.kind in {"package", "unpacked"} for t in first) else []
    sessions, visits = _sessions(acts)
    made += [_stratum(HUMAN, session, owner) for session in sessions]
    made += [_stratum(VISIT, visit, owner) for visit in visits]
    made += [_stratum(MACHINE, run, owner) for run in _parted([t for t in rest if t.machine], _GAPS[0])]
    made += [_regular(where, some) for where, some in sorted(found.regular.items())]
    made.sort(key=lambda one: (one.first or 0.0, one.last or 0.0, one.kind, one.marked))
    return made + ([_stratum(UNDATED, undated, owner)] if undated else [])


def _belongs_to_installation(trace: Trace, time: Era) -> bool:
    """Whether an act was done while the system was installed; of a day, whether it is that day and tells no more."""
    if trace.when is None or not time.end:
        return False
    return trace.when <= time.end if not trace.daily else trace.when <= time.end and trace.kind != "password"


def _sessions(acts: Sequence[Trace]) -> tuple[list[list[Trace]], list[list[Trace]]]:
    """Lay acts together to sessions, and those that changed nothing to visits."""
    changes = [trace for trace in acts if trace.kind not in _PRESENT and not trace.daily]
    gap = _GAPS[0]
    found: list[list[Trace]] = []
    for gap in _GAPS:
        found = _parted(changes, gap)
        if len(found) <= _MANY:
            break
    _add_days(found, [trace for trace in acts if trace.daily])
    found.sort(key=_start)
    spans = [(_start(session), _end(session)) for session in found]
    visits: list[Trace] = []
    for trace in acts:
        if trace.kind in _PRESENT and trace.when is not None:
            at = _near(spans, trace.when, gap)
            (visits if at is None else found[at]).append(trace)
    return found, _parted(visits, gap)


def _parted(some: Sequence[Trace], gap: float) -> list[list[Trace]]:
    """Part acts where there is a pause longer than `gap` seconds."""
    found: list[list[Trace]] = []
    for trace in sorted(some, key=lambda trace: (trace.when or 0.0, trace.kind, trace.what)):
        if found and _when(trace) - _when(found[-1][-1]) <= gap:
            found[-1].append(trace)
        else:
            found.append([trace])
    return found


def _add_days(sessions: list[list[Trace]], daily: Sequence[Trace]) -> None:
    """Add acts of which only the day is known to the first session of that day, or as a session of their own."""
    days: dict[int, list[Trace]] = {}
    for session in sessions:
        for number in {int(_when(trace) // DAY) for trace in session}:
            days.setdefault(number, session)
    for trace in daily:
        number = int(_when(trace) // DAY)
        if number not in days:
            days[number] = []
            sessions.append(days[number])
        days[number].append(trace)


def _near(spans: Sequence[tuple[float, float]], moment: float, gap: float) -> int | None:
    """Return which session somebody who was there at `moment` may have worked in: on, just over, or soon to begin."""
    at = bisect_right(spans, (moment, inf))
    if at and moment - spans[at - 1][1] <= gap:
        return at - 1
    return at if at < len(spans) and spans[at][0] - moment <= gap else None


def _when(trace: Trace) -> float:
    return trace.when or 0.0


def _start(session: Sequence[Trace]) -> float:
    return min(_when(trace) for trace in session if trace.kind not in _PRESENT)


def _end(session: Sequence[Trace]) -> float:
    return max(_when(trace) + DAY * trace.daily for trace in session if trace.kind not in _PRESENT)


def _stratum(kind: str, some: Sequence[Trace], owner: Callable[[Trace], str], time: Era | None = None) -> Stratum:
    exact = [_when(trace) for trace in some if not trace.daily and trace.when is not None]
    known = exact or [_when(trace) for trace in some if trace.when is not None]
    things: dict[str, list[str]] = {}
    for trace in some:
        things.setdefault(trace.kind, []).append(trace.what)
    return Stratum(
        kind=kind,
        first=time.start if time else min(known, default=None),
        last=time.end if time else max(known, default=None),
        daily=bool(known) and not exact,
        who=tuple(sorted({trace.who for trace in some if trace.who})),
        owners=tuple(sorted({owner(trace) for trace in some if trace.path})),
        counts=dict(sorted(Counter(trace.kind for trace in some).items())),
        things={name: sorted(set(told))[:_NAMES] for name, told in sorted(things.items())},
        marked=sentence(kind, some, owner),
    )


def _owner(view: View) -> Callable[[Trace], str]:
    users = {0: "root", **view.names.users}

    def owner(trace: Trace) -> str:
        entry = view.directories.entry(trace.path) if trace.path else None
        return "" if entry is None else users.get(entry.owner[0], str(entry.owner[0]))

    return owner


def _regular(where: bytes, some: Sequence[Trace]) -> Stratum:
    """Return the stratum of a directory that is written at a pace."""
    known = sorted(_when(trace) for trace in some if trace.when is not None)
    days = len({day(moment) for moment in known})
    return Stratum(
        kind=REGULAR,
        first=known[0],
        last=known[-1],
        counts={"file": len(some)},
        things={"file": [text(where)]},
        marked=sentence(REGULAR, some, lambda _: "") + f" on {days:,} days, at a regular pace",
    )
