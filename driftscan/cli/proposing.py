"""What the commands around a baseline know of a host: its subjects, its past, the layers that its baseline rests on."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from driftscan.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from driftscan.baseline.model import Baseline
    from driftscan.drift.observed import Observed
    from driftscan.drift.propose import Declared, Key, Lowest, Proposal, Shown
    from driftscan.explain.view import View
    from driftscan.inventory.target import Target
    from driftscan.model.drift import Check, Drift
    from driftscan.model.item import Json
    from driftscan.store import Store, StoredSnapshot

_PAST = 2  # snapshots before the one that is meant, by which it is told what changes by itself


@dataclass(frozen=True, slots=True)
class Seen:
    """One host as a stored snapshot shows it."""

    view: "View"
    stored: "StoredSnapshot"
    observed: "Observed"


def see(store: "Store", target: "Target", known: "Baseline | None" = None) -> Seen:
    """Return what the snapshot that `target` means shows of its host, to be compared with the baseline `known`."""
    from driftscan.cli.judging import view
    from driftscan.drift.observed import observe
    from driftscan.model.revision import Revision

    stored = store.snapshot_at(target.host.name, target.revision or Revision("latest"))
    seen = view(store, store.load(stored))
    return Seen(seen, stored, observe(seen, known))


def show(store: "Store", seen: Seen, known: "Baseline | None" = None) -> "Shown":
    """Return what a baseline is proposed from: the host, its last snapshots before this one, its own names."""
    from driftscan.cli.judging import view
    from driftscan.drift.check import blind
    from driftscan.drift.identity import identity
    from driftscan.drift.observed import compared, observe
    from driftscan.drift.propose import Shown

    snapshot, own = seen.view.snapshot, identity(seen.view.snapshot)
    before = [stored for stored in store.snapshots(snapshot.host) if stored.id < seen.stored.id][:_PAST]
    names = sorted({"files", *(scope.name for scope in compared())})
    gaps = {name: _brief(why) for name in names if (why := blind(snapshot, name))}
    if "packages" in gaps:
        gaps.setdefault("files", "the packages were not seen whole, and without them nothing tells whose a path is")
    return Shown(
        host=snapshot.host,
        number=seen.stored.id,
        subjects=seen.observed.subjects,
        past=[(stored.id, observe(view(store, store.load(stored)), known).subjects) for stored in before],
        blind=gaps,
        neutral=own.neutral,
        own=own.is_own,
    )


def _brief(why: str) -> str:
    first, more, _ = why.partition("; ")
    return f"{first} …" if more else first


def layers(directory: "Path", names: "Sequence[str]") -> "Baseline":
    """Return the baselines called `names` put together, the later before the earlier; UsageError for a missing one."""
    from driftscan.baseline.load import find, load
    from driftscan.baseline.model import Baseline

    whole = Baseline("")
    for name in names:
        path = find(directory, name)
        if path is None:
            raise UsageError(f"there is no baseline {name} in {directory}")
        layer = load(path)
        whole = replace(
            whole,
            expected={**whole.expected, **layer.expected},
            trees={**whole.trees, **layer.trees},
            others={**whole.others, **layer.others},
            ignore=(*whole.ignore, *layer.ignore),
        )
    return whole


def below(path: "Path") -> "Baseline":
    """Return what the baseline in a file extends, put together."""
    from driftscan.baseline.layers import merged, read_layers
    from driftscan.baseline.model import Baseline

    found = read_layers(path).found[:-1]
    return merged(found) if found else Baseline("")


def lowest(hosts: "Sequence[Seen]") -> "Lowest":
    """Return the function that finds the lowest version of an item on any of `hosts`."""
    from driftscan.baseline.conditions import fits

    def find(key: "Key", versions: "Sequence[Json]") -> "Json":
        subject = next(host.observed.subjects[key] for host in hosts if key in host.observed.subjects)
        item = subject.item.attributes if subject.item is not None else {}
        least = (
            one for one in versions if all(fits(key[0], "version", f">= {one}", other, item) for other in versions)
        )
        return next(least, None) if all(versions) else None

    return find


def on_top(proposal: "Proposal", known: "Baseline", hosts: "Sequence[Seen]", today: "date") -> "Proposal":
    """Return what is left of `proposal` where it extends `known`: what that says otherwise, or not at all.

    What it declares and no host has is declared absent; what some hosts have not is a remark.
    """
    from driftscan.drift.check import check
    from driftscan.drift.propose import Declared, without
    from driftscan.model.drift import Kind

    trees = {path: tree.digest for path, tree in known.trees.items()}
    left = without(proposal, lambda one: _known(known, one, hosts[0]), trees)
    left = replace(left, declared=tuple(_whole(known, one, hosts) for one in left.declared))
    missing: dict[Key, list[str]] = {}
    for host in hosts:
        for drift in check(host.view, known, today).drifts:
            if drift.kind is Kind.MISSING and (drift.scope, drift.key) in known.expected:
                missing.setdefault((drift.scope, drift.key), []).append(host.view.snapshot.host)
    taken = {(one.scope, one.key) for one in left.declared}
    absent = [
        Declared(*key, {}, absent=True)
        for key, names in missing.items()
        if len(names) == len(hosts) and key not in taken
    ]
    return replace(left, declared=tuple(sorted([*left.declared, *absent], key=lambda one: (one.scope, one.key))))


def _whole(known: "Baseline", one: "Declared", hosts: "Sequence[Seen]") -> "Declared":
    """Return a line that also says otherwise what `known` says of the thing and no host has so."""
    from driftscan.baseline.conditions import fits

    expected = known.expected.get((one.scope, one.key))
    if expected is None or expected.absent or one.absent or not one.attributes:
        return one
    more: dict[str, Json] = {}
    for name in expected.attributes.keys() - one.attributes.keys() - {"lines"}:
        found = [_item(host, one).get(name) for host in hosts]
        if all(value == found[0] for value in found) and not fits(
            one.scope, name, expected.attributes[name], found[0], _item(hosts[0], one)
        ):
            more[name] = found[0]
    return one._replace(attributes={**one.attributes, **more})


def _item(host: Seen, one: "Declared") -> "Mapping[str, Json]":
    """Return all attributes that a host has of what is to be declared."""
    subject = host.observed.subjects.get((one.scope, one.key))
    if subject is None:
        return one.attributes
    return subject.item.attributes if subject.item is not None else subject.attributes


def _known(known: "Baseline", one: "Declared", host: Seen) -> bool:
    """Whether a baseline declares, or ignores, what would be declared."""
    from driftscan.baseline.conditions import fits
    from driftscan.drift.lines import lacking

    if any(ignore.covers(one.scope, one.key) for ignore in known.ignore):
        return True
    expected = known.expected.get((one.scope, one.key))
    if expected is None or expected.absent != one.absent:
        return False
    item = _item(host, one)
    return one.attributes.keys() <= expected.attributes.keys() and all(
        lacking(host.view, one.key, value) == []
        if name == "lines"
        else fits(one.scope, name, value, item.get(name), item)
        for name, value in expected.attributes.items()
    )


def checked(store: "Store", seen: Seen, baseline: "Baseline", today: "date") -> "tuple[Check, list[Drift]]":
    """Return how a host differs from its baseline, and every single drift before those of one cause are folded."""
    from driftscan.drift.check import check

    before = [stored for stored in store.snapshots(seen.stored.host) if stored.id < seen.stored.id]
    single: list[Drift] = []

    def keep(drifts: "list[Drift]") -> "list[Drift]":
        single.extend(drifts)
        return drifts

    earlier = [store.load(stored) for stored in dict.fromkeys((*before[-1:], *before[:1]))]
    return check(seen.view, baseline, today, earlier, keep), single
