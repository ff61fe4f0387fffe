"""YAML as a person would write it: few shapes, comments where they belong, and values that come back as they were."""

import re
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Union

from driftscan.model.text import shown

Node = Union[str, int, bool, "Tail", "Noted", Mapping[str, "Node"], Sequence["Node"]]

_WIDTH = 100  # of a value or comment before it is broken; yamllint allows lines of 160
_PLAIN = re.compile(r"(?:/|--?(?=[a-z])|(?=[A-Za-z]))(?:[A-Za-z0-9._/@=+,()'-]| (?! ))*(?<! )\Z", re.ASCII)
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})  # that YAML 1.1 takes for no text
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_ESCAPED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
# What Jinja would read in text; and what old Ansible makes lists and mappings of, once a template has put it in place.
_LIVE = re.compile(r"\{[{%#]|\A\s*[\[{]|\A#jinja2:")


class Template(str):
    """Text of driftscan's own in which Jinja is meant; all other text is data, and nothing in it is ever read."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Tail:
    """A scalar with a comment of driftscan's own behind it."""

    value: str
    comment: str


@dataclass(frozen=True, slots=True)
class Noted:
    """An entry of a list with comments above it; they may hold text of the host."""

    notes: tuple[str, ...]
    node: Node


def document(entries: Sequence[Node] | Mapping[str, Node], *, head: Sequence[str] = (), apart: bool = True) -> bytes:
    """Return a YAML file; `head` are comments above all of it, `apart`: an empty line between the entries of a list."""
    lines = ["---", *(line for note in head for line in _comment(note))]
    if isinstance(entries, Mapping) or not entries or not apart:
        lines += _block(entries)
    else:
        for at, entry in enumerate(entries):
            lines += ([""] if at or head else []) + _block([entry])
    return ("\n".join(lines) + "\n").encode()


def _block(node: Mapping[str, Node] | Sequence[Node]) -> list[str]:
    if not node:
        return ["{}" if isinstance(node, Mapping) else "[]"]
    return list(_mapping(node) if isinstance(node, Mapping) else _list(node))


def _mapping(node: Mapping[str, Node]) -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, Noted):
            raise TypeError("notes stand above the entries of a list")
        if isinstance(value, (str, int, Tail)):
            first, *more = scalar(value)
            yield f"{key}: {first}"
            yield from (f"  {line}" for line in more)
        elif value:
            yield f"{key}:"
            yield from (f"  {line}" for line in _block(value))
        else:
            yield f"{key}: {_block(value)[0]}"


def _list(node: Sequence[Node]) -> Iterator[str]:
    for entry in node:
        inner = entry
        if isinstance(entry, Noted):
            for note in entry.notes:
                yield from _comment(note)
            inner = entry.node
        first, *more = scalar(inner) if isinstance(inner, (str, int, Tail)) else _block(inner)  # type: ignore[arg-type]
        yield f"- {first}"
        yield from (f"  {line}" for line in more)


def _comment(note: str) -> Iterator[str]:
    for line in textwrap.wrap(shown(note), _WIDTH, break_on_hyphens=False):
        yield f"# {line}"


def scalar(value: str | int | Tail) -> list[str]:
    """Return the lines of a scalar: those after the first are to be indented."""
    if isinstance(value, Tail):
        *lines, last = scalar(value.value)
        return [*lines, f"{last}  # {value.comment}"]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, int):
        return [str(value)]
    if _PLAIN.match(value) and value.lower() not in _WORDS and len(value) <= _WIDTH:
        return [value]
    lines = _quoted(value)
    if is_live(value):
        lines[0] = f"!unsafe {lines[0]}"
    return lines


def is_live(value: str) -> bool:
    """Whether `value` is data that Ansible would take for a template if it were not told otherwise."""
    return not isinstance(value, Template) and bool(_LIVE.search(value))


def _quoted(value: str) -> list[str]:
    """Return `value` in double quotes, broken where it is long.

    YAML reads a line's end as a blank, so that is where a lone blank was; a backslash before it joins the lines.
    """
    lines, line = [], '"'
    for at, char in enumerate(value):
        piece = _ESCAPES.get(char) or (_spelled(char) if _is_escaped(char) else char)
        if len(line) > _WIDTH - 20 and char == " " and value[at - 1 : at + 2].strip() == value[at - 1 : at + 2] != " ":
            lines.append(line)
            line = ""
        elif len(line) + len(piece) > _WIDTH:
            lines.append(line + "\\")
            line = "\\x20" if char == " " else piece  # a line's leading blanks would be taken for indentation
        else:
            line += piece
    return [*lines, line + '"']


def _is_escaped(char: str) -> bool:
    return char != " " and unicodedata.category(char) in _ESCAPED


def _spelled(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
