"""`driftscan db`: the database itself."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.options import Shared, offline, print_rows
from driftscan.errors import ExitCode, UsageError
from driftscan.model.amount import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftscan.model.item import Json
    from driftscan.store import Pruned, Retention

_LINES = 50  # of what is damaged
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
def check(
    shared: Shared,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended, after a copy was put beside the database.")
    ] = False,
) -> int:
    """Verify everything in the database: pages, rows, every object and what it leads to. 0: sound, 1: damaged."""
    from driftscan.store import Store

    found = Store.check(shared.db, repair=repair)
    if found.backup:
        typer.echo(f"copied to {found.backup}")
    for mark, faults in (("mended ", found.mended), ("damaged", found.faults)):
        for fault in faults[:_LINES]:
            typer.echo(f"{mark}  {fault.what}")
        if len(faults) > _LINES:
            typer.echo(f"{mark}  … and {len(faults) - _LINES} more")
    if found.info is not None and not found.faults:
        info = found.info
        counts = {"snapshot": info.snapshots, "host": info.hosts, "item": info.items, "object": info.objects}
        typer.echo("sound: " + ", ".join(count(number, name) for name, number in counts.items()))
    elif not repair and any(fault.mendable for fault in found.faults):
        typer.echo("`driftscan db check --repair` frees what is whole from what is damaged", err=True)
    elif found.faults:
        typer.echo(
            "a new scan of a host stores again what it still has; `driftscan db prune` removes the rest", err=True
        )
    return ExitCode.ERROR if found.faults else ExitCode.OK


@offline
def prune(
    shared: Shared,
    target: Annotated[str | None, typer.Argument(metavar="HOST", help="Every host if none is named.")] = None,
    keep_last: Annotated[
        int | None, typer.Option("--keep-last", metavar="N", min=1, help="Keep so many of each host's newest.")
    ] = None,
    keep_daily: Annotated[
        int | None, typer.Option("--keep-daily", metavar="N", min=1, help="Keep the newest of each of the last N days.")
    ] = None,
    keep_weekly: Annotated[
        int | None, typer.Option("--keep-weekly", metavar="N", min=1, help="And of each of the last N weeks.")
    ] = None,
    keep_monthly: Annotated[
        int | None, typer.Option("--keep-monthly", metavar="N", min=1, help="And of each of the last N months.")
    ] = None,
    keep: Annotated[
        str | None, typer.Option("--keep", metavar="RULES", help='The same in one: "daily 14, weekly 8, monthly 24".')
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Remove only what is older: 90d, 12w.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> int:
    """Remove snapshots, and what only they needed. What any rule keeps stays, and the newest complete one."""
    before = datetime.now(timezone.utc) - _age(older_than) if older_than else None
    rules = {"daily": keep_daily, "weekly": keep_weekly, "monthly": keep_monthly, "last": keep_last}
    retention = _retention(keep, {name: count for name, count in rules.items() if count})
    host = shared.one_target(target).host.name if target else None
    with shared.store() as store:
        gone = store.prune(host, keep=retention, before=before, dry_run=dry_run)
        if dry_run and gone.gone:
            left = {one.name: one.snapshots for one in store.hosts()}
            print_rows("table", ["host", "would go", "would stay", "oldest", "newest", "snapshots"], _plan(gone, left))
    verb = "would remove" if dry_run else "removed"
    typer.echo(
        f"{verb} {gone.snapshots} snapshots, {gone.items} items, {gone.objects} objects: {_size(gone.bytes_freed)}"
    )
    return 0


def _retention(words: str | None, rules: dict[str, int]) -> "Retention | None":
    from driftscan.store import Retention

    if words is not None and rules.keys() - {"last"}:
        raise UsageError("--keep says it all", hint="leave --keep-daily, --keep-weekly and --keep-monthly out")
    told = Retention.parse(words) if words is not None else None
    if told is not None:
        return replace(told, last=max(told.last, rules.get("last", 0)))
    return Retention(**rules) if rules else None


def _plan(gone: "Pruned", left: dict[str, int]) -> "Iterator[Sequence[Json]]":
    """Yield for each host how many snapshots would go and stay, from when those are, and their numbers."""
    for host, group in groupby(gone.gone, key=lambda one: one.host):
        same = list(group)
        times = [f"{one.taken.astimezone():%Y-%m-%d}" for one in (same[-1], same[0])]
        yield [host, len(same), left[host] - len(same), *times, _ranges([one.id for one in reversed(same)])]


def _ranges(numbers: "Sequence[int]") -> str:
    """Return ascending numbers as `1-4, 7`."""
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), key=lambda one: one[1] - one[0])]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


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
    for command in (info, check, upgrade, prune):
        group.command()(command)
    app.add_typer(group, name="db", help="The database: info, check, upgrade, prune.")
