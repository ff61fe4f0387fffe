"""What a rule is, what it sees of a snapshot, and the running of all of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from driftscan.explain.view import View
from driftscan.model.discovery import modules
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Json


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
    """All findings, the gravest first, and the rules that could not judge, with the scopes that they lacked."""

    findings: Sequence[Finding]
    unjudged: dict[str, tuple[str, ...]]


@cache
def families() -> tuple[Family, ...]:
    """Return every family of this package: a module offers one as `FAMILY`."""
    return tuple(module.FAMILY for module in modules("driftscan.findings") if hasattr(module, "FAMILY"))


def judge(view: View) -> Judgement:
    """Return what the rules have to say of the snapshot that `view` shows."""
    findings: list[Finding] = []
    unjudged: dict[str, tuple[str, ...]] = {}
    for family in families():
        silent = {rule.id: lacks for rule in family.rules if (lacks := _lacks(rule, view))}
        unjudged |= silent
        if len(silent) < len(family.rules):
            findings += [finding for finding in family.find(view) if finding.rule not in silent]
    findings.sort(key=lambda finding: (-finding.severity.rank, finding.rule, finding.subject))
    return Judgement(findings, unjudged)


def _lacks(rule: Rule, view: View) -> tuple[str, ...]:
    """Return the scopes that `rule` needs and of which nothing was seen; a partial look judges what it has seen."""
    return tuple(scope for scope in rule.needs if not view.seen(scope))
