"""Names that an Ansible role needs and no host has: of the role itself, its variables, handlers and files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from driftscan.model.text import raw, shown
from driftscan.role.model import Handler, Role

_LONG = 200  # bytes of a file name; file systems take 255
_TAKEN = ("archives", "packages")  # directories below files/ that hold no contents of single files


def role_name(role: Role) -> str:
    """Return the role's name as Ansible wants it: lower-case letters, digits and underscores, a letter first."""
    name = re.sub(r"[^a-z0-9]+", "_", (role.name or role.host).lower(), flags=re.ASCII).strip("_")
    return name if re.match(r"[a-z]", name) else f"host_{name}".rstrip("_")


def variable(role: Role, name: str) -> str:
    """Return the Ansible variable of a role's secret: with the role's name before it, it is nobody else's."""
    return f"{role_name(role)}_{name}"


def source(path: str) -> str:
    """Return the name below files/ or templates/ for what the file at `path` says; never two paths under one name."""
    parts = [_safe(part) for part in path.strip("/").split("/")]
    if parts[0] in _TAKEN:
        parts[0] = f"%{ord(parts[0][0]):02x}{parts[0][1:]}"
    return "/".join(parts)


def _safe(part: str) -> str:
    name = "".join(
        chr(byte) if chr(byte) in "._+-" or (byte < 0x80 and chr(byte).isalnum()) else f"%{byte:02x}"
        for byte in raw(part)
    )
    return name if len(name) <= _LONG else f"{name[:120]}%-{sha256(raw(part)).hexdigest()[:32]}"


def handlers(role: Role) -> dict[str, str]:
    """Return what each handler is called in the role, by its name: a capital first, nothing that Ansible would read."""
    names: dict[str, str] = {}
    for handler in role.handlers:
        name = _title(handler)
        while name in names.values():
            name += " again"
        names[handler.name] = name
    return names


def _title(handler: Handler) -> str:
    told = "".join(
        chr(byte) if byte < 0x80 and (chr(byte).isalnum() or chr(byte) in " ._@:+/-") else f"%{byte:02x}"
        for byte in raw(handler.name)
    )
    return told[:1].upper() + told[1:] if told[:1].isalpha() else f"Run {told}"


def plain(value: str) -> bool:
    """Whether `value` can stand in a task's name."""
    return bool(re.fullmatch(r"[A-Za-z0-9@._+:/-]{1,80}", value))


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one role."""

    role: str
    handlers: Mapping[str, str]

    def var(self, word: str) -> str:
        """Return a variable of the role."""
        return f"{self.role}_{word}"


def names(role: Role) -> Names:
    """Return the names of `role`."""
    return Names(role_name(role), handlers(role))


def words(value: str) -> str:
    """Return host text for a comment, on one line."""
    return shown(value).strip()
