"""What a rule is, what it sees of a snapshot, and the running of all of them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from driftscan.explain.shares import Share, shares
from driftscan.explain.view import View
from driftscan.findings.finds import Find, finds
from driftscan.model.discovery import modules
from driftscan.model.finding import Finding, Severity
from driftscan.model.garbage import no_garbage_collection
from driftscan.model.item import Json
from driftscan.model.text import raw, text

_TEMPORARY = re.compile(rb"/(?:var/)?tmp/[^/]+(?=/)")
_FEW = 2  # findings of one rule below one directory of /tmp that are told one by one


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of judgement; `needs` are the scopes without which it says nothing rather than something false.

    `title` goes on with a subject ("… runs with its owner's rights, and no package owns it"), `advice` is what to do.
    `doc` is its page: why it matters, what it is judged by, and when it is wrong; paragraphs, no markup.
    """

    id: str
    severity: Severity
    scope: str
    title: str
    advice: str
    needs: tuple[str, ...]
    doc: str = ""

    def finding(self, subject: str, evidence: dict[str, Json], severity: Severity | None = None) -> Finding:
        """Return what this rule says of `subject`."""
        return Finding(self.id, severity or self.severity, self.scope, subject, self.title, evidence, self.advice)


@dataclass(frozen=True, slots=True)
class Family:
    """Rules that look at the same things; `find` yields what they have to say."""

    rules: tuple[Rule, ...]
    find: Callable[[View], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be said of a snapshot.

    `findings`, the gravest first; `unjudged`, the rules that could not judge, with the scopes that they lacked;
    `finds`, what nothing explains, by path; `shares`, by scope, how much of it is explained and by what.
    """

    findings: Sequence[Finding]
    unjudged: Mapping[str, tuple[str, ...]]
    finds: Sequence[Find] = ()
    shares: Mapping[str, Share] = field(default_factory=dict)


@cache
def families() -> tuple[Family, ...]:
    """Return every family of this package: a module offers one as `FAMILY`."""
    return tuple(module.FAMILY for module in modules("driftscan.findings") if hasattr(module, "FAMILY"))


@cache
def rules() -> Mapping[str, Rule]:
    """Return every rule by its id."""
    return {rule.id: rule for family in families() for rule in family.rules}


def judge(view: View) -> Judgement:
    """Return what the rules have to say of the snapshot that `view` shows."""
    with no_garbage_collection():
        findings, unjudged = _findings(view)
        return Judgement(findings, unjudged, finds(view) if view.seen("packages") else (), shares(view))


def _findings(view: View) -> tuple[list[Finding], dict[str, tuple[str, ...]]]:
    """Return what every rule finds, the gravest first, and the rules that could not judge."""
    findings: list[Finding] = []
    unjudged: dict[str, tuple[str, ...]] = {}
    for family in families():
        silent = {rule.id: lacks for rule in family.rules if (lacks := _lacks(rule, view))}
        unjudged |= silent
        if len(silent) < len(family.rules):
            findings += [finding for finding in family.find(view) if finding.rule not in silent]
    findings = _by_place(findings, view)
    findings.sort(key=lambda finding: (-finding.severity.rank, finding.rule, finding.subject))
    return findings, unjudged


def _by_place(findings: Sequence[Finding], view: View) -> list[Finding]:
    """Tell as one what a rule has to say of a place that is none of this host's own.

    Another system that lies on this host is judged apart, as an image; what somebody works on below /tmp comes and goes
    as a whole. The gravest of a place stands for the rest.
    """
    found: list[Finding] = []
    together: dict[tuple[str, bytes, int], list[Finding]] = {}
    for finding in findings:
        path = raw(finding.subject)
        root = view.system(path)
        temporary = _TEMPORARY.match(path)
        if temporary is not None:
            together.setdefault((finding.rule, temporary[0], _FEW), []).append(finding)
        elif root is not None:
            together.setdefault((finding.rule, root, 1), []).append(finding)
        else:
            found.append(finding)
    for (_, place, few), same in together.items():
        if len(same) <= few:
            found += same
            continue
        first = max(same, key=lambda finding: finding.severity.rank)
        more: dict[str, Json] = {"count": len(same), "such as": first.subject}
        found.append(replace(first, subject=text(place), evidence=more))
    return found


def _lacks(rule: Rule, view: View) -> tuple[str, ...]:
    """Return the scopes that `rule` needs and of which nothing was seen; a partial look judges what it has seen."""
    return tuple(scope for scope in rule.needs if not view.seen(scope))
