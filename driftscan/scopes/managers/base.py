"""What a package manager is to the scope `packages`: where its database lies, how it is read, what a package is."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cache

from driftscan.model.discovery import modules
from driftscan.model.manifest import Manifest
from driftscan.scopes.base import Probe, Results


@dataclass(frozen=True, slots=True)
class Package:
    """One package of one database; None is what could not be known. The columns of the scope say what is in each."""

    key: str
    name: str
    version: str
    architecture: str
    state: str = "installed"
    reason: str | None = None
    hold: bool | None = None
    pin: str = ""
    source: str = ""
    maintainer: str = ""
    installed_at: str | None = None
    origin: str | None = None
    offered: bool | None = None
    offers: Sequence[str] = ()


@dataclass(slots=True)
class Patterns:
    """Names and shell patterns that stand for packages, each with words on it.

    However many a hostile host lists, matching stays quick: `complete` is False when some were left out.
    """

    complete: bool = True
    _size: int = 0
    _exact: dict[str, list[str]] = field(default_factory=dict)
    _wild: list[tuple[re.Pattern[str], str]] = field(default_factory=list)

    def add(self, pattern: str, words: str) -> None:
        """Keep `words` for what `pattern` matches."""
        wild = any(char in pattern for char in "*?[")
        self._size += 1
        # The time to translate a pattern grows with the square of its length.
        if self._size > 10_000 or (wild and (len(self._wild) == 300 or len(pattern) > 500)):
            self.complete = False
        elif not wild:
            self._exact.setdefault(pattern, []).append(words)
        else:
            try:
                self._wild.append((re.compile(translate(pattern)), words))
            except re.error:  # such as [z-a]: it matches nothing
                return

    def of(self, *names: str) -> list[str]:
        """Return the words on every pattern that matches one of `names`, the spellings of one package."""
        exact = [words for name in names for words in self._exact.get(name, ())]
        return exact + [words for pattern, words in self._wild if any(map(pattern.match, names))]


@dataclass(frozen=True, slots=True)
class Read:
    """What a manager's parser made of its results; `unparsed` and `denied` as in `Parsed`, "" meaning nothing."""

    packages: Sequence[Package] = ()
    manifests: Sequence[Manifest] = ()
    unparsed: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Manager:
    """One package manager; the host has it when one of `databases` is there."""

    name: str
    databases: tuple[str, ...]
    probes: tuple[Probe, ...]
    parse: Callable[[Results], Read]


@cache
def managers() -> dict[str, Manager]:
    """Return every manager of this package by name, in alphabetical order."""
    offered = [module for module in modules("driftscan.scopes.managers") if hasattr(module, "MANAGER")]
    found: list[Manager] = [module.MANAGER for module in offered]
    return {manager.name: manager for manager in found}


def stdout(results: Results, probe: str) -> bytes:
    """Return what `probe` printed, also when it did not end well; b"" when it did not run."""
    result = results.get(probe)
    return result.stdout if result else b""


def segments(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return (name, content) of the files that a probe showed whole, each after a line `>NAME`, "<" behind the last."""
    parts = data.split(b"\n>") if data.startswith(b">") else (b"\n" + data).split(b"\n>")[1:]
    if not parts:
        return []
    parts[0] = parts[0].removeprefix(b">")
    if parts[-1].endswith(b"\n<\n"):
        parts[-1] = parts[-1][:-3]
    else:  # cut off: the last file is not known to be whole
        parts.pop()
    split = (part.partition(b"\n") for part in parts)
    return [(name, body) for name, _, body in split]
