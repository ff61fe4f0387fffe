"""Prometheus: the text parses, has a number for every severity of every host that was seen, and none for others."""

import re

from hypothesis import given, settings
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from driftscan.model.drift import Check
from driftscan.model.finding import Severity
from driftscan.model.text import shown
from driftscan.report.base import check_formats
from tests.unit.checks_made import ALONE, CHECKS, CLEAN, DEAD, FLEET, LOGIN, MODE, TAKEN, WEB, check


def families(*checks: Check) -> list[Metric]:
    text = "\n".join(check_formats()["prometheus"](checks, 80)) + "\n"
    return list(text_string_to_metric_families(text))


def values(name: str, *checks: Check) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in families(*checks)
        for sample in family.samples
        if sample.name == name
    }


@given(CHECKS)
@settings(max_examples=40, deadline=None)
def test_it_parses_back_whatever_a_host_is_called(checks: list[Check]) -> None:
    told = values("driftscan_host_up", *checks)
    assert set(told) == {(shown(one.host), shown(one.role)) for one in checks}
    assert sum(values("driftscan_hosts", *checks).values()) == len(checks)


def test_every_severity_of_a_host_has_a_number() -> None:
    told = values("driftscan_drift_items", WEB, CLEAN)
    assert {key[2] for key in told} == {severity.value for severity in Severity}
    assert {key[2]: value for key, value in told.items() if key[0] == "web7"} == {
        "critical": 1,
        "high": 1,
        "medium": 2,
        "low": 0,
        "info": 0,
    }
    assert {value for key, value in told.items() if key[0] == "web1"} == {0}


def test_nobody_is_told_a_number_that_nobody_knows() -> None:
    for name in ("driftscan_drift_items", "driftscan_accepted_items", "driftscan_unknown_scopes"):
        assert {key[0] for key in values(name, *FLEET)} == {"web1", "web7"}
    assert {key[0] for key in values("driftscan_drift_items_by_role", *FLEET)} == {"webserver"}
    assert values("driftscan_host_clean", *FLEET) == {
        ("odd", ""): 0,
        ("db1", "database"): 0,
        ("web1", "webserver"): 1,
        ("web7", "webserver"): 0,
    }
    assert values("driftscan_host_up", *FLEET)["db1", "database"] == 0


def test_by_role() -> None:
    checks = (WEB, CLEAN, DEAD, check("web8", MODE, LOGIN))
    assert values("driftscan_hosts", *checks) == {("database",): 1, ("webserver",): 3}
    assert values("driftscan_hosts_clean", *checks) == {("database",): 0, ("webserver",): 1}
    told = values("driftscan_drift_items_by_role", *checks)
    assert told["webserver", "high"] == 2
    assert told["webserver", "medium"] == 3
    assert told["webserver", "info"] == 0


def test_unknown_scopes_are_counted_apart() -> None:
    assert values("driftscan_unknown_scopes", WEB) == {("web7", "webserver"): 2}
    assert values("driftscan_accepted_items", WEB) == {("web7", "webserver"): 1}


def test_the_time_is_that_of_the_last_good_scan() -> None:
    """A failed attempt has a time and no snapshot; a host in error may come with its last good one."""
    attempt = Check("db1", taken=TAKEN, error="no route")
    earlier = Check("db2", number=7, taken=TAKEN, seconds=12, error="no route")
    name = "driftscan_last_scan_timestamp_seconds"
    assert values(name, attempt, earlier, ALONE) == {
        ("db1", ""): 0,
        ("db2", ""): TAKEN.timestamp(),
        ("odd", ""): TAKEN.timestamp(),
    }
    assert values("driftscan_scan_duration_seconds", attempt, WEB) == {("web7", "webserver"): 38.2}


def test_names_and_help_are_as_prometheus_has_them() -> None:
    """What `promtool check metrics` asks for: help, base units, no type in a name, `_total` for counters alone."""
    found = families(*FLEET)
    assert len({family.name for family in found}) == len(found) == 10
    for family in found:
        assert re.fullmatch(r"driftscan_[a-z]+(_[a-z]+)*", family.name)
        assert family.type == "gauge"
        assert family.documentation.endswith(".")
        assert not re.search(r"_(total|count|sum|bucket|gauge|milliseconds|minutes|info)$", family.name)
