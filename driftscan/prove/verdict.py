"""The verdict on a host: whether it may be discarded, and by name what stands against it."""

from collections.abc import Sequence

from driftscan.model.verdict import KINDS, Blocker, Settled, Verdict
from driftscan.prove._case import Case
from driftscan.prove._left import left
from driftscan.prove._others import others
from driftscan.prove._standing import standing
from driftscan.prove.settled import parted, warnings

__all__ = ["Case", "verdict"]


def verdict(case: Case, settled: Sequence[Settled] = ()) -> Verdict:
    """Return what stands against discarding the host, the gravest first, less what people have settled by that day."""
    found = [*standing(case), *left(case), *others(case)]
    ranks = {kind: rank for rank, kind in enumerate(KINDS)}
    once: dict[tuple[str, str, str], Blocker] = {}
    for one in sorted(found, key=lambda one: (ranks[one.kind], one.subject, one.reason)):
        once.setdefault((one.kind, one.subject, one.reason), one)
    today = case.now.date()
    blockers, dealt_with = parted(list(once.values()), settled, today)
    return Verdict(
        host=case.host,
        number=case.number,
        taken=case.view.snapshot.taken,
        blockers=blockers,
        settled=dealt_with,
        warnings=warnings(list(once.values()), settled, today),
    )
