"""JUnit XML: what reads test results sees each drift as a failure, each blind spot as an error."""

from xml.etree import ElementTree as ET

from hypothesis import given, settings
from junitparser import JUnitXml

from driftscan.model.drift import Check
from driftscan.model.text import shown
from driftscan.report.base import check_formats
from tests.unit.checks_made import CHECKS, CLEAN, DEAD, FLEET, KEPT, LOGIN, MODE, WARNING, check


def document(*checks: Check) -> str:
    return "\n".join(check_formats()["junit"](checks, 80))


def suite(one: Check) -> ET.Element:
    found = ET.fromstring(document(one)).find("testsuite")
    assert found is not None
    return found


@given(CHECKS)
@settings(max_examples=25, deadline=None)
def test_it_is_xml_whatever_a_host_says(checks: list[Check]) -> None:
    root = ET.fromstring(document(*checks))
    compared = [one for one in checks if one.against and not one.error]
    assert len(root.findall("testsuite")) == len(checks)
    assert len(root.findall(".//failure")) == sum(len(one.known) for one in compared)
    errors = sum(len(one.unknown) for one in compared) + sum(bool(one.error) for one in checks)
    assert len(root.findall(".//error")) == errors
    told = {failure.text.partition("\n")[0][2:] for failure in root.findall(".//failure") if failure.text}
    # A parser makes one blank of what is blank at the ends and in attributes; this is element text, which it keeps.
    assert told == {shown(drift.key) for one in compared for drift in one.known}


def test_counts_are_those_of_the_cases() -> None:
    read = JUnitXml.fromstring(document(*FLEET))
    assert (read.failures, read.errors, read.skipped) == (4, 3, 1)
    assert [one.name for one in read] == ["db1 (database)", "odd", "web1 (webserver)", "web7 (webserver)"]
    assert read.tests == sum(one.tests for one in read) == len(ET.fromstring(document(*FLEET)).findall(".//testcase"))


def test_a_clean_host_passes_in_every_scope_that_is_compared() -> None:
    cases = suite(CLEAN).findall("testcase")
    names = [case.get("name") for case in cases]
    assert names[0] == "scan"
    assert {"files", "packages", "accounts"} <= set(names)
    assert "history" not in names  # nothing of it is golden
    assert all(len(case) == 0 for case in cases)
    assert {case.get("classname") for case in cases} == {"webserver.web1"}


def test_each_drift_is_a_case_of_its_own() -> None:
    cases = {case.get("name"): case for case in suite(check("web7", MODE, LOGIN)).findall("testcase")}
    assert "files" not in cases
    assert "packages" in cases
    failure = cases["files: /usr/bin/sudo"].find("failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("high-changed", "changed, mode 4755 -> 0755")
    diff = cases["files: /etc/ssh/sshd_config"].find("failure")
    assert diff is not None
    assert "  +PermitRootLogin yes" in (diff.text or "")


def test_a_host_in_error_is_one_error() -> None:
    found = suite(DEAD)
    assert [case.get("name") for case in found.findall("testcase")] == ["scan"]
    error = found.find("testcase/error")
    assert error is not None
    assert error.get("message") == DEAD.error
    assert found.get("timestamp") is None


def test_what_is_accepted_passes_and_is_written_down() -> None:
    found = suite(check("web7", accepted=(KEPT,), warnings=(WARNING,)))
    assert found.get("failures") == "0"
    assert [out.text for out in found.iter("system-out")] == [
        WARNING,
        "accepted: + /opt/x: the move, ticket 812 (ann, until 2026-11-29)",
    ]
