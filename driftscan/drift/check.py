"""Comparing a host with its role's baseline: what is missing, unexpected, changed, and what nobody could see."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from driftscan.baseline.conditions import fits
from driftscan.baseline.model import Baseline, Expected, matches
from driftscan.drift.accepted import parted, warnings
from driftscan.drift.compare import compare
from driftscan.drift.fold import folded
from driftscan.drift.lines import lacking
from driftscan.drift.noteworthy import attributes_of, text_digest
from driftscan.drift.observed import Observed, compared, observe
from driftscan.drift.rights import changed_rights
from driftscan.drift.severity import severity
from driftscan.drift.subject import Subject, golden
from driftscan.drift.trees import differences
from driftscan.drift.trees import digest as tree_digest
from driftscan.explain.view import View
from driftscan.model.drift import UNDECLARED, Change, Check, Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.item import Json
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, text
from driftscan.scopes import files
from driftscan.scopes.base import scopes

_MOST_PATHS = 20  # of a tree that are named


Trace = Callable[[list[Drift]], list[Drift]]


def check(
    view: View,
    baseline: Baseline,
    on: date,
    earlier: Sequence[Snapshot] = (),
    trace: Trace = lambda drifts: drifts,
) -> Check:
    """Compare the host that `view` shows with `baseline`, acceptances as they hold on the day `on`.

    `earlier` are older snapshots of the same host, the oldest first: by it rights are compared that package databases
    do not keep, by all of them is told what has changed in a directory that is declared as a whole.
    `trace` adds what history knows: since when, by whom, the texts.
    """
    comparison = _Comparison(view, baseline, earlier)
    graded = [replace(drift, severity=severity(drift, baseline.grades)) for drift in comparison.run()]
    items = {name: one.item for name, one in comparison.seen.subjects.items() if one.item is not None}
    open_, accepted = parted(folded(trace(graded), items), baseline.acceptances, on)
    snapshot = view.snapshot
    return Check(
        host=snapshot.host,
        role=baseline.role,
        taken=snapshot.taken,
        seconds=snapshot.seconds,
        against=baseline.sources[0] if baseline.sources else baseline.role,
        drifts=in_order(open_),
        accepted=in_order(accepted),
        warnings=tuple(warnings(baseline.acceptances, accepted, on)),
    )


def renewed(found: Check, baseline: Baseline, on: date) -> Check:
    """Return an earlier result with the acceptances of `baseline` as they hold on the day `on`."""
    before = [replace(drift, acceptance=None) for drift in (*found.drifts, *found.accepted)]
    open_, accepted = parted(before, baseline.acceptances, on)
    told = tuple(warnings(baseline.acceptances, accepted, on))
    return replace(found, drifts=in_order(open_), accepted=in_order(accepted), warnings=told)


def check_against(before: Snapshot, number: int, view: View, trace: Trace = lambda drifts: drifts) -> Check:
    """Compare the host that `view` shows with an older snapshot of it, where its role has no baseline."""
    snapshot = view.snapshot
    drifts = compare(before, snapshot)
    graded = [replace(drift, severity=severity(drift)) for drift in drifts]
    return Check(
        host=snapshot.host,
        taken=snapshot.taken,
        seconds=snapshot.seconds,
        against=f"snapshot {number} of {before.taken.astimezone():%Y-%m-%d %H:%M}",
        drifts=in_order(folded(trace(graded), {(item.scope, item.key): item for item in snapshot.items})),
    )


def unseen(snapshot: Snapshot) -> tuple[Drift, ...]:
    """Return what was not seen of a host that there is nothing to compare with."""
    why = {name: blind(snapshot, name) for name in sorted(snapshot.coverage)}
    return tuple(Drift(Kind.UNKNOWN, Severity.MEDIUM, name, "", reason=words) for name, words in why.items() if words)


def in_order(drifts: list[Drift]) -> tuple[Drift, ...]:
    """Return drifts with the gravest first."""
    return tuple(sorted(drifts, key=lambda one: (-one.severity.rank, one.scope, one.key, one.kind.value)))


def blind(snapshot: Snapshot, scope: str) -> str:
    """Return why `scope` was not seen whole; "" where it was."""
    coverage = snapshot.coverage.get(scope)
    if coverage is None:
        return "not looked at"
    if coverage.outcome.seen:
        return ""
    return f"{coverage.outcome.value}: {'; '.join(coverage.gaps)}" if coverage.gaps else coverage.outcome.value


class _Comparison:
    """One comparison of a snapshot with a baseline."""

    def __init__(self, view: View, baseline: Baseline, earlier: Sequence[Snapshot]) -> None:
        self.view = view
        self.baseline = baseline
        self.earlier = earlier
        self.seen: Observed = observe(view, baseline)
        self.unseen: dict[str, int] = {}  # scope -> declared things that nobody could look for

    def run(self) -> list[Drift]:
        found = [drift for expected in self.baseline.expected.values() for drift in self._declared(expected)]
        found += [drift for tree in self.baseline.trees.values() for drift in self._tree(tree.path, tree.digest)]
        declared = {self._name(*name) for name in self.baseline.expected}
        declared |= {("trees", path) for path in self.baseline.trees}
        others = [subject for name, subject in self.seen.subjects.items() if name not in declared]
        found += _topmost([drift for subject in others for drift in self._undeclared(subject)])
        rights = {one.key: one for oldest in self.earlier[:1] for one in changed_rights(oldest, self.view)}
        told = {drift.key for drift in found if drift.scope == "files"} | {key for _, key in declared}
        found = [_by_past(one, rights) if one.scope == "files" else one for one in found]
        found += [one for key, one in rights.items() if key not in told]
        kept = [one for one in found if not self._ignored(one.scope, one.key)]
        return [*kept, *self._unknown()]

    def _name(self, scope: str, key: str) -> tuple[str, str]:
        """Return under what name a declared thing is among the subjects: a path as the disk spells it."""
        if scope != "files":
            return self.seen.key(scope, key)
        return scope, text(self.view.ownership.canonical(raw(key)))

    def _ignored(self, scope: str, key: str) -> bool:
        return any(
            ignore.covers(scope, key) or (scope == "trees" and ignore.scope == "files" and matches(ignore.pattern, key))
            for ignore in self.baseline.ignore
        )

    def _declared(self, expected: Expected) -> Iterator[Drift]:
        scope, key = expected.scope, expected.key
        if self._ignored(scope, key):
            return
        subject = self.seen.subjects.get(self._name(scope, key)) or self._looked_up(expected)
        if subject is None or subject.absent:
            if expected.absent:
                return
            if not self._whole(expected):
                self.unseen[scope] = self.unseen.get(scope, 0) + 1
                return
            evidence = {**expected.attributes, **_evidence(subject)}
            yield Drift(Kind.MISSING, Severity.MEDIUM, scope, key, reason=expected.where, evidence=evidence)
        elif expected.absent:
            yield Drift(
                Kind.UNEXPECTED, Severity.MEDIUM, scope, key, reason=expected.where, evidence=_evidence(subject)
            )
        else:
            yield from self._compared(expected, subject)

    def _looked_up(self, expected: Expected) -> Subject | None:
        """Return a declared thing that is not noteworthy by itself: a pristine file, what each host has its own of."""
        if expected.scope == "files":
            found = attributes_of(self.view, self.view.ownership.canonical(raw(expected.key)))
            return Subject("files", expected.key, found) if found else None
        item = next((item for item in self.view.of(expected.scope) if item.key == expected.key), None)
        scope = scopes()[expected.scope]
        return None if item is None else Subject(scope.name, item.key, golden(scope, item), item=item)

    def _whole(self, expected: Expected) -> bool:
        """Whether it is proven that a thing which was not found is not there."""
        if expected.scope != "files":
            return self._saw(expected.scope) and not self._noted(expected.scope, expected.key.split(" ")[0])
        outcome = self.view.snapshot.outcome("files")
        if outcome is Outcome.DENIED:  # a directory that could not be read looks empty
            above = raw(expected.key).rpartition(b"/")[0]
            while above and self.view.directories.entry(above) is None:
                above = above.rpartition(b"/")[0]
            return bool(self.view.directories.list(above))
        return outcome is not None and outcome.seen

    def _compared(self, expected: Expected, subject: Subject) -> Iterator[Drift]:
        changes = list(self._changes(expected, subject))
        doubtful = [one for one in changes if self._is_doubtful(expected.scope, one)]
        if doubtful and expected.scope != "files":  # told once, of the scope
            self.unseen[expected.scope] = self.unseen.get(expected.scope, 0) + 1
        elif doubtful:
            reason = f"{expected.where}: {', '.join(one.attribute for one in doubtful)} not seen"
            yield Drift(Kind.UNKNOWN, Severity.MEDIUM, expected.scope, expected.key, tuple(doubtful), reason)
        sure = tuple(one for one in changes if one not in doubtful)
        if sure:
            yield Drift(
                Kind.CHANGED, Severity.MEDIUM, expected.scope, expected.key, sure, expected.where,
                evidence=_evidence(subject),
            )  # fmt: skip

    def _changes(self, expected: Expected, subject: Subject) -> Iterator[Change]:
        item = subject.item.attributes if subject.item is not None else subject.attributes
        flapping = self.seen.volatile.attributes(subject.item) if subject.item is not None else frozenset()
        replaced = "type" in expected.attributes and expected.attributes["type"] != subject.attributes.get("type")
        for name, value in expected.attributes.items():
            if name in flapping or (replaced and name != "type"):  # of something else the rest means nothing
                continue
            if name == "lines":
                absent = lacking(self.view, expected.key, value)
                if absent is None or absent:
                    yield Change("lines", value, None if absent is None else [f"not there: {line}" for line in absent])
                continue
            found = self._of(expected, subject, name)
            if not fits(expected.scope, name, value, found, item):
                yield Change(name, value, found)
        columns = files.SCOPE.columns if expected.scope == "files" else scopes()[expected.scope].columns
        for column in columns:
            if column.usual and column.name not in expected.attributes and column.name in subject.attributes:
                yield Change(column.name, column.usual[0], subject.attributes[column.name])

    def _of(self, expected: Expected, subject: Subject, name: str) -> Json:
        """Return an attribute as it was found; one that is usual is not among the golden ones."""
        if name in subject.attributes:
            return subject.attributes[name]
        if subject.item is not None:
            return subject.item.attributes.get(name)
        if name == "text":
            told = next((i.attributes.get("text") for i in self.view.of("contents") if i.key == expected.key), None)
            return text_digest(self.seen.identity.neutral(told)) if isinstance(told, str) else None
        usual = next((column.usual for column in files.SCOPE.columns if column.name == name), ())
        return usual[0] if usual else attributes_of(self.view, raw(expected.key)).get(name)

    def _is_doubtful(self, scope: str, change: Change) -> bool:
        """Whether an attribute may be as it should: nobody could see it."""
        if scope != "files" and not self._saw(scope):
            return not change.found
        return change.found is None and self._not_looked(scope, change.attribute)

    def _saw(self, scope: str) -> bool:
        """Whether all of a scope was seen; what is looked for among the files, only where these were."""
        follows = scopes()[scope].follow is not None
        return self.view.whole(scope) and (self.view.whole("files") or not follows)

    def _not_looked(self, scope: str, attribute: str) -> bool:
        """Whether nobody could see an attribute: a tool that is not there, a digest that was not made."""
        if scope != "files":
            boolean = any(one.name == attribute and one.kind == "boolean" for one in scopes()[scope].columns)
            return boolean or not self._saw(scope)  # of what is true or false, None says that nobody knows
        return attribute in {"digest", "lines", "text"} or self._noted("files", attribute)

    def _noted(self, scope: str, what: str) -> bool:
        """Whether a scope says that it could not look at a part of itself, for want of a tool."""
        coverage = self.view.snapshot.coverage.get(scope)
        return coverage is not None and any(note.startswith(f"{what}: not looked at") for note in coverage.notes)

    def _tree(self, path: str, digest: str) -> Iterator[Drift]:
        if self._ignored("trees", path):
            return
        where = self.baseline.trees[path].where
        subject = self.seen.subjects.get(("trees", path))
        if subject is None:
            if self._whole(Expected("files", path, {}, where)):
                yield Drift(Kind.MISSING, Severity.MEDIUM, "trees", path, reason=where)
            else:
                self.unseen["files"] = self.unseen.get("files", 0) + 1
        elif digest and subject.attributes["digest"] != digest:
            change = Change("digest", digest, subject.attributes["digest"])
            evidence = {**_evidence(subject), **self._inside(path, digest)}
            yield Drift(Kind.CHANGED, Severity.MEDIUM, "trees", path, (change,), where, evidence)

    def _inside(self, path: str, expected: str) -> dict[str, Json]:
        """Return what has changed in a tree, by an older snapshot that has it as it is declared."""
        for snapshot in self.earlier:
            before = View(snapshot)
            if tree_digest(before, path, self.seen.volatile)[0] == expected:
                found = differences(before, self.view, path, self.seen.volatile)
                more = [f"and {len(found) - _MOST_PATHS} more"] if len(found) > _MOST_PATHS else []
                return {"paths": [*found[:_MOST_PATHS], *more]}
        return {}

    def _undeclared(self, subject: Subject) -> Iterator[Drift]:
        """Judge what nothing declares by its explanation."""
        scope, key = subject.scope, subject.key
        policy = self.baseline.others.get("files" if scope == "trees" else scope, "explained")
        if policy == "allowed":
            return
        if subject.absent:
            reason = f"package {(subject.evidence or {}).get('package')} brings it"
            yield Drift(Kind.MISSING, Severity.MEDIUM, scope, key, reason=reason, evidence=_evidence(subject))
        elif subject.deviates:
            package = subject.explanation.by if subject.explanation is not None else ""
            reason = f"package {package} has it otherwise" if package else "anybody may write, or act as another by it"
            yield Drift(
                Kind.CHANGED, Severity.MEDIUM, scope, key, subject.deviates, reason, evidence=_evidence(subject)
            )
        elif subject.explanation is None and self._unexplainable(subject):
            self.unseen[scope] = self.unseen.get(scope, 0) + 1
        elif subject.explanation is None or (policy == "unexpected" and subject.golden):
            reason = UNDECLARED if subject.explanation is None else "nothing declares it"
            yield Drift(Kind.UNEXPECTED, Severity.MEDIUM, scope, key, reason=reason, evidence=_told(subject))

    def _unexplainable(self, subject: Subject) -> bool:
        """Whether what would explain a thing could not be seen: whose program a process runs."""
        has = subject.item.attributes if subject.item is not None else {}
        return "exe" in has and has["exe"] is None and not self._saw(subject.scope)

    def _unknown(self) -> Iterator[Drift]:
        """Yield one drift per scope that was not seen whole and that could hide something."""
        declared = {scope for scope, _ in self.baseline.expected}
        names = [scope.name for scope in compared()] + ["files"]
        for name in sorted({*names, *declared}):
            why = blind(self.view.snapshot, name) or self._partly(name)
            looked = self.view.snapshot.outcome(name) is not None
            if not why or self._ignored(name, "") or not (looked or name in declared):
                continue
            evidence: dict[str, Json] = {"not compared": self.unseen[name]} if name in self.unseen else {}
            yield Drift(Kind.UNKNOWN, Severity.MEDIUM, name, "", reason=why, evidence=evidence)

    def _partly(self, scope: str) -> str:
        """Return why something declared could not be looked for though the scope as a whole was seen; "" if it was."""
        if scope not in self.unseen:
            return ""
        coverage = self.view.snapshot.coverage.get(scope)
        notes = [note for note in coverage.notes if ": not looked at" in note] if coverage else []
        return "; ".join(notes) or "a part of it was not seen"


def _by_past(drift: Drift, rights: Mapping[str, Drift]) -> Drift:
    """Return a drift with the rights that a path had, where only those are known that are usual."""
    before = {change.attribute: change for change in rights[drift.key].changes} if drift.key in rights else {}
    return replace(drift, changes=tuple(before.get(change.attribute, change) for change in drift.changes))


def _topmost(drifts: list[Drift]) -> list[Drift]:
    """Return drifts without the unexpected paths that lie in an unexpected directory."""
    tops = {one.key for one in drifts if one.scope == "files" and one.kind is Kind.UNEXPECTED}

    def inside(drift: Drift) -> bool:
        steps = drift.key.split("/")
        return any("/".join(steps[:count]) in tops for count in range(2, len(steps)))

    return [one for one in drifts if one.scope not in {"files", "trees"} or not (_is_new(one) and inside(one))]


def _is_new(drift: Drift) -> bool:
    return drift.kind is Kind.UNEXPECTED


def _evidence(subject: Subject | None) -> Mapping[str, Json]:
    return dict(subject.evidence or {}) if subject is not None else {}


def _told(subject: Subject) -> Mapping[str, Json]:
    """Return what a person needs to know what an unexpected thing is."""
    return {**subject.attributes, **(subject.evidence or {})}
