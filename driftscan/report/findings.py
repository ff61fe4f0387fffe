"""Findings in full for people: of each rule what it says, every subject with all its evidence, what to do."""

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby

from driftscan.model.finding import Finding
from driftscan.model.item import Json
from driftscan.model.text import shown
from driftscan.report.as_table import cell

HEADERS = ("severity", "rule", "subject", "evidence")


def row(finding: Finding) -> Sequence[Json]:
    """Return one finding under `HEADERS`."""
    return [finding.severity.value, finding.rule, finding.subject, dict(finding.evidence)]


def listed(findings: Sequence[Finding], width: int) -> Iterable[str]:
    """Yield the lines of `findings`, which are in the order of a judgement."""
    for number, (_, group) in enumerate(groupby(findings, key=lambda one: (one.severity, one.rule))):
        same = list(group)
        if number:
            yield ""
        yield from _wrapped(f"{same[0].severity.value.upper()}  {same[0].title}  [{same[0].rule}]", width, "  ")
        for finding in same:
            yield from _wrapped(f"  {shown(finding.subject)}{evidence(finding)}", width, "      ")
        yield from _wrapped(f"  -> {same[0].advice}", width, "     ")


def evidence(finding: Finding) -> str:
    """Return all evidence of a finding in words, in brackets; "" where there is none."""
    told = [
        f"{name} {cell(value)}"
        for name, value in finding.evidence.items()
        if value not in (None, "", [], False) and value != finding.subject
    ]
    return f" ({', '.join(told)})" if told else ""


def _wrapped(words: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(words, width, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True)
