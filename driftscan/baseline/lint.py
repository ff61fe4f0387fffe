"""Looks for what is wrong or odd in a baseline: all that `load` refuses, and what can hardly be meant as it stands."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

from driftscan.baseline.complaint import Complaint, Complaints
from driftscan.baseline.layer import ENDINGS, Layer
from driftscan.baseline.layers import over, read_layers
from driftscan.baseline.model import Expected, Grade, Ignore, Tree, matches
from driftscan.baseline.vocabulary import TREES
from driftscan.inventory.mistakes import quoted
from driftscan.model.drift import Acceptance, Kind

SOON = timedelta(days=7)
_LONG = timedelta(days=2 * 366)
_WIDE = frozenset({
    "*", "**", "/", "/*", "/bin", "/boot", "/etc", "/home", "/lib", "/opt", "/root", "/sbin", "/srv", "/usr", "/var",
})  # fmt: skip


class _Standing(Protocol):
    @property
    def where(self) -> str: ...


def lint(path: Path, on: date | None = None) -> list[Complaint]:
    """Return what is to be said about a baseline and the files it extends, by file and line; `on` is today.

    Errors are what `load` refuses the file for; there may be more of them than it names.
    """
    layers = read_layers(path).found
    complaints = Complaints([one for layer in layers for one in layer.complaints.said])
    _redundant(layers, complaints)
    for layer in layers:
        _files(layer, complaints)
        for acceptance in layer.acceptances:
            _acceptance(acceptance, on or date.today(), complaints)  # noqa: DTZ011 - the day of who asks
    for look in (_patterns, _ignored, _allowed, _trees, _lines, _grades, _empty):
        look(layers, complaints)
    files = [str(one) for layer in reversed(layers) for one in (layer.path, layer.beside)]
    order = {file: place for place, file in enumerate(files)}
    return sorted(dict.fromkeys(complaints.said), key=lambda one: _by_line(one.where, order))


def _by_line(where: str, order: dict[str, int]) -> tuple[int, str, int]:
    path, _, line = where.rpartition(":")
    return order.get(path, len(order)), path, int(line) if line.isdigit() else 0


def _name(where: str) -> str:
    """Return a place as another file of the same directory names it."""
    return where.rpartition("/")[2]


def _files(layer: Layer, complaints: Complaints) -> None:
    both = [one for one in (layer.path.with_suffix(ending) for ending in ENDINGS) if one.is_file()]
    if len(both) > 1:
        complaints.warn(str(both[1]), f"is not read: {both[0].name} stands beside it")
    if layer.role and layer.role.word != layer.path.stem:
        hint = f"rename it to {layer.role.word}{layer.path.suffix}"
        complaints.warn(layer.role.where, f"role {quoted(layer.role.word)} is not looked for in this file", hint)


def _redundant(layers: Sequence[Layer], complaints: Complaints) -> None:
    """Complain about what an extended file says already."""
    expected: dict[tuple[str, str], Expected] = {}
    trees: dict[str, Tree] = {}
    for layer in layers:
        for name, one in layer.expected.items():
            below = expected.get(name)
            expected[name] = merged = over(below, one)
            if below and (merged.attributes, merged.absent) == (below.attributes, below.absent):
                _said(one, quoted(one.key), below, complaints)
        for path, tree in layer.trees.items():
            if path in trees and trees[path].digest == tree.digest:
                _said(tree, quoted(path), trees[path], complaints)
            trees[path] = tree
    _twice((one for layer in layers for one in layer.ignore), lambda one: (one.scope, one.pattern), complaints)
    _twice(
        (one for layer in layers for one in layer.acceptances),
        lambda one: (one.scope, one.pattern, one.kind),
        complaints,
    )


def _twice(
    items: Iterable[Ignore | Acceptance], name: Callable[..., tuple[object, ...]], complaints: Complaints
) -> None:
    seen: dict[tuple[object, ...], Ignore | Acceptance] = {}
    for one in items:
        if below := seen.get(name(one)):
            complaints.warn(one.where, f"{quoted(one.pattern)} stands at {_name(below.where)} already")
        seen[name(one)] = one


def _said(one: _Standing, what: str, below: _Standing, complaints: Complaints) -> None:
    complaints.warn(one.where, f"{what} is declared like that at {_name(below.where)} already", "leave it out")


def _acceptance(one: Acceptance, today: date, complaints: Complaints) -> None:
    what = f"the acceptance of {one.scope} {quoted(one.pattern)}"
    if one.until < today:
        complaints.warn(one.where, f"{what} ended on {one.until}", "take it out, or accept it anew")
    elif one.until - today <= SOON:
        complaints.warn(one.where, f"{what} ends on {one.until}")
    elif one.until - today > _LONG:
        complaints.warn(one.where, f"{what} lasts until {one.until}", "declare what is meant to stay")


def _patterns(layers: Sequence[Layer], complaints: Complaints) -> None:
    found: list[tuple[str, Ignore | Acceptance | Grade]] = []
    for layer in layers:
        found += [("ignore", one) for one in layer.ignore] + [("accept", one) for one in layer.acceptances]
        found += [("severity", one) for one in layer.grades if one.pattern != "*"]
    for what, one in found:
        if one.pattern in _WIDE:
            of = one.scope or "every scope"
            complaints.warn(one.where, f"{what}: {quoted(one.pattern)} covers nearly everything of {of}")
        elif one.pattern.startswith("/") and (one.pattern.endswith("/") or "//" in one.pattern):
            hint = "no path ends with a slash or has two in a row"
            complaints.warn(one.where, f"{what}: {quoted(one.pattern)} fits nothing", hint)
        elif one.pattern.count("[") != one.pattern.count("]"):
            hint = "[[] stands for a bracket itself"
            complaints.warn(one.where, f"{what}: {quoted(one.pattern)} has a bracket without its other one", hint)


def _declared(layers: Sequence[Layer]) -> dict[tuple[str, str], Expected | Tree]:
    found: dict[tuple[str, str], Expected | Tree] = {}
    for layer in layers:
        found.update(layer.expected)
        found.update({(TREES, path): tree for path, tree in layer.trees.items()})
    return found


def _ignored(layers: Sequence[Layer], complaints: Complaints) -> None:
    """Complain about what is declared and then not compared."""
    ignores = [one for layer in layers for one in layer.ignore]
    for (scope, key), one in _declared(layers).items():
        ignore = next((ignore for ignore in ignores if ignore.covers(scope, key)), None)
        if ignore:
            complaints.warn(one.where, f"{quoted(key)} is declared, and ignored at {_name(ignore.where)}")


def _allowed(layers: Sequence[Layer], complaints: Complaints) -> None:
    """Complain about what changes nothing because the other things of its scope are allowed."""
    others = {scope: named for layer in layers for scope, named in layer.others.items()}
    allowed = {scope: named for scope, named in others.items() if named.word == "allowed"}
    declared = _declared(layers)
    for one in (one for layer in layers for one in layer.ignore):
        if one.scope in allowed and not any(one.covers(scope, key) for scope, key in declared):
            at = _name(allowed[one.scope].where)
            complaints.warn(one.where, f"ignores nothing: {one.scope} that are not declared are allowed at {at}")
    for grade in (grade for layer in layers for grade in layer.grades):
        if grade.scope in allowed and grade.kind is Kind.UNEXPECTED:
            at = _name(allowed[grade.scope].where)
            complaints.warn(grade.where, f"grades nothing: unexpected {grade.scope} are allowed at {at}")


def _trees(layers: Sequence[Layer], complaints: Complaints) -> None:
    """Complain about what lies in a tree that says all of it already."""
    trees = {path: tree for layer in layers for path, tree in layer.trees.items()}
    files = {key: one for (scope, key), one in _declared(layers).items() if scope == "files"}
    for path, one in [*trees.items(), *files.items()]:
        above = next((trees[parent] for parent in _above(path) if parent in trees), None)
        if above is None:
            continue
        what = f"{quoted(path)} lies in the tree {quoted(above.path)} of {_name(above.where)}"
        if above.digest and isinstance(one, Tree) and not one.digest:
            complaints.warn(one.where, f"{what}: data would change its digest", "declare the parts beside each other")
        elif above.digest:
            complaints.warn(one.where, f"{what}, whose digest says so already")
        elif isinstance(one, Tree) and not one.digest:
            complaints.warn(one.where, f"{what}, where anything goes already")


def _above(path: str) -> Iterable[str]:
    parts = path.split("/")
    return ("/".join(parts[:length]) or "/" for length in range(len(parts) - 1, 0, -1))


def _lines(layers: Sequence[Layer], complaints: Complaints) -> None:
    files: dict[str, Expected] = {}
    for layer in layers:
        for (scope, key), one in layer.expected.items():
            if scope == "files":
                files[key] = over(files.get(key), one)
    for key, one in files.items():
        if one.attributes.get("digest") and one.attributes.get("lines"):
            complaints.warn(one.where, f"{quoted(key)} has a digest and lines", "the digest says it all")


def _grades(layers: Sequence[Layer], complaints: Complaints) -> None:
    """Complain about a severity that a later one for the same drifts replaces."""
    every = [grade for layer in layers for grade in layer.grades]
    for place, grade in enumerate(every):
        later = next((one for one in every[place + 1 :] if _covers(one, grade)), None)
        if later:
            complaints.warn(grade.where, f"severity never counts: {_name(later.where)} comes later and fits too")


def _covers(later: Grade, grade: Grade) -> bool:
    return (
        later.scope in {"", grade.scope}
        and later.kind in {None, grade.kind}
        and later.attribute in {"", grade.attribute}
        and (later.pattern in {"*", grade.pattern} or matches(later.pattern, grade.pattern))
    )


def _empty(layers: Sequence[Layer], complaints: Complaints) -> None:
    top = layers[-1]
    if complaints.first_error() is None and not any(
        layer.expected or layer.trees or layer.others or layer.ignore or layer.grades for layer in layers
    ):
        complaints.warn(f"{top.path}:1", "declares nothing")
