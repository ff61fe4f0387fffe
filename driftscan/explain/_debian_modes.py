"""Modes, owners and capabilities that Debian's packages are known to set (see tools/debian_modes.py)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Known(NamedTuple):
    """What a package does to one path in some suites; None or "" is what that line of the table does not say."""

    path: bytes
    mode: int | None
    user: str
    group: str
    capabilities: str
    grave: bool  # setuid or setgid on what is no directory
    shipped: bool  # seen in an archive or on a disk; else a script may set it


@cache
def _table() -> Mapping[str, Sequence[tuple[frozenset[str], Known | None]]]:
    """Return the lines of the table by package; None in one says that the package was looked at in these suites."""
    data = files("driftscan.explain._knowledge").joinpath("debian_modes.tsv").read_text("utf-8")
    found: dict[str, list[tuple[frozenset[str], Known | None]]] = defaultdict(list)
    for line in data.splitlines():
        package, path, mode, user, group, capabilities, suites = line.split("\t")
        known = _known(path, mode, user, group, capabilities) if path else None
        found[package].append((frozenset(suites.split(",")), known))
    return found


def _known(path: str, mode: str, user: str, group: str, capabilities: str) -> Known:
    digits = mode.lstrip("cdfp")
    bits = int(digits, 8) if digits else None
    grave = bool(bits and bits & 0o6000) and mode[0] != "d"
    return Known(path.encode(), bits, user, group, capabilities, grave, mode[:1].isalpha())


def known_modes(package: str, suite: str) -> Sequence[Known] | None:
    """Return what is unusual in a package; None if nobody has looked at it.

    What other suites have holds too, for the table is not whole; but for setuid and setgid, if it was looked at in
    `suite`.
    """
    lines = _table().get(package)
    if lines is None:
        return None
    here = is_known(package, suite)
    found = [(suites, known) for suites, known in lines if known is not None]
    return [known for suites, known in found if suite in suites or not (here and known.grave)]


def is_known(package: str, suite: str) -> bool:
    """Whether the package was looked at in this very suite, so that what the table lacks is not so."""
    return any(known is None and suite in suites for suites, known in _table().get(package, ()))
