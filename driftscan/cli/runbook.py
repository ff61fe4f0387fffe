"""`driftscan runbook`: the build manual that nobody kept."""

from pathlib import Path
from typing import Annotated

import typer

from driftscan.cli.explain import Host
from driftscan.cli.options import Shared, offline
from driftscan.errors import ExitCode, UsageError


@offline
def runbook(
    shared: Shared,
    target: Host,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there; else it is printed.")
    ] = None,
) -> int:
    """Write the build manual of a host, in Markdown. For example: driftscan runbook web1 -o web1.md."""
    from driftscan.cli.explain import opened
    from driftscan.findings.base import judge
    from driftscan.findings.strata import strata
    from driftscan.report.runbook import markdown

    with opened(shared, target) as (seen, _):
        judgement = judge(seen)
        lines = list(markdown(seen, judgement, strata(seen, judgement)))
        complete = seen.snapshot.complete
    if output is None:
        for line in lines:
            typer.echo(line)
    else:
        try:
            output.write_text("\n".join(lines) + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{output} cannot be written: {error.strerror}") from None
    return ExitCode.OK if complete else ExitCode.INCOMPLETE


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(runbook)
