"""Whether what was found is what a baseline expects: versions within bounds, lists as sets, the rest as it is."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from json import dumps
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from driftscan.model.item import Json

ANY = "any"
_COMPARISON = re.compile(r"(>=|<=|==|!=|=|>|<)\s*(\S+)")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": ge, "<=": le, "==": eq, "!=": ne, "=": eq, ">": gt, "<": lt,
}  # fmt: skip
# The kind of version that a package manager or an ecosystem has, by univers' name for it.
_VERSIONS = {
    "dpkg": "DebianVersion",
    "rpm": "RpmVersion",
    "apk": "AlpineLinuxVersion",
    "pacman": "ArchLinuxVersion",
    "pip": "PypiVersion",
    "npm": "SemverVersion",
    "cargo": "SemverVersion",
    "gem": "RubygemsVersion",
    "composer": "ComposerVersion",
}
_LONGEST = 200  # characters of a version that is compared: it comes from a host
_VERSIONED = frozenset({("packages", "version"), ("language_packages", "version")})
_NOTHING: tuple[Json, ...] = (None, "", [], {})


def fits(scope: str, attribute: str, expected: Json, found: Json, item: Mapping[str, Json]) -> bool:
    """Whether an attribute is as expected; `item` are all attributes of the thing, which say whose version it has.

    None, "" and an empty list are all an attribute that is not there. A version that cannot be compared fits nothing
    but "any" and itself. Of `lines`, what is found may be a text or a list of lines.
    """
    if (scope, attribute) in _VERSIONED:
        return _version_fits(expected, found, item)
    if attribute == "lines" and scope == "files":
        return _holds(expected, found)
    if _is_nothing(expected) or _is_nothing(found):
        return _is_nothing(expected) and _is_nothing(found)
    if isinstance(expected, list) and isinstance(found, list):  # their order means nothing
        return Counter(map(_told, expected)) == Counter(map(_told, found))
    return _told(expected) == _told(found)


def _is_nothing(value: Json) -> bool:
    return value is not False and value != 0 and value in _NOTHING


def _told(value: Json) -> str:
    """Return a value's JSON; inside of lists and mappings numbers are texts, as a baseline spells them there."""
    return dumps(_spelled(value) if isinstance(value, (list, dict)) else value, sort_keys=True)


def _spelled(value: Json) -> Json:
    if isinstance(value, list):
        return [_spelled(one) for one in value]
    if isinstance(value, dict):
        return {key: _spelled(one) for key, one in value.items()}
    return value if value is None or isinstance(value, str) else dumps(value)


def _holds(expected: Json, found: Json) -> bool:
    lines = found.split("\n") if isinstance(found, str) else found
    return isinstance(lines, list) and isinstance(expected, list) and all(line in lines for line in expected)


def _version_fits(expected: Json, found: Json, item: Mapping[str, Json]) -> bool:
    if expected in (ANY, found):
        return True
    if not isinstance(expected, str) or not isinstance(found, str) or len(found) > _LONGEST:
        return _is_nothing(expected) and _is_nothing(found)
    wanted = [_COMPARISON.fullmatch(part.strip()) for part in expected.split(",")]
    kind = _VERSIONS.get(str(item.get("manager") or item.get("ecosystem")))
    if kind is None:
        return False
    return all(match is not None and _compares(kind, found, match[1], match[2]) for match in wanted)


@cache
def _kind(name: str) -> Callable[[str], Any]:
    from univers import versions  # noqa: PLC0415 - takes its time, and most baselines say "any"

    return getattr(versions, name)  # type: ignore[no-any-return]


def _compares(kind: str, found: str, operator: str, wanted: str) -> bool:
    version = _kind(kind)
    try:
        return bool(_OPERATORS[operator](version(found), version(wanted)))
    except Exception:  # noqa: BLE001 - a host may call anything a version, and univers raises as it likes then
        return False
