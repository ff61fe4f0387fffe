"""The values of a baseline: from nodes, which are text, to what the scopes' columns hold."""

import math
import re
from collections.abc import Callable, Collection, Mapping
from datetime import date

from driftscan.baseline.complaint import refuse
from driftscan.baseline.vocabulary import DIGEST, MODE, VERSION, Attribute, Form, is_full
from driftscan.inventory.document import Entry, Leaf, Node, Row, Table
from driftscan.inventory.mistakes import quoted, suggestion
from driftscan.model.item import Json

_INTEGER = re.compile(r"[+-]?[0-9]{1,400}")
_FEW = 6  # words that an error line lists though one of them is near
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHAT: Mapping[Form, str] = {
    "text": "a text",
    "integer": "a number",
    "real": "a number",
    "boolean": "true or false",
    "json": "a list",
    "version": 'any, a version, or comparisons as ">= 1.2, < 2"',
    "mode": 'permission bits in octal as "0644"',
    "digest": "algorithm:hex in small letters as sha256:9f86d0…",
    "lines": "a list of whole lines",
}


def read(attribute: Attribute, entry: Entry) -> Json:
    """Return the value that an attribute is given; null is an attribute that is not there."""
    node = entry.node
    if isinstance(node, Leaf) and node.null and attribute.form != "lines":
        return None
    value = _READERS[attribute.form](node)
    if value is None:
        refuse(entry.where, f"{attribute.name} is {_spelled(node)}, expected {_WHAT[attribute.form]}")
    return value


def _spelled(node: Node) -> str:
    if isinstance(node, Leaf):
        return quoted(node.text) if node.text else "empty"
    return "a list" if isinstance(node, Row) else "a mapping"


def _fitting(pattern: str) -> Callable[[Node], Json]:
    return lambda node: node.text if isinstance(node, Leaf) and is_full(pattern, node.text) else None


def _text(node: Node) -> Json:
    return node.text if isinstance(node, Leaf) else None


def _integer(node: Node) -> Json:
    return int(node.text) if isinstance(node, Leaf) and _INTEGER.fullmatch(node.text) else None


def _real(node: Node) -> Json:
    try:
        value = float(node.text) if isinstance(node, Leaf) else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _boolean(node: Node) -> Json:
    return _WORDS.get(node.text) if isinstance(node, Leaf) else None


def _mode(node: Node) -> Json:
    """Return permission bits as the scope `files` spells them: four digits."""
    if not isinstance(node, Leaf) or not is_full(MODE, node.text):
        return None
    bits = int(node.text.removeprefix("0o"), 8)
    return f"{bits:04o}" if bits <= 0o7777 else None


def _json(node: Node) -> Json:
    """Return lists and mappings of texts; what stands alone is no such thing."""
    return None if isinstance(node, Leaf) else _plain(node)


def _plain(node: Node) -> Json:
    if isinstance(node, Leaf):
        return None if node.null else node.text
    if isinstance(node, Row):
        return [_plain(one) for one in node.items]
    return {key: _plain(entry.node) for key, entry in node.entries.items()}


def _lines(node: Node) -> Json:
    if not isinstance(node, Row) or not node.items:
        return None
    lines = [one.text for one in node.items if isinstance(one, Leaf) and not one.null and "\n" not in one.text]
    return lines if len(lines) == len(node.items) else None


_READERS: Mapping[Form, Callable[[Node], Json]] = {
    "text": _text,
    "integer": _integer,
    "real": _real,
    "boolean": _boolean,
    "json": _json,
    "version": _fitting(VERSION),
    "mode": _mode,
    "digest": _fitting(DIGEST),
    "lines": _lines,
}


def table(node: Node, where: str, what: str) -> Mapping[str, Entry]:
    """Return the entries of a mapping; nothing behind a name is an empty one."""
    if isinstance(node, Leaf) and node.null:
        return {}
    if not isinstance(node, Table):
        refuse(where, f"{what} is {_spelled(node)}, expected a mapping")
    return node.entries


def rows(node: Node, where: str, what: str) -> tuple[Node, ...]:
    """Return the items of a list; nothing behind a name is an empty one."""
    if isinstance(node, Leaf) and node.null:
        return ()
    if not isinstance(node, Row):
        refuse(where, f"{what} is {_spelled(node)}, expected a list")
    return node.items


def word(entry: Entry, what: str, expected: str) -> str:
    """Return a single value that is not empty."""
    if not isinstance(entry.node, Leaf) or entry.node.null or not entry.node.text:
        refuse(entry.where, f"{what} is {_spelled(entry.node)}, expected {expected}")
    return entry.node.text


def choice(entry: Entry, what: str, words: Collection[str]) -> str:
    """Return a value that is one of some words."""
    expected = f"one of {', '.join(words)}"
    found = word(entry, what, expected)
    if found not in words:
        near = suggestion(found, words) if len(words) > _FEW else ""
        if near:
            refuse(entry.where, f"{what} is {quoted(found)}, which there is not", near)
        refuse(entry.where, f"{what} is {quoted(found)}, expected {expected}", suggestion(found, words))
    return found


def known(name: str, where: str, what: str, words: Collection[str]) -> None:
    """Refuse a name that is not one of some words."""
    if name not in words:
        refuse(where, f"unknown {what} {quoted(name)}", suggestion(name, words) or f"expected {', '.join(words)}")


def day(entry: Entry, what: str) -> date:
    """Return a day of the form 2026-12-31."""
    expected = "a day as 2026-12-31"
    found = word(entry, what, expected)
    if not _DAY.fullmatch(found):
        refuse(entry.where, f"{what} is {quoted(found)}, expected {expected}")
    try:
        return date.fromisoformat(found)
    except ValueError:
        refuse(entry.where, f"{what} is {quoted(found)}, expected a day that there is")
