"""Packaged files that are not as their packages say: changed, missing, replaced, with other rights; leftovers."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from driftscan.explain._kept_config import is_left_out, kept_by_ucf, left_out
from driftscan.explain.packaged import Deviation, deviations
from driftscan.explain.view import View
from driftscan.findings._packaged_rules import (
    CAPABILITIES,
    CHANGED,
    CONF_CHANGED,
    CONF_MISSING,
    DANGEROUS,
    LEFTOVER,
    MISSING,
    MODE,
    OWNER,
    REPLACED,
    RULES,
)
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Json
from driftscan.model.text import text
from driftscan.scopes._common import iso_time

_APART = 5  # of one package told one by one, not as one
_FEW = 3  # the same for what is missing, and for what matters little
_EXAMPLES = 5
_PEOPLE = 1000  # numbers from here on are people's
_CODE = re.compile(rb"/(?:usr|lib\w*|s?bin|opt|boot)/")  # packages give what is elsewhere to their services
_PROGRAM = re.compile(rb"/(?:s?bin|libexec|games)/[^/]+$|\.so(?:\.[^/]*)?$")
_POLICY = 10  # packages that lack something in one place: somebody has chosen to do without that place
_LEFT = tuple(
    ending.encode()
    for ending in (
        *(".dpkg-old", ".dpkg-dist", ".dpkg-new", ".ucf-dist", ".ucf-old", ".ucf-new"),
        *(".rpmsave", ".rpmnew", ".rpmorig", ".pacnew", ".pacsave", ".pacorig", ".apk-new"),
    )
)
_GRAVEST = {(CHANGED.id, Severity.HIGH): "programs"}  # what the gravest of a rule are called
_Told = tuple[Rule, Severity, Deviation, dict[str, Json]]


def find(view: View) -> Iterator[Finding]:
    """Judge every deviation of packaged paths, and what waits beside configuration."""
    missing: list[Deviation] = []
    told: list[_Told] = []
    inodes: set[tuple[str, bytes]] = set()  # of files with several names, which are told once
    for deviation in chain(deviations(view), kept_by_ucf(view)):
        if deviation.kind == "missing":
            missing.append(deviation)
        elif not _by_design(view, deviation) and not _told_before(deviation, inodes):
            told.append(_judged(view, deviation))
    yield from _gathered(told)
    yield from _missing(view, missing)
    yield from _leftovers(view)


def _judged(view: View, deviation: Deviation) -> _Told:
    """Return which rule speaks, how grave it is, and its evidence."""
    evidence: dict[str, Json] = {"package": deviation.package} if deviation.package else {}
    rule, severity = _RULES[deviation.kind](deviation)
    if deviation.kind == "changed" and deviation.by == "ucf":
        evidence["kept by"] = "ucf, not a dpkg conffile"
    if deviation.kind == "changed" and deviation.entry is not None and deviation.entry.kind == "f":
        evidence["modified"] = iso_time(deviation.entry.mtime)
    else:
        evidence |= {"found": deviation.found, "expected": deviation.expected}
    if deviation.by not in {"package", "ucf"}:
        evidence["by"] = deviation.by
    if rule is CHANGED and (by := _put_over(view, deviation.path)):
        evidence["put there by"] = by
        severity = min(severity, Severity.MEDIUM, key=lambda one: one.rank)
    return rule, severity, deviation, evidence


def _put_over(view: View, path: bytes) -> str:
    """Return what a tool for packages of a language has put in the place of a package's files, "" if it has not."""
    claims = view.explained.claims
    explanation = claims.at(path) or claims.above(path)
    return explanation.by if explanation is not None and explanation.kind == "language package" else ""


def _told_before(deviation: Deviation, inodes: set[tuple[str, bytes]]) -> bool:
    entry = deviation.entry
    if entry is None or entry.kind != "f" or entry.links < 2:
        return False
    key = deviation.kind, entry.stats
    before = key in inodes
    inodes.add(key)
    return before


def _changed(deviation: Deviation) -> tuple[Rule, Severity]:
    if deviation.config:
        return CONF_CHANGED, CONF_CHANGED.severity
    entry = deviation.entry
    code = entry is not None and entry.kind == "f" and (entry.mode & 0o111 or _PROGRAM.search(entry.path))
    return CHANGED, Severity.HIGH if code else CHANGED.severity


def _replaced(deviation: Deviation) -> tuple[Rule, Severity]:
    """Return the rule: a directory that became a link was moved, a file that became one is another file."""
    entry = deviation.entry
    moved = deviation.expected == "directory" and entry is not None and entry.kind == "l"
    return REPLACED, Severity.LOW if moved or deviation.config else REPLACED.severity


def _mode(deviation: Deviation) -> tuple[Rule, Severity]:
    entry = deviation.entry
    if entry is None or not deviation.sure:
        return MODE, Severity.LOW
    expected = [int(word, 8) for word in deviation.expected.split(" or ")]
    added = entry.mode & ~max(expected, key=lambda mode: (mode & entry.mode).bit_count())
    if added & 0o6000 and entry.kind == "f" and entry.mode & 0o111:
        return MODE, Severity.HIGH
    shared = entry.kind == "d" and entry.mode & 0o1000
    by_others = added & 0o002 and not shared
    by_group = added & 0o020 and entry.owner[1] != 0 and not shared
    return MODE, Severity.MEDIUM if by_others or by_group else Severity.LOW


def _owner(deviation: Deviation) -> tuple[Rule, Severity]:
    user = deviation.expected.partition(":")[0]
    same_user = any(
        one.partition(":")[0] == deviation.found.partition(":")[0] for one in deviation.expected.split(" or ")
    )
    entry = deviation.entry
    person = entry is not None and entry.owner[0] >= _PEOPLE
    grave = deviation.sure and bool(user) and not same_user and (person or _CODE.match(deviation.path))
    return OWNER, OWNER.severity if grave else Severity.LOW


