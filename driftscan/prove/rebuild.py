"""A rebuild from its beginning to its proof: apply, apply again, start anew, scan, compare."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from driftscan.errors import DriftscanError
from driftscan.explain.view import View
from driftscan.model.proof import Proof
from driftscan.model.snapshot import Snapshot
from driftscan.prove.apply import Run, Watch
from driftscan.prove.compare import Comparison, compare
from driftscan.prove.ground import Ground, Work
from driftscan.prove.values import written
from driftscan.role.model import Role
from driftscan.role.steering import Steering

_LOOKS = 3  # at a host on which not all is up yet
Look = Callable[[Snapshot], View]


@dataclass(frozen=True, slots=True)
class Original:
    """What is to be rebuilt: the old host, the number of its snapshot, and the role that was made of it."""

    view: View
    number: int
    role: Role
    steering: Steering = field(default_factory=Steering)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of it: the proof, the scan of the new host where there was one, and what the second run changed."""

    proof: Proof
    snapshot: Snapshot | None = None
    again: tuple[str, ...] = ()


def rebuild(
    original: Original, ground: Ground, before: View, work: Work, look: Look, watch: Watch, *, restart: bool
) -> Rebuilt:
    """Apply the role twice, start the host anew where that is wanted and can be, scan it and compare.

    `before` is the blank host as it was, `look` makes a view of a snapshot. What the tool or the host refuses ends the
    proof early, as its `error`.
    """
    snapshot, role = original.view.snapshot, original.role
    proof = Proof(
        host=snapshot.host,
        number=original.number,
        taken=snapshot.taken,
        role=role.digest,
        tool=work.tool,
        blank=ground.name,
        proven=datetime.now(timezone.utc),
        supplied=tuple(sorted(work.values.supplied)),
        made_up=tuple(sorted(work.values.made_up)),
        data=tuple(one.path for one in role.data),
    )
    runs: list[Run] = []
    try:
        _apply(ground, work, runs, watch)
        rebooted = restart and ground.reboot(watch)
        if not rebooted:
            ground.settle()
        new, found = _compared(original, ground, before, work, look, watch)
    except DriftscanError as error:
        return Rebuilt(replace(_counted(proof, runs), error=error.message))
    proof = replace(
        _counted(proof, runs),
        proven=datetime.now(timezone.utc),
        rebooted=rebooted,
        fidelity=found.fidelity,
        services=found.services,
        listeners=found.listeners,
        remainder=found.remainder,
        seen=snapshot.complete and new.complete,
    )
    return Rebuilt(proof, new, runs[-1].what)


def _apply(ground: Ground, work: Work, runs: list[Run], watch: Watch) -> None:
    applier = ground.applier(work)
    try:
        runs.append(applier.apply(lambda what: watch(f"applying: {what}")))
        runs.append(applier.apply(lambda what: watch(f"applying again: {what}")))
    finally:
        applier.close()


def _counted(proof: Proof, runs: list[Run]) -> Proof:
    counts = [run.changed for run in runs]
    return replace(proof, changed=next(iter(counts), None), again=counts[1] if len(counts) > 1 else None)


def _compared(
    original: Original, ground: Ground, before: View, work: Work, look: Look, watch: Watch
) -> tuple[Snapshot, Comparison]:
    """Scan and compare; once more where not all is up yet, for some services take their time."""
    made_up = work.values.made_up
    for left in reversed(range(_LOOKS)):
        new = ground.scan(watch)
        found = compare(
            original.view,
            look(new),
            original.role,
            blank=before,
            made_up=made_up,
            written=written(original.role, work.values.all, made_up),
            steering=original.steering,
            tool=work.tool,
        )
        if not left or (found.services[0] == found.services[1] and found.listeners[0] == found.listeners[1]):
            break
        watch("waiting for its services")
        ground.settle()
    return new, found
