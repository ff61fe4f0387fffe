"""`driftscan show`: what a snapshot holds of one scope."""

from typing import Annotated

import typer

from driftscan.cli.options import Format, Shared, offline, print_rows
from driftscan.errors import ExitCode, UsageError


@offline
def show(
    shared: Shared,
    target: Annotated[
        str,
        typer.Argument(
            metavar="HOST", help="Host, with a revision if not the newest: web1, web1@~1, web1@2026-11-01, web1@17."
        ),
    ],
    scope: Annotated[str, typer.Argument(metavar="SCOPE", help="What to show; `driftscan scopes` lists them.")],
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="PATH", help="Only what is at or below this path (files, symlinks), or whose key has it."
        ),
    ] = None,
    format_name: Format = "table",
) -> int:
    """Show what was seen. For example: driftscan show web1 packages; driftscan show web1@~1 files /etc/nginx."""
    from driftscan.cli.saying import complain
    from driftscan.model.revision import Revision
    from driftscan.model.text import shown
    from driftscan.report.listing import listing
    from driftscan.scopes.base import scopes

    if scope not in scopes():
        raise UsageError(f"there is no scope {scope!r}", hint=f"use {', '.join(scopes())}")
    chosen = shared.one_target(target)
    with shared.store() as store:
        snapshot = store.load(store.snapshot_at(chosen.host.name, chosen.revision or Revision("latest")))
        headers, rows = listing(snapshot, scopes()[scope], path or "", long=format_name == "table")
        print_rows(format_name, headers, rows)
    coverage = snapshot.coverage.get(scope)
    if coverage is None:
        typer.echo(f"driftscan: {scope} was not looked at in this snapshot", err=True)
        return ExitCode.INCOMPLETE
    if not coverage.outcome.seen:
        complain(
            f"driftscan: {scope} was not seen whole ({coverage.outcome.value}): {'; '.join(map(shown, coverage.gaps))}"
        )
        return ExitCode.INCOMPLETE
    return ExitCode.OK


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(show)
