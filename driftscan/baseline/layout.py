"""A YAML text cut into pieces of whole lines, so that an edit touches the lines that it is about and no others.

A round trip through a YAML library would keep comments, but set spaces, indentation and quotes its own way: in a file
that people review, every line that changes without having been changed is noise.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OPENING = re.compile(r"\s*[?-](?:\s|$)")
_COLON = re.compile(r"[ \t]*:")
_LINE = re.compile(r"[^\r\n\x85\u2028\u2029]*(?:\r\n|[\r\n\x85\u2028\u2029]|$)")  # what YAML takes for a line


@dataclass(slots=True)
class Piece:
    """One entry of a mapping or item of a list, `key` is "" for the latter.

    `lead` are the comments and blank lines before it, `lines` its own, `tail` the comments behind its last child. A
    piece whose value is a block has `children`; all its text is in `lines` otherwise. `value` is where in `lines` its
    value begins and ends (line and column); of a block, where it would begin. None: nothing can be put there.
    `raw` are the texts of what stands inside of braces, None for one that is longer than a line.
    """

    key: str
    lines: list[str]
    indent: int
    lead: list[str] = field(default_factory=list)
    children: list["Piece"] | None = None
    tail: list[str] = field(default_factory=list)
    kind: Literal["none", "leaf", "alias", "braces", "map", "list"] = "none"
    value: tuple[int, int, int, int] | None = None
    raw: Sequence[tuple[str, str | None]] = ()

    def text(self) -> Iterator[str]:
        """Yield the lines."""
        yield from self.lead
        yield from self.lines
        for child in self.children or ():
            yield from child.text()
        yield from self.tail


@dataclass(slots=True)
class Layout:
    """A whole text: its pieces, and what stands behind the last."""

    pieces: list[Piece]
    kind: Literal["none", "leaf", "alias", "braces", "map", "list"]
    tail: list[str]
    newline: str = "\n"

    def text(self) -> str:
        """Return the text."""
        return "".join([*(line for piece in self.pieces for line in piece.text()), *self.tail])


@dataclass(slots=True)
class _Spot:
    """Where a node stands: lines and columns from 0, the end is behind its last character."""

    kind: Literal["leaf", "alias", "braces", "map", "list"]
    start: tuple[int, int]
    end: tuple[int, int]
    text: str = ""
    inside: Sequence[tuple["_Spot | None", "_Spot"]] = ()


def lay_out(text: str) -> Layout:
    """Cut up a text that is known to be YAML with one document."""
    lines = [line for line in _LINE.findall(text) if line]
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if lines and not lines[-1].endswith(("\r", "\n")):
        lines[-1] += newline
    spot = _root(text)
    if spot is None or spot.kind not in {"map", "list"}:
        return Layout([], spot.kind if spot and not _is_null(spot) else "none", lines, newline)
    pieces, rest = _pieces(spot, lines, 0)
    return Layout(pieces, spot.kind, rest, newline)


def _is_null(spot: _Spot) -> bool:
    return spot.kind == "leaf" and spot.text == ""


def _root(text: str) -> _Spot | None:
    events = yaml.parse(text, Loader=_LOADER)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            return _spot(next(events), events)
    return None


def _spot(event: Any, events: Iterator[Any]) -> _Spot:
    start, end = _mark(event.start_mark), _mark(event.end_mark)
    if isinstance(event, yaml.AliasEvent):
        return _Spot("alias", start, end)
    if isinstance(event, yaml.ScalarEvent):
        return _Spot("leaf", start, end, event.value)
    inside: list[tuple[_Spot | None, _Spot]] = []
    is_list = isinstance(event, yaml.SequenceStartEvent)
    for inner in events:
        if isinstance(inner, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            if event.flow_style:
                return _Spot("braces", start, _mark(inner.end_mark), "[" if is_list else "{", inside)
            break
        one = _spot(inner, events)
        inside.append((None, one) if is_list else (one, _spot(next(events), events)))
    # The parser ends a block where the next token begins: comments in between are none of it.
    return _Spot("list" if is_list else "map", start, inside[-1][1].end if inside else start, "", inside)


def _mark(mark: Any) -> tuple[int, int]:
    return mark.line, mark.column


def _pieces(spot: _Spot, lines: Sequence[str], first: int) -> tuple[list[Piece], list[str]]:
    """Return the pieces of a block whose lines begin with `first`, and the lines behind it that are nobody's."""
    pieces: list[Piece] = []
    begin = first
    behind = len(lines)
    for key, value in map(_whole, spot.inside):
        start = (key or value).start[0]
        gap = list(lines[begin:start])
        if pieces:
            gap = _kept(pieces[-1], gap)
        own = next((place for place, line in enumerate(gap) if _OPENING.match(line)), None)
        # `? ` or `- ` may stand in a line of its own.
        lead, opening = (gap, []) if own is None else (gap[:own], gap[own:])
        last = _last_line(key, value, lines)
        piece = _piece(key, value, lines, (start - len(opening), last))
        piece.lead = lead
        pieces.append(piece)
        begin = last + 1
    rest = list(lines[begin:behind]) if first == 0 else []
    if pieces and first == 0:
        rest = _kept(pieces[-1], rest)
    return pieces, rest


