"""`driftscan log`: the snapshots of a host, and what changed between them."""

from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.options import Format, Shared, offline, print_rows
from driftscan.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from driftscan.drift.changelog import Line
    from driftscan.model.item import Json
    from driftscan.store import Store


@offline
def log(
    shared: Shared,
    target: Annotated[str | None, typer.Argument(metavar="HOST", help="Every host if none is named.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", "-s", metavar="SCOPE", help="List what changed in this scope; several times, or all."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="Only since then: 2026-11-01, 2026-11-01T03:00.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", metavar="N", min=1, help="Only the newest.")] = None,
    format_name: Format = "table",
) -> int:
    """List snapshots, newest first, or what changed. For example: driftscan log web1 --scope packages."""
    host = shared.one_target(target).host.name if target else None
    start = _moment(since) if since else None
    if scope and host is None:
        raise UsageError("changes are those of one host", hint=f"name it: driftscan log web1 --scope {scope[0]}")
    with shared.store() as store:
        if scope and host is not None:
            return _changes(store, host, scope, start, limit, format_name)
        return _snapshots(store, host, start, limit, format_name)


def _snapshots(store: "Store", host: str | None, since: "datetime | None", limit: int | None, format_name: str) -> int:
    headers = ["snapshot", "host", "taken", "seconds", "transport", "files", "complete"]
    found = store.snapshots(host, None if since else limit)
    if host and not found:
        from driftscan.errors import StoreError

        raise StoreError(f"no snapshot of {host} is kept", hint=f"take one: driftscan scan {host}")
    rows = [
        (s.id, s.host, _time(s.taken), round(s.seconds, 1), s.transport, s.files, s.complete)
        for s in found
        if since is None or s.taken >= since
    ]
    print_rows(format_name, headers, rows[:limit])
    return 0


def _changes(
    store: "Store", host: str, wanted: "Sequence[str]", since: "datetime | None", limit: int | None, format_name: str
) -> int:
    from driftscan.drift.changelog import changelog
    from driftscan.scopes.base import scopes

    asked = [name for name in scopes() if name in wanted or ("all" in wanted and name not in {"files", "symlinks"})]
    unknown = sorted(set(wanted) - set(scopes()) - {"all"})
    if unknown:
        raise UsageError(f"there is no scope {unknown[0]!r}", hint=f"use all, {', '.join(scopes())}")
    snapshots = store.snapshots(host)  # says if there is no such host
    lines = changelog(store, host, asked, since, limit)
    if not lines:
        when = f" since {since:%Y-%m-%d %H:%M}" if since else ""
        of = "" if "all" in wanted else f" of {', '.join(asked)}"
        typer.echo(f"driftscan: no change{of} in {len(snapshots)} snapshots{when}", err=True)
    if lines or format_name != "table":
        headers, rows = _told(lines, format_name, several=len(asked) > 1)
        print_rows(format_name, headers, rows)
    return 0


def _told(lines: "Sequence[Line]", format_name: str, *, several: bool) -> "tuple[list[str], Iterator[Sequence[Json]]]":
    """Return headers and rows: words for a person, values for a program."""
    from driftscan.report.blame import words

    if format_name == "json":
        headers = ["when", "snapshot", "scope", "change", "key", "before", "after", "said"]
        return headers, (
            [
                line.taken.isoformat(), line.number, line.scope, line.mark, line.key,
                line.before and dict(line.before), line.after and dict(line.after), line.said,
            ]
            for line in lines
        )  # fmt: skip
    table = format_name == "table" and not several
    return (
        ["when", "snapshot", *([] if table else ["scope"]), "change", "key", "what"],
        (
            [
                f"{line.taken.astimezone():%Y-%m-%d %H:%M}", line.number, *([] if table else [line.scope]),
                line.mark, line.key, line.said or words(line.scope, line.before, line.after),
            ]
            for line in lines
        ),
    )  # fmt: skip


def _time(when: "datetime") -> str:
    return f"{when.astimezone():%Y-%m-%d %H:%M:%S}"


def _moment(spelled: str) -> "datetime":
    from datetime import datetime

    try:
        return datetime.fromisoformat(spelled).astimezone()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{spelled!r} is not a date", hint="expected one such as 2026-11-01, 2026-11-01T03:00"
        ) from None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(log)
