"""YAML and JSON text as nodes that know their line, read safely and within bounds of size, depth and aliasing."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from driftscan.errors import InventoryError
from driftscan.inventory.mistakes import mistake, quoted

LARGEST = 16 << 20  # bytes of one file
_DEEPEST = 64  # levels of nesting
_MOST_MERGED = 1_000_000  # entries that all `<<` of one file may add: "merge bombs" end here
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_WORD_IN_QUOTES = re.compile(r"'[^'<][^']+'")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value as it is spelled, `where` is its `file:line`; `null` when it is YAML's or JSON's "nothing".

    The text stays out of `repr`, because it may be a secret that somebody wrote into an inventory.
    """

    text: str = field(repr=False)
    where: str
    null: bool = False
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A list."""

    items: tuple["Node", ...]
    where: str
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a table; `where` is the line of its key, which is where a person looks for it."""

    where: str
    node: "Node"


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping; its keys are text as spelled, so that a host may be called `no` or `12`."""

    entries: Mapping[str, Entry]
    where: str
    tag: str = ""


Node = Leaf | Row | Table


@dataclass(frozen=True, slots=True)
class Document:
    """The root of a text, and what a strict reader would refuse first: a key that stands twice, a `!tag`."""

    root: Node
    complaint: InventoryError | None = None


def read_text(path: Path) -> str:
    """Return a file's text; a missing, unreadable, too large or not UTF-8 file is an InventoryError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise mistake(str(path), f"cannot be read: {reason}") from None
    if len(data) > LARGEST:
        raise mistake(str(path), f"is larger than {LARGEST >> 20} MiB, expected an inventory")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise mistake(f"{path}:{line}", f"byte 0x{data[error.start]:02x} is not UTF-8, expected text") from None


def parse_json(text: str, source: str) -> Document:
    """Return the nodes of a JSON text; Python's reader keeps no lines, so `where` is the file alone."""
    complaints: list[InventoryError] = []

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
            complaints.append(mistake(source, f"{quoted(twice)} stands twice in one mapping"))
        return found

    try:
        # Numbers stay text: as long as a person likes, and without surprises.
        root = _from_json(json.loads(text, parse_int=str, parse_float=str, object_pairs_hook=table), source, 0)
        return Document(root, complaints[0] if complaints else None)
    except json.JSONDecodeError as error:
        raise mistake(f"{source}:{error.lineno}", f"is not JSON: {error.msg}") from None
    except RecursionError:
        raise _too_deep(source) from None


def _from_json(value: Any, where: str, depth: int) -> Node:
    if depth > _DEEPEST:
        raise _too_deep(where)
    if isinstance(value, dict):
        return Table({key: Entry(where, _from_json(child, where, depth + 1)) for key, child in value.items()}, where)
    if isinstance(value, list):
        return Row(tuple(_from_json(child, where, depth + 1) for child in value), where)
    if value is None:
        return Leaf("null", where, null=True)
    return Leaf(str(value).lower() if isinstance(value, bool) else str(value), where)


def parse_yaml(text: str, source: str) -> Document:
    """Return the nodes of a YAML text with one document; an empty one is a null leaf.

    Of a key that stands twice the last one counts, and tags are kept: see `Document.complaint`.
    """
    events = yaml.parse(text, Loader=_LOADER)
    try:
        return _Composer(events, source).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # Only the parser's own words: what it quotes of the file could be a part of a password.
        problem = _WORD_IN_QUOTES.sub("a word", error.problem or "cannot be parsed")
        raise mistake(f"{source}:{mark.line + 1}" if mark else source, f"is not YAML: {problem}") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise _unreadable_character(text, source, error) from None


def _unreadable_character(text: str, source: str, error: Exception) -> Exception:
    bad = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if bad is None:
        return mistake(source, f"is not YAML: {type(error).__name__}")
    line = text.count("\n", 0, bad.start()) + 1
    return mistake(f"{source}:{line}", f"character U+{ord(bad.group()):04X} is not allowed in YAML")


def _too_deep(where: str) -> Exception:
    return mistake(where, f"is nested deeper than {_DEEPEST} levels, expected an inventory")


class _Composer:
    """Builds nodes from a parser's events; an aliased node is built once and shared, so that it costs nothing."""

    def __init__(self, events: Iterator[Any], source: str) -> None:
        self._events = events
        self._source = source
        self._complaint: InventoryError | None = None
        self._anchors: dict[str, Node] = {}
        self._merged = 0

    def document(self) -> Document:
        next(self._events)  # start of the stream
        first = next(self._events)
        if isinstance(first, yaml.StreamEndEvent):
            return Document(Leaf("", f"{self._source}:1", null=True))
        node = self._node(next(self._events), 0)
        next(self._events)  # end of the document
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise mistake(self._where(after), "a second YAML document begins, expected one")
        return Document(node, self._complaint)

    def _complain(self, where: str, message: str) -> None:
        self._complaint = self._complaint or mistake(where, message)

    def _where(self, event: Any) -> str:
        return f"{self._source}:{event.start_mark.line + 1}"

    def _node(self, event: Any, depth: int) -> Node:
        where = self._where(event)
        if depth > _DEEPEST:
            raise _too_deep(where)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise mistake(where, "an alias (*) refers to nothing above it; a value that begins with * needs quotes")
            return self._anchors[event.anchor]
        tag = event.tag or ""
        if tag and not tag.startswith("tag:yaml.org,2002:"):
            self._complain(where, "a !tag is not understood here; a value that begins with ! needs quotes")
        node = self._build(event, depth, where, tag)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _build(self, event: Any, depth: int, where: str, tag: str) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style in {None, ""}
            return Leaf(event.value, where, plain and not tag and event.value in _NULL, tag)
        if isinstance(event, yaml.SequenceStartEvent):
            return Row(tuple(self._items(depth)), where, tag)
        return Table(self._entries(depth), where, tag)

    def _items(self, depth: int) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            where = self._where(event)
            key = self._node(event, depth + 1)
            if not isinstance(key, Leaf):
                raise mistake(where, "a key is a list or a mapping, expected a word")
            entry = Entry(where, self._node(next(self._events), depth + 1))
            if key.text == "<<" and event.style in {None, ""}:
                self._merge(merged, entry)
            else:
                if key.text in entries:
                    first = entries[key.text].where.rpartition(":")[2]
                    self._complain(where, f"{quoted(key.text)} stands here twice, the first time in line {first}")
                entries[key.text] = entry
        return {**merged, **entries}

    def _merge(self, merged: dict[str, Entry], entry: Entry) -> None:
        tables = entry.node.items if isinstance(entry.node, Row) else (entry.node,)
        for table in tables:
            if not isinstance(table, Table):
                raise mistake(entry.where, "'<<' merges mappings, expected an alias (*) of one")
            self._merged += len(table.entries)
            if self._merged > _MOST_MERGED:
                raise mistake(entry.where, f"'<<' merges more than {_MOST_MERGED} entries, expected an inventory")
            for key, value in table.entries.items():
                merged.setdefault(key, value)
