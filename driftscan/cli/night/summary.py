"""What a night has to say: nothing when all is well, else one line per host, the gravest drifts, and the totals."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from driftscan.model.drift import Check, Drift
from driftscan.model.text import shown
from driftscan.report._drifts import MARKS, changes, plural, subject, tally
from driftscan.report.as_table import cut

NOT_COMPARED = "not compared: "  # how the error of a host begins that was scanned, and then could not be judged
_DRIFTS = 20  # that are told one by one, of all hosts together
_LINES = 200  # of hosts; who has more of them reads a report
_LINE = 300  # characters of a host's line: an error says what to do about it
_NAMES = 3  # hosts that are named beside a drift which several have
_WARNINGS = 20
_COLUMN = 40  # characters of a host's name before what became of it


@dataclass(frozen=True, slots=True)
class Manner:
    """How a night is told: `everything` also names the hosts that are well, `options` lead to the same hosts again."""

    width: int
    everything: bool = False
    options: tuple[str, ...] = ()


def quiet(checks: Sequence[Check]) -> bool:
    """Whether there is nothing to tell."""
    return all(check.clean and not check.warnings for check in checks)


def told(checks: Sequence[Check], manner: Manner) -> Iterator[str]:
    """Yield the lines about a night; none when it is `quiet`, unless everything is wanted."""
    known = sorted(checks, key=lambda check: check.host)
    loud = known if manner.everything else [check for check in known if not check.clean]
    if quiet(known) and not manner.everything:
        return
    yield from _hosts(loud)
    yield from _gravest(known, manner)
    yield from _warnings(known)
    yield _totals(known)


def outcome(check: Check) -> str:
    """Return in a few words what became of one host."""
    if check.error.startswith(NOT_COMPARED):
        return shown(check.error)
    if check.error:
        last = f"; last seen on {check.taken.astimezone():%Y-%m-%d}" if check.taken and check.number else ""
        return f"not scanned: {shown(check.error)}{last}"
    words = []
    if check.known:
        words.append(f"{plural(len(check.known), 'drift')} ({tally(check.known)})")
    if check.unknown:
        words.append(plural(len({drift.scope for drift in check.unknown}), "unknown scope"))
    if not words:
        words.append("clean" if check.against else "nothing to compare it with")
    return ", ".join(words)


def _hosts(checks: Sequence[Check]) -> Iterator[str]:
    width = min(max((len(shown(check.host)) for check in checks), default=0), _COLUMN)
    for check in checks[:_LINES]:
        yield cut(f"{shown(check.host):<{width}}  {outcome(check)}", _LINE)
    if len(checks) > _LINES:
        yield f"… and {len(checks) - _LINES:,} more hosts"


def _gravest(checks: Sequence[Check], manner: Manner) -> Iterator[str]:
    """Yield the gravest drifts, each once with all the hosts that have it, and how to see the others."""
    hosts: dict[str, list[str]] = {}
    drifts: dict[str, Drift] = {}
    for check in checks:
        for drift in check.drifts:
            name = drift.fingerprint
            drifts.setdefault(name, drift)
            hosts.setdefault(name, []).append(check.host)
    if not drifts:
        return
    order = sorted(drifts, key=lambda name: (-drifts[name].severity.rank, drifts[name].scope, drifts[name].key))
    yield ""
    for name in order[:_DRIFTS]:
        drift = drifts[name]
        words = ", ".join(changes(drift)) or shown(drift.reason)
        what = f"{shown(drift.scope)} {subject(drift)}" + (f": {words}" if words else "")
        severity = f"{drift.severity.value:<8}"
        yield cut(f"{severity}  {_names(hosts[name])}  {MARKS[drift.kind]} {what}", manner.width)
    if len(order) > _DRIFTS:
        first = next(check.host for check in checks if check.drifts)
        several = sum(bool(check.drifts) for check in checks) > 1
        command = shlex.join(["driftscan", "check", "--no-scan", *manner.options, *([] if several else [first])])
        yield f"… and {len(order) - _DRIFTS:,} more: {shown(command)}"
    yield ""


def _names(hosts: Sequence[str]) -> str:
    named = ", ".join(shown(host) for host in hosts[:_NAMES])
    return named if len(hosts) <= _NAMES else f"{named} and {len(hosts) - _NAMES:,} more"


def _warnings(checks: Sequence[Check]) -> Iterator[str]:
    """Yield what baselines have to say about themselves, each once."""
    hosts: dict[str, list[str]] = {}
    for check in checks:
        for warning in check.warnings:
            hosts.setdefault(warning, []).append(check.host)
    for warning in list(hosts)[:_WARNINGS]:
        yield cut(f"! {shown(warning)} ({_names(hosts[warning])})", _LINE)
    if len(hosts) > _WARNINGS:
        yield f"! … and {len(hosts) - _WARNINGS:,} more warnings"


def _totals(checks: Sequence[Check]) -> str:
    seen = [check for check in checks if not check.error]
    blind = sum(check.error.startswith(NOT_COMPARED) for check in checks)
    drifts = [drift for check in seen for drift in check.known]
    counted = (
        (sum(check.clean and bool(check.against) for check in seen), "clean"),
        (sum(check.clean and not check.against for check in seen), "with nothing to compare them with"),
        (sum(bool(check.known) for check in seen), "with drift"),
        (sum(bool(check.unknown) for check in seen), "not seen whole"),
        (blind, "not compared"),
        (len(checks) - len(seen) - blind, "not scanned"),
    )
    words = ", ".join(f"{number:,} {what}" for number, what in counted if number)
    more = f"; {plural(len(drifts), 'drift')} ({tally(drifts)})" if drifts else ""
    return f"{plural(len(checks), 'host')}: {words}{more}"
