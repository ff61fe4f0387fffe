"""`driftscan scan`: take a snapshot of hosts and keep it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.options import Shared, shared
from driftscan.cli.saying import complain
from driftscan.errors import UsageError

if TYPE_CHECKING:
    from driftscan.cli.looking import Look
    from driftscan.collect.collector import Wish
    from driftscan.model.snapshot import Snapshot

Targets = Annotated[
    list[str] | None,
    typer.Argument(metavar="TARGET", help="Hosts, groups, user@host:port, localhost, image:PATH.", show_default=False),
]
Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", metavar="SCOPE", help="Look at this scope only; can be given several times."),
]
Full = Annotated[
    bool,
    typer.Option("--verify-full", help="Hash every packaged file, not only those changed since they were unpacked."),
]
Record = Annotated[
    Path | None,
    typer.Option(
        "--record", metavar="DIR", help="Also write down what the hosts show, secrets too, for replay:DIR/HOST."
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", metavar="N", min=1, help="Hosts at a time.")]


@shared
def scan(
    shared: Shared,
    targets: Targets = None,
    scope: Scopes = None,
    verify_full: Full = False,
    jobs: Jobs = 8,
    record: Record = None,
) -> int:
    """Take a snapshot of each host and keep it."""
    from driftscan.cli.progress import Progress

    hosts = [target.host for target in shared.targets(targets or [])]
    with Progress([host.name for host in hosts], quiet=shared.quiet) as progress:
        from driftscan.cli.looking import Order
        from driftscan.cli.scanning import Scanner, worst

        order = Order(wish(scope, full=verify_full, timeout=shared.timeout), _line, shared.new_store, record)
        codes = []
        for done in Scanner(order, progress, jobs).scan(hosts):
            codes.append(done.exit_code)
            if done.error is not None:
                complain(done.complaint)
            elif not shared.quiet:
                typer.echo(done.said)
    return worst(codes)


def _line(look: "Look") -> str:
    from driftscan.model.text import shown

    snapshot, saved = look.snapshot, look.saved()
    if saved is None:
        return ""
    state = "complete" if snapshot.complete else "INCOMPLETE: " + ", ".join(blind(snapshot))
    seen = f"{snapshot.files:,} files, {len(snapshot.items):,} items"
    change = f"{saved.new_items} new, {saved.ended_items} gone"
    return f"{shown(snapshot.host)}@{saved.id}  {seen} ({change}), {snapshot.seconds:.1f} s, {state}"


def blind(snapshot: "Snapshot") -> list[str]:
    """Return the scopes that were not seen whole."""
    return [
        f"{name} {coverage.outcome.value}"
        for name, coverage in sorted(snapshot.coverage.items())
        if not coverage.outcome.seen
    ]


def wish(names: list[str] | None, *, full: bool, timeout: float | None) -> "Wish":
    """Return what is to be collected; raises UsageError for a scope that there is not."""
    from driftscan.collect.collector import Wish
    from driftscan.scopes.base import scopes

    unknown = [name for name in names or [] if name not in scopes()]
    if unknown:
        raise UsageError(f"there is no scope {unknown[0]!r}", hint=f"use {', '.join(scopes())}")
    return Wish(tuple(names or ()), full, timeout)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(scan)