def _capabilities(deviation: Deviation) -> tuple[Rule, Severity]:
    return CAPABILITIES, Severity.HIGH if DANGEROUS.search(deviation.found) else CAPABILITIES.severity


_RULES = {
    "changed": _changed,
    "replaced": _replaced,
    "mode": _mode,
    "owner": _owner,
    "capabilities": _capabilities,
}


def _by_design(view: View, deviation: Deviation) -> bool:
    """Whether a package's own script makes this file anew: data only, a program is never made so."""
    entry = deviation.entry
    if deviation.kind != "changed" or deviation.config or entry is None or _changed(deviation)[1] is Severity.HIGH:
        return False
    explanation = view.explained.claims.at(entry.path)
    return explanation is not None and explanation.kind == "generated"


def _gathered(told: Iterable[_Told]) -> Iterator[Finding]:
    """Tell one by one, but as one what is frequent in a package: by the gravest of it, which is named first."""
    groups: dict[tuple[str, str], list[_Told]] = defaultdict(list)
    for one in told:
        groups[one[0].id, one[2].package].append(one)
    for (_, package), group in groups.items():
        rule = group[0][0]
        grave = max((one[1] for one in group), key=lambda severity: severity.rank)
        if package and len(group) > (_FEW if grave is Severity.LOW else _APART) and rule is not CONF_CHANGED:
            gravest = [one for one in group if one[1] is grave]
            evidence: dict[str, Json] = {"count": len(group)}
            if len(gravest) < len(group):
                evidence[_GRAVEST.get((rule.id, grave), f"of them {grave.value}")] = len(gravest)
            evidence["paths"] = [text(one[2].path) for one in gravest[:_EXAMPLES]]
            if rule is CHANGED:
                evidence |= _when(group) | _by_whom(gravest)
            else:
                evidence["found"] = gravest[0][2].found
            yield rule.finding(package, evidence, grave)
        else:
            for _, severity, deviation, evidence in group:
                yield rule.finding(text(deviation.path), evidence, severity)


def _when(group: Iterable[_Told]) -> dict[str, Json]:
    """Return between which times the files of a group were written: one time says one act, such as npm install -g."""
    times = sorted(one[2].entry.mtime for one in group if one[2].entry is not None)
    ends = list(dict.fromkeys(str(iso_time(time)) for time in (times[:1] + times[-1:])))
    return {"modified": " to ".join(ends)} if ends else {}


def _by_whom(group: Iterable[_Told]) -> dict[str, Json]:
    tools: list[Json] = list({str(one[3]["put there by"]): None for one in group if "put there by" in one[3]})
    return {"put there by": tools} if tools else {}


def _missing(view: View, missing: Sequence[Deviation]) -> Iterator[Finding]:
    """Tell what is missing, the topmost of it, without what nobody wanted here or a tool has replaced."""
    patterns = left_out(view)
    wanted = [one for one in missing if not is_left_out(one.path, patterns) and not _put_over(view, one.path)]
    lacking: dict[bytes, set[str]] = defaultdict(set)
    for one in wanted:
        lacking[_place(one.path)].add(one.package)
    groups: dict[str, list[tuple[Deviation, int, bool]]] = defaultdict(list)
    for one, below, program in _topmost(wanted):
        if program or len(lacking[_place(one.path)]) < _POLICY:
            groups[one.package].append((one, below, program))
    for package, group in groups.items():
        if package and len(group) > _FEW:
            programs = [one for one in group if one[2]]
            evidence: dict[str, Json] = {"count": sum(1 + below for _, below, _ in group)}
            evidence["paths"] = [text(one.path) for one, _, _ in (programs or group)[:_EXAMPLES]]
            yield MISSING.finding(package, evidence, None if programs else Severity.LOW)
            continue
        for one, below, program in group:
            evidence = {"package": package} if package else {}
            evidence |= {"below": below} if below else {}
            if one.config:
                yield CONF_MISSING.finding(text(one.path), evidence)
            else:
                yield MISSING.finding(text(one.path), evidence, None if program else Severity.LOW)


def _topmost(missing: Iterable[Deviation]) -> Iterator[tuple[Deviation, int, bool]]:
    """Yield each missing path with nothing missing above it, how many are below, whether a program is among them."""
    ordered = sorted(missing, key=lambda one: one.path.split(b"/"))
    below: Counter[bytes] = Counter()
    programs: set[bytes] = set()
    tops: list[Deviation] = []
    for one in ordered:
        top = tops[-1].path if tops else b""
        inside = bool(top) and one.path.startswith(top + b"/")
        if not inside:
            tops.append(one)
        below[tops[-1].path] += inside
        if _PROGRAM.search(one.path) and one.expected != "directory":
            programs.add(tops[-1].path)
    for one in tops:
        yield one, below[one.path], one.path in programs


def _place(path: bytes) -> bytes:
    """Return the directory three levels down (/usr/share/doc) by which choices of what to install are made."""
    return b"/".join(path.split(b"/")[:4])


def _leftovers(view: View) -> Iterator[Finding]:
    """Tell what a package manager has put beside configuration for a person to decide."""
    for entry in view.named((), _LEFT):
        ending = next(ending for ending in _LEFT if entry.path.endswith(ending))
        beside = entry.path[: -len(ending)]
        config = view.ownership.owner(beside) or any(item.key == text(beside) for item in view.of("ucf"))
        if entry.kind == "f" and (config or entry.path.startswith(b"/etc/")):
            yield LEFTOVER.finding(text(entry.path), {"beside": text(beside), "modified": iso_time(entry.mtime)})


FAMILY = Family(RULES, find)
