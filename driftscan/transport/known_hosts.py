"""OpenSSH's known_hosts files: what they say of a host's key, and how a new key is added."""

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from driftscan.errors import TransportError


class Trust(Enum):
    """What known_hosts files say of a key."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    CHANGED = "changed"  # the host is known, by other keys
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: `marker` ("" or a word with @), `names` as written (patterns or one hash), the public key's blob."""

    names: tuple[str, ...]
    key_type: str
    key: bytes
    marker: str = ""


def parse(data: str) -> list[Entry]:
    """Read the lines of a known_hosts file; what is no entry is skipped, as OpenSSH does."""
    entries = (_entry(line.split()) for line in data.splitlines() if not line.lstrip().startswith("#"))
    return [entry for entry in entries if entry is not None]


def _entry(fields: list[str]) -> Entry | None:
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 3:
        return None
    try:
        return Entry(tuple(fields[0].split(",")), fields[1], base64.b64decode(fields[2], validate=True), marker)
    except binascii.Error:
        return None


def read(paths: Iterable[str]) -> list[Entry]:
    """Read several files, of which some may not exist; raises TransportError for one that cannot be read."""
    return [entry for path in paths for entry in parse(_text(path))]


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise TransportError(f"cannot read the known host keys in {path}: {error.strerror}") from None


def lookup_name(host: str, port: int) -> str:
    """Return the name under which OpenSSH keeps the key of `host` at `port`."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def judge(entries: Sequence[Entry], names: Sequence[str], key_type: str, key: bytes) -> Trust:
    """Say whether `key` is the host's; `names` are its name and lesser ones, which can confirm a key, not deny it."""
    named = [[entry for entry in entries if _is_for(entry, name)] for name in names]
    everything = [entry for group in named for entry in group]
    if any(entry.marker == "@revoked" and entry.key == key for entry in everything):
        return Trust.REVOKED
    if any(not entry.marker and entry.key_type == key_type and entry.key == key for entry in everything):
        return Trust.KNOWN
    return Trust.CHANGED if any(not entry.marker for entry in named[0]) else Trust.UNKNOWN


def known_types(entries: Sequence[Entry], names: Sequence[str]) -> list[str]:
    """Return the types of the keys that are known for the host, in the order of the files."""
    found = (entry.key_type for name in names for entry in entries if not entry.marker and _is_for(entry, name))
    return list(dict.fromkeys(found))


def has_authority(entries: Sequence[Entry], names: Sequence[str]) -> bool:
    """Return whether a certificate authority vouches for the host's keys."""
    return any(entry.marker == "@cert-authority" and _is_for(entry, name) for entry in entries for name in names)


def fingerprint(key: bytes) -> str:
    """Return what `ssh-keygen -l` shows of a public key's blob."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def remember(path: str, name: str, key_type: str, key: bytes, *, hashed: bool) -> None:
    """Append a key to the file at `path`, which is made, for the user alone, if it is not there."""
    shown_name = _hashed(name, secrets.token_bytes(20)) if hashed else name
    line = f"{shown_name} {key_type} {base64.b64encode(key).decode()}\n"
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            if _lacks_newline(descriptor):
                line = "\n" + line
            file.write(line.encode())  # one write at the end: another process's line is not torn
    except OSError as error:
        raise TransportError(f"cannot add the host key to {path}: {error.strerror}") from None


def changed(where: str, what: str, name: str) -> TransportError:
    """Return the error for a key that is not the one that is known; no option makes it acceptable."""
    return TransportError(
        f"{where}: its host key has CHANGED to {what}: either it was installed anew or somebody is in between",
        hint=f"find out which; if the new key is right, remove the old one with ssh-keygen -R '{name}'",
    )


def unknown(where: str, what: str, *, has_authority: bool = False) -> TransportError:
    """Return the error for a key that nobody has vouched for yet."""
    hint = "compare the fingerprint with the host's own, then accept it with --accept-new-host-key"
    if has_authority:
        hint = "known_hosts has a certificate authority for it: `transport: openssh` checks certificates"
    return TransportError(f"{where}: its host key is not known ({what})", hint=hint)


def _lacks_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _is_for(entry: Entry, name: str) -> bool:
    if entry.names[0].startswith("|1|"):
        return _matches_hash(entry.names[0], name)
    if any(pattern.startswith("!") and _matches(pattern[1:], name) for pattern in entry.names):
        return False
    return any(_matches(pattern, name) for pattern in entry.names)


def _matches(pattern: str, name: str) -> bool:
    # Not fnmatch: the brackets of `[host]:port` are plain characters here.
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, name, re.IGNORECASE) is not None


def _matches_hash(hashed: str, name: str) -> bool:
    try:
        salt = base64.b64decode(hashed.split("|")[2], validate=True)
    except (binascii.Error, IndexError):
        return False
    return _hashed(name, salt) == hashed


def _hashed(name: str, salt: bytes) -> str:
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
