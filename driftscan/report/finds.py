"""Finds for people: single files of one area together, and none that a finding has named already."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from driftscan.findings.finds import Find
from driftscan.model.amount import amount, count
from driftscan.model.finding import Finding
from driftscan.model.item import Json
from driftscan.model.text import shown

_TOP = 2  # parts of a path by which single files are told together: /etc, /usr
_NAMES = 12  # paths that are told together; the others are counted
_REFER = 3  # what refers to a find, or runs it; the others are counted


@dataclass(frozen=True, slots=True)
class Row:
    """What is said of one find, or of several in one directory."""

    subject: str
    words: str


def gathered(finds: Sequence[Find], findings: Sequence[Finding]) -> tuple[list[Row], int]:
    """Return rows in the order of paths, and how many finds are left out for findings that name them."""
    named = {
        path
        for finding in findings
        for text in _texts([finding.subject, *finding.evidence.values()])
        for path in (text, *_PATH.findall(text))
    }
    left = [find for find in finds if not _said(find, named)]
    together: dict[str, list[Find]] = {}
    for find in left:
        alone = find.kind == "d" or find.runs or find.application
        top = "/".join(find.path.split("/")[:_TOP])
        together.setdefault(find.path if alone else top + "/", []).append(find)
    return [_row(some) for some in together.values()], len(finds) - len(left)


_PATH = re.compile(r"/[\w.@+~:/-]*[\w@+~-]")


def _said(find: Find, named: Collection[str]) -> bool:
    """Whether findings name a find already: itself, what the link says, or each of the few files that it holds."""
    if find.kind == "d":
        return bool(find.names) and all(name in named for name in find.names)
    return find.path in named or (find.kind == "l" and find.target in named)


HEADERS = ("path", "files", "bytes", "oldest", "newest", "owners", "what", "runs", "named by")


def row(find: Find) -> Sequence[Json]:
    """Return one find under `HEADERS`."""
    what = [find.application, *(f"{number} {kind}" for kind, number in sorted(find.explained.items()))]
    ages = [None if seconds is None else day(seconds) for seconds in (find.oldest, find.newest)]
    told = "; ".join(word for word in what if word) or (f"-> {find.target}" if find.target else None)
    return [find.path, find.files, find.size, *ages, list(find.owners), told, list(find.runs), list(find.refers)]


def _texts(values: Sequence[Json]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _texts(value)


def _row(finds: Sequence[Find]) -> Row:
    paths = [shown(find.path) for find in finds]
    more = f" and {len(paths) - _NAMES:,} more" if len(paths) > _NAMES else ""
    return Row(f"{', '.join(paths[:_NAMES])}{more}", _words(finds))


def _words(finds: Sequence[Find]) -> str:
    """Say how much it is, how old, whose, what it is, who runs it, what refers to it."""
    told = [_amount(finds), _ages(finds), _some(sorted({owner for find in finds for owner in find.owners}), 3)]
    if len(finds) == 1 and finds[0].target:
        told.append(f"-> {shown(finds[0].target)}")
    for find in finds:
        told += [shown(find.application)] if find.application else []
        told += [f"{number:,} {kind}" for kind, number in sorted(find.explained.items())]
    runs = sorted({run for find in finds for run in find.runs})
    refers = sorted({who for find in finds for who in find.refers})
    if runs:
        told.append(_some(runs, _REFER))
    if refers:
        told.append(f"named by {_some(refers, _REFER)}")
    return "(" + "; ".join(word for word in told if word) + ")"


def _some(words: Sequence[str], most: int) -> str:
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return ", ".join(shown(word) for word in words[:most]) + more


def _amount(finds: Sequence[Find]) -> str:
    files, size = sum(find.files for find in finds), sum(find.size for find in finds)
    if len(finds) == 1 and finds[0].kind != "d":
        return amount(size) if files else _KINDS.get(finds[0].kind, "")
    return f"{count(files, 'file')}, {amount(size)}"


_KINDS = {"l": "", "p": "fifo", "s": "socket", "b": "device", "c": "device"}


def _ages(finds: Sequence[Find]) -> str:
    old = [find.oldest for find in finds if find.oldest is not None]
    new = [find.newest for find in finds if find.newest is not None]
    days = [day(seconds) for seconds in (min(old, default=None), max(new, default=None)) if seconds is not None]
    return " to ".join(dict.fromkeys(days))


def day(seconds: float) -> str:
    """Return the day of a time in seconds since 1970, in UTC; the number where it is no time."""
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d}"
    except (OverflowError, OSError, ValueError):
        return f"{seconds:.0f} s"
