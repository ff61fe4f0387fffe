"""Puts the layers of a baseline together: what a file extends comes first, what comes later wins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from hashlib import blake2b
from json import dumps
from pathlib import Path
from typing import TypeVar

from driftscan.baseline.complaint import Complaint, refuse
from driftscan.baseline.layer import ENDINGS, Layer, Named, is_acceptances, read_layer
from driftscan.baseline.model import Baseline, Expected
from driftscan.inventory.mistakes import quoted

_MOST = 100  # layers of one baseline
_T = TypeVar("_T")


def find(directory: Path, role: str) -> Path | None:
    """Return the file of a role in a directory of baselines, None where there is none."""
    return next((one for one in (directory / f"{role}{ending}" for ending in ENDINGS) if one.is_file()), None)


@dataclass(slots=True)
class Layers:
    """The files of a baseline, the lowest first, each once."""

    found: list[Layer] = field(default_factory=list)

    @property
    def complaints(self) -> list[Complaint]:
        """What reading them brought up, that of the uppermost file first."""
        return [complaint for layer in reversed(self.found) for complaint in layer.complaints.said]


def read_layers(path: Path) -> Layers:
    """Return a file and all that it extends; a loop or a file that is not there is a complaint of its layer."""
    layers = Layers()
    _add(path, layers, {}, set())
    return layers


def _add(path: Path, layers: Layers, above: Mapping[str, None], done: set[str]) -> None:
    """Add the layers below a file and then itself; `above` are the files whose extending led here."""
    layer = read_layer(path)
    done.add(path.stem)
    above = {**above, path.stem: None}
    for named in layer.extends:
        with layer.complaints.caught():
            if named.word in above:
                chain = list(above)[list(above).index(named.word) :]
                refuse(named.where, f"extends itself: {' > '.join([*chain, named.word])}")
            if named.word not in done:
                if len(done) >= _MOST:
                    refuse(named.where, f"extends more than {_MOST} files")
                _add(_beside(path, named), layers, above, done)
    layers.found.append(layer)


def _beside(path: Path, named: Named) -> Path:
    found = find(path.parent, named.word)
    if found is None:
        there = {one.stem for one in path.parent.glob("*.y*ml") if one.suffix in ENDINGS and not is_acceptances(one)}
        near = get_close_matches(named.word, sorted(there - {path.stem}), n=1)
        hint = f"did you mean {quoted(near[0])}?" if near else f"expected {named.word}.yaml beside this file"
        refuse(named.where, f"extends {quoted(named.word)}, which is not there", hint)
    return found


def over(below: Expected | None, above: Expected) -> Expected:
    """Return what holds of two expectations of one thing: the later one's, attribute by attribute.

    One that says absent, or nothing but that it is there, replaces the earlier one whole.
    """
    if below is None or above.absent or below.absent or not above.attributes:
        return above
    return replace(above, attributes={**below.attributes, **above.attributes})


def merged(layers: Sequence[Layer]) -> Baseline:
    """Return the baseline that layers make, the lowest first; `where` is without the directory, which they share."""
    expected: dict[tuple[str, str], Expected] = {}
    for layer in layers:
        for name, one in layer.expected.items():
            expected[name] = over(expected.get(name), one)
    top = layers[-1]
    directory = str(top.path.parent / "x")[:-1]
    baseline = Baseline(
        role=top.role.word if top.role else top.path.stem,
        sources=tuple(_sources(layers)),
        expected={name: _short(one, directory) for name, one in expected.items()},
        trees={path: _short(tree, directory) for layer in layers for path, tree in layer.trees.items()},
        others={scope: policy for layer in layers for scope, policy in layer.policies().items()},
        ignore=_each(directory, [(one.scope, one.pattern, one) for layer in layers for one in layer.ignore]),
        grades=tuple(_short(one, directory) for layer in layers for one in layer.grades),
        acceptances=_each(
            directory, [(one.scope, (one.pattern, one.kind), one) for layer in layers for one in layer.acceptances]
        ),
    )
    return replace(baseline, digest=_digest(baseline))


def _sources(layers: Sequence[Layer]) -> Iterator[str]:
    for layer in reversed(layers):
        yield str(layer.path)
        if layer.beside is not None:
            yield str(layer.beside)


def _each(directory: str, said: list[tuple[str, object, _T]]) -> tuple[_T, ...]:
    """Return what lists say, of the same thing the last one alone."""
    last = {(scope, what): one for scope, what, one in said}
    return tuple(_short(one, directory) for one in last.values())


def _short(one: _T, directory: str) -> _T:
    """Return something that has a `where` with the file's name alone in it."""
    where: str = one.where  # type: ignore[attr-defined]
    return replace(one, where=where.removeprefix(directory))  # type: ignore[type-var]


def _digest(baseline: Baseline) -> str:
    """Return the name of what is in effect: neither comments nor lines nor the order of things count."""
    told = [
        baseline.role,
        sorted([*name, dict(one.attributes), one.absent] for name, one in baseline.expected.items()),
        sorted([path, tree.digest] for path, tree in baseline.trees.items()),
        sorted(baseline.others.items()),
        sorted([one.scope, one.pattern, one.reason] for one in baseline.ignore),
        [[one.severity.value, one.scope, one.pattern, str(one.kind), one.attribute] for one in baseline.grades],
        sorted(
            [one.scope, one.pattern, one.why, one.who, one.until.isoformat(), str(one.kind)]
            for one in baseline.acceptances
        ),
    ]
    return blake2b(dumps(told, sort_keys=True).encode(), digest_size=16).hexdigest()
