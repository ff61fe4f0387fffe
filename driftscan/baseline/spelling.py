"""How a baseline spells its words: plain where every reader of YAML takes them for text, in quotes otherwise."""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

import yaml

from driftscan.model.item import Json

_LONGEST_KEY = 800  # bytes; readers of YAML look no further than 1,024 for the colon, `? ` goes before a longer one
# What is no number, date, boolean or null in YAML 1.1 or 1.2, and has no character that means something.
_PLAIN = re.compile(r"[A-Za-z0-9_/.^$(+][\w/.+~@^$();=%<>-]*(?: [\w/.+~@^$();=%<>-]+)*", re.ASCII)
_PLAIN_KEY = re.compile(
    r"[A-Za-z0-9_/.^$(+][\w/.+~@^$();=%<>\[\],'*|-]*(?:[ :][\w/.+~@^$();=%<>\[\],'*|-]+)*", re.ASCII
)
_NUMBER = re.compile(r"[-+]?[.0-9][-+.0-9_:eExXoObBa-fA-F]*")
_ALSO_WORDS = frozenset({"y", "n", "Y", "N", "=", "<<"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def scalar(text: str) -> str:
    """Return a text as it may stand anywhere, also inside of braces."""
    return text if _PLAIN.fullmatch(text) and _is_text(text) else _in_quotes(text)


def key(text: str) -> str:
    """Return a text as it may stand in front of a colon that begins a line's value, with what goes before it."""
    spelled = text if _PLAIN_KEY.fullmatch(text) and _is_text(text) else _in_quotes(text)
    return spelled if len(spelled.encode()) <= _LONGEST_KEY else f"? {spelled}"


def flow(value: Json) -> str:
    """Return a value in one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{scalar(str(name))}: {flow(one)}' for name, one in value.items())}}}"
    if isinstance(value, str):
        return scalar(value)
    return value.isoformat() if isinstance(value, date) else repr(value)


def line(text: str) -> str:
    """Return a text of any kind as what may stand in a comment."""
    return "".join(_escaped(char) if not char.isprintable() else char for char in text)


@cache
def _resolver() -> Any:
    return yaml.resolver.Resolver()


def _is_text(text: str) -> bool:
    if text in _ALSO_WORDS or _NUMBER.fullmatch(text):
        return False
    return bool(_resolver().resolve(yaml.ScalarNode, text, (True, False)) == "tag:yaml.org,2002:str")


def _in_quotes(text: str) -> str:
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
