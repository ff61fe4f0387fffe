"""`driftscan log`: the snapshots of a host."""

from typing import Annotated

import typer

from driftscan.cli.options import Format, Shared, offline, print_rows


@offline
def log(
    shared: Shared,
    target: Annotated[str | None, typer.Argument(metavar="HOST", help="Every host if none is named.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", metavar="N", min=1, help="Only the newest.")] = None,
    format_name: Format = "table",
) -> int:
    """List snapshots, newest first."""
    host = shared.one_target(target).host.name if target else None
    headers = ["snapshot", "host", "taken", "seconds", "transport", "files", "complete"]
    with shared.store() as store:
        found = store.snapshots(host, limit)
        if host and not found:
            from driftscan.errors import StoreError

            raise StoreError(f"no snapshot of {host} is kept", hint=f"take one: driftscan scan {host}")
        rows = [
            (
                s.id,
                s.host,
                f"{s.taken.astimezone():%Y-%m-%d %H:%M:%S}",
                round(s.seconds, 1),
                s.transport,
                s.files,
                s.complete,
            )
            for s in found
        ]
        print_rows(format_name, headers, rows)
    return 0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(log)
