"""What an emitter is: it spells a role for one tool, as files, and refuses by name what that tool cannot say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from driftscan.model.discovery import modules
from driftscan.role.model import Role
from driftscan.role.resources import Resource


@dataclass(frozen=True, slots=True)
class Output:
    """One file of an emitted role; `executable`: mode 0755, else 0644."""

    data: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A resource that an emitter cannot express, and why, in one clause."""

    resource: Resource
    reason: str


@dataclass(frozen=True, slots=True)
class Emitted:
    """What an emitter made: files by their path below the output directory, and what it refused."""

    files: Mapping[str, Output]
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class Emitter:
    """Spells roles for one tool; a module of this package offers one as `EMITTER`. `emit` is pure."""

    name: str
    doc: str
    emit: Callable[[Role], Emitted]


@cache
def emitters() -> dict[str, Emitter]:
    """Return every emitter by name."""
    found: list[Emitter] = [module.EMITTER for module in modules("driftscan.emit") if hasattr(module, "EMITTER")]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}
