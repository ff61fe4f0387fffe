"""The format `prometheus`: metrics of checks by host and by role, for the textfile collector of node_exporter."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from driftscan.model.drift import Check, Drift
from driftscan.model.finding import Severity
from driftscan.model.text import shown
from driftscan.report._drifts import clean, compared

FORMAT = "prometheus"
_HOST = ("host", "role")
_Value = Callable[[Check], float | None]  # None: there is none, and no series


def _seen(check: Check) -> bool:
    """Whether the time is that of a good scan: a host in error may have one of an earlier night."""
    return check.taken is not None and bool(check.number or not check.error)


_BY_HOST: Mapping[str, tuple[str, _Value]] = {
    "driftscan_host_up": ("Whether the host was seen by the last run.", lambda check: not check.error),
    "driftscan_host_clean": ("Whether the host was seen whole and nothing differs.", clean),
    "driftscan_accepted_items": (
        "Drifts that somebody has accepted.",
        lambda check: len(check.accepted) if compared(check) else None,
    ),
    "driftscan_unknown_scopes": (
        "Scopes that could not be looked at, wholly or in part.",
        lambda check: len({drift.scope for drift in check.unknown}) if compared(check) else None,
    ),
    "driftscan_last_scan_timestamp_seconds": (
        "When the last good scan was made, in Unix time; 0: none is known.",
        lambda check: check.taken.timestamp() if check.taken and _seen(check) else 0,
    ),
    "driftscan_scan_duration_seconds": (
        "How long the last good scan took.",
        lambda check: check.seconds if _seen(check) else None,
    ),
}


def checks(checks_: Sequence[Check], _width: int) -> Iterable[str]:
    """Yield the text exposition format.

    Every severity has a number, be it 0, so that an alert has something to look at; a host that was not seen or not
    compared has none, for nobody knows. The age of a scan is `time() - driftscan_last_scan_timestamp_seconds`.
    """
    known = sorted(checks_, key=lambda check: (check.role, check.host, check.number))
    registry = CollectorRegistry()
    for name, (doc, value) in _BY_HOST.items():
        metric = Gauge(name, doc, _HOST, registry=registry)
        for check in known:
            if (number := value(check)) is not None:
                metric.labels(shown(check.host), shown(check.role)).set(number)
    doc = "Drifts that nobody has accepted."
    by_host = Gauge("driftscan_drift_items", doc, (*_HOST, "severity"), registry=registry)
    for check in known:
        if compared(check):
            for severity, number in _counts(check.known):
                by_host.labels(shown(check.host), shown(check.role), severity).set(number)
    _by_role(known, registry)
    yield from generate_latest(registry).decode().splitlines()


def _by_role(known: Sequence[Check], registry: CollectorRegistry) -> None:
    items = Gauge(
        "driftscan_drift_items_by_role",
        "Drifts that nobody has accepted, of all hosts of a role that were seen.",
        ("role", "severity"),
        registry=registry,
    )
    hosts = Gauge("driftscan_hosts", "Hosts of a role.", ("role",), registry=registry)
    well = Gauge("driftscan_hosts_clean", "Hosts of a role that are clean.", ("role",), registry=registry)
    for role, group in groupby(known, key=lambda check: check.role):
        same = list(group)
        hosts.labels(shown(role)).set(len(same))
        well.labels(shown(role)).set(sum(map(clean, same)))
        seen = [check for check in same if compared(check)]
        for severity, number in _counts(drift for check in seen for drift in check.known) if seen else ():
            items.labels(shown(role), severity).set(number)


def _counts(drifts: Iterable[Drift]) -> list[tuple[str, int]]:
    known = [drift.severity for drift in drifts]
    return [(severity.value, known.count(severity)) for severity in Severity]
