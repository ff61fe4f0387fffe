"""Whether the result of an earlier comparison still stands, so that a quiet night costs little."""

from driftscan.baseline.model import Baseline
from driftscan.drift.compare import compare
from driftscan.drift.treediff import changes
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import text


def stands(before: Snapshot, after: Snapshot, baseline: Baseline) -> bool:
    """Return whether `after` compares with `baseline` as `before` did.

    So it does where both saw the same scopes with the same outcomes, nothing differs but what changes by itself, and
    the baseline says nothing of what did.
    """
    if {name: (one.outcome, one.gaps) for name, one in before.coverage.items()} != {
        name: (one.outcome, one.gaps) for name, one in after.coverage.items()
    }:
        return False
    if any(drift.scope for drift in compare(before, after) if drift.key):
        return False
    declared = {key for scope, key in baseline.expected if scope == "files"}
    tops = (*(f"{path}/" for path in baseline.trees),)
    for old, new in changes(before, after):
        there = new or old
        path = text(there.path) if there is not None else ""
        if path in declared or f"{path}/".startswith(tops):
            return False
    return True
