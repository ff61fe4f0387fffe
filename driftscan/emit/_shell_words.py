"""Words of a shell script that hold values of a host: quoted, as comments, as names of files beside the script."""

import re
from hashlib import blake2b

from driftscan.model.text import raw, shown

_NUL = chr(0x10FF00)  # as `text` spells it
_ODD = re.compile(rb"[^A-Za-z0-9._+-]")
_LONGEST = 240  # of a file name; most filesystems take 255 bytes
_LONGEST_PATH = 1000


class CannotSayError(ValueError):
    """Something that the script cannot express; its words say why, in one clause."""


def quoted(value: str) -> str:
    """Return a word of the shell that is `value` and nothing else, whatever is in it."""
    if "\0" in value or _NUL in value:
        raise CannotSayError("it holds a NUL, which no argument of a command can")
    return "'" + value.replace("'", "'\\''") + "'"


def comment(words: str) -> str:
    """Return a line that says `words` to people."""
    line = f"# {shown(words)}".rstrip()
    return f"{line} ." if line.endswith("\\") else line  # nobody shall wonder whether the next line belongs to it


def beside(path: str) -> str:
    """Return a safe relative name for the path of a host, another one for each path."""
    name = "/".join(_safe(part) for part in raw(path.removeprefix("/")).split(b"/"))
    return name if len(name) <= _LONGEST_PATH else f"%{_digest(raw(path))}"


def _safe(part: bytes) -> str:
    if part in (b"", b".", b".."):
        return "%" + "%".join(f"{byte:02X}" for byte in part)
    name = _ODD.sub(lambda found: b"%%%02X" % ord(found[0]), part).decode()
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 40]}%{_digest(part)}"


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
