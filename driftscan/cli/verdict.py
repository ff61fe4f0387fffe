"""`driftscan verdict`: whether a host may be discarded."""

from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.building import Steer
from driftscan.cli.options import Shared, offline, page
from driftscan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from driftscan.model.proof import Proof
    from driftscan.model.snapshot import Snapshot
    from driftscan.model.verdict import Settled
    from driftscan.store import Store


@offline
def verdict(
    shared: Shared,
    target: Annotated[str, typer.Argument(metavar="HOST", help="Host; the verdict is on its newest snapshot.")],
    steer: Steer = None,
    format_name: Annotated[str, typer.Option("--format", "-f", help="text, json or markdown.")] = "text",
) -> int:
    """Say whether a host may be discarded, and by name what stands against it; connects to no host.

    Exit code 0: discard. 4: not yet. 3: not yet, and something that is needed could not be seen. What people have dealt
    with stands under `settled` in the file of --steer, each with why and who. For example: driftscan verdict web1 -s
    web1.yaml.
    """
    from datetime import datetime, timezone

    from driftscan.cli.building import build
    from driftscan.prove.verdict import Case
    from driftscan.prove.verdict import verdict as judged
    from driftscan.report.base import choose
    from driftscan.report.verdict import FORMATS

    render = choose(FORMATS, format_name)
    if shared.one_target(target).revision is not None:
        raise UsageError(f"{target}: a verdict is on the newest snapshot", hint="name the host alone")
    settled = _settled(steer)
    with shared.store() as store:
        built = build(shared, store, target, steer=steer, offline=True)
        proof = next(iter(store.proofs(built.stored.host, 1)), None)
        case = Case(
            view=built.view,
            number=built.stored.id,
            role=built.role,
            proof=proof,
            proven=_proven(store, proof, built.stored.id),
            now=datetime.now(timezone.utc),
        )
        found = judged(case, settled)
    for line in render(found, page()):
        typer.echo(line)
    if found.blind:
        return ExitCode.INCOMPLETE
    return ExitCode.OK if found.discard else ExitCode.FINDINGS


def _settled(steer: "Path | None") -> "tuple[Settled, ...]":
    from driftscan.model.text import shown
    from driftscan.prove.settled import load_settled
    from driftscan.role.steering import document

    if steer is None:
        return ()
    try:
        return load_settled(document(steer))
    except ValueError as error:
        raise UsageError(f"{shown(str(steer))}: {error}") from None


def _proven(store: "Store", proof: "Proof | None", newest: int) -> "Snapshot | None":
    """Return the snapshot that was proven, where it is kept and is not the newest."""
    if proof is None or proof.number == newest:
        return None
    kept = next((one for one in store.snapshots(proof.host) if one.id == proof.number), None)
    return store.load(kept) if kept else None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verdict)
