"""`driftscan nightly`: scan all hosts, compare, report, notify, prune: made for cron."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from driftscan.cli.audit import FailOn
from driftscan.cli.baselines import Baselines
from driftscan.cli.options import Shared, shared
from driftscan.cli.scan import Full, Jobs, Targets
from driftscan.errors import ExitCode

if TYPE_CHECKING:
    from driftscan.cli.night.plan import Plan

_TERMINATED = 128 + signal.SIGTERM


class _Nightly(TyperGroup):
    """A group whose command is `run` when none is named: what follows `nightly` are hosts and options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before arguments that name no command."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@dataclass
class _Meant:
    """The object of a context in which nothing is run: what the options mean is only told."""

    plan: "Plan | None" = None


@shared
def run(
    shared: Shared,
    context: typer.Context,
    targets: Targets = None,
    baselines: Baselines = None,
    fail_on: Annotated[FailOn, typer.Option("--fail-on", help="Exit with 4 for drift of this severity or higher.")] = (
        FailOn.LOW
    ),
    verify_full: Full = False,
    jobs: Jobs = 8,
    host_timeout: Annotated[
        str, typer.Option("--host-timeout", metavar="TIME", help="Cut off a host that takes longer: 90s, 30m, 1h.")
    ] = "30m",
    time_limit: Annotated[
        str, typer.Option("--time-limit", metavar="TIME", help="Scan no longer than this; what is left is told.")
    ] = "6h",
    jitter: Annotated[
        str, typer.Option("--jitter", metavar="TIME", help="Wait a random time up to this before the first connection.")
    ] = "0",
    again: Annotated[
        bool, typer.Option("--again", help="Scan all hosts, also those that a run broken off tonight has scanned.")
    ] = False,
    report: Annotated[
        list[str] | None,
        typer.Option(
            "--report",
            metavar="FORMAT=FILE",
            help="Write a report (the formats of `check`); can be given several times.",
        ),
    ] = None,
    prometheus: Annotated[
        Path | None,
        typer.Option("--prometheus", metavar="FILE", help="Write metrics for the textfile collector (NAME.prom)."),
    ] = None,
    notify: Annotated[
        list[str] | None,
        typer.Option(
            "--notify",
            metavar="URL",
            envvar="DRIFTSCAN_NOTIFY",
            help="Send a message when something has changed (Apprise: mailto://…, slack://…, json://…).",
            show_default=False,
        ),
    ] = None,
    heartbeat: Annotated[
        str | None,
        typer.Option("--heartbeat", metavar="TIME", help="Send one after so long also when nothing has changed: 7d."),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option("--keep", metavar="RULE", help="Prune at the end: 'daily 14, weekly 8, monthly 24'."),
    ] = None,
) -> int:
    """Scan all hosts, compare, write reports, send messages, prune; nothing is printed when all is well."""
    from driftscan.cli.night import night, plan
    from driftscan.cli.night.lock import alone

    wanted = plan.planned(
        shared, targets, baselines, fail_on,
        verify_full=verify_full, jobs=jobs, host_timeout=host_timeout, time_limit=time_limit, jitter=jitter,
        again=again, report=report, prometheus=prometheus, notify=notify, heartbeat=heartbeat, keep=keep,
    )  # fmt: skip
    if isinstance(context.obj, _Meant):
        context.obj.plan = wanted
        return ExitCode.OK
    with alone(shared.db):
        try:
            with night.terminable():
                return night.run(shared, wanted)
        except night.TerminatedError:
            typer.echo("driftscan: terminated; what was stored stays, the next run goes on from here", err=True)
            return _TERMINATED


def install(
    context: typer.Context,
    at: Annotated[str, typer.Option("--at", metavar="HH:MM", help="When, in this machine's time.")] = "02:30",
    jitter: Annotated[
        str, typer.Option("--jitter", metavar="TIME", help="Wait a random time up to this first.")
    ] = "20m",
    user: Annotated[
        bool, typer.Option("--user", help="For your own user manager or crontab, not the system's.")
    ] = False,
    cron: Annotated[bool, typer.Option("--cron", help="A line for cron in place of systemd's units.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Write the files, and say how to enable them; else they are printed.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over files that say something else.")] = False,
) -> int:
    """Print, or write here, a systemd service and timer (or a line for cron); other options are those of the run."""
    from driftscan.cli.night import install as files
    from driftscan.cli.night import words
    from driftscan.cli.night.units import Job
    from driftscan.errors import UsageError

    if write and cron and user:
        raise UsageError("a user's crontab is not a file to be written", hint="leave out --write, and use crontab -e")
    meant = _Meant()
    night = context.parent.command.commands["run"].make_context("nightly", list(context.args), obj=meant)  # type: ignore[union-attr]
    with night:
        night.command.invoke(night)
    wanted = meant.plan
    if wanted is None:
        raise AssertionError
    hour, minute = words.time_of_day(at)
    delay = words.seconds("--jitter", jitter)
    arguments, secrets = files.words(night)
    place = files.Place(own=user, cron=cron)
    job = Job(
        command=[*files.program(), "nightly", "run", *(["--jitter", jitter] if cron and delay else []), *arguments],
        hour=hour,
        minute=minute,
        jitter=delay,
        longest=wanted.limits.run or 0,
        environment=str(place.environment),
        user="" if user else files.user(),
        here=any(host.transport in {"local", "image"} for host in wanted.hosts),
    )
    made = place.files(job, secrets)
    lines = files.described(files.write(made, force=force), place) if write else files.printed(made, place)
    for line in lines:
        typer.echo(line)
    return 0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(cls=_Nightly, rich_markup_mode=None)
    group.command()(run)
    group.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(install)
    app.add_typer(
        group,
        name="nightly",
        help="Scan all hosts, compare, report, notify and prune, made for cron: `nightly …` means `nightly run …`.",
    )
