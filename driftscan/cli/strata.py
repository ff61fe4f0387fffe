"""`driftscan strata`: what people did on a host, laid out in time."""

from typing import Annotated

import typer

from driftscan.cli.explain import Host
from driftscan.cli.options import Shared, offline, page
from driftscan.errors import ExitCode


@offline
def strata(
    shared: Shared,
    target: Host,
    format_name: Annotated[str, typer.Option("--format", "-f", help="text, or json: an object a line.")] = "text",
    everything: Annotated[
        bool, typer.Option("--all", help="Tell visits, unattended upgrades and what programs leave as well.")
    ] = False,
) -> int:
    """Lay out in time what people did on a host. For example: driftscan strata web1; driftscan strata web1@~1 --all."""
    from driftscan.cli.explain import opened
    from driftscan.findings.base import judge
    from driftscan.findings.strata import strata as layers
    from driftscan.report.base import choose
    from driftscan.report.strata import FORMATS, aside, told

    render = choose(FORMATS, format_name)
    with opened(shared, target) as (seen, _):
        snapshot, found = seen.snapshot, layers(seen, judge(seen))
    for line in render(told(found, everything=everything), snapshot.host, page()):
        typer.echo(line)
    if format_name == "text" and not everything:
        for line in aside(found, page()):
            typer.echo(line)
    return ExitCode.OK if snapshot.complete else ExitCode.INCOMPLETE


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(strata)
