"""Comparing a stored snapshot with its role's baseline, or with the one before where there is none."""

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from driftscan.baseline.model import Baseline
    from driftscan.model.drift import Check
    from driftscan.model.snapshot import Snapshot
    from driftscan.store import Store, StoredSnapshot


def compared(store: "Store", snapshot: "Snapshot", number: int, role: str, baselines: "Path", today: "date") -> "Check":
    """Return how the host of `snapshot`, stored as `number`, differs from the baseline of `role` in `baselines`.

    Where the role has no baseline it is compared with the newest complete snapshot before; of a first one only what
    was not seen is told. Raises UsageError for a baseline that cannot be read.
    """
    from driftscan.baseline.load import load
    from driftscan.cli import baselines as files

    path = files.find(baselines, role)
    before = [stored for stored in store.snapshots(snapshot.host) if stored.id < number]
    if path is None:
        found = _with_last(store, snapshot, before)
    else:
        found = _with_baseline(store, snapshot, number, before, load(path), today)
    return replace(found, number=number, role=role, taken=snapshot.taken, seconds=snapshot.seconds)


def _with_baseline(
    store: "Store",
    snapshot: "Snapshot",
    number: int,
    before: "list[StoredSnapshot]",
    baseline: "Baseline",
    today: "date",
) -> "Check":
    """Compare with a baseline, or take the result of the last time where nothing has changed since; keep it."""
    import json

    from driftscan import __version__
    from driftscan.cli.judging import view
    from driftscan.drift.check import check, renewed
    from driftscan.drift.since import traced
    from driftscan.drift.standing import stands
    from driftscan.model.drift_json import from_json, to_json

    key = f"{__version__} {baseline.digest}"
    last = store.last_check(snapshot.host)
    compared = last and next((stored for stored in before if stored.id == last.number), None)
    if last and compared and last.digest == key and stands(store.load(compared), snapshot, baseline):
        found = renewed(from_json(json.loads(last.document)), baseline, today)
    else:
        seen = view(store, snapshot)
        # The oldest has what nobody has changed since, the newest most of what is there.
        earlier = [store.load(stored) for stored in dict.fromkeys((*before[-1:], *before[:1]))]
        found = check(seen, baseline, today, earlier, lambda drifts: traced(drifts, seen, store))
    store.keep_check(snapshot.host, number, key, json.dumps(to_json(found)))
    return found


def _with_last(store: "Store", snapshot: "Snapshot", before: "list[StoredSnapshot]") -> "Check":
    """Compare with the newest complete snapshot before."""
    from driftscan.cli.judging import view
    from driftscan.drift.check import check_against, unseen
    from driftscan.drift.since import traced
    from driftscan.model.drift import Check

    last = next((stored for stored in before if stored.complete), None)
    if last is None:
        return Check(snapshot.host, drifts=unseen(snapshot))
    seen = view(store, snapshot)
    return check_against(store.load(last), last.id, seen, lambda drifts: traced(drifts, seen, store))
