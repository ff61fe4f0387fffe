"""What a nightly run is to do: its options, read and checked before anything is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driftscan.cli.audit import FailOn
from driftscan.cli.baselines import directory
from driftscan.cli.looking import Limits
from driftscan.cli.night.messages import Messages
from driftscan.cli.night.words import ReportFile, report_files, seconds
from driftscan.cli.options import Shared
from driftscan.cli.scan import wish
from driftscan.model.finding import Severity

if TYPE_CHECKING:
    from driftscan.collect.collector import Wish
    from driftscan.model.host import Host
    from driftscan.store.retention import Retention


@dataclass(frozen=True, slots=True)
class Plan:
    """What a night is to do; `jitter` is in seconds."""

    hosts: "Sequence[Host]"
    wish: "Wish"
    baselines: Path
    fail_on: Severity
    jobs: int
    limits: Limits
    jitter: float
    again: bool
    reports: Sequence[ReportFile]
    messages: Messages
    keep: "Retention | None"


def planned(
    shared: Shared,
    targets: list[str] | None,
    baselines: Path | None,
    fail_on: FailOn,
    *,
    verify_full: bool,
    jobs: int,
    host_timeout: str,
    time_limit: str,
    jitter: str,
    again: bool,
    report: list[str] | None,
    prometheus: Path | None,
    notify: list[str] | None,
    heartbeat: str | None,
    keep: str | None,
) -> Plan:
    """Return what the options mean; raises UsageError in one line for what cannot be meant."""
    from driftscan.store.retention import Retention

    return Plan(
        hosts=[target.host for target in shared.targets(targets or [])],
        wish=wish(None, full=verify_full, timeout=shared.timeout),
        baselines=directory(shared, baselines),
        fail_on=Severity(fail_on.value),
        jobs=jobs,
        limits=Limits(seconds("--host-timeout", host_timeout), seconds("--time-limit", time_limit)),
        jitter=seconds("--jitter", jitter),
        again=again,
        reports=report_files(report or [], prometheus),
        messages=Messages(tuple(notify or ()), seconds("--heartbeat", heartbeat) if heartbeat else None),
        keep=Retention.parse(keep) if keep else None,
    )
