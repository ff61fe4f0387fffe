"""Reading a tar archive that a host has sent: its files as far as it holds together, in one pass, whatever it claims.

The standard library's reader is for archives that are trusted: it calls itself for each header that belongs to the
next one, keeps all that it has seen, and copies what one global header says to every member.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_HEADER_LIMIT = 1 << 16  # bytes of a long name, or of the attributes before a member
_OCTAL = re.compile(rb" *([0-7]{1,12})[ \0]*")
_LENGTH = re.compile(rb"([1-9][0-9]{0,7}) ")
_SPARSE = b"GNU.sparse."
_FILES = {b"0", b"\0"}


@dataclass(frozen=True, slots=True)
class Member:
    """One entry: `data` is None of what is no plain file; of a second name of a file before, `link` is the first."""

    name: bytes
    data: bytes | None
    link: bytes = b""
    modified: int = 0


def members(archive: bytes | memoryview, largest: int | None = None) -> Iterator[Member]:
    """Yield what `archive` holds, up to where it was cut off or makes no sense.

    Archives may follow each other. Of a file of more than `largest` bytes there is no data.
    """
    view = memoryview(archive)
    told: dict[bytes, bytes] = {}  # what headers before a member say of it
    at = 0
    while (block := bytes(view[at : at + _BLOCK])) and len(block) == _BLOCK:
        at += _BLOCK
        if block == _ZEROS:
            continue
        kind, size = block[156:157], _number(block[124:136])
        if size is None or not _sound(block):
            return
        if kind in {b"L", b"K", b"x", b"g"}:
            if size > _HEADER_LIMIT:
                return
            _tell(told, kind, bytes(view[at : at + size]))
        else:
            size = _decimal(told.get(b"size")) if b"size" in told else size
            at = _after_map(view, at) if kind == b"S" and block[482] else at
            if size is None or (kind in _FILES and at + size > len(view)):
                return
            plain = kind in _FILES and not any(key.startswith(_SPARSE) for key in told)
            wanted = plain and (largest is None or size <= largest)
            yield Member(
                told.get(b"path") or _name(block),
                bytes(view[at : at + size]) if wanted else None,
                (told.get(b"linkpath") or _text(block[157:257])) if kind == b"1" else b"",
                _number(block[136:148]) or 0,
            )
            told = {}
            size = 0 if kind == b"1" else size
        at += -(-size // _BLOCK) * _BLOCK


def _tell(told: dict[bytes, bytes], kind: bytes, data: bytes) -> None:
    if kind == b"x":
        told.update(_attributes(data))
    elif kind != b"g":  # what is said of all members is neither a name nor a size
        told[b"path" if kind == b"L" else b"linkpath"] = _text(data)


def _attributes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    r"""Yield key and value of lines `LENGTH KEY=VALUE\n`, whose length counts all of it."""
    at = 0
    while found := _LENGTH.match(data, at):
        end = at + int(found[1])
        key, equals, value = data[found.end() : end - 1].partition(b"=")
        if end <= found.end() or not equals:
            return
        if key in {b"path", b"linkpath", b"size"} or key.startswith(_SPARSE):
            yield key, value
        at = end


def _after_map(view: memoryview, at: int) -> int:
    """Return where the further blocks of a sparse file's map end."""
    while at + _BLOCK <= len(view):
        at += _BLOCK
        if not view[at - _BLOCK + 504]:
            break
    return at


def _name(block: bytes) -> bytes:
    name, prefix = _text(block[:100]), _text(block[345:500])
    return prefix + b"/" + name if prefix and block[257:263] == b"ustar\0" else name


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int | None:
    if field[0] == 0x80:  # too large for octal digits
        return int.from_bytes(field[1:], "big")
    found = _OCTAL.fullmatch(field)
    return int(found[1], 8) if found else None if field.strip(b" \0") else 0


def _decimal(field: bytes | None) -> int | None:
    return int(field) if field and field.isdigit() and len(field) <= 18 else None


def _sound(block: bytes) -> bool:
    """Whether the header's checksum is right."""
    return _number(block[148:156]) == sum(block) - sum(block[148:156]) + 8 * ord(" ")
