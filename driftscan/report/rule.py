"""The page of a rule."""

import textwrap
from collections.abc import Iterable

from driftscan.findings.base import Rule


def page(rule: Rule, width: int) -> Iterable[str]:
    """Yield the lines of the page: what the rule says, why it matters, what it is judged by, what to do."""
    yield rule.id
    yield "=" * len(rule.id)
    yield from textwrap.wrap(f"It says of {rule.scope}: {rule.title}.", width)
    yield f"Severity: {rule.severity.value}, unless the evidence makes it more or less."
    for paragraph in rule.doc.strip().split("\n\n"):
        yield ""
        yield from textwrap.wrap(" ".join(paragraph.split()), width, break_on_hyphens=False)
    yield ""
    yield from textwrap.wrap(f"What to do: {rule.advice}.", width, break_on_hyphens=False)
    yield from textwrap.wrap(f"Judged where these were seen: {', '.join(rule.needs)}.", width)
