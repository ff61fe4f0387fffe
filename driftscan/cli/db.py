"""`driftscan db`: the database itself."""

from datetime import datetime, timedelta, timezone
from typing import Annotated

import typer

from driftscan.cli.options import Shared, offline, print_rows
from driftscan.errors import UsageError

_UNITS = {"d": timedelta(days=1), "w": timedelta(weeks=1)}


@offline
def info(shared: Shared) -> int:
    """Say where the database is and how much it holds."""
    with shared.store() as store:
        about = store.info()
    rows = [
        ("database", about.url),
        ("size", _size(about.size)),
        ("schema", about.schema),
        ("hosts", about.hosts),
        ("snapshots", about.snapshots),
        ("items", about.items),
        ("sightings", about.sightings),
        ("objects", f"{about.objects} ({_size(about.object_bytes)} compressed)"),
    ]
    print_rows("table", ["about", "value"], rows)
    return 0


@offline
def upgrade(shared: Shared) -> int:
    """Bring the tables of an older driftscan to this version."""
    from driftscan.store import Store

    before, after = Store.upgrade(shared.db)
    typer.echo(f"schema {after}, nothing to do" if before == after else f"schema {before or 'none'} -> {after}")
    return 0


@offline
def prune(
    shared: Shared,
    target: Annotated[str | None, typer.Argument(metavar="HOST", help="Every host if none is named.")] = None,
    keep_last: Annotated[
        int | None, typer.Option("--keep-last", metavar="N", min=1, help="Keep so many of each host's newest.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Remove only what is older: 90d, 12w.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> int:
    """Remove snapshots, and what only they needed."""
    before = datetime.now(timezone.utc) - _age(older_than) if older_than else None
    host = shared.one_target(target).host.name if target else None
    with shared.store() as store:
        gone = store.prune(host, keep_last=keep_last, before=before, dry_run=dry_run)
    verb = "would remove" if dry_run else "removed"
    typer.echo(
        f"{verb} {gone.snapshots} snapshots, {gone.items} items, {gone.objects} objects: {_size(gone.bytes_freed)}"
    )
    return 0


def _age(text: str) -> timedelta:
    if text[-1:] not in _UNITS or not text[:-1].isdecimal():
        raise UsageError(f"{text!r} is no age", hint="use days or weeks: 90d, 12w")
    return _UNITS[text[-1]] * int(text[:-1])


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    for command in (info, upgrade, prune):
        group.command()(command)
    app.add_typer(group, name="db", help="The database: info, upgrade, prune.")
