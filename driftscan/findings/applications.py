"""Applications that nothing runs."""

from collections.abc import Iterator
from itertools import islice

from driftscan.explain.applications import run_by
from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item
from driftscan.model.text import raw

_NEEDS = ("applications", "processes", "services", "schedules", "contents")
IDLE = Rule(
    "application-idle",
    Severity.LOW,
    "applications",
    "is an application that nothing runs or refers to",
    "ask who needs it; then archive and remove it, or write down how it is started",
    needs=_NEEDS,
    doc=(
        "What nothing runs is either dead weight with old dependencies and secrets in it, or something that a person "
        "starts by hand when it is needed, which only that person knows.\n\n"
        "Judged by processes (directory, executable, words of the command line), units, init scripts, crontabs, and "
        "configuration that names its path or a link into it. Said only where all of these were seen whole. "
        "Applications of containers, in home directories, and mere checkouts without a mark of a language are not "
        "judged.\n\nIt is wrong of what is started over the network or from another host."
    ),
)
_SILENT = frozenset({"docker"})  # run from images, not from where they lie
_MANY = 200


def find(view: View) -> Iterator[Finding]:
    """Name every application without a user, where it is certain that there is none."""
    if not all(view.whole(scope) for scope in _NEEDS):
        return
    for item in islice(view.of("applications"), _MANY):
        path = raw(item.key)
        if _judged(item) and not run_by(view, path) and not _named(view, path):
            has = item.attributes
            yield IDLE.finding(item.key, {"kinds": has["kinds"], "version": has["version"], "marks": has["markers"]})


def _judged(item: Item) -> bool:
    kinds = set(item.attributes.get("kinds") or ())
    return bool(kinds) and not kinds & _SILENT and not item.key.startswith(("/home/", "/root/"))


def _named(view: View, path: bytes) -> bool:
    """Whether configuration names `path`, or a link that leads into it; a link alone runs nothing."""
    for who in view.references.to(path):
        if raw(who) not in view.snapshot.links:
            return True
        if any(raw(by) not in view.snapshot.links for by in view.references.to(raw(who))):
            return True
    return False


FAMILY = Family((IDLE,), find)
