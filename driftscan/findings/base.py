"""What a rule is, what it sees of a snapshot, and the running of all of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from driftscan.model.discovery import modules
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import Entry, reachable, search
from driftscan.scopes.base import scopes
from driftscan.scopes.files import Names


class View:
    """A snapshot as rules look at it: what is costly to work out is worked out once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def of(self, scope: str) -> Iterator[Item]:
        """Yield the items of `scope`, those that live in the file tree too."""
        derive = scopes()[scope].derive
        yield from derive(self.snapshot, b"/") if derive else self.snapshot.of(scope)

    @cached_property
    def names(self) -> Names:
        """Users, groups and packages behind the numbers and paths of the tree."""
        return Names(self.snapshot)

    def search(self, meta: bytes) -> Iterator[Entry]:
        """Yield the entries of the file tree whose `meta` begins with a match of an expression."""
        return search(self.snapshot.objects, self.snapshot.tree, self.snapshot.stats, meta)

    def objects(self) -> Iterator[bytes]:
        """Yield the tree objects of the snapshot as they lie."""
        if self.snapshot.tree:
            yield from (data for _, data in reachable(self.snapshot.objects, self.snapshot.tree))


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of judgement; `needs` are the scopes without which it says nothing rather than something false."""

    id: str
    severity: Severity
    scope: str
    title: str
    advice: str
    needs: tuple[str, ...]

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


def judge(snapshot: Snapshot) -> Judgement:
    """Return what the rules have to say of `snapshot`."""
    view = View(snapshot)
    findings: list[Finding] = []
    unjudged: dict[str, tuple[str, ...]] = {}
    for family in families():
        silent = {rule.id: lacks for rule in family.rules if (lacks := _lacks(rule, snapshot))}
        unjudged |= silent
        if len(silent) < len(family.rules):
            findings += [finding for finding in family.find(view) if finding.rule not in silent]
    findings.sort(key=lambda finding: (-finding.severity.rank, finding.rule, finding.subject))
    return Judgement(findings, unjudged)


def _lacks(rule: Rule, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the scopes that `rule` needs and of which nothing was seen; a partial look judges what it has seen."""
    return tuple(scope for scope in rule.needs if not _seen(scope, snapshot))


def _seen(scope: str, snapshot: Snapshot) -> bool:
    """Whether there is something of `scope` to judge by, or proof that there is nothing."""
    outcome = snapshot.outcome(scope)
    if outcome is None:
        return False
    if scope == "files":
        return bool(snapshot.tree)
    if scope == "packages":  # without the lists of their files, or on a host without packages, nothing is a stranger
        return bool(snapshot.ownership)
    return outcome.seen or any(item.scope == scope for item in snapshot.items)
