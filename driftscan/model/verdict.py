"""A verdict: whether a host may be discarded, what stands against it, what a person has settled."""

from dataclasses import dataclass
from datetime import date, datetime

# Kinds of blockers, the gravest first, with what a list of them is headed.
KINDS = {
    "proof": "There is no proof that holds",
    "unseen": "It could not be seen",
    "rest": "The new host does not have it",
    "drift": "It has changed since the proof",
    "data": "Data is not moved",
    "process": "Nobody explains what runs",
    "secret": "Secrets were not supplied",
    "program": "Programs have no source",
    "limit": "driftscan cannot make it again",
    "client": "Clients are connected",
    "certificate": "Names lead to it",
    "job": "Its jobs reach other hosts",
    "mount": "It holds file systems of other hosts",
    "login": "People have logged in lately",
}


@dataclass(frozen=True, slots=True)
class Settled:
    """What a person says of blockers: they are dealt with.

    `pattern` is one of the shell, matched with the subject of blockers of `kind`; `until` the last day on which it
    holds, None: for good. `number` is its place in the file's list, from 1.
    """

    kind: str
    pattern: str
    why: str
    who: str
    until: date | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that stands against discarding a host: `subject` names it, `advice` says how it is cleared.

    `blind`: it is not known whether anything is there, for it could not be seen.
    """

    kind: str
    subject: str
    reason: str
    advice: str
    blind: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the host may be discarded, by its snapshot `number`, taken at `taken`.

    `blockers`, the gravest first, are what nobody has settled; `settled` the others, each with who says so. `warnings`
    are lines about the settlements themselves: those that have ended, and those that fit nothing.
    """

    host: str
    number: int
    taken: datetime
    blockers: tuple[Blocker, ...] = ()
    settled: tuple[tuple[Blocker, Settled], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def discard(self) -> bool:
        """Whether nothing stands against it."""
        return not self.blockers

    @property
    def blind(self) -> bool:
        """Whether something that is needed could not be seen."""
        return any(one.blind for one in self.blockers)
