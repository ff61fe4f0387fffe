"""The runbook: the build manual that nobody kept, in Markdown, from one snapshot and nothing else."""

import re
from collections.abc import Iterable, Sequence

from driftscan.explain.view import View
from driftscan.findings.base import Judgement
from driftscan.findings.strata import HUMAN, INSTALLED, UNDATED, Stratum
from driftscan.model.finding import Finding, Severity
from driftscan.model.markdown import bullets, code, codes, marked, paragraph, prose
from driftscan.model.outcome import Outcome
from driftscan.report._runbook_facts import host, purpose
from driftscan.report._runbook_steps import steps
from driftscan.report.strata import span
from driftscan.scopes.base import scopes

_SUBJECTS = 6  # subjects of one open question; the others are counted
_STRATA = 40  # layers of the history, the newest of them; the others are counted
# Words of rules about what is in memory alone; a test holds the rules to them.
_LOST = re.compile(r"reboot|next boot takes|in memory that|no longer on the disk")
_Part = tuple[str, list[str]]


def markdown(view: View, judgement: Judgement, strata: Sequence[Stratum]) -> Iterable[str]:
    """Yield the lines of the runbook; parts about which nothing is known are left out."""
    snapshot = view.snapshot
    yield f"# How {code(snapshot.host)} is built"
    yield ""
    taken = f"{snapshot.taken:%Y-%m-%d %H:%M} UTC"
    yield from paragraph(
        f"Written by driftscan from the snapshot of {taken}; nobody needs to keep it up to date, for any snapshot "
        "gives it anew. Values of the host stand in code spans. Secrets were never kept: they are named only."
    )
    chapters = (
        ("What it is", [("", host(view))]),
        ("What it is for", list(purpose(view))),
        ("What was done on top of the stock system, in order", list(steps(view, judgement))),
        ("What does not survive a reboot, and open questions", _open(judgement)),
        ("How it came to be", [("", _history(view, strata))]),
        ("What could not be seen", [("", _unseen(view, judgement))]),
    )
    number = 0
    for title, parts in chapters:
        told = [(name, lines) for name, lines in parts if lines]
        if told:
            number += 1
            yield from ("", f"## {number}. {title}")
            for part, (name, lines) in enumerate(told, 1):
                yield from ("", f"### {number}.{part} {name}") if name else ()
                yield ""
                yield from lines


def _open(judgement: Judgement) -> list[_Part]:
    """Tell findings of medium severity and higher: first what only memory holds."""
    grave = [finding for finding in judgement.findings if finding.severity.rank >= Severity.MEDIUM.rank]
    lost = [finding for finding in grave if _LOST.search(f"{finding.title}; {finding.advice}")]
    rest = [finding for finding in grave if finding not in lost]
    return [("Gone after a reboot", _questions(lost)), ("Open questions, the gravest first", _questions(rest))]


def _questions(findings: Sequence[Finding]) -> list[str]:
    rules: dict[tuple[int, str], list[Finding]] = {}
    for finding in findings:
        rules.setdefault((-finding.severity.rank, finding.rule), []).append(finding)
    return bullets(_question(found) for _, found in sorted(rules.items(), key=lambda pair: pair[0]))


def _question(found: Sequence[Finding]) -> str:
    first = found[0]
    subjects = codes((finding.subject for finding in found), _SUBJECTS)
    return f"**{first.severity.value}** {subjects}: {prose(first.title)}. To do: {prose(first.advice)}."


def _history(view: View, strata: Sequence[Stratum]) -> list[str]:
    """Tell the layers of time, oldest first."""
    told = [one for one in strata if one.kind in {INSTALLED, HUMAN, UNDATED}]
    kept = told[:1] + told[1:][-(_STRATA - 1) :]
    points = [f"{span(one)}: {marked(one.marked)}" for one in kept]
    if len(told) > len(kept):
        command = code(f"driftscan strata {view.snapshot.host}")
        points.insert(1, f"{len(told) - len(kept):,} more in between: {command}")
    return bullets(points)


def _unseen(view: View, judgement: Judgement) -> list[str]:
    """Tell what was not looked at, or not whole: there may be more than this runbook says."""
    coverage = view.snapshot.coverage
    unasked = sorted(set(scopes()) - set(coverage))
    points = [f"not looked at: {codes(unasked, 40)}"] if unasked else []
    for name, seen in sorted(coverage.items()):
        if seen.outcome is not Outcome.ABSENT:
            points += [f"{code(name)}: {code(gap)}" for gap in seen.gaps]
        points += [f"{code(name)}: {code(note)}" for note in seen.notes]
    for rule, lacks in sorted(judgement.unjudged.items()):
        points.append(f"rule {code(rule)} could not judge: {codes(lacks, 6)} not seen, or not there")
    return bullets(points, 40)