def _whole(pair: tuple[_Spot | None, _Spot]) -> tuple[_Spot | None, _Spot]:
    """Return an entry; the parser finds the value of `? key` without one where the next thing starts."""
    key, value = pair
    if key is not None and value.start == value.end and value.start[0] > key.end[0]:
        return key, _Spot("leaf", key.end, key.end)
    return pair


def _last_line(key: _Spot | None, value: _Spot, lines: Sequence[str]) -> int:
    """Return the last line of an entry; the end of a block of text is where the next thing starts."""
    line, column = max(value.end, key.end if key else value.end)
    if column == 0 and line > value.start[0]:
        line -= 1
    line = min(line, len(lines) - 1)
    while line > value.start[0] and not lines[line].strip():
        line -= 1
    return line


def _piece(key: _Spot | None, value: _Spot, lines: Sequence[str], span: tuple[int, int]) -> Piece:
    first, last = span
    head = lines[first]
    piece = Piece(key.text if key else "", list(lines[first : last + 1]), len(head) - len(head.lstrip()))
    piece.kind = "none" if value.start == value.end else value.kind
    if value.kind == "braces":
        piece.raw = [(inner.text if inner else "", _slice(inner, one, lines)) for inner, one in value.inside]
    if value.start != value.end and value.kind not in {"map", "list"}:
        (line, column), (end, behind) = value.start, value.end
        if end > last:  # a block of text ends where the next thing starts
            end, behind = last, len(lines[last].rstrip("\r\n"))
        piece.value = (line - first, column, end - first, behind)
    elif key is not None and (colon := _COLON.match(lines[key.end[0]], key.end[1])):
        piece.value = (key.end[0] - first, colon.end(), key.end[0] - first, colon.end())
        if piece.kind in {"map", "list"} and (value.inside[0][0] or value.inside[0][1]).start[0] > key.end[0]:
            below = key.end[0] + 1
            piece.lines = list(lines[first:below])
            piece.children, _ = _pieces(value, lines, below)
    return piece


def _slice(key: _Spot | None, value: _Spot, lines: Sequence[str]) -> str | None:
    """Return the text of an entry inside of braces, None where it goes over several lines."""
    if (key or value).start[0] != max(value.end, (key or value).end)[0]:
        return None
    parts = [lines[one.start[0]][one.start[1] : one.end[1]] for one in (key, value) if one is not None]
    return ": ".join(parts).rstrip()


def _kept(piece: Piece, gap: list[str]) -> list[str]:
    """Give a piece the comments of a gap that are indented deeper than itself; return the others."""
    if piece.children:
        gap = _kept(piece.children[-1], gap)
    elif piece.kind != "none":
        return gap
    deeper = 0
    for place, line in enumerate(gap):
        stripped = line.lstrip()
        if stripped.startswith("#"):
            if len(line) - len(stripped) <= piece.indent:
                break
            deeper = place + 1
    piece.tail += gap[:deeper]
    return gap[deeper:]
