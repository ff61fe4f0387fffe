"""The format `text`: an audit that a person reads in five minutes, and what differs on hosts."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from driftscan.model.amount import count
from driftscan.model.drift import Check
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Json
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import shown
from driftscan.report.as_table import cell, cut
from driftscan.report.base import Audit
from driftscan.report.checks import told as told_checks
from driftscan.report.findings import evidence, wrapped
from driftscan.report.finds import gathered
from driftscan.scopes.base import scopes

FORMAT = "text"
_SUBJECTS = 8  # subjects that are named for one rule; the others are counted
_ROWS = 40  # finds that are named; the others are counted
_INDENT = 9  # columns before the findings of a rule: the severities stand there
_FIRST = ("files", "processes", "packages", "services")  # shares in the head
_FACES = (
    ("host", ("hostname", "release name", "release file", "architecture", "kernel release", "init")),
    ("machine", ("virtualization", "cpus", "memory", "timezone", "locale", "boot time")),
)
_BEFORE = {"boot time": "up since ", "kernel release": "kernel "}
_VALUES = 4  # values of a finding's evidence
_LENGTH = 60  # characters of one
_NAMED = 5  # paths that are named of those that a scope could not see; the others are counted
_COUNTED = re.compile(r" and (\d+) more$")


def audit(report: Audit, width: int) -> Iterable[str]:
    """Yield the lines of the report."""
    yield from _head(report, width)
    yield from _findings(report, width)
    yield from _finds(report, width)
    yield from _explained(report, width)
    yield from _coverage(report, width)
    yield from _next(report, width)


def path(answer: Mapping[str, Json], width: int) -> Iterable[str]:
    """Yield a sentence on why a path is there, and the findings that name it."""
    where = cell(answer["path"]) or "/"
    if not answer["packages_seen"]:
        told = "unknown: the packages of this snapshot were not seen"
    elif answer["kind"]:
        words = (str(answer[name]) for name in ("kind", "by", "detail") if answer[name])
        told = "explained: " + shown(", ".join(words))
    else:
        find = answer["find"]
        told = "nothing explains it" + (f"; it is part of the find {cell(find)}" if find not in (None, where) else "")
    there = "" if answer["there"] else "not there; "
    yield from wrapped(f"{where}: {there}{told}", width, "  ")
    for finding in answer["findings"]:
        yield from wrapped(f"  {shown(finding)}", width, "    ")


def checks(checks_: Sequence[Check], width: int) -> Iterable[str]:
    """Yield what differs on each host, bounded; see `report.checks`."""
    yield from told_checks(checks_, width)


def _head(report: Audit, width: int) -> Iterable[str]:
    snapshot = report.snapshot
    number = f", snapshot {report.number}" if report.number else ""
    told = f"{snapshot.taken.astimezone():%Y-%m-%d %H:%M %Z}, {snapshot.seconds:.1f} s over {snapshot.transport}"
    title = cut(f"{shown(snapshot.host)}: audit of {told}{number}", width)
    yield title
    yield "=" * len(title)
    facts = _facts(snapshot)
    for label, names in _FACES:
        told = ", ".join(f"{_BEFORE.get(name, '')}{cell(facts[name])}" for name in names if facts.get(name))
        if told:
            yield from wrapped(f"{label:<11}{told}", width, " " * 11)
    shares = report.judgement.shares
    told = ", ".join(f"{_percent(shares[n].explained, shares[n].total)} of {n}" for n in _FIRST if n in shares)
    if told:
        yield from wrapped(f"{'explained':<11}{told}", width, " " * 11)


def _percent(part: int, whole: int) -> str:
    """Return a share in percent; what is nearly all is not called all."""
    if part == whole:
        return "100 %"
    return f"{min(part / whole * 100, 99.99):.2f} %" if part / whole > 0.99 else f"{part / whole * 100:.0f} %"


def _facts(snapshot: Snapshot) -> dict[str, Json]:
    """Return the facts of the host as a whole by name, numbers with their units."""
    facts = dict(snapshot.facts)
    memory, cpus = str(facts.get("memory")), str(facts.get("cpus"))
    if memory.isdecimal():
        facts["memory"] = f"{int(memory) / (1 << 30):.1f} GiB memory"
    if cpus.isdecimal():
        facts["cpus"] = f"{cpus} CPU" + "s" * (cpus != "1")
    return facts


def _findings(report: Audit, width: int) -> Iterable[str]:
    findings = report.judgement.findings
    tally = [f"{sum(f.severity is s for f in findings)} {s.value}" for s in reversed(Severity)]
    yield from _title("Findings: " + (", ".join(t for t in tally if not t.startswith("0 ")) or "none"), width)
    told: Severity | None = None
    for _, group in groupby(findings, key=lambda finding: (-finding.severity.rank, finding.rule)):
        same = list(group)
        mark = same[0].severity.value.upper() if same[0].severity is not told else ""
        told = same[0].severity
        yield from _rule(mark, same, report, width)


def _rule(mark: str, same: Sequence[Finding], report: Audit, width: int) -> Iterable[str]:
    """Return what one rule has to say, as one paragraph: its title, its id, its subjects with their evidence.

    Evidence fills the lines that there are anyway, and one more where the finding is grave; `driftscan findings` has
    all of it.
    """
    first = same[0]
    grave = first.severity.rank >= Severity.MEDIUM.rank
    rule = f"{first.title} [{first.rule}]" if grave else first.rule
    indent = " " * (_INDENT + 2 * (not grave))

    def lines(values: int) -> list[str]:
        told = [f"{shown(finding.subject)}{evidence(finding, values, _LENGTH)}" for finding in same[:_SUBJECTS]]
        if len(same) > _SUBJECTS:
            told.append(f"and {len(same) - _SUBJECTS:,} more: {_command(report, 'findings', '--rule', first.rule)}")
        return wrapped(f"{mark:<{_INDENT}}{rule}: {'; '.join(told)}", width, indent)

    room = len(lines(0)) + (first.severity.rank >= Severity.HIGH.rank)
    return next(told for values in range(_VALUES, -1, -1) if len(told := lines(values)) <= room or not values)


def _finds(report: Audit, width: int) -> Iterable[str]:
    finds = report.judgement.finds
    if "files" not in report.judgement.shares:
        yield from _title("Unexplained: unknown, for the files or their packages were not seen", width)
        return
    files = sum(find.files for find in finds)
    rows, said = gathered(finds, report.judgement.findings)
    told = f"{count(files, 'file')} in {count(len(finds), 'find')}" if finds else "nothing"
    yield from _title(f"Unexplained: {told}" + (f", {said:,} of them named above" if said else ""), width)
    for row in rows[:_ROWS]:
        yield from wrapped(f"{row.subject} {row.words}", width, "    ")
    if len(rows) > _ROWS:
        yield f"and {len(rows) - _ROWS:,} more: {_command(report, 'finds')}"


def _explained(report: Audit, width: int) -> Iterable[str]:
    shares = report.judgement.shares
    if not shares:
        return
    yield from _title("Explained", width)
    told = []
    for scope, share in shares.items():
        kinds = ", ".join(f"{kind} {number:,}" for kind, number in sorted(share.counts.items(), key=_most_first))
        told.append(f"{share.explained:,} of {share.total:,} {scope}" + (f" ({kinds})" if kinds else ""))
    yield from wrapped("; ".join(told), width)


def _most_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _title(words: str, width: int) -> Iterable[str]:
    yield ""
    yield f"-- {words} ".ljust(width, "-")


def _command(report: Audit, command: str, *words: str) -> str:
    """Return a command line on this host as a person can copy it."""
    return shown(shlex.join(["driftscan", command, report.snapshot.host, *words]))


def _coverage(report: Audit, width: int) -> Iterable[str]:
    yield from _title(
        "Coverage: " + ("all that was asked for was seen" if report.snapshot.complete else "NOT COMPLETE"), width
    )
    for line in _blind_spots(report):
        yield from wrapped(shown(line), width, "  ")


def _blind_spots(report: Audit) -> Iterable[str]:
    """Yield what was not looked at and why: scopes, parts of scopes, limits on purpose, rules without their facts."""
    unasked = sorted(set(scopes()) - set(report.snapshot.coverage))
    if unasked:
        kernel = " (an image has no running kernel)" if report.snapshot.transport == "image" else ""
        yield f"not looked at: {', '.join(unasked)}{kernel}"
    covered = sorted(report.snapshot.coverage.items())
    absent = [name for name, coverage in covered if coverage.outcome is Outcome.ABSENT]
    if absent:
        yield f"the host has none: {', '.join(absent)}"
    of: dict[str, list[str]] = {}  # what several scopes say is said once
    for name, coverage in covered:
        for word in (*coverage.gaps, *coverage.notes):
            of.setdefault(word, []).append(name)
    shortened = [names[0] for word, names in of.items() if _brief(word) != word]
    yield from (f"{', '.join(names)}: {_brief(word)}" for word, names in of.items())
    if shortened:
        yield f"named in full by: {_command(report, 'show', shortened[0])}"
    by_lack: dict[str, list[str]] = {}
    for rule, lacks in sorted(report.judgement.unjudged.items()):
        by_lack.setdefault(", ".join(lacks), []).append(rule)
    for missing, silent in sorted(by_lack.items()):
        yield f"could not be judged, {missing} not seen or not there: {', '.join(silent)}"


def _brief(gap: str) -> str:
    """Return what a scope did not see with the first of its paths, the others counted."""
    first, *more = gap.split(", ")
    if len(more) <= _NAMED + 2:
        return gap
    counted = _COUNTED.search(gap)
    left = len(more) - _NAMED + (int(counted[1]) if counted else 0)
    return f"{', '.join([first, *more[:_NAMED]])} and {left:,} more"


def _next(report: Audit, width: int) -> Iterable[str]:
    yield from _title("Next", width)
    findings = report.judgement.findings
    grave = sum(finding.severity.rank >= Severity.MEDIUM.rank for finding in findings)
    steps = []
    if grave:
        told = "the finding" if grave == 1 else f"the {grave:,} findings"
        steps.append(f"Look at {told} of medium severity or higher, from the top.")
    if not report.snapshot.complete:
        steps.append("See what could not be seen (Coverage, above); run again as root, or with --sudo.")
    for number, step in enumerate(steps, 1):
        yield from wrapped(f"{number}. {step}" if len(steps) > 1 else step, width, "   ")
    more = [_command(report, "strata"), _command(report, "runbook")]
    if findings:
        rule = shown(shlex.join(["driftscan", "rules", "show", findings[0].rule]))
        more = [_command(report, "findings"), rule, *more]
    yield from wrapped("; ".join(more), width)
