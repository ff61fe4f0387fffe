"""What an application's own files say of it: name and version, the processes of its Procfile."""

import json
import re
from collections.abc import Mapping

from driftscan.model.item import Json
from driftscan.model.redaction import redact
from driftscan.model.text import text

NAMES = (b"Procfile", b"package.json", b"pyproject.toml", b"composer.json", b"Cargo.toml")
_LENGTH = 200
_PROCESS = re.compile(rb"([A-Za-z0-9_-]{1,60}):[ \t]{0,20}(\S.*)")
_TABLE = re.compile(rb"\[{1,2}([^\[\]]{1,200})\]{1,2}\s*(?:#.*)?")
_TOML = re.compile(rb"""(name|version)\s{0,9}=\s{0,9}["']([^"'\\]{1,200})["']""")
_TABLES = (b"project", b"tool.poetry", b"package")

Files = Mapping[bytes, bytes]  # name -> content


def identity(files: Files) -> tuple[str | None, str | None]:
    """Return the name and the version that the files of one directory tell."""
    name = version = None
    for told in (_json(files.get(b"package.json")), _json(files.get(b"composer.json"))):
        name, version = name or _word(told.get("name")), version or _word(told.get("version"))
    for toml in (b"pyproject.toml", b"Cargo.toml"):
        told = _toml(files.get(toml, b""))
        name, version = name or told.get("name"), version or told.get("version")
    return name, version


def processes(data: bytes) -> list[list[str]]:
    """Return type and command of every process of a Procfile, secrets replaced."""
    found = (_PROCESS.fullmatch(line.strip()[:4000]) for line in data.split(b"\n")[:200])
    return [[text(one[1]), redact(text(one[2])).text] for one in found if one is not None]


def _json(data: bytes | None) -> dict[str, Json]:
    try:
        told = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _toml(data: bytes) -> dict[str, str]:
    """Return name and version of the table that is about the project itself."""
    found: dict[str, str] = {}
    table = b""
    for line in data.split(b"\n"):
        stripped = line.strip()[:1000]
        opened = _TABLE.fullmatch(stripped)
        if opened is not None:
            table = opened[1].strip()
        elif table in _TABLES and (told := _TOML.match(stripped)):
            found.setdefault(told[1].decode(), text(told[2]))
    return found


def _word(value: Json) -> str | None:
    """Return a value that is a short text, as text of a host that can be kept."""
    return text(value.encode("utf-8", "replace"))[:_LENGTH] or None if isinstance(value, str) else None
