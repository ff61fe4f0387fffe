"""The past of one thing, and the changes of a host, in words for a person."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone

from driftscan.model.drift import Change, Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.item import Json
from driftscan.model.text import shown
from driftscan.report._drifts import changes, moment
from driftscan.report.as_table import cell, cut
from driftscan.report.findings import wrapped
from driftscan.scopes.base import scopes

_VALUE = 60  # characters of one value
_ATTRIBUTES = 6  # that are told of a thing that came or went
_NAMED = 20  # things that name a path


def text(blame: Mapping[str, Json], width: int) -> Iterable[str]:
    """Yield the states of one thing, newest first, with what each has otherwise than the one before it."""
    states: Sequence[Mapping[str, Json]] = blame["states"]
    yield from wrapped(f"{cell(blame['scope'])} {cell(blame['key'])} on {cell(blame['host'])}", width, "  ")
    for index, state in enumerate(states):
        older = states[index + 1] if index + 1 < len(states) else None
        yield from wrapped(f"{_when(state, index == 0)}: {_what(blame, state, older)}", width, "    ")
    if blame["by"]:
        yield from wrapped(f"by: {shown(str(blame['by']))}", width, "    ")
    for line in blame["diff"]:
        yield f"    {cut(shown(line), max(width - 4, 1))}"
    named: Sequence[Mapping[str, Json]] = blame["named"]
    if named:
        yield "named by:"
    for one in named[:_NAMED]:
        last = "" if one["gone"] is None else f", gone since {_moment(one['gone'])}"
        told = f"  {one['scope']} {cell(one['key'])}: {', '.join(one['as'])}; since {_moment(one['seen'])}{last}"
        yield from wrapped(told, width, "    ")
    if len(named) > _NAMED:
        yield f"  and {len(named) - _NAMED} more"


def _when(state: Mapping[str, Json], newest: bool) -> str:
    """Return from when to when a state was seen, and which snapshots say so."""
    since = f"since {_moment(state['seen'])}" if newest else _moment(state["seen"])
    if newest and not state["last_seen"]:
        numbers = f"snapshot {state['first']}"
    elif newest or not state["last_seen"]:
        numbers = f"snapshots {state['first']}-{state['last']}" if state["last"] not in {None, state["first"]} else ""
        numbers = numbers or f"snapshot {state['first']}"
    elif state["last"] == state["first"]:
        numbers = f"snapshot {state['first']}"
    else:
        since += f" to {_moment(state['last_seen'])}"
        numbers = f"snapshots {state['first']}-{state['last']}"
    before = f"; not so on {_moment(state['before'])}" if state["before"] else "; as far back as is kept"
    return f"{since} ({numbers}{before})"


def _what(blame: Mapping[str, Json], state: Mapping[str, Json], older: Mapping[str, Json] | None) -> str:
    has = state["attributes"]
    if has is None:
        return "not there"
    if older is None or older["attributes"] is None:
        return _values("", _readable(has), None)
    return words(str(blame["scope"]), older["attributes"], has) or "as before"


def words(scope: str, before: Mapping[str, Json] | None, after: Mapping[str, Json] | None) -> str:
    """Return what became of an item: each attribute as `version 1 -> 2`; of one that came or went the telling ones."""
    before, after = before and _readable(before), after and _readable(after)
    if before is None or after is None:
        return _values(scope, after or before or {}, _ATTRIBUTES)
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    told = []
    for name in names:
        old, new = before.get(name), after.get(name)
        if isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
            told.append(f"{name} {_lines(old, new)}")
            continue
        told += changes(Drift(Kind.CHANGED, Severity.INFO, scope, "", (Change(name, old, new),)), _VALUE)
    return "; ".join(told)


def _readable(has: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return attributes with the mtime of a file as a time."""
    try:
        modified = datetime.fromtimestamp(float(has["modified"]), timezone.utc)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return has
    return {**has, "modified": f"{modified.astimezone():%Y-%m-%d %H:%M:%S}"}


def _lines(old: str, new: str) -> str:
    before, after = old.splitlines(), new.splitlines()
    return f"{len(set(after) - set(before))} lines new, {len(set(before) - set(after))} gone"


def _values(scope: str, has: Mapping[str, Json], most: int | None) -> str:
    """Return the attributes that a baseline would declare, or else the first ones."""
    known = scopes().get(scope)
    names = [column.name for column in known.columns if column.golden] if known is not None else []
    told = [name for name in names or has if has.get(name) not in (None, "", [], {}, False)] or list(has)
    return ", ".join(f"{name} {cut(cell(has.get(name)), _VALUE)}" for name in told[:most])


def _moment(when: Json) -> str:
    return moment(datetime.fromisoformat(str(when)))
