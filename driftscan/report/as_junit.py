"""The format `junit`: a test suite per host, a test case per clean scope and per drift, for what shows test results."""

from collections.abc import Iterable, Sequence
from datetime import timezone

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import SystemOut

from driftscan.model.drift import Check, Drift, Kind
from driftscan.model.text import shown
from driftscan.report._drifts import MARKS, changes, compared, evidence, head, in_order, order, since, subject
from driftscan.scopes.base import scopes

FORMAT = "junit"
_LINES = 200  # lines of one diff


def checks(checks_: Sequence[Check], _width: int) -> Iterable[str]:
    """Yield an XML document: each drift is a failed test case, what could not be looked at an erroneous one.

    Scopes without drift pass; a drift has a case of its own, for most readers take one failure of a case only. A host
    that is in error is one, one that there is nothing to compare with is skipped.
    """
    document = JUnitXml("driftscan")
    for check in in_order(checks_):
        document.append(_suite(check))  # add_testsuite would make one of two that look the same
    document.update_statistics()
    document.time = round(sum(check.seconds for check in checks_ if not check.error), 3)
    yield from document.tostring().decode().splitlines()


def _suite(check: Check) -> TestSuite:
    suite = TestSuite(head(check))
    suite.hostname = shown(check.host)
    seconds = 0 if check.error else round(check.seconds, 3)
    if check.taken and not check.error:
        suite.timestamp = f"{check.taken.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S}"
    scan = TestCase("scan", _class(check), seconds)
    if check.error:
        scan.append(Error(shown(check.error), "error"))
    elif not check.against:
        scan.append(Skipped("there is nothing to compare this host with"))
    if check.warnings:
        scan.append(SystemOut("\n".join(map(shown, check.warnings))))
    suite.append(scan)  # add_testcase would count them all anew each time
    if compared(check):
        drifts = sorted(check.drifts, key=order)
        for scope in sorted({*_compared_scopes(), *(drift.scope for drift in (*drifts, *check.accepted))}):
            same = [drift for drift in drifts if drift.scope == scope]
            for case in [_case(check, drift) for drift in same] or [_clean(check, scope)]:
                suite.append(case)
    return suite


def _compared_scopes() -> list[str]:
    """Return the scopes that are compared at all."""
    return [name for name, scope in scopes().items() if any(column.golden for column in scope.columns)]


def _class(check: Check) -> str:
    """Return what consumers group test cases by: the role, then the host."""
    return f"{shown(check.role) or 'driftscan'}.{shown(check.host)}"


def _case(check: Check, drift: Drift) -> TestCase:
    case = TestCase(f"{shown(drift.scope)}: {subject(drift)}", _class(check), 0)
    told = ", ".join([drift.kind.value, *changes(drift)])
    result = (Error if drift.kind is Kind.UNKNOWN else Failure)(told, f"{drift.severity.value}-{drift.kind.value}")
    result.text = "\n".join(_text(drift))
    case.append(result)
    return case


def _clean(check: Check, scope: str) -> TestCase:
    case = TestCase(shown(scope), _class(check), 0)
    kept = sorted((drift for drift in check.accepted if drift.scope == scope), key=order)
    if kept:
        case.append(SystemOut("\n".join(_accepted(drift) for drift in kept)))
    return case


def _text(drift: Drift) -> Iterable[str]:
    yield f"{MARKS[drift.kind]} {subject(drift)}"
    yield from (f"  {change}" for change in changes(drift, None))
    if drift.since:
        yield f"  {since(drift.since, timezone.utc)}"
    if drift.by:
        yield f"  by {shown(drift.by)}"
    yield from (f"  {fact}" for fact in evidence(drift, None))
    if drift.reason:
        yield f"  {shown(drift.reason)}"
    yield from (f"  {shown(line)}" for line in drift.diff[:_LINES])
    if len(drift.diff) > _LINES:
        yield f"  … {len(drift.diff) - _LINES:,} more lines"


def _accepted(drift: Drift) -> str:
    known = drift.acceptance
    why = f": {shown(known.why)} ({shown(known.who)}, until {known.until})" if known else ""
    return f"accepted: {MARKS[drift.kind]} {subject(drift)}{why}"
