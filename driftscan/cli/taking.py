"""Taking drift into a baseline: from what a person named to the changed file."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from driftscan.baseline.edit import Document
    from driftscan.cli.options import Shared
    from driftscan.drift.propose import Versions
    from driftscan.drift.take import Wanted
    from driftscan.inventory.target import Target
    from driftscan.model.drift import Check


def taken(
    shared: "Shared", path: "Path", target: "Target", wanted: "Wanted", versions: "Versions", today: "date"
) -> "tuple[Document, str, Check]":
    """Return the baseline in `path` with the wanted drift of a host taken in, its text before, and the comparison."""
    from driftscan.baseline.edit import Document
    from driftscan.baseline.load import load
    from driftscan.cli.proposing import below, checked, see
    from driftscan.drift.take import apply, chosen, steps

    baseline, lower, document = load(path), below(path), Document.read(path)
    before = document.text()
    with shared.store() as store:
        seen = see(store, target, baseline)
        check, single = checked(store, seen, baseline, today)
        apply(steps(chosen(check, single, wanted), baseline, lower, seen.observed.subjects, versions), document)
    return document, before, check


def difference(before: str, after: str, path: "Path") -> "Iterator[str]":
    """Yield the unified diff of the file, escaped for a terminal."""
    from difflib import unified_diff

    from driftscan.model.text import shown

    for line in unified_diff(before.splitlines(), after.splitlines(), str(path), str(path), lineterm=""):
        yield shown(line)
