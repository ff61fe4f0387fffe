"""Values of a host in a Containerfile: as words where they are plain, by files beside it where they are not."""

import json
import re
from collections.abc import Iterable, Sequence

from driftscan.model.text import raw

_BARE = re.compile(r"[A-Za-z0-9._+@%=:,/-]+")
# What may stand between single quotes on a line of RUN, or between double ones of ENV and LABEL: nothing that the
# builder, a shell, a heredoc or a comment takes for more than itself.
_QUOTABLE = re.compile(r"[A-Za-z0-9 ._+@%=:,/()&;*?!~|{}\[\]^#>-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*|[0-9]+")
_PACKAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_VERSION = re.compile(r"[A-Za-z0-9._+:~^-]*")
_PATH = re.compile(r"/[A-Za-z0-9._+@%=:,/-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"<secret:([a-z0-9_]+)>")


def is_path(value: str) -> bool:
    """Whether a path can stand in an instruction as it is."""
    return _PATH.fullmatch(value) is not None


def is_name(value: str) -> bool:
    """Whether an account's name or number can stand in an instruction as it is."""
    return _NAME.fullmatch(value) is not None


def is_package(name: str, version: str = "") -> bool:
    """Whether a package's name, and its version, can stand in an instruction as they are."""
    return _PACKAGE.fullmatch(name) is not None and _VERSION.fullmatch(version) is not None


def is_variable(value: str) -> bool:
    """Whether a shell takes a name for that of a variable."""
    return _VARIABLE.fullmatch(value) is not None


def is_quotable(value: str) -> bool:
    """Whether a value can stand between quotes as it is."""
    return _QUOTABLE.fullmatch(value) is not None


def has_control(value: str) -> bool:
    """Whether there are ASCII control characters in a value."""
    return any(ord(char) < 32 or ord(char) == 127 for char in value)


def is_text(value: str) -> bool:
    """Whether a value is UTF-8 on the host too."""
    return raw(value) == value.encode("utf-8", "surrogatepass")


def quoted(value: str) -> str:
    """Return a quotable value as a word of a shell."""
    return value if _BARE.fullmatch(value) else f"'{value}'"


def listed(values: Sequence[str]) -> str:
    """Return values as the JSON list of an instruction, in which nothing is expanded; each must be text."""
    return json.dumps(list(values))


def plain(value: str) -> str:
    """Return a value for a label: whatever is not plain is percent-encoded."""
    return "".join(char if is_quotable(char) and char != "%" else _percent(char) for char in value)


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in raw(char))


def place(path: str) -> str:
    """Return a safe file name for the file at an absolute path, the same for the same path, another for another."""
    safe = re.compile(r"[A-Za-z0-9._+/-]")
    return "".join(char if safe.fullmatch(char) else _percent(char) for char in path.lstrip("/"))


def shell(data: bytes) -> bytes:
    """Return bytes as one word of a shell script."""
    return b"'" + data.replace(b"'", b"'\\''") + b"'"


def secrets_in(values: Iterable[str], known: frozenset[str]) -> tuple[str, ...]:
    """Return the secrets that are spelled in values."""
    return tuple(dict.fromkeys(name for value in values for name in _SECRET.findall(value) if name in known))


def pieces(value: str, known: frozenset[str]) -> list[tuple[str, str]]:
    """Return a value as pairs of literal text and the secret that follows it ("" at the end)."""
    found, at = [], 0
    for match in _SECRET.finditer(value):
        if match[1] in known:
            found.append((value[at : match.start()], match[1]))
            at = match.end()
    return [*found, (value[at:], "")]
