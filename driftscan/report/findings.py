"""Findings in full for people: of each rule what it says, every subject with all its evidence, what to do."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from driftscan.model.finding import Finding
from driftscan.model.item import Json
from driftscan.model.text import shown
from driftscan.report.as_table import cell, cut

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
        yield from wrapped(f"{same[0].severity.value.upper()}  {same[0].title}  [{same[0].rule}]", width, "  ")
        for finding in same:
            yield from wrapped(f"  {shown(finding.subject)}{evidence(finding)}", width, "      ")
        yield from wrapped(f"  -> {same[0].advice}", width, "     ")


def evidence(finding: Finding, values: int | None = None, length: int | None = None) -> str:
    """Return the first `values` of a finding's evidence in brackets, each cut to `length` characters; None: no limit.

    "" where there is none.
    """
    told = [
        f"{name} {cell(value) if length is None else cut(cell(value), length)}"
        for name, value in finding.evidence.items()
        if value not in (None, "", [], False) and value != finding.subject
    ][:values]
    return f" ({', '.join(told)})" if told else ""


def wrapped(words: str, width: int, indent: str = "") -> list[str]:
    """Break a line; not at hyphens, for paths and names have some and are copied, nor in a word that a line holds."""
    rest = words.lstrip(" ")
    lines = textwrap.wrap(
        rest,
        width,
        initial_indent=words[: len(words) - len(rest)],
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [piece for line in lines for piece in _pieces(line, width, indent)]


def _pieces(line: str, width: int, indent: str) -> Iterator[str]:
    """Break a line that is one long word."""
    yield line[:width]
    step = max(1, width - len(indent))
    for start in range(width, len(line), step):
        yield indent + line[start : start + step]
