"""Addresses as hosts write them down, without the secrets in them."""

import re

from driftscan.model.redaction import redact
from driftscan.model.text import text

_URL = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*://)(.*)", re.DOTALL)
_PORT = re.compile(rb"[^:@]*(?::[0-9]{0,5})?")
_QUERY = re.compile(rb"[?#].*", re.DOTALL)
_TOKEN = 16  # characters: a user name of this length in front of https is a token


def without_credentials(url: bytes) -> tuple[str, bool]:
    """Return `url` without user, password and query, and whether it had a password or a token in it.

    The user of ssh stays, for whom to be is part of that address.
    """
    url, secret = url.strip()[:2000], False
    found = _URL.fullmatch(url)
    if found is not None:
        scheme, body = found.groups()
        info, host = _split(_QUERY.sub(b"", body) if b"@" in body.partition(b"?")[0] else body)
        user, colon, _ = info.partition(b":")
        ssh = b"ssh" in scheme.lower() or scheme.lower() == b"sftp://"
        secret = bool(colon) or (not ssh and len(user) >= _TOKEN)
        kept = user + b"@" if ssh and user else b""
        url = scheme + kept + _QUERY.sub(b"", host)
    shown = redact(text(url))
    return shown.text, secret or bool(shown.names)


def _split(body: bytes) -> tuple[bytes, bytes]:
    """Split what follows the scheme into user and password, and the rest; a password may hold a slash."""
    authority, slash, path = body.partition(b"/")
    if b"@" not in authority and (b"@" not in path or _PORT.fullmatch(authority)):
        return b"", body
    if b"@" in authority:
        info, _, host = authority.rpartition(b"@")
        return info, host + slash + path
    info, _, rest = body.rpartition(b"@")
    return info, rest
