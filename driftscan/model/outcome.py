"""Outcomes: what became of a probe, so that "could not look" is never taken for "not there"."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum


class Outcome(Enum):
    """How one look at the host ended, from best to worst."""

    OK = "ok"
    ABSENT = "absent"  # the tool or file is not there, proven
    DENIED = "denied"
    TIMEOUT = "timeout"
    FAILED = "failed"
    UNPARSED = "unparsed"

    @property
    def seen(self) -> bool:
        """Whether the host has shown all that there is: something, or proof that there is nothing."""
        return self in {Outcome.OK, Outcome.ABSENT}

    @property
    def badness(self) -> int:
        """Order for the worst of several outcomes."""
        return list(Outcome).index(self)


@dataclass(frozen=True, slots=True)
class HostFile:
    """One file that a probe was to show: `data` is b"" unless `outcome` is ok."""

    path: bytes
    outcome: Outcome
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one probe brought; `detail` says in words why an outcome is not ok."""

    probe: str
    outcome: Outcome
    code: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    files: tuple[HostFile, ...] = ()
    seconds: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was looked at for one scope and what was not: the worst outcome, and one line per blind spot."""

    scope: str
    outcome: Outcome
    items: int = 0
    gaps: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())  # limits on purpose: pruned mounts, tools that are not there


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the outcome of a scope from those of its probes: absent only if every probe was absent."""
    known = list(outcomes)
    looked = [outcome for outcome in known if outcome is not Outcome.ABSENT]
    if not looked:
        return Outcome.ABSENT if known else Outcome.FAILED
    return max(looked, key=lambda outcome: outcome.badness)
