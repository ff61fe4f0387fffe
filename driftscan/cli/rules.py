"""`driftscan rules`: what is judged, and the page of each rule."""

from typing import Annotated

import typer

from driftscan.cli.options import Format, Shared, offline, page, print_rows
from driftscan.errors import ExitCode, UsageError

group = typer.Typer(help="What is judged: the rules, and the page of each.", invoke_without_command=True)


@group.callback()
def _all(context: typer.Context, format_name: Format = "table") -> int:
    if context.invoked_subcommand is None:
        from driftscan.findings.base import rules

        known = sorted(rules().values(), key=lambda rule: (-rule.severity.rank, rule.id))
        rows = [(rule.severity.value, rule.id, rule.title) for rule in known]
        print_rows(format_name, ["severity", "rule", "what it says"], rows)
    return ExitCode.OK


@group.command()
@offline
def show(
    shared: Shared,  # noqa: ARG001 -- needs no database
    rule: Annotated[str, typer.Argument(metavar="ID", help="Id of the rule, as reports have it in brackets.")],
) -> int:
    """Show the page of one rule: what it says, why, what it is judged by, what to do."""
    from driftscan.findings.base import rules
    from driftscan.report.rule import page as lines

    if rule not in rules():
        raise UsageError(f"there is no rule {rule!r}", hint="see `driftscan rules`")
    for line in lines(rules()[rule], page()):
        typer.echo(line)
    return ExitCode.OK


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="rules")
