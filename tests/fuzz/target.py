"""What a fuzz target is, and the finding of them: a module of this package offers `TARGETS`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules


@dataclass(frozen=True, slots=True)
class Target:
    """One reader of a host's bytes: `check` takes any bytes and never raises; `seeds` are good ones to begin with."""

    name: str
    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]] = field(default=tuple)


@cache
def targets() -> Mapping[str, Target]:
    """Return every target by its name."""
    found: list[Target] = []
    for module in iter_modules([str(Path(__file__).parent)]):
        if not module.name.startswith(("_", "test_")):
            found += getattr(import_module(f"tests.fuzz.{module.name}"), "TARGETS", ())
    assert len(found) == len({one.name for one in found})
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}


def pieces(data: bytes, by: bytes = b"\xff\xfe") -> list[bytes]:
    """Split what a fuzzer made into several values."""
    return data.split(by)
