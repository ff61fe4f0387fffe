"""A parser of authorized_keys files: one key per line, with its fingerprint, its size, its options."""

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from driftscan.model.redaction import redact

_TYPE = re.compile(r"(?:ssh|ecdsa|sk-ssh|sk-ecdsa|x509v3|pgp|spki)-[A-Za-z0-9@.-]+")
_OPTION = re.compile(r'(?:[^\s,"\\]|\\.|"(?:[^"\\]|\\.)*")+')
_BITS = {"ssh-ed25519": 256, "ecdsa-sha2-nistp256": 256, "ecdsa-sha2-nistp384": 384, "ecdsa-sha2-nistp521": 521}
_MODULUS = {"ssh-rsa": 2, "ssh-dss": 1}  # which field of the key holds the number whose length counts


@dataclass(frozen=True, slots=True)
class Key:
    """One key; `fingerprint` is None when nothing could be decoded, `fault` says why it is no real key, or ""."""

    type: str
    fingerprint: str | None
    bits: int | None
    comment: str
    options: list[str]
    fault: str = ""


def parse(content: str) -> tuple[list[Key], list[int]]:
    """Return the keys of a file, and the numbers of the lines that are neither a key nor a comment."""
    keys, strange = [], []
    for at, written in enumerate(content.split("\n"), 1):
        line = written.strip()
        if not line or line.startswith("#"):
            continue
        key = _key(line)
        if key:
            keys.append(key)
        else:
            strange.append(at)
    return keys, strange


def _key(line: str) -> Key | None:
    options, rest = _options(line)
    words = rest.split(None, 2)
    if len(words) < 2:
        return None
    comment = redact(words[2]).text if len(words) > 2 else ""
    if _TYPE.fullmatch(words[0]):
        blob = _decode(words[1])
        fault = _fault(words[0], blob)
        return Key(words[0], _fingerprint(blob), None if fault else _bits(words[0], blob), comment, options, fault)
    if len(words) > 2 and all(word.isdecimal() and word.isascii() for word in rest.split(None, 3)[:3]):
        bits, _, _, *said = rest.split(None, 3)
        return Key(
            "rsa1", None, int(bits[:6]), "".join(said), options, "a key of SSH protocol 1, which no sshd reads now"
        )
    return None


def _options(line: str) -> tuple[list[str], str]:
    """Return the options before the key and what follows them; secrets in `environment` and `command` are taken out."""
    if _TYPE.match(line) or line[:1].isdecimal():
        return [], line
    found = []
    at = 0
    while match := _OPTION.match(line, at):
        found.append(_safe(match[0]))
        at = match.end()
        if line[at : at + 1] != ",":
            break
        at += 1
    return found, line[at:]


def _safe(option: str) -> str:
    """Return an option without what it must not tell: a variable's value is nobody's business but the key's owner's."""
    name, quote, _ = option.partition('="')
    if name.lower() == "environment" and quote:
        variable = option[len(name) + 2 :].partition("=")[0]
        return f'{name}="{variable}=<redacted>"'
    return redact(option).text


def _decode(data: str) -> bytes:
    try:
        return b64decode(data + "=" * (-len(data) % 4), validate=True)
    except (Base64Error, ValueError):
        return b""


def _fingerprint(blob: bytes) -> str | None:
    if not blob:
        return None
    return "SHA256:" + b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _fields(blob: bytes) -> list[bytes]:
    """Return the length-prefixed fields of a key; [] when it is not made of such."""
    fields: list[bytes] = []
    at = 0
    while at < len(blob) and len(fields) < 32:
        size = int.from_bytes(blob[at : at + 4], "big")
        if at + 4 + size > len(blob):
            return []
        fields.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return fields


def _fault(kind: str, blob: bytes) -> str:
    fields = _fields(blob)
    if not blob:
        return "its base64 cannot be decoded"
    if not fields:
        return "it is not made of the fields of a key"
    return "" if fields[0] == kind.encode() else "it is of another type than it says"


def _bits(kind: str, blob: bytes) -> int | None:
    fields = _fields(blob)
    if kind in _MODULUS and len(fields) > _MODULUS[kind]:
        return int.from_bytes(fields[_MODULUS[kind]], "big").bit_length()
    return _BITS.get(kind.removeprefix("sk-").partition("@")[0])
