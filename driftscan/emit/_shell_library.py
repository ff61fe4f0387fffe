"""The functions that an emitted script is made of: those it uses, and those that they use."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

_FILES = ("core", "accounts", "packages", "paths", "rights", "more", "services")
_FUNCTION = re.compile(r"(?:^#.*\n)*^(\w+)\(\) \{\n(?:.*\n)*?^\}\n", re.MULTILINE)
_WORD = re.compile(r"(?<![\w$/.-])\w+")
_SILENT = re.compile(r"^\s*#.*\n|'[^'\n]*'", re.MULTILINE)  # comments, and what is said to people
MANAGERS = ("dpkg", "rpm", "pacman", "apk")


def start() -> str:
    """Return what every script begins with: options, where it stands, what it does when it ends."""
    return _text("start")


def functions(used: Iterable[str], manager: str) -> Iterator[str]:
    """Yield the definitions that the functions `used` need, themselves among them, in a fixed order."""
    known = _known(manager)
    wanted: set[str] = set()
    rest = [name for name in used if name in known]
    while rest:
        name = rest.pop()
        if name not in wanted:
            wanted.add(name)
            rest += [one for one in _WORD.findall(_SILENT.sub("", known[name])) if one in known]
    return (text for name, text in known.items() if name in wanted)


@cache
def _known(manager: str) -> dict[str, str]:
    """Return every function by name; those of the package manager are its own."""
    parts = (*_FILES, manager) if manager in MANAGERS else _FILES
    return {found[1]: found[0] for part in parts for found in _FUNCTION.finditer(_text(part))}


def _text(part: str) -> str:
    return files("driftscan.emit").joinpath("_shell").joinpath(f"{part}.sh").read_text()
