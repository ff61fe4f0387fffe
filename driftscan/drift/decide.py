"""Which line of a baseline, or which missing one, decides on a thing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from driftscan.baseline.model import Baseline, matches
from driftscan.drift.propose import Declared
from driftscan.model.drift import Drift
from driftscan.model.item import Json

if TYPE_CHECKING:
    from driftscan.drift.subject import Subject

_PATHS = frozenset({"files", "trees"})
_SPELLED = {"explained": "left to explanation", "unexpected": "taken for drift", "allowed": "let be"}


@dataclass(frozen=True, slots=True)
class Ruling:
    """One line that has a say: `what` it does to the thing, in a word, `where` it is, `words` on what it says.

    Where no line has a say, `where` is "".
    """

    what: str
    where: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What decides on one thing, the first of `rulings` before the others.

    `attributes` are those that a line gives it, None where none does. `subject` and `drifts` are what a host has of
    it, if one was asked. `missing` is the line that would declare it as it is on that host.
    """

    scope: str
    key: str
    rulings: Sequence[Ruling]
    attributes: Mapping[str, Json] | None = None
    subject: "Subject | None" = None
    drifts: Sequence[Drift] = field(default_factory=tuple)
    missing: Declared | None = None


def decide(
    baseline: Baseline,
    scope: str,
    key: str,
    on: date,
    subjects: "Mapping[tuple[str, str], Subject] | None" = None,
    drifts: Sequence[Drift] = (),
) -> Decision:
    """Return what decides on an item, or on a path (scope `files`); with what a host has, if `subjects` are given.

    The order is the comparison's: what is ignored is not compared, a line of its own goes before the directory that
    is declared as a whole, and what no line names is left to explanation, unless the baseline says otherwise.
    """
    own = list(_own(baseline, scope, key))
    rulings = [*_ignored(baseline, scope, key), *own, *_above(baseline, scope, key)]
    subject = _subject(subjects or {}, scope, key)
    missing = None
    if not rulings:
        rulings = [_undeclared(baseline, scope)]
    if not own and subject is not None and not any(one.what in {"ignored", "data", "tree"} for one in rulings):
        missing = Declared(subject.scope, subject.key, subject.attributes, subject.absent)
    expected = baseline.expected.get((scope, key))
    return Decision(
        scope,
        key,
        (*rulings, *_accepted(baseline, scope, key, on)),
        None if expected is None or expected.absent else expected.attributes,
        subject,
        [one for one in drifts if one.key in {key, subject.key if subject else key} and _alike(one.scope, scope)],
        missing,
    )


def scopes_of(baseline: Baseline, path: str, subjects: "Mapping[tuple[str, str], Subject]") -> list[str]:
    """Return the scopes that know a thing by the key `path`, `files` first."""
    others = {scope for scope, key in [*baseline.expected, *subjects] if key == path and scope not in _PATHS}
    return ["files", *sorted(others)]


def _alike(one: str, other: str) -> bool:
    return one == other or {one, other} == _PATHS


def _subject(subjects: "Mapping[tuple[str, str], Subject]", scope: str, key: str) -> "Subject | None":
    """Return what is compared there: of a path that may be the directory that it lies in, as a whole."""
    if scope not in _PATHS:
        return subjects.get((scope, key))
    if ("files", key) in subjects:
        return subjects["files", key]
    step = key
    while step:
        if ("trees", step) in subjects:
            return subjects["trees", step]
        step = step.rpartition("/")[0]
    return None


def _ignored(baseline: Baseline, scope: str, key: str) -> Iterator[Ruling]:
    for ignore in baseline.ignore:
        if ignore.covers(scope, key):
            yield Ruling("ignored", ignore.where, f"{ignore.pattern}: {ignore.reason}")


def _own(baseline: Baseline, scope: str, key: str) -> Iterator[Ruling]:
    expected = baseline.expected.get((scope, key))
    if expected is not None:
        yield Ruling("absent" if expected.absent else "declared", expected.where)


def _above(baseline: Baseline, scope: str, key: str) -> Iterator[Ruling]:
    """Yield the directory declared as a whole that a path is or lies in, the outermost: it is looked at as one."""
    if scope not in _PATHS:
        return
    for path in sorted(baseline.trees, key=len):
        if f"{key}/".startswith(f"{path}/"):
            tree = baseline.trees[path]
            yield Ruling("tree" if tree.digest else "data", tree.where, path)
            return


def _undeclared(baseline: Baseline, scope: str) -> Ruling:
    policy = baseline.others.get("files" if scope == "trees" else scope, "explained")
    return Ruling("nothing", "", f"what {scope} does not declare is {_SPELLED[policy]}")


def _accepted(baseline: Baseline, scope: str, key: str, on: date) -> Iterator[Ruling]:
    for one in baseline.acceptances:
        if _alike(one.scope, scope) and matches(one.pattern, key):
            when = f"until {one.until}" if one.until >= on else f"ended on {one.until}"
            kind = f"{one.kind.value}, " if one.kind is not None else ""
            yield Ruling(
                "accepted" if one.until >= on else "accepted once", one.where, f"{kind}{when}, by {one.who}: {one.why}"
            )
