"""The lines of a text that may hold a secret, found by a few quick searches of the whole: all others cost nothing."""

import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple, Protocol

from driftscan.model._secret_commands import MAY_BEGIN_COMMAND, OPTION_BEGINS
from driftscan.model._secret_patterns import DRAWN, PLACES, SHAPES, Rule
from driftscan.model._secret_words import IN_SECRET_NAMES

_RULES = (*PLACES, *SHAPES, *DRAWN)
_NAMED, _COMMAND, _MARKUP = (1 << len(_RULES) + number for number in range(3))
# What follows on a part of a name where that may name a value: a sign, an attribute, the last word of a line.
_NAMES_VALUE = re.compile(
    r"""[\w.-]*(?:\\?["']?\]?[ \t]*[:=]|["']\s*[,v]|[ \t]+(?:"[^"\n]*"|'[^'\n]*'|[^\s"';]+)[^\S\n]*(?:;|\n))"""
)
_VALUE_BELOW = re.compile(
    r"""name["']?:[ \t]{1,8}["']?(?P<name>[\w.-]{1,80})["']?,?[ \t]{0,8}(?=\n[ \t]{0,80}["']?value["']?:)"""
)
_COMMON_FIRST = " etaoinsrlcdpmu-.hgf/b_ywk:0v1x2j<{3456789qz"  # characters of configuration


class _Search(Protocol):
    """Returns where something is found in a text, from a place on and before another; -1 if it is not."""

    def __call__(self, low: str, at: int, end: int = ..., /) -> int: ...


class Line(NamedTuple):
    """Where a line stands in a text, and what may tell a secret there: a name, a command, a place or shape."""

    start: int
    end: int
    named: bool
    command: bool
    rules: Sequence[Rule]
    called: str  # a name on the line before, if this line has its value


def suspects(text: str) -> Iterator[Line]:
    """Yield the lines of `text`, in their order, in which a secret may stand; in all others there is none."""
    # Between newlines every line looks the same; and no letter may become two, that places stay what they are.
    low = "\n" + text.replace("\u0130", "i").lower() + "\n"
    found: dict[int, int] = {}
    for rare, search, needs in _searches():
        if rare not in low:  # most are not in a short text, and this is said at once
            continue
        at = 0
        while (hit := search(low, at)) >= 0:
            start, at = low.rfind("\n", 0, hit + 1), low.find("\n", hit + 1)
            for need, bits in needs:
                if len(needs) == 1 or need(low, start, at + 1) >= 0:
                    found[start] = found.get(start, 0) | bits
    anyhow = {start for start, bits in found.items() if bits & (_COMMAND | _MARKUP)}
    for start in _named(low, anyhow):
        found[start] = found.get(start, 0) | _NAMED
    above = ((match.end(), match.span("name")) for match in _VALUE_BELOW.finditer(low))
    called = {start: text[begin - 1 : end - 1] for start, (begin, end) in above}
    for start in called:
        found[start] = found.get(start, 0) | _NAMED
    for start, bits in sorted(found.items()):
        end = low.find("\n", start + 1)
        named = bool(bits & _NAMED)
        command = bits & _COMMAND and (named or MAY_BEGIN_COMMAND.search(low, start, end))
        rules = _rules(bits & (_NAMED - 1))
        if named or command or rules:
            yield Line(start, end - 1, named, bool(command), rules, called.get(start, ""))


def _named(low: str, anyhow: set[int]) -> Iterator[int]:
    """Yield where lines begin that hold part of a secret's name and what may be its value; or the part alone."""
    for word in IN_SECRET_NAMES:
        at = 0
        while (hit := low.find(word, at)) >= 0:
            at = hit + len(word)
            start = low.rfind("\n", 0, hit)
            if start in anyhow or _NAMES_VALUE.match(low, at):
                yield start
                at = low.find("\n", at)


@cache
def _searches() -> Sequence[tuple[str, _Search, Sequence[tuple[_Search, int]]]]:
    """Return what each search of a text begins with ("" where that is no character), the search, what follows a hit.

    That is what is then to be found in the line, and for whom that speaks, as bits.
    """
    bits: dict[str, int] = {OPTION_BEGINS: _COMMAND, "pass:": _COMMAND, "</": _MARKUP}
    for number, rule in enumerate(_RULES):
        for need in rule.needs:
            bits[need] = bits.get(need, 0) | 1 << number
    tails: dict[str, list[str]] = {}  # by a character: what stands around it
    there: dict[str, list[tuple[_Search, int]]] = {}
    for need, speaks in bits.items():
        if need.startswith("/"):
            expression = need[1:]
            size = 2 if expression.startswith("\\") else 1
            rare, tail = expression[:size], expression[size:]
        else:
            expression = re.escape(need)
            before, one, after = need.partition(max(need, key=_COMMON_FIRST.find))
            rare, tail = re.escape(one), rf"(?<={re.escape(before + one)}){re.escape(after)}"
        tails.setdefault(rare, []).append(tail)
        there.setdefault(rare, []).append((_search(re.compile(expression)), speaks))
    return [(_literal(rare), _search(re.compile(f"{rare}(?:{'|'.join(tails[rare])})")), there[rare]) for rare in tails]


def _literal(expression: str) -> str:
    """Return the character that an expression of one character stands for, "" where it stands for several."""
    char = expression[-1]
    return char if re.escape(char) == expression else ""


def _search(pattern: re.Pattern[str]) -> _Search:
    def search(low: str, at: int, end: int = sys.maxsize) -> int:
        match = pattern.search(low, at, end)
        return match.start() if match else -1

    return search


@cache
def _rules(bits: int) -> Sequence[Rule]:
    return [rule for number, rule in enumerate(_RULES) if bits >> number & 1]
