"""Symbolic links that lead nowhere."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.text import text
from driftscan.scopes.symlinks import states

if TYPE_CHECKING:
    from driftscan.model.item import Json

DANGLING = Rule(
    "link-dangling",
    Severity.LOW,
    "symlinks",
    "leads to nothing",
    "restore what it leads to, or remove it",
    needs=("files",),
)
LOOP = Rule(
    "link-loop",
    Severity.LOW,
    "symlinks",
    "leads back to itself",
    "remove it: whoever follows it gets an error",
    needs=("files",),
)


def find(view: View) -> Iterator[Finding]:
    """Judge every link by where it leads in the end; those that a package ships are the package's own affair."""
    rules = {"dangling": DANGLING, "loop": LOOP}
    ownership = view.snapshot.ownership
    for link, final, state in states(view.snapshot):
        rule = rules.get(state)
        if rule is not None and not (ownership is not None and ownership.owner(link)):
            target = view.snapshot.links[link]
            evidence: dict[str, Json] = {"target": text(target)}
            if final is not None and final != target:
                evidence["final"] = text(final)
            yield rule.finding(text(link), evidence)


FAMILY = Family((DANGLING, LOOP), find)
