"""`driftscan check`: compare hosts with the baselines of their roles."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.audit import FailOn
from driftscan.cli.baselines import Baselines
from driftscan.cli.options import Shared, page, shared
from driftscan.cli.scan import Full, Jobs, Targets
from driftscan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from driftscan.cli.looking import Look
    from driftscan.model.drift import Check
    from driftscan.model.finding import Severity


@shared
def check(
    shared: Shared,
    targets: Targets = None,
    no_scan: Annotated[
        bool, typer.Option("--no-scan", help="Compare the newest stored snapshot; connect to no host.")
    ] = False,
    baselines: Baselines = None,
    fail_on: Annotated[FailOn, typer.Option("--fail-on", help="Exit with 4 for drift of this severity or higher.")] = (
        FailOn.LOW
    ),
    format_name: Annotated[
        str, typer.Option("--format", "-f", help="text, json, csv, markdown, sarif, junit or prometheus.")
    ] = "text",
    everything: Annotated[bool, typer.Option("--all", help="Tell every drift, and what is accepted, in full.")] = False,
    verify_full: Full = False,
    jobs: Jobs = 8,
) -> int:
    """Compare hosts with the baselines of their roles, and say what is missing, unexpected, changed or unknown.

    A host whose role has no baseline is compared with its snapshot before. For example: driftscan check -i hosts.yaml
    web; driftscan check --no-scan web1.
    """
    from driftscan.cli.baselines import directory
    from driftscan.model.finding import Severity
    from driftscan.report.base import check_formats, choose
    from driftscan.report.checks import told

    render = choose(check_formats(), format_name)
    if everything and format_name == "text":
        render = partial(told, most=None)
    where = directory(shared, baselines)
    if no_scan:
        found = list(_stored(shared, targets or [], where))
    else:
        found = list(_scanned(shared, targets or [], where, full=verify_full, jobs=jobs))
    for line in render(sorted(found, key=lambda one: one.host), page()):
        typer.echo(line)
    return exit_code(found, Severity(fail_on.value))


def exit_code(checks: "Sequence[Check]", fail_on: "Severity") -> ExitCode:
    """Return 3 where something could not be seen, 4 for drift of `fail_on` or higher, else 0."""
    if any(check.error or check.unknown for check in checks):
        return ExitCode.INCOMPLETE
    if any(drift.severity.rank >= fail_on.rank for check in checks for drift in check.known):
        return ExitCode.FINDINGS
    return ExitCode.OK


def _stored(shared: Shared, names: list[str], where: "Path") -> "Iterator[Check]":
    """Yield the comparison of the snapshot that each target means; of all stored hosts where none is named."""
    from datetime import date

    from driftscan.cli.baselines import role_of
    from driftscan.cli.comparing import compared
    from driftscan.model.revision import Revision

    with shared.store() as store:
        if not names and shared.inventory is None:
            names = [host.name for host in store.hosts()]
        if not names:
            raise UsageError("no host is stored yet", hint="scan one: driftscan scan HOST")
        for target in shared.targets(names):
            stored = store.snapshot_at(target.host.name, target.revision or Revision("latest"))
            role = role_of(target.host, store)
            yield compared(store, store.load(stored), stored.id, role, where, date.today())  # noqa: DTZ011 - a person's day


def _scanned(shared: Shared, names: list[str], where: "Path", *, full: bool, jobs: int) -> "Iterator[Check]":
    """Yield the comparison of each host once it was scanned; a host that could not be is one with an error."""
    from datetime import date

    from driftscan.cli.baselines import role_of
    from driftscan.cli.looking import Order
    from driftscan.cli.progress import Progress
    from driftscan.cli.scan import wish
    from driftscan.cli.scanning import Scanner
    from driftscan.model.drift import Check

    hosts = [target.host for target in shared.targets(names)]
    today = date.today()  # noqa: DTZ011 - a person's day
    with Progress([host.name for host in hosts], quiet=shared.quiet) as progress:
        wanted = wish(None, full=full, timeout=shared.timeout)
        scanner = Scanner(Order(wanted, partial(_said, where, today), shared.new_store), progress, jobs)
        for done in scanner.scan(hosts):
            if done.said is not None:
                yield done.said
                continue
            error = str(done.error).removeprefix(f"{done.host.name}: ")
            yield Check(done.host.name, role_of(done.host, scanner.store), error=error)


def _said(where: "Path", today: "date", look: "Look") -> "Check":
    """Return the comparison of a host that was just scanned."""
    from driftscan.cli.baselines import role_of
    from driftscan.cli.comparing import compared

    saved = look.saved()
    if look.store is None or saved is None:
        raise AssertionError  # a check is always kept
    return compared(look.store, look.snapshot, saved.id, role_of(look.host, look.store), where, today)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(check)
