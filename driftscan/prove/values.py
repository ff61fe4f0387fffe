"""The values of a role's secrets for a rebuild: those that were given, and made-up ones for the rest."""

import base64
import binascii
import hashlib
import json
import logging
import secrets as randomness
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from driftscan.errors import UsageError
from driftscan.model.text import shown
from driftscan.role.model import Role, Secret
from driftscan.role.resources import File

_log = logging.getLogger(__name__)
_CRYPT = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LARGEST = 16 << 20  # bytes of a file of secrets


@dataclass(frozen=True, slots=True)
class Values:
    """Each secret's value by its variable; together they are all that the role needs."""

    supplied: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    made_up: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def all(self) -> Mapping[str, bytes]:
        """The values of all secrets."""
        return {**self.made_up, **self.supplied}


def settle(wanted: Sequence[Secret], given: Mapping[str, bytes]) -> Values:
    """Return a value for each secret of a role; UsageError for one that was given and the role does not know."""
    known = [one.variable for one in wanted]
    unknown = sorted(given.keys() - set(known))
    if unknown:
        raise UsageError(
            f"the role has no secret {shown(unknown[0])!r}",
            hint=f"it has {', '.join(known)}" if known else "it needs none",
        )
    made_up = {one.variable: _made_up(one) for one in wanted if one.variable not in given}
    return Values({name: given[name] for name in known if name in given}, made_up)


def read(path: Path) -> dict[str, bytes]:
    """Read a file of secrets, YAML or JSON: variable to text, or to `{base64: …}`; UsageError in one line."""
    try:
        if path.stat().st_mode & 0o077:
            _log.warning("%s holds secrets, and others than its owner may read it; chmod 600 it", path)
        with path.open("rb") as file:
            document = _parsed(file.read(_LARGEST))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:  # the parser's own words would show what is in the file
        raise UsageError(f"{path} is neither YAML nor JSON", hint="write `variable: value` lines") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError(f"{path} is no mapping of variables to values", hint="write `variable: value` lines")
    return {str(name): _value(path, str(name), value) for name, value in document.items()}


def written(role: Role, values: Mapping[str, bytes], made_up: Collection[str]) -> dict[str, str]:
    """Return the digest that the role means to write of each file in which a made-up secret stands."""
    found = {}
    for one in role.resources:
        if isinstance(one, File) and one.content is not None and set(one.content.variables) & set(made_up):
            found[one.path] = f"sha256:{hashlib.sha256(one.content.filled(values)).hexdigest()}"
    return found


def _parsed(data: bytes) -> Any:
    """Return what a file of secrets says; YAML reads JSON too, but not its way to spell characters in two halves."""
    import yaml  # noqa: PLC0415 - only where a file is given

    try:
        return json.loads(data)
    except ValueError:
        try:
            return yaml.safe_load(data)
        except yaml.YAMLError:
            raise ValueError from None


def _value(path: Path, name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and set(value) == {"base64"} and isinstance(value["base64"], str):
        try:
            return base64.b64decode(value["base64"], validate=True)
        except binascii.Error:
            raise UsageError(f"{path}: {shown(name)} is no base64") from None
    raise UsageError(f"{path}: {shown(name)} is no text", hint="put it into quotes, or write {base64: …}")


def _made_up(secret: Secret) -> bytes:
    """Make up a value that tools take for what it stands for."""
    what = secret.what.lower()
    if "hash" in what and "password" in what:  # of no password at all
        salt, told = ("".join(randomness.choice(_CRYPT) for _ in range(size)) for size in (16, 86))
        return f"$6${salt}${told}".encode()
    if secret.whole and ("private" in what or secret.variable.endswith("key")):
        return _private_key()
    return randomness.token_hex(16).encode()


def _private_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - takes its time
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
