"""`driftscan audit`: scan, and report at once."""

from enum import Enum
from typing import Annotated

import typer

from driftscan.cli.options import Shared, page, shared
from driftscan.cli.scan import Full, Scopes, Targets, wish
from driftscan.errors import ExitCode


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
    from driftscan.cli.judging import view
    from driftscan.cli.progress import Progress
    from driftscan.cli.scanning import Scanner, worst
    from driftscan.findings.base import judge
    from driftscan.model.finding import Severity
    from driftscan.report.base import Audit, audit_formats, choose

    render = choose(audit_formats(), format_name)
    hosts = [target.host for target in shared.targets(targets or [])]
    codes = []
    wanted = wish(scope, full=verify_full, timeout=shared.timeout)
    with Progress(len(hosts), quiet=shared.quiet) as progress:
        scanner = Scanner(wanted, shared.new_store if keep else None, progress, jobs=4)
        for scanned in scanner.scan(hosts):
            judgement = judge(view(scanner.store, scanned.snapshot)) if scanned.snapshot else None
            done = scanned.settled()
            codes.append(done.exit_code)
            if done.snapshot is None or judgement is None:
                typer.echo(done.complaint, err=True)
                continue
            for line in render(Audit(done.snapshot, judgement, done.saved.id if done.saved else 0), page()):
                typer.echo(line)
            if fail_on and any(f.severity.rank >= Severity(fail_on.value).rank for f in judgement.findings):
                codes.append(ExitCode.FINDINGS)
    return worst(codes)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(audit)
