"""The command `driftscan` as a whole: its subcommands, its errors, its exit codes."""

from typing import Any

import typer

from driftscan import __version__
from driftscan.cli import (
    audit,
    baseline,
    blame,
    check,
    db,
    diff,
    explain,
    fleet,
    hosts,
    log,
    nightly,
    prove,
    role,
    rules,
    runbook,
    scan,
    scopes,
    show,
    sql,
    strata,
    verdict,
)
from driftscan.cli.lazily import LazyGroup
from driftscan.cli.saying import complain
from driftscan.errors import DriftscanError, ExitCode


class _Commands(LazyGroup):
    """All that a person can ask for, in the order of the help."""

    registers = tuple(
        module.register
        for module in (
            audit, scan, explain, strata, runbook,
            baseline, check, diff, fleet, nightly,
            role, prove, verdict,
            show, log, blame, hosts, rules, sql, db, scopes,
        )
    )  # fmt: skip


app = typer.Typer(
    name="driftscan",
    cls=_Commands,
    help="Read a Linux server that nobody understands, and say what is on it. Nothing is written on the server.",
    epilog="Exit codes: 0 clean, 1 error, 2 usage, 3 incomplete (something could not be seen), 4 findings (--fail-on).",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# Click's errors by way of typer: newer versions of it carry a click of their own.
_Misuse: Any = typer.BadParameter.__mro__[1]
_Refusal: Any = typer.BadParameter.__mro__[2]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"driftscan {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        code = app(arguments, standalone_mode=False, prog_name="driftscan")
    except _Refusal as error:
        typer.echo(_said(error), err=True)
        return ExitCode.USAGE if isinstance(error, _Misuse) else ExitCode.ERROR
    except DriftscanError as error:
        complain(f"driftscan: {error}")
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = ExitCode.INTERRUPTED
    if code == ExitCode.INTERRUPTED:  # typer may have caught the interrupt itself, and says nothing
        typer.echo("driftscan: interrupted; what was stored before stays as it was", err=True)
    return code if isinstance(code, int) else ExitCode.OK


def _said(error: Any) -> str:
    """Return what typer has to say: one line, or the help of a command that was given nothing to do."""
    said = str(error.format_message())
    if error.ctx is None or said == error.ctx.get_help():
        return said
    return f"driftscan: {said.splitlines()[0].rstrip('.')}; see {error.ctx.command_path} --help"
