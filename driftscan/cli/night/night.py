"""A nightly run from its lock to its exit code: scan, compare, tell, report, notify, prune."""

import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta, timezone
from types import FrameType
from typing import TYPE_CHECKING

import typer

from driftscan.cli.looking import Order
from driftscan.cli.night.files import write_whole
from driftscan.cli.night.plan import Plan
from driftscan.cli.night.run import Comparing, Looked, Work, exit_code
from driftscan.cli.night.summary import Manner, told
from driftscan.cli.night.words import ReportFile
from driftscan.cli.options import Shared, page
from driftscan.cli.progress import Progress
from driftscan.cli.saying import complain
from driftscan.cli.scanning import Scanner
from driftscan.errors import DriftscanError, ExitCode

if TYPE_CHECKING:
    from driftscan.model.drift import Check
    from driftscan.store import Store
    from driftscan.store.retention import Retention

_RESUME = timedelta(hours=12)  # a run that did not come to its end is gone on with for so long
_WIDTH = 120  # columns of a report in a file


class TerminatedError(BaseException):
    """SIGTERM has come: what is open is to be closed, and the run is to end."""


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the block as an exception, so that every connection is closed."""

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 -- what a handler is called with
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one is enough: closing takes a moment
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run(shared: Shared, plan: Plan) -> ExitCode:
    """Do a night's work and return its exit code: what is wrong with the run itself outranks nothing but drift's 0."""
    time.sleep(random.uniform(0, plan.jitter))  # noqa: S311 -- so that not all auditors begin in the same second
    with shared.new_store() as store:
        night = store.begin_night(datetime.now(timezone.utc), timedelta(0) if plan.again else _RESUME)
        looks = _looks(shared, plan, store, night.started if night.resumed else None)
        checks = sorted((look.check for look in looks), key=lambda check: check.host)
        _tell(shared, checks)
        duties: list[Callable[[], None]] = [
            *(lambda report=report: _report(report, checks) for report in plan.reports),
            lambda: plan.messages.send(store, checks),
            lambda: _prune(store, plan.keep),
        ]
        failed = sum(not _done(duty) for duty in duties)
        if not any(look.missed for look in looks):
            store.end_night(night.number, datetime.now(timezone.utc))
    code = exit_code(looks, plan.fail_on)
    return ExitCode.ERROR if code is ExitCode.OK and failed else code


def _looks(shared: Shared, plan: Plan, store: "Store", resumed: datetime | None) -> list[Looked]:
    comparing = Comparing(plan.baselines, date.today())  # noqa: DTZ011 -- the day of the person who reads it
    work = Work(store, comparing)
    with Progress([host.name for host in plan.hosts], quiet=shared.quiet) as progress:
        order = Order(plan.wish, comparing, shared.new_store)
        scanner = Scanner(order, progress, plan.jobs, limits=plan.limits, opened=store, forgiving=True)
        with closing(work.looks(plan.hosts, scanner, resumed)) as looks:
            return list(looks)


def _tell(shared: Shared, checks: "Sequence[Check]") -> None:
    options = ("-i", str(shared.inventory)) if shared.inventory else ()
    for line in told(checks, Manner(page(), everything=shared.verbose > 0, options=options)):
        typer.echo(line)
    sys.stdout.flush()


def _report(report: ReportFile, checks: "Sequence[Check]") -> None:
    from driftscan.report.base import check_formats, choose

    write_whole(report.path, choose(check_formats(), report.format_name)(checks, _WIDTH))


def _prune(store: "Store", keep: "Retention | None") -> None:
    if keep is not None:
        store.prune(keep=keep)


def _done(duty: Callable[[], None]) -> bool:
    """Do what is left to do after the scans; what goes wrong with it is one line, and the rest is done all the same."""
    try:
        duty()
    except DriftscanError as error:
        complain(f"driftscan: {error}")
        return False
    return True
