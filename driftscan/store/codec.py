"""How values become what is stored: canonical JSON, digests, compressed bytes."""

import json
import math
import re
from json.encoder import encode_basestring
from typing import Any

from driftscan.model.item import Json
from driftscan.model.objects import digest
from driftscan.model.objects import unpack as unpacked
from driftscan.model.text import text

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
_SURROGATE = re.compile("[\ud800-\udfff]")
_REFUSED = re.compile("[\0\ud800-\udfff]")


def canonical(value: Json) -> str:
    """Return `value` as JSON that is the same for equal values and that every database accepts."""
    try:
        encoded = _ENCODER.encode(value)
    except ValueError:  # not a number, or infinite: JSON cannot say it
        return _ENCODER.encode(_storable(value))
    # What PostgreSQL's text and UTF-8 have no room for; nearly all values are ASCII, and quickly told to be.
    refused = "\\u0000" in encoded or (not encoded.isascii() and _SURROGATE.search(encoded))
    return _ENCODER.encode(_storable(value)) if refused else encoded


def storable(value: str) -> str:
    """Return `value` with NUL and lone surrogates, which a host's JSON can hold, as `model.text` keeps such."""
    if value.isascii() and "\0" not in value:
        return value
    return "".join(text(char.encode("utf-8", "surrogatepass")) if _REFUSED.match(char) else char for char in value)


def _storable(value: Json) -> Json:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {storable(name): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value


class DamagedError(ValueError):
    """What the database gave is not what was written into it."""


def parsed(document: str) -> Any:
    """Read what `canonical` wrote; DamagedError where that is not JSON any more."""
    try:
        return json.loads(document)
    except ValueError as error:
        raise DamagedError(str(error)) from error


def item_digest(scope: str, key: str, attributes: str) -> bytes:
    """Return the digest of an item, over the canonical JSON of its scope, key and (given as such) attributes."""
    return digest(f"[{encode_basestring(scope)},{encode_basestring(key)},{attributes}]".encode())


def unpack(data: bytes) -> bytes:
    """Read what `pack` of `model.objects` made; DamagedError where it is that no more: it carries a sum of its own."""
    try:
        return unpacked(data)
    except (ValueError, TypeError, AttributeError) as error:  # a damaged row may say that it holds no bytes at all
        raise DamagedError(str(error)) from error


def unpack_object(name: bytes, data: bytes) -> bytes:
    """Read the object that is kept under the digest `name`; DamagedError where `data` is another one, or none."""
    content = unpack(data)
    if digest(content) != name:
        raise DamagedError("an object under another one's name")
    return content
