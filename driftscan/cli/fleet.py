"""`driftscan fleet`: the hosts of a role beside one another, and the odd one out of each thing."""

from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.options import Shared, offline, page, print_rows
from driftscan.cli.saying import complain
from driftscan.errors import DriftscanError, ExitCode, StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftscan.drift.fleet import Fleet
    from driftscan.store import StoredHost

_NO_ROLE = "hosts without a role"


@offline
def fleet(
    shared: Shared,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ROLE|GROUP|HOST…", help="Whom to put beside one another; every role by itself if none is named."
        ),
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", metavar="SCOPE", help="Only this scope; may be repeated.")
    ] = None,
    format_name: Annotated[str, typer.Option("--format", "-f", help="text, json, table or csv.")] = "text",
) -> int:
    """Say what is not the same on all hosts of a role, and on which: 11 of 12 have 0755, web7 has 0777.

    The newest snapshots are compared; names, addresses and keys that each host has of its own are left out. For
    example: driftscan fleet webserver; driftscan fleet web1 web2 web3 --scope packages --scope files.
    """
    from driftscan.drift.compare import comparable
    from driftscan.drift.fleet import fleet as compared

    for one in scope or []:
        if one not in comparable():
            raise UsageError(f"scope {one!r} cannot be compared", hint=f"use {', '.join(comparable())}")
    with shared.store() as store:
        known = {host.name: host for host in store.hosts()}
        fleets = []
        for title, hosts in _fleets(shared, names or [], known).items():
            newest = [store.load(host.newest) for host in hosts if host.newest is not None]
            fleets.append((title, compared(newest, scope or [])))
    _say(fleets, format_name)
    return ExitCode.INCOMPLETE if any(one.unknown for _, one in fleets) else ExitCode.OK


def _fleets(
    shared: Shared, names: list[str], known: "Mapping[str, StoredHost]"
) -> "Mapping[str, Sequence[StoredHost]]":
    """Return the hosts that are compared, under what they are called: all that are named, or those of each role."""
    if names:
        found = {host.name: host for name in names for host in _meant(shared, name, known)}
        if len(found) < 2:
            raise UsageError("one host alone cannot be compared", hint="name two at least, or a role that has several")
        return {", ".join(names): list(found.values())}
    roles: dict[str, list[StoredHost]] = {}
    for host in known.values():
        roles.setdefault(host.role or _NO_ROLE, []).append(host)
    several = {role: hosts for role, hosts in sorted(roles.items()) if len(hosts) > 1}
    if not several:
        raise StoreError("no role has two hosts in the database", hint="name the hosts: driftscan fleet web1 web2")
    return several


def _meant(shared: Shared, name: str, known: "Mapping[str, StoredHost]") -> "Sequence[StoredHost]":
    """Return the stored hosts that a name means: those of the role, the host, or those of the inventory's group."""
    of_role = [host for host in known.values() if host.role == name]
    if of_role:
        return of_role
    if name in known:
        return [known[name]]
    try:
        targets = [target.host.name for target in shared.targets([name])]
    except DriftscanError:
        targets = []
    found = [known[target] for target in targets if target in known]
    for target in targets:
        if found and target not in known:
            complain(f"driftscan: {target} was never scanned, it is left out")
    if not found:
        raise UsageError(f"{name!r} is no role, group or host with a snapshot", hint="see `driftscan log`")
    return found


def _say(fleets: "Sequence[tuple[str, Fleet]]", format_name: str) -> None:
    from driftscan.report.base import choose, row_formats
    from driftscan.report.fleet import HEADERS, document, listed, rows

    if format_name == "text":
        for number, (title, one) in enumerate(fleets):
            for line in ([""] if number else []) + list(listed(title, one, page())):
                typer.echo(line)
    elif format_name == "json":
        typer.echo(document(fleets))
    else:
        choose({**row_formats(), "text": row_formats()["table"]}, format_name)
        print_rows(format_name, list(HEADERS), [row for title, one in fleets for row in rows(title, one)])


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(fleet)
