"""Bytes of a host as text: reversible for the store, escaped for a person."""

import re
import unicodedata

# A byte that is not UTF-8, and NUL, become one private character each (plane 16): such text is valid in SQLite,
# PostgreSQL and JSON, where the lone surrogates of "surrogateescape" are refused.
_PRIVATE = 0x10FF00
_KEPT = {0xDC00 + byte: _PRIVATE + byte for byte in range(0x80, 0x100)} | {0: _PRIVATE}
_UNKEPT = {_PRIVATE + byte: byte + 0xDC00 * (byte >= 0x80) for byte in range(0x100)}
_SPELLED = re.compile(rb"(\xf4\x8f[\xbc-\xbf][\x80-\xbf])")  # U+10FF00 to U+10FFFF in UTF-8
_PRIVATE_CHARS = re.compile(f"[{chr(_PRIVATE)}-{chr(_PRIVATE + 0xFF)}]")
_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def text(data: bytes) -> str:
    """Return `data` as text; undecodable bytes and NUL are kept and come back from `raw`.

    Bytes that spell one of the private characters themselves are kept one by one too: two names never look the same.
    """
    if _SPELLED.search(data):
        return "".join(_keep_all(part) if _SPELLED.fullmatch(part) else text(part) for part in _SPELLED.split(data))
    try:
        return data.decode().replace("\0", chr(_PRIVATE))
    except UnicodeDecodeError:  # by the codec's own handler: one in Python would be called for each byte of a program
        return data.decode("utf-8", "surrogateescape").translate(_KEPT)


def _keep_all(data: bytes) -> str:
    return "".join(chr(_PRIVATE + byte) for byte in data)


def raw(value: str) -> bytes:
    """Return the bytes that `text` was given; what a person typed in no UTF-8 is what was typed."""
    told = value.translate(_UNKEPT) if _PRIVATE_CHARS.search(value) else value
    return told.encode("utf-8", "surrogateescape")


def number(value: str) -> int | None:
    """Return the number that a host has written; None where it has not: only ASCII digits, no more than 18."""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None


def shown(value: str) -> str:
    r"""Return `value` with everything a terminal would act on escaped: `\x1b`, `\n`, `\u202e`, `\xff`."""
    if value.isascii() and value.isprintable():
        return value
    return "".join(_shown_char(char) for char in value)


def _shown_char(char: str) -> str:
    code = ord(char)
    if 0x20 <= code < 0x7F:
        return char
    if _PRIVATE <= code <= _PRIVATE + 0xFF:
        return f"\\x{code - _PRIVATE:02x}"
    if unicodedata.category(char) in _UNSAFE_CATEGORIES:
        return char.encode("unicode_escape").decode()
    return char
