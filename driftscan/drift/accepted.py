"""Acceptances: which drifts a person has accepted, until when, and what is to be said of those that end."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from driftscan.baseline.model import matches
from driftscan.model.drift import Acceptance, Drift, Kind

_SOON = timedelta(days=7)


def parted(drifts: Sequence[Drift], acceptances: tuple[Acceptance, ...], on: date) -> tuple[list[Drift], list[Drift]]:
    """Part drifts into those that are open and those that somebody has accepted, as far as that has not ended."""
    open_, accepted = [], []
    for drift in drifts:
        holds = next((one for one in acceptances if one.until >= on and _covers(one, drift)), None)
        if holds is None:
            ended = next((one for one in acceptances if _covers(one, drift)), None)
            open_.append(replace(drift, acceptance=ended) if ended is not None else drift)
        else:
            accepted.append(replace(drift, acceptance=holds))
    return open_, accepted


def warnings(acceptances: tuple[Acceptance, ...], accepted: Sequence[Drift], on: date) -> Iterator[str]:
    """Yield a line for each acceptance that has ended, and for each that is used and ends within a week."""
    used = {id(drift.acceptance) for drift in accepted}
    for one in acceptances:
        name = f"{one.where}: the acceptance of {one.scope} {one.pattern} by {one.who}"
        if one.until < on:
            yield f"{name} ended on {one.until}"
        elif one.until - on <= _SOON and id(one) in used:
            yield f"{name} ends on {one.until}"


def _covers(acceptance: Acceptance, drift: Drift) -> bool:
    """Whether a drift was accepted, itself or by what is told with it."""
    if drift.kind is Kind.UNKNOWN or acceptance.kind not in {None, drift.kind}:
        return False
    includes = drift.evidence.get("includes")
    names = [f"{drift.scope} {drift.key}", *(includes if isinstance(includes, list) else [])]
    return any(_is(acceptance, *name.split(" ", 1)) for name in names)


def _is(acceptance: Acceptance, scope: str, key: str) -> bool:
    same = acceptance.scope == scope or (acceptance.scope == "files" and scope == "trees")
    return same and matches(acceptance.pattern, key)
