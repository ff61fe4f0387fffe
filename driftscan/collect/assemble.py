"""Assembling: from what each scope parsed to the items and the coverage statement of a snapshot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from driftscan.model.item import Item
from driftscan.model.outcome import Coverage, Outcome, ProbeResult, worst
from driftscan.model.ownership import Ownership
from driftscan.model.text import raw, shown, text
from driftscan.scopes.base import Parsed, Scope

_FILES_NAMED = 5  # files that a gap names; the others are counted


@dataclass(frozen=True, slots=True)
class Seen:
    """One scope: what its probes brought and what became of it."""

    scope: Scope
    results: Sequence[ProbeResult]
    parsed: Parsed


def assemble(seen: Sequence[Seen], ownership: Ownership | None) -> tuple[list[Item], dict[str, Coverage]]:
    """Return all items, with the packages that own their paths, and one coverage per scope."""
    items: list[Item] = []
    coverage: dict[str, Coverage] = {}
    for one in seen:
        mine = list(_unique(_owned(one, ownership)))
        items += mine
        coverage[one.scope.name] = _coverage(one, len(mine))
    for one in seen:
        if one.scope.derive and not one.scope.probes:  # seen as far as the files are
            coverage[one.scope.name] = replace(coverage["files"], scope=one.scope.name, items=0, notes=())
    return items, coverage


def both(first: Parsed, second: Parsed) -> Parsed:
    """Return what a scope made of its first look and of its second together."""
    return Parsed(
        items=[*first.items, *second.items],
        unparsed={**first.unparsed, **second.unparsed},
        denied={**first.denied, **second.denied},
        manifests=[*first.manifests, *second.manifests],
        notes=[*first.notes, *second.notes],
    )


def _owned(one: Seen, ownership: Ownership | None) -> Iterator[Item]:
    columns = [(column.name, column.owner_of) for column in one.scope.columns if column.owner_of]
    if not columns:
        yield from one.parsed.items
        return
    for item in one.parsed.items:
        owners = {}
        for name, path_of in columns:
            path = None if item.attributes.get("container") else item.attributes.get(path_of)  # another root's path
            owners[name] = (
                None if ownership is None or not (isinstance(path, str) and path) else ownership.owner(raw(path))
            )
        yield replace(item, attributes={**item.attributes, **owners})


def _unique(items: Iterator[Item]) -> Iterator[Item]:
    """Give items whose key came before a number: a hostile or twofold answer must not hide one behind another."""
    counts: dict[str, int] = {}
    for item in items:
        count = counts[item.key] = counts.get(item.key, 0) + 1
        yield item if count == 1 else replace(item, key=f"{item.key} #{count}")


def _coverage(one: Seen, items: int) -> Coverage:
    outcomes = [result.outcome for result in one.results]
    gaps = [
        f"{result.probe}: {result.outcome.value}, {result.detail}" for result in one.results if not result.outcome.seen
    ]
    for result in one.results:
        for outcome in (Outcome.DENIED, Outcome.FAILED):
            paths = [file.path for file in result.files if file.outcome is outcome]
            if paths:
                outcomes.append(outcome)
                gaps.append(f"{result.probe}: {outcome.value}, {_some(paths)}")
    for told, outcome in ((one.parsed.denied, Outcome.DENIED), (one.parsed.unparsed, Outcome.UNPARSED)):
        for probe, why in told.items():
            outcomes.append(outcome)
            gaps.append(f"{probe}: {outcome.value}, {why}")
    outcome = worst(outcomes) if outcomes else Outcome.OK
    return Coverage(one.scope.name, outcome, items, tuple(gaps), tuple(one.parsed.notes))


def _some(paths: Sequence[bytes]) -> str:
    named = ", ".join(shown(text(path)) for path in paths[:_FILES_NAMED])
    return f"{named} and {len(paths) - _FILES_NAMED} more" if len(paths) > _FILES_NAMED else named
