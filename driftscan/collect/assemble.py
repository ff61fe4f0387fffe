"""Assembling: from what each scope parsed to the items and the coverage statement of a snapshot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from driftscan.model.item import Item
from driftscan.model.outcome import Coverage, Outcome, ProbeResult, worst
from driftscan.model.ownership import Ownership
from driftscan.model.text import raw, shown, text
from driftscan.scopes.base import Parsed, Scope

_Gap = tuple[str, Outcome, str]  # probe, what became of it, why
_FILES_NAMED = 200  # files that a gap names; the others are counted


@dataclass(frozen=True, slots=True)
class Seen:
    """One scope: what its probes brought and what became of it."""

    scope: Scope
    results: Sequence[ProbeResult]
    parsed: Parsed


def assemble(
    seen: Sequence[Seen], ownership: Ownership | None, refused: str = ""
) -> tuple[list[Item], dict[str, Coverage]]:
    """Return all items, with the packages that own their paths, and one coverage per scope.

    `refused` is why the host did not make us root, where it was asked to: the cause of what was denied.
    """
    items: list[Item] = []
    coverage: dict[str, Coverage] = {}
    for one in seen:
        mine = list(_unique(_owned(one, ownership)))
        items += mine
        coverage[one.scope.name] = _coverage(one, len(mine))
    tree = _tree_outcome(seen)
    for one in seen:
        name = one.scope.name
        if one.scope.derive and not one.scope.probes:  # seen as far as the files are
            coverage[name] = replace(coverage["files"], scope=name, items=0, notes=())
        elif one.scope.follow and not tree.seen:
            known = coverage[name]
            coverage[name] = replace(
                known,
                outcome=worst([known.outcome, tree]),
                gaps=(*known.gaps, f"files: {tree.value}, not all directories were seen in which there may be more"),
            )
    if refused:
        cause = f"sudo: {Outcome.DENIED.value}, {refused}"
        coverage = {
            name: one if one.outcome.seen else replace(one, gaps=(cause, *one.gaps)) for name, one in coverage.items()
        }
    return items, coverage


def _tree_outcome(seen: Sequence[Seen]) -> Outcome:
    """Return what became of the list of all files, which is what is found among them rests on."""
    walks = [
        result.outcome
        for one in seen
        if one.scope.name == "files"
        for result in one.results
        if result.probe in {"mounts", "records"} or result.probe.startswith("walk ")
    ]
    return worst(walks) if walks else Outcome.OK


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
    told = ((one.parsed.denied, Outcome.DENIED), (one.parsed.unparsed, Outcome.UNPARSED))
    said = [(probe, outcome, why) for by_probe, outcome in told for probe, why in by_probe.items()]
    found = [*_unseen(one.results, said), *said]
    outcomes = [*(result.outcome for result in one.results), *(outcome for _, outcome, _ in found)]
    outcome = worst(outcomes) if outcomes else Outcome.OK
    gaps = [f"{probe}: {outcome.value}, {why}" for probe, outcome, why in found]
    return Coverage(one.scope.name, outcome, items, tuple(gaps), tuple(one.parsed.notes))


def _unseen(results: Sequence[ProbeResult], said: Sequence[_Gap]) -> Iterator[_Gap]:
    """Yield what probes and the files that they were to show lack, but for files that the scope itself has named."""
    for result in results:
        files = {
            outcome: [file.path for file in result.files if file.outcome is outcome]
            for outcome in (Outcome.DENIED, Outcome.FAILED)
        }
        if not result.outcome.seen and (result.detail or not files.get(result.outcome)):
            yield result.probe, result.outcome, result.detail
        for outcome, paths in files.items():
            if paths and not any(probe == result.probe and _names_all(why, paths) for probe, _, why in said):
                yield result.probe, outcome, _some(paths)


def _names_all(why: str, paths: Sequence[bytes]) -> bool:
    named = set(why.replace(",", " ").split())
    return all(shown(text(path)) in named for path in paths)


def _some(paths: Sequence[bytes]) -> str:
    named = ", ".join(shown(text(path)) for path in paths[:_FILES_NAMED])
    return f"{named} and {len(paths) - _FILES_NAMED} more" if len(paths) > _FILES_NAMED else named
