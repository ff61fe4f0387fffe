"""A proof: the record of a rebuild, a role applied to a blank host, scanned and compared with the original."""

from dataclasses import dataclass
from datetime import datetime

ONLY_NEW = "only on the new host"  # the reason of what the old host does not have


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Of one scope: how much of what can be reproduced was."""

    scope: str
    reproduced: int
    reproducible: int


@dataclass(frozen=True, slots=True)
class Remainder:
    """One thing that is not on the new host as it is on the old one.

    `failed`: it should have been reproduced. Else `reason` says why it could not be: data, a secret that was made up,
    identity, a limit of driftscan, memory only, left out by the one who steered.
    """

    scope: str
    key: str
    reason: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of one rebuild.

    `host`, `number` and `taken` are those of the snapshot that the role was made from; `role` the role's digest, `tool`
    the emitter's name, `blank` the host that it was applied to, `proven` when (UTC). `changed` is what the first run
    changed, `again` what the second did (None: not known); `rebooted` whether the new host was started anew before it
    was scanned. `services` and `listeners` are up and wanted. `supplied` are the secrets (variables) that were given,
    `made_up` those that were not. `data` are the paths of state that was not moved. `seen` is False where the new host
    was not seen whole. `error` says what ended the proof early; then the rest may be empty.
    """

    host: str
    number: int
    taken: datetime
    role: str
    tool: str
    blank: str
    proven: datetime
    changed: int | None = None
    again: int | None = None
    rebooted: bool = False
    fidelity: tuple[Fidelity, ...] = ()
    services: tuple[int, int] = (0, 0)
    listeners: tuple[int, int] = (0, 0)
    remainder: tuple[Remainder, ...] = ()
    supplied: tuple[str, ...] = ()
    made_up: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    seen: bool = True
    error: str = ""

    @property
    def reproduced(self) -> int:
        """How many things were reproduced, of all scopes."""
        return sum(one.reproduced for one in self.fidelity)

    @property
    def reproducible(self) -> int:
        """How many could be."""
        return sum(one.reproducible for one in self.fidelity)

    @property
    def holds(self) -> bool:
        """Whether the new host is the old one: all that can be is reproduced, and a second run changed nothing."""
        failed = any(one.failed for one in self.remainder) or self.reproduced < self.reproducible
        up = self.services[0] == self.services[1] and self.listeners[0] == self.listeners[1]
        return self.again == 0 and up and self.seen and not failed and not self.error
