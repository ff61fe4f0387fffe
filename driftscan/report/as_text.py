"""The format `text`: an audit that a person reads in two minutes."""

import shlex
import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby

from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import shown
from driftscan.report.as_json import counts
from driftscan.report.as_table import cell, cut, table
from driftscan.report.base import Audit
from driftscan.scopes.base import scopes

FORMAT = "text"
_SUBJECTS = 6  # subjects that are named for one rule; the others are counted
_ROWS = 25  # rows of one table; the others are counted
_VALUE = 120  # characters of one value of a finding's evidence
_INDENT = 9  # columns before the findings of a rule: the severities stand there
_FACES = (
    ("name", ("hostname",)),
    ("release", ("release name", "release file", "architecture")),
    ("kernel", ("kernel", "kernel release")),
    ("machine", ("virtualization", "cpus", "memory")),
    ("init", ("init", "default target")),
    ("packages", ("package managers",)),
    ("up since", ("boot time",)),
    ("place", ("timezone", "locale")),
)


def audit(report: Audit, width: int) -> Iterable[str]:
    """Yield the lines of the report."""
    yield from _head(report, width)
    yield from _findings(report, width)
    yield from _section("What runs, and what started it", _running(report), report, "processes", width)
    yield from _section("What listens", _listening(report), report, "sockets", width)
    yield from _section("Packages that stand out", _standing_out(report), report, "packages", width)
    yield from _counts(report, width)
    yield from _coverage(report, width)
    yield from _next(report, width)


def _head(report: Audit, width: int) -> Iterable[str]:
    snapshot = report.snapshot
    title = cut(f"{shown(snapshot.host)}: audit of {snapshot.taken.astimezone():%Y-%m-%d %H:%M %Z}", width)
    yield title
    yield "=" * len(title)
    facts = _facts(snapshot)
    for label, names in _FACES:
        told = ", ".join(cell(facts[name]) for name in names if facts.get(name))
        if told:
            yield from _wrapped(f"{label:<10}{told}", width, " " * 10)
    number = f", snapshot {report.number}" if report.number else ""
    yield f"{'scan':<10}{snapshot.seconds:.1f} s over {snapshot.transport}{number}"


def _facts(snapshot: Snapshot) -> dict[str, Json]:
    """Return the facts of the host as a whole by name, numbers with their units."""
    facts = {item.key: item.attributes.get("value") or item.volatile.get("reading") for item in snapshot.of("system")}
    memory, cpus = str(facts.get("memory")), str(facts.get("cpus"))
    if memory.isdecimal():
        facts["memory"] = f"{int(memory) / (1 << 30):.1f} GiB memory"
    if cpus.isdecimal():
        facts["cpus"] = f"{cpus} CPU" + "s" * (cpus != "1")
    return facts


def _findings(report: Audit, width: int) -> Iterable[str]:
    findings = report.judgement.findings
    tally = [f"{sum(f.severity is s for f in findings)} {s.value}" for s in reversed(Severity)]
    yield from _title("Findings: " + (", ".join(t for t in tally if not t.startswith("0 ")) or "none"))
    for _, group in groupby(findings, key=lambda finding: (-finding.severity.rank, finding.rule)):
        yield from _rule(list(group), report, width)


def _rule(same: Sequence[Finding], report: Audit, width: int) -> Iterable[str]:
    """Yield what one rule has to say: its title, its subjects with their evidence, its advice."""
    first, indent = same[0], " " * _INDENT
    heading = f"{first.severity.value.upper():<{_INDENT}}{first.title}  [{first.rule}]"
    yield from _wrapped(heading, width, indent)
    for finding in same[:_SUBJECTS]:
        words = f"{shown(finding.subject)}  {_evidence(finding)}".rstrip()
        yield from _wrapped(indent + words, width, indent + "    ")
    if len(same) > _SUBJECTS:
        more = f"… and {len(same) - _SUBJECTS:,} more: {_command(report, 'audit', '--format', 'json')}"
        yield indent + more
    yield from _wrapped(f"{indent}-> {first.advice}", width, indent + "   ")


def _evidence(finding: Finding) -> str:
    told = [
        f"{name} {cut(cell(value), _VALUE)}"
        for name, value in finding.evidence.items()
        if value not in (None, "", []) and value != finding.subject
    ]
    return "(" + ", ".join(told) + ")" if told else ""


def _wrapped(words: str, width: int, indent: str = "") -> list[str]:
    """Break a line; not at hyphens, for paths and names have some and are copied."""
    return textwrap.wrap(words, width, subsequent_indent=indent, break_on_hyphens=False)


def _title(words: str) -> Iterable[str]:
    yield ""
    yield words
    yield "-" * len(words)


def _section(
    title: str, made: tuple[Sequence[str], Sequence[Sequence[Json]]], report: Audit, scope: str, width: int
) -> Iterable[str]:
    headers, rows = made
    yield from _title(title)
    coverage = report.snapshot.coverage.get(scope)
    if coverage is None or (not rows and not coverage.outcome.seen):
        yield f"unknown: {scope} could not be seen" if coverage else f"not looked at: {scope}"
        return
    if not rows:
        yield "nothing"
        return
    yield from table(headers, rows[:_ROWS], width)
    if len(rows) > _ROWS:
        yield f"… and {len(rows) - _ROWS:,} more: {_command(report, 'show', scope)}"


