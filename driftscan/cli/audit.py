"""`driftscan audit`: scan, and report at once."""

from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.options import Shared, page, shared
from driftscan.cli.saying import complain
from driftscan.cli.scan import Full, Scopes, Targets, wish
from driftscan.errors import ExitCode

if TYPE_CHECKING:
    from driftscan.cli.looking import Look


class FailOn(str, Enum):
    """The severities, least first."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@shared
def audit(
    shared: Shared,
    targets: Targets = None,
    scope: Scopes = None,
    verify_full: Full = False,
    format_name: Annotated[str, typer.Option("--format", "-f", help="text or json.")] = "text",
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", help="Exit with 4 for findings of this severity or higher.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep/--no-keep", help="Keep the snapshot in the database.")] = True,
) -> int:
    """Scan, and report at once: what each host is, what runs, what stands out, and what could not be seen."""
    from driftscan.cli.progress import Progress

    hosts = [target.host for target in shared.targets(targets or [])]
    with Progress([host.name for host in hosts], quiet=shared.quiet) as progress:
        from driftscan.cli.looking import Order
        from driftscan.cli.scanning import Scanner, worst
        from driftscan.report.base import audit_formats, choose

        choose(audit_formats(), format_name)
        said = partial(_report, format_name, page(), fail_on)
        wanted = wish(scope, full=verify_full, timeout=shared.timeout)
        codes = []
        for done in Scanner(Order(wanted, said, shared.new_store if keep else None), progress, jobs=4).scan(hosts):
            codes.append(done.exit_code)
            if done.said is None:
                complain(done.complaint)
                continue
            lines, failed = done.said
            for line in lines:
                typer.echo(line)
            if failed:
                codes.append(ExitCode.FINDINGS)
    return worst(codes)


def _report(format_name: str, width: int, fail_on: FailOn | None, look: "Look") -> tuple[list[str], bool]:
    """Return the lines about a host, and whether it has a finding of `fail_on` or higher."""
    from driftscan.cli.judging import view
    from driftscan.findings.base import judge
    from driftscan.model.finding import Severity
    from driftscan.report.base import Audit, audit_formats, choose

    judgement = judge(view(look.store, look.snapshot))
    saved = look.saved()
    audit = Audit(look.snapshot, judgement, saved.id if saved else 0)
    least = Severity(fail_on.value).rank if fail_on else None
    failed = least is not None and any(found.severity.rank >= least for found in judgement.findings)
    return list(choose(audit_formats(), format_name)(audit, width)), failed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(audit)
