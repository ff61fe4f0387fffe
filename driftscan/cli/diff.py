"""`driftscan diff`: compare two snapshots, of two hosts or of one at two times."""

from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.audit import FailOn
from driftscan.cli.options import Shared, offline, page, print_rows
from driftscan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftscan.model.drift import Drift
    from driftscan.model.revision import Revision
    from driftscan.model.snapshot import Snapshot
    from driftscan.store import StoredSnapshot

_Named = tuple[str, "Revision"]  # host and which of its snapshots


@offline
def diff(
    shared: Shared,
    before: Annotated[
        str, typer.Argument(metavar="A", help="Host, with a revision if not the newest: web1, web1@~1, web1@17.")
    ],
    after: Annotated[
        str | None, typer.Argument(metavar="B", help="What it is compared with; without it, A with its past.")
    ] = None,
    stat: Annotated[bool, typer.Option("--stat", help="Only how much differs, by scope.")] = False,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", metavar="SCOPE", help="Only this scope; may be repeated.")
    ] = None,
    path: Annotated[
        str, typer.Option("--path", metavar="PATH", help="Only what is at or below this path, or names one there.")
    ] = "/",
    everything: Annotated[
        bool, typer.Option("--all", help="Also what changes by itself, and what follows from another difference.")
    ] = False,
    identity: Annotated[
        bool | None,
        typer.Option(
            "--identity/--no-identity",
            help="Take names, addresses, machine-ids and host keys for the same; done where the hosts differ.",
        ),
    ] = None,
    format_name: Annotated[str, typer.Option("--format", "-f", help="text, json, table or csv.")] = "text",
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", help="Exit with 4 for a difference of this severity or higher.")
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 4 for any difference.")] = False,
) -> int:
    """Compare two snapshots: - is only in A, + only in B, ~ differs, ? could not be looked at (exit code 3).

    For example: driftscan diff web1 (the newest with the one before); driftscan diff web1@2026-11-01 web1;
    driftscan diff web1 web2 --scope packages; driftscan diff web1 web2 --path /etc/nginx.
    """
    from driftscan.model.text import raw

    _require(scope or [], path)
    one, other = _named(shared, before, after)
    with shared.store() as store:
        stored = [store.snapshot_at(*named) for named in (one, other)]
        loaded = [store.load(found) for found in stored]
        own = one[0] != other[0] if identity is None else identity
        drifts = _compared(loaded, scope or [], raw(path), own=own, everything=everything)
        _say(stored, drifts, format_name, stat=stat)
    return _code(drifts, "info" if exit_code else fail_on and fail_on.value)


def _require(scopes: list[str], path: str) -> None:
    from driftscan.drift.compare import comparable

    for name in scopes:
        if name not in comparable():
            raise UsageError(f"scope {name!r} cannot be compared", hint=f"use {', '.join(comparable())}")
    if not path.startswith("/"):
        raise UsageError(f"--path {path!r} is not absolute", hint="expected one such as /etc/nginx")


def _named(shared: Shared, before: str, after: str | None) -> tuple[_Named, _Named]:
    """Return what is compared: one name alone is a host with its past."""
    from driftscan.model.revision import Revision

    one = shared.one_target(before)
    latest = Revision("latest")
    if after is None:
        past = one.revision or Revision("back", number=1, spelling="~1")
        return (one.host.name, past), (one.host.name, latest)
    other = shared.one_target(after)
    return (one.host.name, one.revision or latest), (other.host.name, other.revision or latest)


def _compared(
    loaded: "Sequence[Snapshot]", scopes: list[str], path: bytes, *, own: bool, everything: bool
) -> "list[Drift]":
    from driftscan.drift.compare import compare
    from driftscan.drift.fold import folded

    drifts = compare(*loaded, scopes=scopes, path=path, identity=own, everything=everything)
    if everything:
        return drifts
    return folded(drifts, {(item.scope, item.key): item for snapshot in loaded for item in snapshot.items})


def _say(stored: "Sequence[StoredSnapshot]", drifts: "list[Drift]", format_name: str, *, stat: bool) -> None:
    from driftscan.report.base import choose, row_formats
    from driftscan.report.difference import HEADERS, STAT_HEADERS, listed, row, stat_rows, tally
    from driftscan.report.difference import stat as drawn

    if format_name == "text":
        typer.echo(f"{_called(stored[0])} -> {_called(stored[1])}: {tally(drifts)}")
        if drifts:
            typer.echo("")
        for line in (drawn if stat else listed)(drifts, page()):
            typer.echo(line)
    elif format_name == "json" and not stat:
        typer.echo(_document(stored, drifts))
    else:
        choose({**row_formats(), "text": row_formats()["table"]}, format_name)
        headers, rows = (STAT_HEADERS, stat_rows(drifts)) if stat else (HEADERS, [row(drift) for drift in drifts])
        print_rows(format_name, list(headers), rows)


def _called(stored: "StoredSnapshot") -> str:
    from driftscan.model.text import shown

    return f"{shown(stored.host)}@{stored.id} of {stored.taken.astimezone():%Y-%m-%d %H:%M}"


def _document(stored: "Sequence[StoredSnapshot]", drifts: "Iterable[Drift]") -> str:
    import json

    from driftscan.model.drift_json import drift_to_json

    sides = [{"host": one.host, "snapshot": one.id, "taken": one.taken.isoformat()} for one in stored]
    told = {"before": sides[0], "after": sides[1], "drifts": [drift_to_json(drift) for drift in drifts]}
    return json.dumps(told, indent=2)


def _code(drifts: "Sequence[Drift]", least: str | None) -> ExitCode:
    """Return 3 where something could not be looked at, 4 where something as grave as `least` differs, else 0."""
    from driftscan.model.drift import Kind
    from driftscan.model.finding import Severity

    if any(drift.kind is Kind.UNKNOWN for drift in drifts):
        return ExitCode.INCOMPLETE
    if least and any(drift.severity.rank >= Severity(least).rank for drift in drifts):
        return ExitCode.FINDINGS
    return ExitCode.OK


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(diff)
