"""Markdown whose values come from a host: whatever they hold, they stay words in a code span."""

import re
from collections.abc import Iterable

from driftscan.model.item import Json
from driftscan.model.text import shown

WIDTH = 80  # columns of the source, where it can be broken
_BLANK = "\0"  # stands for a blank where no line may be broken; no shown value holds it
_RUNS = re.compile(r"`+")
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&#!$])")
_BEGINS = re.compile(r"(?:[-+=>#~]|\d+[.)])")  # what a line of a paragraph must not begin with
_MARKED = re.compile("\x02([^\x02\x03]*)\x03")
_VALUE = 200  # characters of one value


def code(value: Json) -> str:
    """Return a value as a code span that cannot be left, control characters escaped, at most 200 characters of it."""
    words = shown(str(value))
    if len(words) > _VALUE:
        words = words[: _VALUE - 1] + "…"
    if not words:
        return "(empty)"
    fence = "`" * (max(map(len, _RUNS.findall(words)), default=0) + 1)
    pad = " " if words[0] in "` " or words[-1] in "` " else ""
    if not words.strip(" "):  # of blanks alone none are taken away
        pad = ""
    return f"{fence}{pad}{words}{pad}{fence}".replace(" ", _BLANK)


def prose(words: str) -> str:
    """Return words of driftscan itself as text in which nothing is markup, and nothing acts on a terminal."""
    return _SPECIAL.sub(r"\\\1", shown(words))


def marked(words: str) -> str:
    """Return a sentence whose values stand between marks (see `findings.strata`) with code spans for them."""
    out, at = [], 0
    for match in _MARKED.finditer(words):
        out += [prose(words[at : match.start()]), code(match[1])]
        at = match.end()
    return "".join(out) + prose(words[at:])


def codes(values: Iterable[Json], most: int) -> str:
    """Return values as a list of code spans; those over `most` are counted."""
    known = list(values)
    more = f" and {len(known) - most:,} more" if len(known) > most else ""
    return ", ".join(code(value) for value in known[:most]) + more


def paragraph(words: str, first: str = "", rest: str = "") -> list[str]:
    """Break words into lines, never inside a code span; `first` and `rest` go before the lines."""
    out: list[str] = []
    line = first
    empty = True
    for word in words.replace("\n", " ").split(" "):
        if not word:
            continue
        if not empty and len(line) + 1 + len(word) > WIDTH and not _BEGINS.match(word):
            out.append(line)
            line, empty = rest, True
        line += word if empty else f" {word}"
        empty = False
    return [one.replace(_BLANK, " ") for one in (*out, line)]


def line(words: str) -> str:
    """Return words as one line that is not broken: a heading."""
    return words.replace("\n", " ").replace(_BLANK, " ")


def fenced(lines: Iterable[str], language: str = "") -> list[str]:
    """Return lines as a block of code that they cannot close, control characters escaped."""
    known = [shown(one) for one in lines]
    fence = "`" * max(3, *(len(run) + 1 for one in known for run in _RUNS.findall(one)), 3)
    return [f"{fence}{language}", *known, fence]


def bullets(points: Iterable[str], most: int = 1000, more: str = "") -> list[str]:
    """Return a list of points; those over `most` are counted, `more` says where they are."""
    known = list(points)
    if len(known) > most:
        left = f"and {len(known) - most:,} more" + (f": {more}" if more else "")
        known = [*known[:most], left]
    return [line for point in known for line in paragraph(point, "- ", "  ")]
