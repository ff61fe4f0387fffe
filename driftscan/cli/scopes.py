"""`driftscan scopes`: what is looked at, and the columns of each table."""

from typing import Annotated

import typer

from driftscan.cli.options import Format, Shared, offline, print_rows
from driftscan.errors import UsageError


@offline
def scopes(
    shared: Shared,  # noqa: ARG001 -- this command has no use for a database or a host
    name: Annotated[str | None, typer.Argument(metavar="SCOPE", help="List the columns of this one.")] = None,
    format_name: Format = "table",
) -> int:
    """List the scopes, or the columns of one."""
    from driftscan.scopes.base import scopes as known

    if name is None:
        rows: list[tuple[str, ...]] = [(scope.name, scope.doc) for scope in known().values()]
        print_rows(format_name, ["scope", "what it holds"], rows)
        return 0
    if name not in known():
        raise UsageError(f"there is no scope {name!r}", hint=f"use {', '.join(known())}")
    rows = [(column.name, column.kind, column.doc) for column in known()[name].columns]
    print_rows(format_name, ["column", "type", "what it holds"], rows)
    return 0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(scopes)
