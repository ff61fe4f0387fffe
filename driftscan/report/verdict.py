"""A verdict as people and programs read it: discard, or not yet, because."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from driftscan.model.item import Json
from driftscan.model.markdown import bullets, code, line, paragraph, prose
from driftscan.model.text import shown
from driftscan.model.verdict import KINDS, Blocker, Settled, Verdict
from driftscan.report.findings import wrapped

_MOST = 25  # blockers of one kind that are named; the others are counted
_ALL = "--format json names all"


def text(verdict: Verdict, width: int) -> Iterable[str]:
    """Yield the verdict and what stands against it by kind, the gravest first, in lines of `width` columns."""
    name = f"{shown(verdict.host)}@{verdict.number} of {verdict.taken.astimezone():%Y-%m-%d %H:%M}"
    yield f"{name}: {'discard' if verdict.discard else 'not yet, because:'}"
    for kind, found in groupby(verdict.blockers, key=lambda one: one.kind):
        yield from _kind(kind, list(found), width)
    if verdict.settled:
        yield ""
        yield "Settled:"
        for one, said in verdict.settled[:_MOST]:
            yield from wrapped(f"  {one.kind} {shown(one.subject)}: {shown(_settled(said))}", width, "    ")
        yield from _more(verdict.settled)
    if verdict.warnings:
        yield ""
        for warning in verdict.warnings:
            yield from wrapped(f"note: {shown(warning)}", width, "  ")


def _kind(kind: str, found: Sequence[Blocker], width: int) -> Iterator[str]:
    yield ""
    yield f"{KINDS[kind]}:"
    for advice, several in _by_advice(found[:_MOST]):
        for one in several:
            yield from wrapped(f"  {shown(one.subject)}: {shown(one.reason)}", width, "    ")
        yield from wrapped(f"  -> {shown(advice)}", width, "     ")
    yield from _more(found)


def _by_advice(found: Sequence[Blocker]) -> Iterator[tuple[str, list[Blocker]]]:
    """Yield what is to be done, and for which."""
    groups: dict[str, list[Blocker]] = {}
    for one in found:
        groups.setdefault(one.advice, []).append(one)
    yield from groups.items()


def _more(found: Sequence[object]) -> Iterator[str]:
    if len(found) > _MOST:
        yield f"  and {len(found) - _MOST:,} more: {_ALL}"


def _settled(said: Settled) -> str:
    until = f", until {said.until}" if said.until else ""
    return f"{said.why} ({said.who}{until})"


def markdown(verdict: Verdict, _width: int) -> Iterable[str]:
    """Yield the verdict for a ticket; what a host, or a person, says stands in code spans."""
    yield line(f"# {code(verdict.host)}: {'discard' if verdict.discard else 'not yet'}")
    yield ""
    yield from paragraph(f"By snapshot {verdict.number} of {verdict.taken:%Y-%m-%d %H:%M} UTC.")
    for kind, found in groupby(verdict.blockers, key=lambda one: one.kind):
        yield from ("", f"## {prose(KINDS[kind])}", "")
        points = (f"{code(one.subject)}: {code(one.reason)}. To do: {code(one.advice)}" for one in found)
        yield from bullets(points, _MOST, code(_ALL))
    if verdict.settled:
        yield from ("", "## Settled", "")
        points = (f"{one.kind} {code(one.subject)}: {code(_settled(said))}" for one, said in verdict.settled)
        yield from bullets(points, _MOST, code(_ALL))
    if verdict.warnings:
        yield from ("", "## Notes", "")
        yield from bullets(map(code, verdict.warnings))


def document(verdict: Verdict, _width: int) -> Iterable[str]:
    """Yield one JSON object with everything."""
    told: dict[str, Json] = {
        "host": verdict.host,
        "snapshot": verdict.number,
        "taken": verdict.taken.isoformat(),
        "verdict": "discard" if verdict.discard else "not yet",
        "blockers": [_blocker(one) for one in verdict.blockers],
        "settled": [
            {**_blocker(one), "why": said.why, "who": said.who, "until": said.until.isoformat() if said.until else None}
            for one, said in verdict.settled
        ],
        "warnings": list(verdict.warnings),
    }
    yield json.dumps(told, indent=2)


def _blocker(one: Blocker) -> dict[str, Json]:
    return {
        "kind": one.kind,
        "subject": one.subject,
        "reason": one.reason,
        "advice": one.advice,
        "blind": one.blind,
    }


FORMATS: dict[str, Callable[[Verdict, int], Iterable[str]]] = {"text": text, "json": document, "markdown": markdown}
