"""SARIF: the official schema holds for it, and what a viewer does with it is what was meant."""

import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given, settings
from jsonschema import Draft4Validator, FormatChecker

from driftscan.model.drift import Check, Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.item import Json
from driftscan.model.text import raw, text
from driftscan.report.base import check_formats
from tests.unit.checks_made import CHECKS, CLEAN, DEAD, DRIFTS, FLEET, KEPT, MODE, WEB, check, drift


@cache
def schema() -> Draft4Validator:
    document = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0.schema.json").read_text())
    return Draft4Validator(document, format_checker=FormatChecker())


def run(*checks: Check) -> Json:
    document = json.loads("\n".join(check_formats()["sarif"](checks, 80)))
    assert [error.message for error in schema().iter_errors(document)] == []
    return document["runs"][0]


def result(one: Drift) -> Json:
    return run(check("web7", one))["results"][0]


@given(CHECKS)
@settings(max_examples=12, deadline=None)
def test_the_schema_holds_whatever_a_host_says(checks: list[Check]) -> None:
    whole = run(*checks)
    assert len(whole["results"]) == sum(len(one.known) + len(one.accepted) for one in checks)
    assert len(whole["invocations"]) == len(checks)
    rules = [rule["id"] for rule in whole["tool"]["driver"]["rules"]]
    assert rules == sorted(set(rules))
    for one in whole["results"]:
        assert rules[one["ruleIndex"]] == one["ruleId"]


@given(DRIFTS)
@settings(max_examples=12, deadline=None)
def test_a_path_comes_back_from_its_uri_and_no_text_is_a_link(drifts: list[Drift]) -> None:
    for one in run(check("web7", *drifts))["results"]:
        place = one["locations"][0].get("physicalLocation")
        if place is not None:
            address = urlsplit(place["artifactLocation"]["uri"])
            assert (address.scheme, address.netloc, address.query, address.fragment) == ("file", "", "", "")
            assert unquote_to_bytes(address.path) == raw(one["properties"]["key"])
        assert not re.search(r"(?<!\\)[\[\]]", one["message"]["text"])


def test_a_result_says_what_where_and_how_grave() -> None:
    told = result(MODE)
    assert told["ruleId"] == "drift/files/changed"
    assert told["level"] == "error"
    assert told["message"]["text"].startswith("web7: files /usr/bin/sudo is not as expected: mode 4755 -> 0755; since ")
    assert told["locations"] == [
        {
            "logicalLocations": [{"fullyQualifiedName": "web7/files//usr/bin/sudo", "kind": "resource"}],
            "physicalLocation": {"artifactLocation": {"uri": "file:///usr/bin/sudo"}},
        }
    ]
    assert told["partialFingerprints"] == {"driftscanHost/v1": f"{MODE.fingerprint}:web7"}
    assert told["suppressions"] == []
    assert told["properties"]["security-severity"] == "8.0"


@pytest.mark.parametrize(
    ("severity", "level"),
    [("critical", "error"), ("high", "error"), ("medium", "warning"), ("low", "note"), ("info", "note")],
)
def test_levels(severity: str, level: str) -> None:
    assert result(drift(severity=Severity(severity)))["level"] == level


def test_a_path_that_is_no_uri_is_spelled_as_one() -> None:
    told = result(drift(key=text(b"/srv/a b#c?d%e\xff[x](y)")))
    place = told["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "file:///srv/a%20b%23c%3Fd%25e%FF%5Bx%5D%28y%29"}
    assert "\\[x\\](y)" in told["message"]["text"]


def test_what_has_no_path_has_a_logical_place_only() -> None:
    told = result(drift(Kind.MISSING, scope="packages", key="nginx"))
    assert told["locations"] == [
        {"logicalLocations": [{"fullyQualifiedName": "web7/packages/nginx", "kind": "resource"}]}
    ]


def test_what_is_accepted_is_suppressed_with_its_reason() -> None:
    told = run(check("web7", MODE, accepted=(KEPT,)))["results"]
    assert [one["suppressions"] for one in told] == [
        [],
        [
            {
                "kind": "external",
                "status": "accepted",
                "justification": "the move, ticket 812",
                "properties": {"who": "ann", "until": "2026-11-29", "where": "webserver.yaml:88"},
            }
        ],
    ]


def test_blind_spots_are_no_results_but_make_the_run_a_failure() -> None:
    whole = run(*FLEET)
    by_host = {one["properties"]["host"]: one for one in whole["invocations"]}
    assert {host: one["executionSuccessful"] for host, one in by_host.items()} == {
        "db1": False,
        "odd": False,
        "web1": True,
        "web7": False,
    }
    notes = [note["message"]["text"] for one in whole["invocations"] for note in one["toolExecutionNotifications"]]
    assert notes == [
        f"db1: {DEAD.error}",
        "there is nothing to compare odd with",
        "web7: files, /srv/nfs, could not be looked at: find: Permission denied",
        "web7: sockets, the whole scope, could not be looked at: ss: not found",
    ]
    known = {note["id"] for note in whole["tool"]["driver"]["notifications"]}
    used = {note["descriptor"]["id"] for one in whole["invocations"] for note in one["toolExecutionNotifications"]}
    assert used <= known
    assert by_host["web7"]["toolConfigurationNotifications"][0]["message"]["text"] == WEB.warnings[0]
    assert {one["properties"]["kind"] for one in whole["results"]} == {"changed", "missing", "unexpected"}


def test_a_clean_run_has_no_results() -> None:
    assert run(CLEAN)["results"] == []


def test_a_rule_says_what_to_do_and_has_the_severity_of_its_worst() -> None:
    rules = run(check("web7", MODE, drift(severity=Severity.LOW)))["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["drift/files/changed"]
    assert rules[0]["properties"]["security-severity"] == "8.0"
    assert "baseline update" in rules[0]["help"]["text"]