def _command(report: Audit, command: str, *words: str) -> str:
    """Return a command line on this host as a person can copy it."""
    return shown(shlex.join(["driftscan", command, report.snapshot.host, *words]))


def _running(report: Audit) -> tuple[Sequence[str], Sequence[Sequence[Json]]]:
    items = [item for item in report.snapshot.of("processes") if not item.attributes.get("kernel")]
    rows = [
        (
            _starter(item),
            item.attributes.get("user"),
            item.attributes.get("command") or item.attributes.get("name"),
            _missing(item),
        )
        for item in items
    ]
    return ("started by", "user", "command", "package"), sorted(rows, key=lambda row: [str(value) for value in row])


def _starter(item: Item) -> str:
    """Return what started a process: its container, its unit, else the nearest process above it."""
    told = next((told for name in ("container", "unit", "parent") if (told := item.attributes.get(name))), None)
    pids = item.volatile.get("pid")
    return cell(told) or ("(kernel)" if isinstance(pids, list) and 1 in pids else "(unknown)")


def _listening(report: Audit) -> tuple[Sequence[str], Sequence[Sequence[Json]]]:
    items = [item for item in report.snapshot.of("sockets") if item.attributes.get("state") == "listen"]
    rows = [
        (
            item.attributes.get("protocol"),
            f"{item.attributes.get('address')}:{item.attributes.get('port')}",
            item.attributes.get("user"),
            item.attributes.get("exe") or "(unknown)",
            _missing(item),
            item.attributes.get("unit"),
        )
        for item in items
        if item.attributes.get("port")
    ]
    return ("protocol", "address", "user", "executable", "package", "unit"), rows


def _missing(item: Item) -> Json:
    """Return the package of an item's executable, with words where there is none."""
    package = item.attributes.get("package")
    return "(none)" if package == "" else package


def _standing_out(report: Audit) -> tuple[Sequence[str], Sequence[Sequence[Json]]]:
    rows = []
    for item in report.snapshot.of("packages"):
        facts = item.attributes
        why = [
            words
            for told, words in (
                (_unknown_to_repositories(item), "no configured repository knows it"),
                (facts.get("hold"), "on hold"),
                (facts.get("pin"), "pinned"),
                (facts.get("state") not in (None, "installed"), str(facts.get("state"))),
            )
            if told
        ]
        if why:
            rows.append((facts.get("name"), facts.get("version"), "; ".join(why)))
    return ("package", "version", "why"), rows


def _unknown_to_repositories(item: Item) -> bool:
    known = {**item.volatile, **item.attributes}
    return known.get("state") == "installed" and known.get("offered") is False and not known.get("offers")


def _counts(report: Audit, width: int) -> Iterable[str]:
    yield from _title("Counts")
    yield from _wrapped(", ".join(f"{name} {count:,}" for name, count in counts(report).items()), width)


def _coverage(report: Audit, width: int) -> Iterable[str]:
    yield from _title(
        "Coverage: " + ("all that was asked for was seen" if report.snapshot.complete else "NOT COMPLETE")
    )
    for line in _blind_spots(report):
        yield from _wrapped(shown(line), width, "  ")


def _blind_spots(report: Audit) -> Iterable[str]:
    """Yield what was not looked at and why: scopes, parts of scopes, limits on purpose, rules without their facts."""
    unasked = sorted(set(scopes()) - set(report.snapshot.coverage))
    if unasked:
        kernel = " (an image has no running kernel)" if report.snapshot.transport == "image" else ""
        yield f"not looked at: {', '.join(unasked)}{kernel}"
    for name, coverage in sorted(report.snapshot.coverage.items()):
        yield from (f"{name}: {gap}" for gap in coverage.gaps)
        if coverage.outcome is Outcome.ABSENT:
            yield f"{name}: the host has none"
        yield from (f"{name}: {note}" for note in coverage.notes)
    for rule, lacks in sorted(report.judgement.unjudged.items()):
        yield f"rule {rule} could not judge: {', '.join(lacks)} not seen, or not there"


def _next(report: Audit, width: int) -> Iterable[str]:
    yield from _title("Next")
    grave = sum(finding.severity.rank >= Severity.MEDIUM.rank for finding in report.judgement.findings)
    steps = []
    if grave:
        findings = "the finding" if grave == 1 else f"the {grave:,} findings"
        steps.append(f"Look at {findings} of medium severity or higher, from the top.")
    if not report.snapshot.complete:
        steps.append("See what could not be seen (Coverage, above); run again as root, or with --sudo.")
    for number, step in enumerate(steps, 1):
        yield from _wrapped(f"{number}. {step}" if len(steps) > 1 else step, width, "   ")
    yield f"browse:   {_command(report, 'show', 'services')}"
    yield f"          {_command(report, 'show', 'files', '/etc')}"
    yield f"history:  {_command(report, 'log')}"
