"""The words in which a stratum is told."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone

from driftscan.findings._traces import Trace
from driftscan.model.text import shown, text

_NAMES = 8  # names of one kind that are told; the others are counted
_FEW = 4  # packages that are named, asked for or not
_GROUPS = 6  # directories, and files beside them, that are told
_ALONE = 4  # files in one directory from which on they are told together
_WIDE = 70  # characters of one command that are told


# Words before the names, one and many, in the order in which they are told.
_PEOPLE = {"login": ("login of", "login of"), "account": ("account", "accounts"), "password": ("password of",) * 2}
_PACKAGES = {
    "package": ("package", "packages", ""),
    "unpacked": ("package", "packages", " (installed or upgraded)"),
    "upgrade": ("upgrade of", "upgrade of", ""),
    "removal": ("removal of", "removal of", ""),
}
_NAMED = {"unit": ("unit", "units"), "schedule": ("schedule", "schedules"), "key": ("login keys in",) * 2}


def sentence(kind: str, some: Sequence[Trace], owner: Callable[[Trace], str]) -> str:
    """Tell what was done in `some` acts, who was there first; values of the host are marked."""
    of: dict[str, list[Trace]] = {}
    for trace in some:
        of.setdefault(trace.kind, []).append(trace)
    if kind == "installed":
        return _installed(of, owner)
    parts = [_named(words, [_person(trace) for trace in of[name]]) for name, words in _PEOPLE.items() if name in of]
    parts += [_packages(of[name], *words) for name, words in _PACKAGES.items() if name in of]
    parts += _files(of.get("file", ()), owner, _GROUPS)
    parts += [
        _named(words, [trace.what for trace in of[name]]) + _remark(of[name])
        for name, words in _NAMED.items()
        if name in of
    ]
    return "; ".join(parts + _sudo(of.get("sudo", ())))


def _installed(of: Mapping[str, Sequence[Trace]], owner: Callable[[Trace], str]) -> str:
    packages = {trace.what for name in ("package", "unpacked") for trace in of.get(name, ())}
    parts = [f"the system was installed: {_many(len(packages), 'package')}"]
    accounts = {trace.what for trace in of.get("account", ())}
    if accounts:
        parts.append(_many(len(accounts), "account"))
    return "; ".join(parts + _files(of.get("file", ()), owner, 3))


def _person(trace: Trace) -> str:
    return trace.who or trace.what if trace.kind == "login" else trace.what


def marked(value: str) -> str:
    """Return a value of the host between marks, escaped: no value can hold a mark."""
    return f"\x02{shown(value)}\x03"


def day(moment: float) -> str:
    """Return the day of a moment, UTC; in words where no calendar has it."""
    try:
        return f"{datetime.fromtimestamp(moment, timezone.utc):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return "a day that no calendar has"


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)


def _listed(names: Sequence[str], most: int = _NAMES) -> str:
    """Return names as a list in words: a, b and c; those over `most` are counted."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _named(words: tuple[str, str], names: Iterable[str]) -> str:
    told = [marked(name) for name in sorted(set(names))]
    return f"{words[len(told) > 1]} {_listed(told)}"


def _packages(some: Sequence[Trace], one: str, many: str, remark: str) -> str:
    """Tell packages: those that somebody asked for by name, the others as a number; a few are all named."""
    names = {trace.what for trace in some}
    asked = names if len(names) <= _FEW else {trace.what for trace in some if trace.asked}
    people = sorted({trace.who for trace in some if trace.who})
    remark += f", by {_listed([marked(who) for who in people])}" if people else ""
    others = len(names - asked)
    if asked:
        return _named((one, many), asked) + f", with {others:,} that came along" * bool(others) + remark
    return f"{one} {_many(others, 'package')}{remark}" if one != "package" else _many(others, one) + remark


def _files(some: Sequence[Trace], owner: Callable[[Trace], str], most: int) -> list[str]:
    """Tell files: by the directory that is a find, largest first; others by directory where there are several."""
    loose = Counter(trace.path.rpartition(b"/")[0] for trace in some if not _inside(trace))
    trees: dict[bytes, list[Trace]] = {}
    others: dict[bytes, list[Trace]] = {}
    for trace in some:
        parent = trace.path.rpartition(b"/")[0]
        if _inside(trace):
            trees.setdefault(trace.top, []).append(trace)
        else:
            others.setdefault(parent if loose[parent] >= _ALONE else trace.path, []).append(trace)
    ranked = [trees[top] for top in sorted(trees, key=lambda top: (-len(trees[top]), top))]
    groups = [*ranked[:most], *([others[path] for path in sorted(others)][:most])]
    told = [_group(members, owner) for members in groups]
    left = len(some) - sum(map(len, groups))
    return [_listed([*told, _many(left, "more file")] if left else told, len(told) + 1)] if told else []


def _inside(trace: Trace) -> bool:
    """Whether a file is in a directory that is a find, not the find itself."""
    return trace.top not in {b"", trace.path}


def _group(members: Sequence[Trace], owner: Callable[[Trace], str]) -> str:
    owners = {owner(trace) for trace in members} - {""}
    whose = f"of {marked(next(iter(owners)))}" if len(owners) == 1 and owners != {"root"} else ""
    if len(members) == 1:
        return marked(text(members[0].path)) + f" ({whose})" * bool(whose) + _remark(members)
    common = os.path.commonpath([trace.path.rpartition(b"/")[0] or b"/" for trace in members])
    where = "under" if _inside(members[0]) else "in"
    whose = f" {whose}" * bool(whose)
    return f"{_many(len(members), 'file')}{whose} {where} {marked(text(common))}{_remark(members)}"


def _remark(members: Sequence[Trace]) -> str:
    """Say when files were brought that are dated otherwise."""
    brought = sorted({day(trace.brought) for trace in members if trace.brought is not None})
    dated = sorted({day(trace.dated) for trace in members if trace.dated is not None} - {_day_of(members[0])})
    told = [f"{_many(trace.many, 'file')} and directories" for trace in members if trace.many]
    if dated:
        told.append("dated " + " to ".join(sorted({dated[0], dated[-1]})))
    if brought:
        some = "" if sum(trace.brought is not None for trace in members) == len(members) else "some "
        told.append(f"{some}brought or altered on " + " to ".join(sorted({brought[0], brought[-1]})))
    return f" ({', '.join(told)})" if told else ""


def _day_of(trace: Trace) -> str:
    return "" if trace.when is None else day(trace.when)


def _sudo(some: Sequence[Trace]) -> list[str]:
    """Tell what was run by sudo, each command once, by whom."""
    found = []
    for who in sorted({trace.who for trace in some}):
        times = Counter(_short(trace.what) for trace in some if trace.who == who)
        words = [word + (f" ({number:,} times)" if number > 1 else "") for word, number in times.items()]
        found.append(f"sudo{f' by {marked(who)}' * bool(who)}: {_listed(words, 4)}")
    return found


def _short(words: str) -> str:
    return marked(words if len(words) <= _WIDE else words[: _WIDE - 1] + "…")
